package syncstream

import (
	"context"
	"sync"
	"time"

	"github.com/syncstream/syncstream/internal/split"
)

// memory is the store that a buffer of this process keeps: a ring of the last
// messages, the mirrors that write to it and the sinks that read from it.
//
// Its one mutex is held for memory work only. A writer that waits for a sink
// to make room holds no lock but that of its own stream.
type memory struct {
	mu   sync.Mutex // guards what follows
	room sync.Cond  // signalled when a sink has room again, or none is needed

	ring    ring
	chunk   *block // where small batches are copied
	used    int    // bytes of chunk
	written Count
	lost    Count // written to a mirror after the buffer was closed

	mirrors []*Mirror // all, in the order in which they were opened
	open    int
	idle    chan struct{} // closed while no mirror is open
	failure *Failure      // the first
	sinks   []*Attachment
	seq     uint64 // counts the batches, for the sinks
	closed  bool   // no new messages
	ended   bool   // none at all
}

func newMemory(maxMessages, maxBytes int) *memory {
	s := &memory{ring: ring{maxMessages: maxMessages, maxBytes: maxBytes}, idle: make(chan struct{})}
	s.room.L = &s.mu
	close(s.idle)
	return s
}

// openMirror registers m, and reports whether the store is open.
func (s *memory) openMirror(m *Mirror) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	m.opened = time.Now()
	if s.closed {
		m.state, m.closed = StateClosed, m.opened
		return false
	}
	if s.open == 0 {
		s.idle = make(chan struct{})
	}
	s.open++
	s.mirrors = append(s.mirrors, m)
	return true
}

func (s *memory) isClosed(m *Mirror) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return m.state == StateClosed
}

// closeMirror marks m as closed, for the reason err if it is not nil.
func (s *memory) closeMirror(m *Mirror, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.state == StateClosed {
		return
	}
	m.state, m.closed, m.err = StateClosed, time.Now(), err
	if err != nil && s.failure == nil {
		s.failure = &Failure{Source: m.source, Err: err, Time: m.closed}
	}
	s.open--
	if s.open == 0 {
		close(s.idle)
	}
	s.room.Broadcast()
}

// run is what a splitter or a mirror hands to append.
type run struct {
	time    int64 // Unix, in nanoseconds
	data    []byte
	block   *block // that holds data; nil: data is the caller's and is copied
	off     int    // of data in block
	lines   int
	kind    Kind
	part    Part
	redraws int
	odd     bool
	mode    split.Mode
	help    bool // the caller's goroutine may call the sinks
	final   bool // it belongs to what was there before a Close
}

// append stores a run of messages of one stream. It waits while a sink has no
// room.
func (s *memory) append(m *Mirror, stream Stream, r *run) error {
	s.mu.Lock()
	if s.extend(m, stream, r) {
		s.mu.Unlock()
		return nil
	}
	b := Batch{
		source: m.source, stream: stream, kind: r.kind, part: r.part, lines: r.mode,
		count: r.lines, redraws: r.redraws, odd: r.odd, data: r.data, block: r.block, off: r.off,
		time: r.time, helped: r.help, lent: r.help && r.block != nil,
	}
	sinks, err := s.putLocked(m, &b, r.final)
	s.mu.Unlock()
	for _, a := range sinks {
		if a.prepares(&b) {
			a.prepare(b.seq)
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
func (s *memory) extend(m *Mirror, stream Stream, r *run) bool {
	last := s.ring.last()
	n := len(r.data)
	if last == nil || last.source != m.source || last.stream != stream || last.block != s.chunk ||
		last.off+len(last.data) != s.used || s.used+n > chunkSize || r.block != nil ||
		r.kind != Line || r.part != PartWhole || r.redraws != 0 || r.odd || !last.joinable() ||
		last.first+uint64(last.count) != m.written.Messages+1 || r.time-last.time > int64(maxBatchTime) ||
		s.closed || m.state == StateClosed || len(s.sinks) > 0 {
		return false
	}
	copy(s.chunk.data[s.used:], r.data)
	s.used += n
	last.data = s.chunk.data[last.off:s.used]
	last.count += r.lines
	m.active = r.time
	m.written.add(r.lines, n)
	s.written.add(r.lines, n)
	s.ring.grown(r.lines, n)
	return true
}

// putLocked stores a batch and queues it for the sinks, which it returns.
func (s *memory) putLocked(m *Mirror, b *Batch, final bool) ([]*Attachment, error) {
	if err := s.admit(m, b, final); err != nil {
		s.loseLocked(b.count, len(b.data))
		return nil, err
	}
	if b.block == nil {
		s.copy(b)
	} else {
		b.block.retain()
	}
	b.first = m.written.Messages + 1
	m.written.add(b.count, len(b.data))
	m.active = b.time
	s.written.add(b.count, len(b.data))
	s.seq++
	b.seq = s.seq
	for _, a := range s.sinks {
		a.last = b.seq
		a.push(*b)
	}
	s.ring.push(b)
	return s.sinks, nil
}

func (s *memory) lose(messages, bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loseLocked(messages, bytes)
}

func (s *memory) loseLocked(messages, bytes int) {
	s.written.add(messages, bytes)
	s.lost.add(messages, bytes)
}

// admit waits until every sink has room for b. After close it waits no more:
// what was waiting, and what is final, still gets in.
func (s *memory) admit(m *Mirror, b *Batch, final bool) error {
	if m.state == StateClosed || s.closed && !final {
		return ErrClosed
	}
	for i := 0; i < len(s.sinks) && !s.closed; {
		if s.sinks[i].hasRoom(b) {
			i++
			continue
		}
		s.sinks[i].waitLocked()
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
	if len(partial) > 0 && (w.mirror.state == StateClosed || s.closed) {
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
	return nil
}

// holdAgain goes back to a partial line that stood before bytes came that were
// refused.
func (s *memory) holdAgain(w *Writer, partial []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.held = append(w.held[:0], partial...)
}

// shrink returns held without its bytes, and without its memory where n bytes
// need far less: an idle stream costs next to nothing.
func shrink(held []byte, n int) []byte {
	if cap(held) > 4*n+1024 {
		return nil
	}
	return held[:0]
}

// close takes no more, and returns the mirrors that are open, and whether this
// is the first call.
func (s *memory) close() (open []*Mirror, first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, false
	}
	s.closed = true
	s.room.Broadcast()
	for _, m := range s.mirrors {
		if m.state != StateClosed {
			open = append(open, m)
		}
	}
	return open, true
}

// end lets the sinks end with what they have.
func (s *memory) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	for _, a := range s.sinks {
		a.more.Broadcast()
	}
}

// last returns the last n messages, oldest first.
func (s *memory) last(n int) []Message {
	s.mu.Lock()
	batches, skip := s.ring.tail(n)
	s.mu.Unlock()
	var messages []Message
	for i := range batches {
		for m := range batches[i].from(skip) {
			messages = append(messages, m)
		}
		skip = 0
		batches[i].block.release()
	}
	return messages
}

// partials returns the partial lines of all open mirrors.
func (s *memory) partials() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	var messages []Message
	for _, m := range s.mirrors {
		for _, w := range []*Writer{&m.stdout, &m.stderr} {
			if text := split.Partial(w.held); len(text) > 0 {
				messages = append(messages, Message{
					Source: m.source, Stream: w.stream, Time: w.heldAt, Text: string(text), End: EndNone,
				})
			}
		}
	}
	return messages
}

// wait returns when no mirror is open, or ctx ends.
func (s *memory) wait(ctx context.Context) error {
	for {
		s.mu.Lock()
		idle, open, failure := s.idle, s.open, s.failure
		s.mu.Unlock()
		if open == 0 {
			if failure != nil {
				return failure
			}
			return nil
		}
		select {
		case <-idle:
		case <-ctx.Done():
			if open := s.openSources(); len(open) > 0 {
				return &WaitError{Open: open, Err: context.Cause(ctx)}
			}
		}
	}
}

func (s *memory) openSources() []SourceStatus {
	var open []SourceStatus
	for _, status := range s.sources() {
		if status.State == StateOpen {
			open = append(open, status)
		}
	}
	return open
}

func (s *memory) sources() []SourceStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]SourceStatus, len(s.mirrors))
	for i, m := range s.mirrors {
		all[i] = m.statusLocked()
	}
	return all
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

func (s *memory) stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ring.trim()
	return Stats{
		Open: s.open, Sources: len(s.mirrors), Written: s.written, Lost: s.lost, Rotated: s.ring.left,
		Kept: Count{uint64(s.ring.messages), uint64(s.ring.bytes)},
	}
}
