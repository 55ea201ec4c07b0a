package syncstream

import (
	"bytes"
	"sort"

	"github.com/syncstream/syncstream/internal/split"
)

// ring holds the last messages as batches, oldest first. Old batches leave
// whole while the others still cover the maximum; of the oldest that stays, a
// number of messages at its beginning may have left already.
type ring struct {
	maxMessages int
	maxBytes    int

	buf     []Batch // circular; its length is a power of two
	head, n int

	memory   int   // bytes that the batches keep from other use, at most maxMemory
	messages int   // that have not left
	bytes    int   // of all batches, the left part of the oldest included
	skip     int   // messages of the oldest batch that have left
	left     Count // what has left since the ring was made, but for what skip says

	// chains are the lines of which the first piece is held and the last has
	// not come.
	chains map[streamKey]bool
}

// streamKey names one stream of one mirror.
type streamKey struct {
	account *account
	stream  Stream
}

func (b *Batch) key() streamKey { return streamKey{b.account, b.stream} }

func (r *ring) at(i int) *Batch { return &r.buf[(r.head+i)&(len(r.buf)-1)] }

// last returns the newest batch, or nil.
func (r *ring) last() *Batch {
	if r.n == 0 {
		return nil
	}
	return r.at(r.n - 1)
}

// push adds b and its messages, and lets the oldest go. The ring takes over one
// reference to b's block.
func (r *ring) push(b *Batch) {
	if b.part != PartWhole && !r.chain(b) {
		r.left.add(b.count, len(b.data))
		b.account.departed(b)
		b.block.release()
		return
	}
	last := r.last()
	if last != nil && last.join(b) {
		b.block.release()
	} else {
		b.memory = batchMemory
		if last == nil || last.block != b.block {
			b.memory += len(b.block.data)
		}
		r.memory += b.memory
		if r.n == len(r.buf) {
			r.enlarge()
		}
		r.n++
		*r.last() = *b
	}
	r.grown(b.account, b.count, len(b.data))
}

// grown takes note of messages of a that are new in the newest batch, and lets
// the oldest go.
func (r *ring) grown(a *account, messages, bytes int) {
	r.messages += messages
	a.kept += messages
	r.bytes += bytes
	if r.messages > r.maxMessages || r.bytes > r.maxBytes || r.memory > r.maxMemory() || r.at(0).count == 0 {
		r.rotate()
	}
}

// count takes note of n messages more in b that can be read, or fewer.
func (r *ring) count(b *Batch, n int) {
	r.messages += n
	b.account.kept += n
}

// chain follows a line that comes in pieces. It reports false where the line's
// first piece has left: without it the others would pass for a line.
func (r *ring) chain(b *Batch) bool {
	if b.part == PartFirst {
		if r.chains == nil {
			r.chains = make(map[streamKey]bool)
		}
		r.chains[b.key()] = true
		return true
	}
	held := r.chains[b.key()]
	if b.part == PartLast {
		delete(r.chains, b.key())
	}
	return held
}

func (r *ring) enlarge() {
	buf := make([]Batch, max(16, 2*len(r.buf)))
	for i := range r.n {
		buf[i] = *r.at(i)
	}
	r.buf, r.head = buf, 0
}

// rotate lets messages go until the limits hold.
func (r *ring) rotate() {
	for over := r.messages - r.maxMessages; over > 0; over = r.messages - r.maxMessages {
		if rest := r.at(0).count - r.skip; rest <= over {
			r.drop()
		} else {
			r.skip += over
			r.count(r.at(0), -over)
		}
	}
	for r.bytes > r.maxBytes && r.n > 0 {
		r.trim()
		if over := r.bytes - r.maxBytes; over >= len(r.at(0).data) {
			r.drop()
		} else if over > 0 {
			r.cut(over)
		}
	}
	for r.n > 0 && r.at(0).count == 0 || r.memory > r.maxMemory() && r.n > 1 {
		r.drop()
	}
}

// maxMemory is how much memory the batches may keep, while their bytes are at
// most maxBytes: a block is kept whole, however little a read has put into it.
func (r *ring) maxMemory() int { return max(2*r.maxBytes, r.maxBytes+8*blockSize) }

// drop removes the oldest batch.
func (r *ring) drop() {
	b := r.at(0)
	r.left.add(b.count, len(b.data))
	r.memory -= b.memory
	r.count(b, r.skip-b.count)
	r.bytes -= len(b.data)
	b.account.departed(b)
	if b.part == PartFirst {
		r.dropChain(b.key())
	}
	b.block.release()
	*b = Batch{}
	r.head = (r.head + 1) & (len(r.buf) - 1)
	r.n--
	r.skip = 0
}

// dropChain empties the pieces that follow the oldest batch, the first piece
// of a line.
func (r *ring) dropChain(key streamKey) {
	for i := 1; i < r.n; i++ {
		b := r.at(i)
		if b.key() != key || b.count == 0 {
			continue
		}
		part := b.part
		r.left.add(b.count, len(b.data))
		r.count(b, -b.count)
		r.bytes -= len(b.data)
		b.account.departed(b)
		b.data, b.count = nil, 0
		if part == PartLast {
			return
		}
	}
	delete(r.chains, key)
}

// trim takes the messages that have left out of the oldest batch's bytes.
func (r *ring) trim() {
	if r.skip == 0 {
		return
	}
	b := r.at(0)
	n := b.offset(r.skip)
	r.take(b, n, r.skip)
	r.skip = 0
}

// cut lets at least n bytes of the oldest batch go, in whole messages.
func (r *ring) cut(n int) {
	b := r.at(0)
	used, messages := 0, 0
	switch {
	case b.count == 1:
		used, messages = len(b.data), 1
	case b.lines == split.Fold || b.lines == split.Keep:
		used = n + bytes.IndexByte(b.data[n-1:], '\n')
		messages = bytes.Count(b.data[:used], []byte{'\n'})
	default:
		for used < n {
			_, _, k := b.lines.Cut(b.data[used:])
			used += k
			messages++
		}
	}
	r.count(b, -messages)
	r.take(b, used, messages)
	if b.count == 0 {
		r.drop()
	}
}

// take removes the first n bytes and their messages from a batch.
func (r *ring) take(b *Batch, n, messages int) {
	gone := *b
	gone.data, gone.count = b.data[:n], messages
	b.account.departed(&gone)
	r.left.add(messages, n)
	r.bytes -= n
	b.off += n
	b.data = b.data[n:]
	b.first += uint64(messages)
	b.pos += Position(messages)
	b.count -= messages
}

// tail returns the batches that hold the last n messages, retained for the
// caller, and how many messages at the beginning of the first are not wanted.
func (r *ring) tail(n int) (batches []Batch, skip int) {
	n = min(n, r.messages)
	if n <= 0 {
		return nil, 0
	}
	i := r.n
	for have := 0; have < n; {
		i--
		have += r.at(i).count
		skip = have - n
	}
	batches = make([]Batch, 0, r.n-i)
	for ; i < r.n; i++ {
		if b := r.at(i); b.count > 0 {
			b.block.retain()
			batches = append(batches, *b)
		}
	}
	return batches, skip
}

// oldest returns the position of the first message that can be read; with none,
// zero.
func (r *ring) oldest() Position {
	if r.messages == 0 {
		return 0
	}
	return r.at(0).pos + Position(r.skip)
}

// find returns the number of the first batch that has a message at pos or
// behind it; if there is none, n.
func (r *ring) find(pos Position) int {
	i := sort.Search(r.n, func(i int) bool {
		b := r.at(i)
		return b.pos+Position(b.count) > pos
	})
	for i < r.n && r.at(i).count == 0 {
		i++
	}
	return i
}

// clear removes all, and returns what could be read.
func (r *ring) clear() Count {
	r.trim()
	cleared := Count{uint64(r.messages), uint64(r.bytes)}
	for i := range r.n {
		b := r.at(i)
		b.account.kept = 0
		b.block.release()
	}
	*r = ring{maxMessages: r.maxMessages, maxBytes: r.maxBytes, left: r.left}
	return cleared
}
