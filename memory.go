package syncstream

import (
	"context"
	"sync"
	"time"
)

// memory is the store that a buffer of this process keeps: a ring of the last
// messages, the mirrors that write to it and the sinks that read from it.
//
// Its one mutex is held for memory work only. A writer that waits for a sink
// to make room holds no lock but that of its own stream.
type memory struct {
	maxSources int
	self       *Source // whose a follower's gaps are
	passing    bool    // nothing is kept: the sinks have it, and who reads reads elsewhere

	mu   sync.Mutex // guards what follows
	room sync.Cond  // signalled when a sink has room again, or none is needed

	ring    ring
	newest  Position // of the newest message
	chunk   *block   // where small batches are copied
	used    int      // bytes of chunk
	written Count
	parsed  Count
	cleared Count
	lost    Count

	accounts []*account // in the order in which their mirrors were opened
	folded   folded
	open     int
	leaving  int           // abandoned ones whose partial lines are on their way
	idle     chan struct{} // closed while no mirror is open or leaving
	failure  *Failure      // the first
	stopped  error         // the cause of Stop; nil before it
	left     bool          // Abandon left mirrors open
	closed   bool          // no new messages
	ended    bool          // none at all

	sinks []*Attachment

	followers waiters // wait for messages
	watchers  waiters // wait for partial lines
	changes   uint64  // counts the changes of partial lines
}

func newMemory(c *Config, self *Source) *memory {
	s := &memory{
		ring: ring{maxMessages: c.MaxMessages, maxBytes: c.MaxBytes}, maxSources: c.MaxSources, self: self,
		idle: make(chan struct{}),
	}
	s.room.L = &s.mu
	close(s.idle)
	return s
}

// append stores a batch. It waits while a sink has no room.
func (s *memory) append(b *Batch) error {
	s.mu.Lock()
	if s.extend(b) {
		s.mu.Unlock()
		return nil
	}
	sinks, err := s.putLocked(b)
	s.mu.Unlock()
	for _, a := range sinks {
		if a.prepares(b) {
			a.prepare(b.pos)
		}
	}
	return err
}

// help calls the first sink, if it has something to do and is idle. The others
// have their own goroutines, lest one holds another up.
func (s *memory) help() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.sinks) > 0 {
		s.sinks[0].helpLocked()
	}
}

// extend is append for what most writes bring: a line more for the newest
// batch, which only grows by it.
func (s *memory) extend(b *Batch) bool {
	last := s.ring.last()
	n := len(b.data)
	if last == nil || last.account != b.account || last.stream != b.stream || last.block != s.chunk ||
		last.off+len(last.data) != s.used || s.used+n > chunkSize || b.block != nil ||
		!b.joinable() || !b.endsLine() || !last.joinable() || !last.endsLine() ||
		last.first+uint64(last.count) != b.account.num+1 || last.pos+Position(last.count) != s.newest+1 ||
		b.time-last.time > int64(maxBatchTime) || s.closed || !b.account.state.IsOpen() || len(s.sinks) > 0 {
		return false
	}
	copy(s.chunk.data[s.used:], b.data)
	s.used += n
	last.data = s.chunk.data[last.off:s.used]
	last.count += b.count
	s.numberLocked(b)
	s.ring.grown(b.account, b.count, n)
	s.followers.wakeOne()
	return true
}

// putLocked stores a batch and queues it for the sinks, which it returns.
func (s *memory) putLocked(b *Batch) ([]*Attachment, error) {
	if err := s.admit(b); err != nil {
		s.loseLocked(b.account, b.count, len(b.data))
		return nil, err
	}
	if b.block == nil {
		s.copy(b)
	} else {
		b.block.retain()
	}
	s.numberLocked(b)
	for _, a := range s.sinks {
		a.last = b.pos
		a.push(b)
	}
	if s.passing {
		s.ring.left.add(b.count, len(b.data))
		b.block.release()
		return s.sinks, nil
	}
	s.ring.push(b)
	s.followers.wakeOne()
	return s.sinks, nil
}

// numberLocked gives the messages of b their numbers and takes note of them.
func (s *memory) numberLocked(b *Batch) {
	a := b.account
	b.first = max(b.first, a.num+1) // a batch of another buffer has its numbers
	a.num = b.first + b.span() - 1
	b.pos = s.newest + 1
	s.newest += Position(b.count)
	a.active = b.time
	s.writtenLocked(a, b.count, len(b.data))
	if b.kind == Gap {
		s.loseLocked(a, int(b.missing), 0)
	}
	if b.takesHeld {
		a.mirror.writer(b.stream).taken = true
	}
}

func (s *memory) lose(a *account, messages, bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loseLocked(a, messages, bytes)
}

func (s *memory) loseLocked(a *account, messages, bytes int) {
	s.writtenLocked(a, messages, bytes)
	a.lost.add(messages, bytes)
	s.lost.add(messages, bytes)
	if a.folded {
		s.folded.lost.add(messages, bytes)
	}
}

func (s *memory) parsedAway(a *account, messages, bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writtenLocked(a, messages, bytes)
	a.parsed.add(messages, bytes)
	s.parsed.add(messages, bytes)
}

func (s *memory) writtenLocked(a *account, messages, bytes int) {
	s.written.add(messages, bytes)
	a.written.add(messages, bytes)
	if a.folded {
		s.folded.written.add(messages, bytes)
	}
}

// admit waits until every sink has room for b. After Close or Abandon it waits
// no more: what was waiting, and what belongs to it, still gets in.
func (s *memory) admit(b *Batch) error {
	a := b.account
	if !a.state.IsOpen() && b.entry < always || s.closed && b.entry < untilEnded {
		return ErrClosed
	}
	for i := 0; i < len(s.sinks) && !s.closed && a.state.IsOpen(); {
		if s.sinks[i].hasRoom(b) {
			i++
			continue
		}
		a.blocked, a.blockedSince = s.sinks[i], time.Now()
		a.blocked.waitLocked()
		a.blocked = nil
		i = 0 // sinks may have come and gone
	}
	return nil
}

// copy gives b bytes of its own, in a block that is retained for it.
func (s *memory) copy(b *Batch) {
	n := len(b.data)
	switch {
	case n > blockSize:
		b.block, b.off = newBlock(n), 0
	case n > chunkSize:
		b.block, b.off = readBlocks.get(), 0
	default:
		if s.chunk == nil || s.used+n > chunkSize {
			if s.chunk != nil {
				s.chunk.release()
			}
			s.chunk, s.used = chunks.get(), 0
		}
		s.chunk.retain()
		b.block, b.off = s.chunk, s.used
		s.used += n
	}
	dst := b.block.data[b.off : b.off+n]
	copy(dst, b.data)
	b.data = dst
}

// hold keeps a stream's partial line where Partials can see it. The bytes are
// copied, unless they are all of owned: the memory of w.held, or its successor;
// if nil, there is none.
func (s *memory) hold(w *Writer, partial, owned []byte) error {
	partial = w.split.Hold(partial)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(partial) > 0 && (s.closed || !s.takesLocked(w)) {
		return ErrClosed
	}
	switch {
	case owned == nil:
		w.held = append(shrink(w.held, len(partial)), partial...)
	case len(partial) == len(owned):
		w.held = partial
	default: // stay in the memory that has grown
		w.held = append(shrink(owned, len(partial)), partial...)
	}
	if len(partial) > 0 {
		w.heldAt = time.Now()
	}
	s.changedLocked(w)
	return nil
}

// takesLocked reports whether w's mirror is open, or a Write of it still under
// way that began when it was.
func (s *memory) takesLocked(w *Writer) bool {
	return w.mirror.account.state.IsOpen() || w.mirror.abandoned.Load() && !w.gone
}

// holdAgain goes back to a partial line that stood before bytes came that were
// refused.
func (s *memory) holdAgain(w *Writer, partial []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.held = append(w.held[:0], partial...)
	s.changedLocked(w)
}

func (s *memory) rename(w *Writer, stream Stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.stream, w.next.stream = stream, stream
}

func (s *memory) changedLocked(w *Writer) {
	w.taken, w.heldPart = false, PartWhole
	if w.split.Chain() {
		w.heldPart = PartLast
	}
	s.changes++
	w.change = s.changes
	if s.watchers.first != nil {
		s.watchers.wakeAll()
	}
}

// shrink returns held without its bytes, and without its memory where n bytes
// need far less: an idle stream costs next to nothing.
func shrink(held []byte, n int) []byte {
	if cap(held) > 4*n+1024 {
		return nil
	}
	return held[:0]
}

// flush has nothing to do: what is here is lost with this process.
func (s *memory) flush(context.Context, *account) error { return nil }

func (s *memory) settle(*account) error { return nil }

// last returns the last n messages, oldest first. It does not wait.
func (s *memory) last(ctx context.Context, n int) ([]Message, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	s.mu.Lock()
	batches, skip := s.ring.tail(n)
	s.mu.Unlock()
	count := -skip
	for i := range batches {
		count += batches[i].count
	}
	messages := make([]Message, 0, max(0, count))
	for i := range batches {
		messages = batches[i].appendTo(messages, skip)
		skip = 0
		batches[i].block.release()
	}
	return messages, nil
}

// partials returns the partial lines of all open mirrors.
func (s *memory) partials() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	var messages []Message
	for _, a := range s.accounts {
		if a.mirror == nil {
			continue
		}
		for _, w := range a.mirror.writers() {
			if m := w.partialLocked(); m.Text != "" {
				messages = append(messages, m)
			}
		}
	}
	return messages
}

func (s *memory) numOpen() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}

func (s *memory) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ring.messages
}
