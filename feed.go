package syncstream

import (
	"context"
	"fmt"
)

// memoryFeed is a mirror whose lines have been cut elsewhere.
type memoryFeed struct {
	mirror *Mirror
	next   uint64 // the number that follows the last one's; guarded by the mirror's locks
}

func (s *memory) feed(b *Buffer, source *Source) (Feed, error) {
	m := newMirror(b, source, MirrorConfig{Lines: Keep})
	if s.isClosed(m.account) {
		return nil, ErrClosed
	}
	return &memoryFeed{mirror: m}, nil
}

func (f *memoryFeed) Context() context.Context { return f.mirror.ctx }

func (f *memoryFeed) Append(b *Batch) error {
	m := f.mirror
	m.lock()
	defer m.unlock()
	if m.store.isClosed(m.account) {
		return ErrClosed
	}
	if b.first > 0 {
		if b.first < f.next {
			return fmt.Errorf("syncstream: feed %s: message %d comes behind message %d", m.account.source, b.first, f.next-1)
		}
		if f.next > 0 && b.first > f.next {
			if err := f.put(gap(f.next, b.first-f.next, b.time)); err != nil {
				return err
			}
		}
		f.next = b.first + b.span()
	}
	return f.put(b)
}

// gap returns a batch that stands for messages that are missing.
func gap(first, missing uint64, time int64) *Batch {
	return &Batch{first: first, missing: missing, count: 1, kind: Gap, stream: Control, time: time}
}

// put brings a copy of b to the buffer; its block is shared. It needs the
// mirror's locks.
func (f *memoryFeed) put(b *Batch) error {
	m := f.mirror
	c := &Batch{
		account: m.account, block: b.block, off: b.off, data: b.data, first: b.first, count: b.count, time: b.time,
		missing: b.missing, redraws: b.redraws, lines: b.lines, stream: b.stream, kind: b.kind, part: b.part, odd: b.odd,
	}
	if m.parse != nil && b.kind != Gap {
		c.first = 0
	}
	w := m.writer(b.stream)
	c.takesHeld = len(w.held) > 0 && b.kind == Line && (w != &m.progress || !b.endsLine())
	takes := c.takesHeld
	var err error
	if b.kind == Gap { // nothing to parse
		err = m.store.append(c)
	} else {
		err = m.put(c)
	}
	if takes && err == nil {
		return m.store.hold(w, nil, nil)
	}
	return err
}

func (f *memoryFeed) Hold(stream Stream, text []byte) error {
	m := f.mirror
	w := m.writer(stream)
	w.mu.Lock()
	defer w.unlock()
	if m.store.isClosed(m.account) {
		return ErrClosed
	}
	if w.stream != stream {
		m.store.rename(w, stream)
	}
	return m.store.hold(w, text[:min(len(text), w.split.Max)], nil)
}

func (f *memoryFeed) Mark(state State) {
	m := f.mirror
	m.store.ask(m.account)
	if state == StateAcknowledged {
		m.store.acknowledge(m.account)
	}
}

func (f *memoryFeed) Flush(ctx context.Context) error {
	return f.mirror.store.flush(ctx, f.mirror.account)
}

// Close says nothing more: the source's last words have come as messages.
func (f *memoryFeed) Close(state State, err error) error {
	if state.IsOpen() {
		state = StateExited
	}
	return f.mirror.closeAs(state, err, nil)
}

// span is how many of a source's numbers the batch stands for.
func (b *Batch) span() uint64 {
	if b.kind == Gap {
		return b.missing
	}
	return uint64(b.count)
}
