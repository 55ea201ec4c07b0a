package syncstream

import "sync"

// Sink returns a sink that puts all that another buffer gets into b, without
// copying it: the messages keep their sources, numbers and times. Each source
// is open in b from its first message until it ends there, or until the
// attachment does; so b's Wait and Sources tell of it too.
//
// The sink is for one attachment. When b is closed, the sink's error is
// [ErrClosed]. A stop of b is not passed on: to have that, call the other
// buffer's Stop too. Buffers must not be attached to each other in a ring.
func (b *Buffer) Sink() SourceCloser {
	return &forwarder{to: b, mirrors: make(map[*Source]*Mirror)}
}

type forwarder struct {
	to *Buffer

	mu      sync.Mutex // guards what follows
	mirrors map[*Source]*Mirror
	closed  bool
}

func (f *forwarder) String() string { return "another buffer" }

// mirror returns the mirror of source, a new one where the other buffer has
// abandoned it; nil when none can be open.
func (f *forwarder) mirror(source *Source) *Mirror {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil
	}
	m := f.mirrors[source]
	if m == nil || m.store.isClosed(m.account) {
		m = newMirror(f.to, source, Fold, Stdout, nil)
		f.mirrors[source] = m
	}
	if m.store.isClosed(m.account) {
		return nil
	}
	return m
}

// WriteBatches waits while the sinks of the other buffer have no room.
func (f *forwarder) WriteBatches(batches []*Batch) error {
	for _, b := range batches {
		m := f.mirror(b.Source())
		if m == nil {
			return ErrClosed
		}
		err := m.put(&Batch{
			account: m.account, block: b.block, off: b.off, data: b.data, first: b.first, count: b.count, time: b.time,
			redraws: b.redraws, lines: b.lines, stream: b.stream, kind: b.kind, part: b.part, odd: b.odd,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// CloseSource closes the source in the other buffer. It says nothing more: the
// source's last words have come as messages.
func (f *forwarder) CloseSource(s SourceStatus) error {
	f.mu.Lock()
	m := f.mirrors[s.Source]
	delete(f.mirrors, s.Source)
	f.mu.Unlock()
	if m != nil {
		m.closeAs(s.State, s.Err, nil)
	}
	return nil
}

// Close closes the sources that are still open.
func (f *forwarder) Close() error {
	f.mu.Lock()
	open := f.mirrors
	f.mirrors, f.closed = nil, true
	f.mu.Unlock()
	for _, m := range open {
		m.closeAs(StateLost, ErrDetached, nil)
	}
	return nil
}
