package syncstream

import (
	"context"
	"sync"
	"time"

	"github.com/syncstream/syncstream/internal/split"
)

const (
	// endsInterval is how often a tap looks for sources that have ended, where its
	// sink wants to know.
	endsInterval = time.Second
	// tapSources is how many sources a tap remembers besides.
	tapSources = 4096
)

// tap follows a store for one sink of this process. It writes what it gets to a
// memory of its own, which keeps nothing, and whose only sink that is: while that
// has no room the tap does not read, and then misses messages.
type tap struct {
	over       *overStore
	inner      *Buffer
	attachment *Attachment

	mu      sync.Mutex // guards what follows
	mirrors map[string]*Mirror
	at      Position      // all up to it was given to inner
	moved   chan struct{} // closed when at has changed; nil while nobody waits
}

func (o *overStore) attach(s Sink) *Attachment {
	inner := New(Config{})
	m := inner.store.(*memory)
	m.passing = true
	t := &tap{over: o, inner: inner, mirrors: make(map[string]*Mirror), at: Latest}
	o.call("attach a sink", func(ctx context.Context) error {
		err := o.sync(ctx)
		if err == nil {
			t.at, err = o.newest(ctx)
		}
		return err
	})
	t.attachment = m.newAttachment(s)
	t.attachment.far = t
	m.start(t.attachment)
	go t.run()
	return t.attachment
}

func (t *tap) run() {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	go func() {
		<-t.attachment.done
		cancel(ErrDetached)
	}()
	if t.attachment.ends != nil {
		go t.watchEnds(ctx)
	}
	for m, err := range t.over.follow(ctx, t.at, 0) {
		if err != nil {
			t.attachment.fail(err)
			break
		}
		t.take(&m)
	}
	t.inner.Close()
}

// take gives a message to the sink; it waits while that has no room.
func (t *tap) take(m *Message) {
	b := batchOf(m)
	b.account = t.mirror(m.Source).account
	t.inner.store.append(b) // inner is closed behind the last one
	t.mu.Lock()
	defer t.mu.Unlock()
	t.at = m.Position
	if t.moved != nil {
		close(t.moved)
		t.moved = nil
	}
}

// batchOf returns a batch of one message, without an account.
func batchOf(m *Message) *Batch {
	b := &Batch{
		stream: m.Stream, kind: m.Kind, part: m.Part, first: m.Num, missing: m.Missing, redraws: int32(m.Redraws),
		time: m.Time.UnixNano(), count: 1, data: []byte(m.Text + m.End.Bytes()), lines: split.Keep,
	}
	switch m.End {
	case EndLF, EndCRLF, EndNone:
	case EndCR:
		b.lines = split.Split
	default:
		b.lines = split.Python
	}
	return b
}

// mirror returns inner's mirror of a source.
func (t *tap) mirror(s *Source) *Mirror {
	t.mu.Lock()
	defer t.mu.Unlock()
	m := t.mirrors[s.ID]
	if m == nil {
		if len(t.mirrors) >= tapSources && t.attachment.ends == nil {
			t.closeAllLocked()
		}
		m = newMirror(t.inner, s, MirrorConfig{})
		t.mirrors[s.ID] = m
	}
	return m
}

func (t *tap) closeAllLocked() {
	for id, m := range t.mirrors {
		m.closeAs(StateExited, nil, nil)
		delete(t.mirrors, id)
	}
}

// watchEnds tells the sink of sources that have ended.
func (t *tap) watchEnds(ctx context.Context) {
	ticker := time.NewTicker(endsInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		_, all, err := t.over.to.Snapshot(ctx)
		if err != nil {
			continue // the follower will say so, if it stays so
		}
		for i := range all {
			if !all[i].State.IsOpen() {
				t.end(&all[i])
			}
		}
	}
}

// end closes a source of which the sink has got everything.
func (t *tap) end(s *SourceStatus) {
	t.mu.Lock()
	m := t.mirrors[s.Source.ID]
	if m == nil || len(s.Tail) > 0 && s.Tail[len(s.Tail)-1].Position > t.at {
		t.mu.Unlock()
		return
	}
	delete(t.mirrors, s.Source.ID)
	t.mu.Unlock()
	m.closeAs(s.State, s.Err, nil)
}

// catchUp returns when the sink's queue has got all that the store had before the
// call.
func (t *tap) catchUp(ctx context.Context) error {
	if err := t.over.sync(ctx); err != nil {
		return err
	}
	newest, err := t.over.newest(ctx)
	for err == nil {
		moved := t.movedFrom(newest)
		if moved == nil {
			return nil
		}
		select {
		case <-moved:
		case <-t.attachment.done:
			return nil
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
	}
	return err
}

// movedFrom returns what is closed when the tap has moved; nil, if it is there.
func (t *tap) movedFrom(to Position) <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.at >= to {
		return nil
	}
	if t.moved == nil {
		t.moved = make(chan struct{})
	}
	return t.moved
}
