package syncstream

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// NewOver returns a buffer over a store. Its mirrors cut lines, see
// [Config.Parse] and number messages here; what is kept is kept there, so that
// the store decides what MaxMessages, MaxBytes and MaxSources are about. Close
// closes the store too.
//
// What the buffer reads, it reads behind what its own mirrors have written: it
// waits until the store has that. So what waits for nobody in memory may wait for
// the store; methods that have no context, 10 s at most. Where they can't return
// an error either (Stop, Abandon, Clear, Reset, Stats and their like), Close
// returns the first. Who needs it at once calls the store's own methods; see
// [Buffer.Store]. When the context of Wait ends, the store has a second more to
// tell who is open; one that does not answer is that error, unless mirrors of this
// buffer are open.
//
// A [Sink] reads by following: it slows no writer, and messages of kind [Gap]
// tell it what it has missed. A [SourceCloser] is told of an end within about a
// second.
func NewOver(store Store, c Config) *Buffer {
	b := newBuffer("NewOver", &c)
	b.store = newOver(store, &c, b.source)
	return b
}

// Store returns the store that the buffer is over; nil for one in memory.
func (b *Buffer) Store() Store {
	if o, ok := b.store.(*overStore); ok {
		return o.to
	}
	return nil
}

// callTimeout is how long a method without a context waits for the store.
const callTimeout = 10 * time.Second

// overStore is the backend of a buffer over a store. The mirrors of this process are
// on a memory that keeps nothing; its one sink brings what they write to the
// store. So writing, waiting for room, and ending are what they are in memory.
type overStore struct {
	*memory
	to           Store
	way          *Attachment // of the sink that leads to the store
	closeTimeout time.Duration

	done   context.Context // ends when Close has brought everything to the store
	finish context.CancelFunc

	pump pump

	// What follows is guarded by memory's mutex.
	own    map[string]*account // of our mirrors, by the source's ID
	failed error               // the first of a method that can't return it
}

func newOver(to Store, c *Config, self *Source) *overStore {
	o := &overStore{memory: newMemory(c, self), to: to, closeTimeout: c.CloseTimeout, own: make(map[string]*account)}
	o.passing = true
	o.done, o.finish = context.WithCancel(context.Background())
	o.way = o.memory.attach(outlet{o})
	return o
}

// call calls the store for a method that has no context and returns no error.
func (o *overStore) call(what string, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	err := f(ctx)
	if err != nil {
		o.note(fmt.Errorf("syncstream: %s: %w", what, err))
	}
	return err
}

// note keeps the first error.
func (o *overStore) note(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.failed == nil {
		o.failed = err
	}
}

// sync waits until the store has all that our mirrors were given before.
func (o *overStore) sync(ctx context.Context) error {
	if o.done.Err() != nil {
		return nil // it has, or never will
	}
	if err := o.way.Drain(ctx); err != nil {
		return err
	}
	return o.to.Flush(ctx)
}

// outlet is the sink that leads to the store.
type outlet struct{ over *overStore }

// String says whom a mirror waits for that waits for room.
func (t outlet) String() string {
	if s, ok := t.over.to.(fmt.Stringer); ok {
		return s.String()
	}
	return "of its store"
}

// InOrder has the pieces of a line come where they stand.
func (outlet) InOrder() {}

// WriteBatches waits while the store has no room. What a feed refuses is no error
// of the sink, which goes on for the others.
func (t outlet) WriteBatches(batches []*Batch) error {
	for _, b := range batches {
		err := b.account.out.Append(b)
		if errors.Is(err, ErrClosed) {
			t.over.lose(b.account, b.count, len(b.data))
		} else if err != nil { // the hole in the numbers will tell
			t.over.note(err)
		}
	}
	return nil
}

// CloseSource closes the source in the store, as its mirror was closed.
func (t outlet) CloseSource(s SourceStatus) error {
	a := t.over.account(s.Source)
	if a == nil {
		return nil
	}
	if a.partial { // no stale one may become the last words
		for _, stream := range [...]Stream{Stdout, Stderr, Control} {
			a.out.Hold(stream, nil)
		}
	}
	closeFeed(a.out, &s)
	return nil
}

// account returns that of a source, if it is one of our mirrors'.
func (o *overStore) account(s *Source) *account {
	if s == nil {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.own[s.ID]
}

// openMirror opens the source in the store too, so that who waits there waits for
// it though it writes nothing.
func (o *overStore) openMirror(m *Mirror) error {
	a := m.account
	feed, err := o.to.Feed(a.source)
	if err != nil {
		o.note(fmt.Errorf("syncstream: open a mirror: %w", err))
		m.cancel(ErrClosed)
		return o.memory.openMirror(m)
	}
	a.out = feed
	o.mu.Lock()
	o.ownLocked(a)
	o.mu.Unlock()
	if err = o.memory.openMirror(m); err == ErrClosed {
		feed.Close(StateLost, ErrClosed)
		return err
	}
	context.AfterFunc(feed.Context(), func() { o.hear(m) })
	if a.partial {
		o.pump.start(o)
	}
	return err
}

// ownLocked takes note of one of our sources, and forgets those of which our
// memory tells no more by themselves.
func (o *overStore) ownLocked(a *account) {
	if len(o.own) > 2*len(o.accounts)+o.maxSources {
		clear(o.own)
		for _, a := range o.accounts {
			o.own[a.source.ID] = a
		}
	}
	o.own[a.source.ID] = a
}

// hear does what the store wants of a mirror.
func (o *overStore) hear(m *Mirror) {
	cause := context.Cause(m.account.out.Context())
	switch {
	case o.isClosed(m.account):
	case is(cause, ErrAbandoned) || is(cause, ErrClosed):
		m.cancel(cause)
		m.closeAs(StateLost, cause, nil)
		if err := m.account.out.Flush(o.done); err != nil { // it waits no more, and says what was lost
			o.note(err)
		}
	case o.memory.ask(m.account):
		m.stop(cause)
	}
}

func (o *overStore) hold(w *Writer, partial, owned []byte) error {
	err := o.memory.hold(w, partial, owned)
	if w.mirror.account.partial {
		o.pump.wake()
	}
	return err
}

func (o *overStore) ask(a *account) bool {
	news := o.memory.ask(a)
	if news {
		a.out.Mark(StateAsked)
	}
	return news
}

func (o *overStore) acknowledge(a *account) {
	o.memory.acknowledge(a)
	if a.out != nil {
		a.out.Mark(StateAcknowledged)
	}
}

func (o *overStore) flush(ctx context.Context, a *account) error {
	if err := o.way.Drain(ctx); err != nil {
		return err
	}
	return a.out.Flush(ctx)
}

func (o *overStore) settle(a *account) error {
	ctx, cancel := context.WithTimeout(context.Background(), o.closeTimeout)
	defer cancel()
	if a.out == nil {
		return nil
	}
	return o.flush(ctx, a)
}

// feed goes straight to the store.
func (o *overStore) feed(_ *Buffer, source *Source) (Feed, error) { return o.to.Feed(source) }

// stop is heard here at once, whether the store can be reached or not.
func (o *overStore) stop(cause error) {
	o.memory.stop(cause)
	o.call("stop", func(ctx context.Context) error { return o.to.Stop(ctx, cause) })
}

func (o *overStore) abandon() {
	o.memory.abandon()
	o.call("abandon", func(ctx context.Context) error { return errors.Join(o.sync(ctx), o.to.Abandon(ctx)) })
}

func (o *overStore) clear() {
	o.call("clear", func(ctx context.Context) error { return errors.Join(o.sync(ctx), o.to.Clear(ctx)) })
}

func (o *overStore) reset() {
	o.call("reset", func(ctx context.Context) error { return errors.Join(o.sync(ctx), o.to.Reset(ctx)) })
	o.memory.reset()
}

// end brings to the store what there is, lets go of it, and ends those who
// follow.
func (o *overStore) end() error {
	o.memory.end()
	ctx, cancel := context.WithTimeout(context.Background(), o.closeTimeout)
	defer cancel()
	err := errors.Join(o.way.Drain(ctx), o.to.Close(ctx))
	o.finish()
	o.mu.Lock()
	defer o.mu.Unlock()
	return errors.Join(o.failed, err)
}
