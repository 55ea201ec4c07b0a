package syncstream

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// Sink reads all messages of a buffer, whole batches at a time. It loses none:
// when it is slow, its queue fills, and then the buffer's writers wait for it.
type Sink interface {
	// WriteBatches takes some batches, in the order in which they came; but
	// the pieces of an overlong line come together as long as they keep
	// coming. One goroutine at a time calls it. The batches are lent until it
	// returns; see [Batch]. After an error it is not called again; a panic is
	// taken for one, a [*PanicError]. A sink that writes to its own buffer can
	// wait for itself for ever.
	//
	// A sink that is an [io.Closer] is closed when its attachment ends.
	WriteBatches([]*Batch) error
}

// InOrder is a [Sink] that gets all batches in the order of their numbers, also
// those that stand between the pieces of an overlong line. Who brings them to a
// [Feed] wants that.
type InOrder interface {
	Sink
	// InOrder says so by being there. It is never called.
	InOrder()
}

// Preparer is a [Sink] that can work on batches before their turn has come, so
// that several processors share the work.
type Preparer interface {
	Sink
	// Prepare appends to dst what WriteBatches will want of b, which then finds
	// it as [Batch.Prepared]. Many goroutines call it at a time, each for its
	// own batch, and only for large ones of whole lines. It returns dst as it is
	// if there is nothing to prepare.
	Prepare(dst []byte, b *Batch) []byte
}

// SourceCloser is a [Sink] that is told when nothing more comes from a source,
// after all that has come from it; not while WriteBatches is called. An error
// detaches it. The status has no Tail.
type SourceCloser interface {
	Sink
	CloseSource(SourceStatus) error
}

const (
	// queueBytes is how much may wait for a sink, in bytes of memory. More
	// would only be colder in the processor's cache.
	queueBytes = 4 << 20
	// batchMemory is what a batch takes besides its bytes.
	batchMemory = 320
	// queueBatches is how many batches may wait for a sink.
	queueBatches = 4096
	// chainPatience is how long the pieces of a line are waited for while
	// other batches wait behind them.
	chainPatience = 250 * time.Millisecond
	// chainLimit is how long a line in pieces may keep other batches waiting,
	// though its pieces keep coming.
	chainLimit = 5 * time.Second
)

// Attachment is one sink on one buffer. All its methods may be called by any
// goroutine at any time.
type Attachment struct {
	store *memory
	sink  Sink
	prep  Preparer      // sink, if it is one
	ends  SourceCloser  // sink, if it is one
	opens *opening      // sink, if it is one
	plain bool          // all batches come in their order, also between the pieces of a line
	far   *tap          // reads for the sink what is elsewhere; nil: all comes by this process
	done  chan struct{} // closed when the sink is not called any more

	// What follows is guarded by store.mu.
	more     sync.Cond // signalled when there is something to do
	idle     sync.Cond // signalled when batches have been written
	queue    []*Batch
	queued   int // bytes of memory in the queue
	chain    chain
	last     Position       // of the newest batch
	endings  []SourceStatus // of the batches in the queue that are ends
	calling  bool           // somebody calls the sink
	writing  []*Batch       // that it has now
	detached bool
	dropped  bool // it was detached with batches that it has not got
	err      error
}

func (s *memory) attach(sink Sink) *Attachment {
	a := s.newAttachment(sink)
	s.start(a)
	return a
}

func (s *memory) newAttachment(sink Sink) *Attachment {
	a := &Attachment{store: s, sink: sink, done: make(chan struct{})}
	a.prep, _ = sink.(Preparer)
	a.ends, _ = sink.(SourceCloser)
	_, a.plain = sink.(InOrder)
	a.opens, _ = sink.(*opening)
	a.more.L, a.idle.L = &s.mu, &s.mu
	return a
}

func (s *memory) start(a *Attachment) {
	s.mu.Lock()
	s.sinks = append(s.sinks, a)
	if a.opens != nil {
		for _, m := range s.openLocked() {
			a.pushOpen(m)
		}
	}
	s.mu.Unlock()
	go a.run()
}

// Done is closed when the sink is not called any more: it has returned an
// error, was detached, or its buffer was closed and it has got everything.
func (a *Attachment) Done() <-chan struct{} { return a.done }

// Err returns the error that the sink returned; nil, if it has not returned
// one.
func (a *Attachment) Err() error {
	a.store.mu.Lock()
	defer a.store.mu.Unlock()
	return a.err
}

// Detach ends the attachment. What waits for the sink is not given to it. It
// does not wait for a call of the sink that is under way; Done does.
func (a *Attachment) Detach() {
	a.store.mu.Lock()
	defer a.store.mu.Unlock()
	a.detachLocked()
}

// Drain returns when the sink has got all that the buffer took before the
// call. The error is the sink's, if it has returned one; [ErrDetached], if it
// was detached before it got all; or ctx's cause.
func (a *Attachment) Drain(ctx context.Context) error {
	if a.far != nil {
		if err := a.far.catchUp(ctx); err != nil {
			return err
		}
	}
	s := a.store
	stop := context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		a.idle.Broadcast()
	})
	defer stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for all := a.last; a.behindLocked(all); a.idle.Wait() {
		if ctx.Err() != nil {
			return fmt.Errorf("syncstream: drain a sink with %d batches to go: %w",
				len(a.queue)+len(a.writing), context.Cause(ctx))
		}
	}
	if a.err == nil && a.dropped {
		return ErrDetached
	}
	return a.err
}

// behindLocked reports whether the sink has not got all batches up to that
// position, and may still get them.
func (a *Attachment) behindLocked(pos Position) bool {
	if a.detached {
		return a.calling && !a.dropped
	}
	return a.oldestLocked() <= pos
}

// oldestLocked returns the position of the oldest batch that the sink has not got;
// if there is none, the next.
func (a *Attachment) oldestLocked() Position {
	oldest := a.last + 1
	for _, batches := range [][]*Batch{a.queue, a.writing} {
		for _, b := range batches {
			oldest = min(oldest, b.pos)
		}
	}
	return oldest
}

// hasRoom reports whether b may be pushed now. A line that is being written
// in pieces has room of its own, lest the batches that wait behind it fill it.
func (a *Attachment) hasRoom(b *Batch) bool {
	limit := 1
	if a.chain.open && a.chain.key == b.key() {
		limit = 2
	}
	return a.detached || a.queued < limit*queueBytes && len(a.queue) < limit*queueBatches
}

// waitLocked waits until some sink may have room. What the caller has queued so
// far it can't bring to the sink itself meanwhile.
func (a *Attachment) waitLocked() {
	for _, other := range a.store.sinks {
		other.more.Signal()
	}
	a.store.room.Wait()
}

// push queues b: a copy, where the newest in the queue can't just grow by it.
func (a *Attachment) push(b *Batch) {
	if a.detached {
		return
	}
	var last *Batch
	if n := len(a.queue); n > 0 {
		last = a.queue[n-1]
	}
	memory := 0
	switch {
	case b.block.pool == &chunks:
		memory = len(b.data)
	case last == nil || last.block != b.block:
		memory = len(b.block.data)
	}
	if last != nil && last.join(b) {
		last.memory += memory
		a.queued += memory
		return
	}
	queued := *b
	queued.memory = memory + batchMemory
	queued.pending = a.prepares(b)
	queued.block.retain()
	a.queue = append(a.queue, &queued)
	a.queued += queued.memory
	if !queued.pending && !(queued.helped && a.isFirst()) {
		a.signalLocked()
	}
}

// pushEnd queues the end of a source, if the sink wants to know.
func (a *Attachment) pushEnd(of *account, status SourceStatus) {
	if a.ends == nil || a.detached {
		return
	}
	b := &Batch{account: of, block: noBlock, stream: Control, ending: true, pos: a.store.newest, memory: batchMemory}
	a.last = b.pos
	a.endings = append(a.endings, status)
	a.queue = append(a.queue, b)
	a.queued += b.memory
	a.signalLocked()
}

// pushOpen queues the opening of a mirror, if the sink wants to know.
func (a *Attachment) pushOpen(m *Mirror) {
	if a.opens == nil || a.detached {
		return
	}
	b := &Batch{account: m.account, block: noBlock, stream: Control, opening: true, pos: a.store.newest, memory: batchMemory}
	a.last = b.pos
	a.queue = append(a.queue, b)
	a.queued += b.memory
	a.signalLocked()
}

// name is what people call the sink.
func (a *Attachment) name() string {
	if s, ok := a.sink.(fmt.Stringer); ok {
		return s.String()
	}
	return fmt.Sprintf("%T", a.sink)
}

// isFirst reports whether goroutines that read pipes call the sink.
func (a *Attachment) isFirst() bool { return len(a.store.sinks) > 0 && a.store.sinks[0] == a }

// signalLocked has the sink's own goroutine look at the queue.
func (a *Attachment) signalLocked() {
	if !a.calling {
		a.more.Signal()
	}
}

// release gives back what a queued batch holds.
func (b *Batch) release() {
	b.block.release()
	if b.prepared != nil {
		b.prepared.release()
	}
}

// run serves the sink until the attachment ends.
func (a *Attachment) run() {
	defer close(a.done)
	a.serve()
	a.closeSink()
}

// closeSink closes a sink that can be closed.
func (a *Attachment) closeSink() {
	c, ok := a.sink.(io.Closer)
	if !ok {
		return
	}
	err, returned := error(nil), false
	defer func() {
		if !returned {
			err = newPanicError(recover())
		}
		a.store.mu.Lock()
		defer a.store.mu.Unlock()
		if a.err == nil {
			a.err = err
		}
	}()
	err = c.Close()
	returned = true
}

// serve gives the sink what is queued, until the attachment ends.
func (a *Attachment) serve() {
	s := a.store
	s.mu.Lock()
	defer s.mu.Unlock()
	for !a.detached {
		if a.calling {
			a.more.Wait()
			continue
		}
		if batches := a.takeLocked(); len(batches) > 0 {
			a.callLocked(batches)
			continue
		}
		if s.ended && len(a.queue) == 0 {
			a.detachLocked()
			return
		}
		if len(a.queue) == 0 || !a.chain.open {
			a.more.Wait()
			continue
		}
		// Others wait behind a line in pieces.
		wake := time.AfterFunc(chainPatience-time.Since(a.chain.last), a.wake)
		a.more.Wait()
		wake.Stop()
	}
	for a.calling {
		a.more.Wait()
	}
}

// prepares reports whether b's own goroutine prepares it, in its place in the
// queue.
func (a *Attachment) prepares(b *Batch) bool {
	return a.prep != nil && b.lent && b.PlainLF()
}

// prepare prepares the batch at that position, for the goroutine that queued it.
func (a *Attachment) prepare(pos Position) {
	s := a.store
	s.mu.Lock()
	i := slices.IndexFunc(a.queue, func(b *Batch) bool { return b.pos == pos })
	if i < 0 {
		s.mu.Unlock()
		return // detached
	}
	b := a.queue[i]
	s.mu.Unlock()

	p := preparedBuffers.get() // our goroutine holds b's block meanwhile
	p.data = a.prep.Prepare(p.data[:0], b)

	s.mu.Lock()
	defer s.mu.Unlock()
	if a.detached {
		p.release()
		return
	}
	b.prepared, b.pending = p, false
	b.memory += cap(p.data)
	a.queued += cap(p.data)
	if !a.isFirst() {
		a.signalLocked()
	}
}

// helpLocked calls the sink, if nobody does, for a goroutine that has just
// queued a batch and whose work is to bring more: so the bytes stay with one
// processor, and no other goroutine has to be woken for them.
func (a *Attachment) helpLocked() {
	if a.calling || a.detached {
		return
	}
	if batches := a.takeLocked(); len(batches) > 0 {
		a.callLocked(batches)
	}
	if len(a.queue) > 0 || a.detached || a.store.ended {
		a.more.Broadcast()
	}
}

// takeLocked takes out of the queue what is to be given to the sink now.
func (a *Attachment) takeLocked() []*Batch {
	switch {
	case a.plain:
		return a.allLocked()
	case !a.chain.open:
	case !a.chain.since.IsZero() && time.Since(a.chain.since) >= chainLimit:
		a.chain.open, a.chain.since = false, time.Time{}
		return a.allLocked()
	case a.store.ended || time.Since(a.chain.last) >= chainPatience:
		a.chain.open = a.chain.continues(a.queue)
	}
	ready, rest := a.readyLocked()
	now, later := a.chain.next(ready)
	a.queue = append(later, rest...)
	switch {
	case len(later) == 0:
		a.chain.since = time.Time{}
	case a.chain.since.IsZero():
		a.chain.since = time.Now()
	}
	return a.takenLocked(now)
}

// allLocked takes what there is, in its order.
func (a *Attachment) allLocked() []*Batch {
	ready, rest := a.readyLocked()
	a.queue = rest
	return a.takenLocked(ready)
}

// readyLocked divides the queue before the first batch that is not prepared.
func (a *Attachment) readyLocked() (ready, rest []*Batch) {
	i := slices.IndexFunc(a.queue, func(b *Batch) bool { return b.pending })
	if i < 0 {
		return a.queue, nil
	}
	return a.queue[:i:i], a.queue[i:]
}

func (a *Attachment) takenLocked(batches []*Batch) []*Batch {
	if len(batches) == 0 {
		return nil
	}
	for _, b := range batches {
		a.queued -= b.memory
	}
	a.store.room.Broadcast()
	return batches
}

// callLocked gives batches to the sink, without the lock. A panic in the sink,
// or a call to runtime.Goexit, is an error of it.
func (a *Attachment) callLocked(batches []*Batch) {
	s := a.store
	a.calling, a.writing = true, batches
	s.mu.Unlock()
	var err error
	called, returned := time.Now(), false
	defer func() {
		if !returned {
			err = newPanicError(recover())
		}
		for _, b := range batches {
			b.release()
		}
		s.mu.Lock()
		a.calling, a.writing = false, nil
		// No piece could be given meanwhile.
		a.chain.last = time.Now()
		if !a.chain.since.IsZero() {
			a.chain.since = a.chain.since.Add(a.chain.last.Sub(called))
		}
		if err != nil {
			a.err = err
			a.detachLocked()
		}
		a.idle.Broadcast()
	}()
	err = a.give(batches)
	returned = true
}

// give calls the sink.
func (a *Attachment) give(batches []*Batch) error {
	for len(batches) > 0 {
		n := len(batches)
		if a.ends != nil {
			if i := slices.IndexFunc(batches, func(b *Batch) bool { return b.ending || b.opening }); i >= 0 {
				n = i
			}
		}
		if n == 0 && batches[0].opening {
			a.openSource(batches[0].account)
			n = 1
		} else if n == 0 {
			if err := a.ends.CloseSource(a.nextEnding()); err != nil {
				return err
			}
			n = 1
		} else if err := a.sink.WriteBatches(batches[:n]); err != nil {
			return err
		}
		batches = batches[n:]
	}
	return nil
}

// openSource tells the sink of a mirror.
func (a *Attachment) openSource(of *account) {
	a.store.mu.Lock()
	m := of.mirror
	a.store.mu.Unlock()
	a.opens.openSource(of.source, m)
}

// nextEnding takes the oldest ending. They stay in their order, as a chain only
// holds back what is not of one stream.
func (a *Attachment) nextEnding() SourceStatus {
	a.store.mu.Lock()
	defer a.store.mu.Unlock()
	status := a.endings[0]
	a.endings = a.endings[1:]
	return status
}

// fail detaches the sink with an error that is not its own.
func (a *Attachment) fail(err error) {
	a.store.mu.Lock()
	defer a.store.mu.Unlock()
	if !a.detached {
		a.err = err
		a.detachLocked()
	}
}

func (a *Attachment) wake() {
	a.store.mu.Lock()
	defer a.store.mu.Unlock()
	a.more.Broadcast()
}

func (a *Attachment) detachLocked() {
	if a.detached {
		return
	}
	a.detached = true
	a.dropped = len(a.queue) > 0
	for _, b := range a.queue {
		b.release()
	}
	a.queue, a.queued = nil, 0
	s := a.store
	s.sinks = slices.DeleteFunc(slices.Clone(s.sinks), func(other *Attachment) bool { return other == a })
	s.room.Broadcast()
	a.more.Broadcast()
	a.idle.Broadcast()
}

// chain keeps the pieces of an overlong line together on their way to a sink.
type chain struct {
	open  bool // the line's first pieces have been given, its last has not
	key   streamKey
	since time.Time // when others began to wait behind it, later by what the sink took; zero if none do
	last  time.Time // when the sink last had what it was given
}

// next takes those batches out of the queue that are to be given now: all, up
// to a line in pieces; then only its pieces; and all again behind its last.
func (c *chain) next(queue []*Batch) (now, later []*Batch) {
	if !c.open && !slices.ContainsFunc(queue, (*Batch).piece) {
		return queue, nil
	}
	for i := 0; i < len(queue); i++ {
		b := queue[i]
		if c.open && b.key() != c.key {
			later = append(later, b)
			continue
		}
		now = append(now, b)
		if b.part == PartFirst || b.part == PartMiddle {
			c.open, c.key, c.last = true, b.key(), time.Now()
		} else if c.open {
			c.open = false
			queue, later, i = append(later, queue[i+1:]...), nil, -1
		}
	}
	return now, later
}

// continues reports whether the line's next piece is in the queue.
func (c *chain) continues(queue []*Batch) bool {
	return slices.ContainsFunc(queue, func(b *Batch) bool { return b.key() == c.key })
}

func (b *Batch) piece() bool { return b.part != PartWhole }
