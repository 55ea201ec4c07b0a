package host

import (
	"bytes"
	"slices"
	"sync"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/host/internal/wire"
)

const (
	// chunkSize is how much one request brings, about.
	chunkSize = 256 << 10
	// chunkBatches is how many batches one request has at most.
	chunkBatches = 1 << 12
	// batchCost is what a batch takes of the queue besides its text.
	batchCost = 64
	// maxText is how many bytes one batch may have, so that a request fits in what
	// a host takes.
	maxText = 3 << 20
	// busyItems is how many requests must wait for messages of different sources
	// to overtake each other: then those of one are put together.
	busyItems = 32
	// mergeTime is how far apart the times of messages may be that stand in one
	// batch, as in the core.
	mergeTime = time.Millisecond
)

// item is what one source wants next of the host.
type item struct {
	feed *feed
	kind itemKind
	chunk
	under   bool   // it is on its way, and not to be changed
	holds   []hold // that are on their way
	ordered uint64 // the number of the newest order of its feed that it carries out
	unsure  bool   // the host may have it, though its answer has not come
	refused int    // how often the host has called it wrong
}

type itemKind uint8

const (
	itemOpen itemKind = iota
	itemMark
	itemChunk
	itemHolds
	itemClose
)

// queue is what waits for the network, oldest first. The client's mutex guards
// it.
type queue struct {
	items []*item
	cost  int // bytes
}

// push adds what a feed wants.
func (q *queue) push(it *item) { q.items = append(q.items, it) }

// remove takes out an item, if it is there, and gives back its bytes.
func (q *queue) remove(it *item) {
	i := slices.Index(q.items, it)
	switch {
	case i < 0:
		return
	case i > 0:
		q.items = slices.Delete(q.items, i, i+1)
	default:
		q.items[0] = nil
		q.items = q.items[1:]
		if len(q.items) == 0 {
			q.items = nil
		}
	}
	q.cost -= it.cost
}

// grows reports whether more messages of its feed may be put to it. Those of
// several sources stay in their order, unless much waits; what one source wants
// always does.
func (q *queue) grows(it *item, n int) bool {
	return it != nil && it.kind == itemChunk && !it.under && it.cost > 0 && it.ordered == it.feed.orders &&
		len(it.text)+n <= chunkSize && len(it.batches) < chunkBatches &&
		(it == q.items[len(q.items)-1] || len(q.items) >= busyItems)
}

// dropOldest puts a gap in the place of the oldest messages that are not on their
// way. It reports false where there are none.
func (q *queue) dropOldest() bool {
	for _, it := range q.items {
		if it.kind != itemChunk || it.under || it.cost == 0 {
			continue
		}
		q.cost -= it.cost
		f := it.feed
		if g := f.gap; g != nil && !g.under && g.end == it.first && slices.Contains(q.items, g) {
			it.first = g.first
			q.remove(g)
		}
		it.chunk = gapChunk(it.first, it.end)
		f.gap = it
		return true
	}
	return false
}

// messages is how many messages wait; of f, if it is not nil.
func (q *queue) messages(f *feed) (n int) {
	for _, it := range q.items {
		if f == nil || it.feed == f {
			n += it.messages()
		}
	}
	return n
}

// forget takes out all that a feed wants.
func (q *queue) forget(f *feed) {
	q.delete(func(it *item) bool { return it.feed == f })
}

// arrived takes out a feed's messages up to that number.
func (q *queue) arrived(f *feed, num uint64) {
	q.delete(func(it *item) bool { return it.feed == f && it.kind == itemChunk && it.end <= num+1 })
}

func (q *queue) delete(which func(*item) bool) {
	q.items = slices.DeleteFunc(q.items, func(it *item) bool {
		if !which(it) {
			return false
		}
		q.cost -= it.cost
		return true
	})
}

// chunk is messages of one source.
type chunk struct {
	batches    []span
	text       []byte
	first, end uint64 // the number of the first message, and the one behind the last
	cost       int    // bytes of the queue; zero for what is only a gap
}

// chunkTexts is memory for the chunks of those who write much.
var chunkTexts = sync.Pool{New: func() any { return new([chunkSize]byte) }}

// after makes ready a chunk that follows on another.
func (c *chunk) after(last *item) {
	if last != nil && last.cost > chunkSize/2 {
		c.text = chunkTexts.Get().(*[chunkSize]byte)[:0]
	}
}

// recycle lets go of the text.
func (c *chunk) recycle() {
	if cap(c.text) == chunkSize {
		chunkTexts.Put((*[chunkSize]byte)(c.text[:chunkSize]))
	}
	c.text = nil
}

// span is a batch whose text is in a chunk.
type span struct {
	wire.Batch
	off, len int
}

// add adds a batch; lines that follow on the last one's are put to it.
func (c *chunk) add(b *wire.Batch, text []byte) {
	if len(c.batches) == 0 {
		c.first = b.First
	}
	c.end = b.End()
	if n := len(c.batches); n > 0 && c.joins(&c.batches[n-1], b, text) {
		last := &c.batches[n-1]
		last.Count += b.Count
		last.len += len(text)
	} else {
		c.batches = append(c.batches, span{*b, len(c.text), len(text)})
	}
	c.text = append(c.text, text...)
}

func (c *chunk) joins(last *span, b *wire.Batch, text []byte) bool {
	return whole(&last.Batch, c.text[last.off:last.off+last.len]) && whole(b, text) &&
		last.Stream == b.Stream && last.Lines == b.Lines && b.Time-last.Time < int64(mergeTime)
}

// whole reports whether a batch is lines that an LF ends and nothing else.
func whole(b *wire.Batch, text []byte) bool {
	return b.Kind == syncstream.Line && b.Part == syncstream.PartWhole && b.Redraws == 0 && bytes.HasSuffix(text, []byte{'\n'})
}

// half takes the second half of the messages out, into a chunk of their own. It
// reports false where there is but one message, or a gap.
func (c *chunk) half() (second chunk, ok bool) {
	n := len(c.batches)
	if n == 1 && !c.divideFirst() || n == 0 {
		return second, false
	}
	n = len(c.batches)
	from := &c.batches[n/2]
	rest := c.text[from.off:]
	second = chunk{first: from.First, end: c.end, cost: min(c.cost-1, len(rest)+batchCost*(n-n/2))}
	for _, s := range c.batches[n/2:] {
		s.off -= len(c.text) - len(rest)
		second.batches = append(second.batches, s)
	}
	second.text = bytes.Clone(rest)
	c.batches, c.text, c.end = c.batches[:n/2], c.text[:len(c.text)-len(rest)], from.First
	c.cost -= second.cost
	return second, true
}

// divideFirst makes two batches of the only one, if that is lines which an LF
// ends.
func (c *chunk) divideFirst() bool {
	s := &c.batches[0]
	text := c.text[s.off : s.off+s.len]
	if s.Count < 2 || s.Lines != syncstream.Fold && s.Lines != syncstream.Keep {
		return false
	}
	at := bytes.LastIndexByte(text[:len(text)/2], '\n') + 1
	if at == 0 {
		at = bytes.IndexByte(text, '\n') + 1
	}
	behind := *s
	n := bytes.Count(text[:at], []byte{'\n'})
	behind.First += uint64(n)
	behind.Count -= n
	behind.off, behind.len = s.off+at, s.len-at
	s.Count, s.len = n, at
	c.batches = append(c.batches, behind)
	return true
}

// append appends the chunk's batches to the body of a request.
func (c *chunk) append(body []byte) []byte {
	for i := range c.batches {
		s := &c.batches[i]
		s.Text = c.text[s.off : s.off+s.len]
		body = wire.AppendBatch(body, &s.Batch)
	}
	return body
}

// messages is how many messages the chunk has; a gap has none.
func (c *chunk) messages() (n int) {
	for i := range c.batches {
		if b := &c.batches[i]; b.Kind != syncstream.Gap {
			n += b.Count
		}
	}
	return n
}

// gapChunk stands for the messages from first to before end.
func gapChunk(first, end uint64) chunk {
	c := chunk{}
	c.add(&wire.Batch{
		Stream: syncstream.Control, Kind: syncstream.Gap, First: first, Count: 1, Missing: end - first, Time: time.Now().UnixNano(),
	}, nil)
	return c
}
