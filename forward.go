package syncstream

import (
	"context"
	"errors"
	"sync"
)

// Sink returns a sink that puts all that another buffer gets into b, without
// copying it: the messages keep their sources, numbers and times. Each source
// is open in b from its first message until it ends there, or until the
// attachment does; so b's Wait and Sources tell of it too.
//
// The sink is for one attachment. When b is closed, the sink's error is
// [ErrClosed]. A stop of b is not passed on; [Buffer.Forward] does that. Buffers must not be attached to each other in a ring.
func (b *Buffer) Sink() SourceCloser {
	return &forwarder{to: b, feeds: make(map[*Source]Feed)}
}

// Forward has all that b gets from now on put into another buffer, such as one at
// a host. It is Attach with the other's [Buffer.Sink], and more: each mirror of b
// is open there as long as it is here, also one that writes nothing; and a stop
// that is asked of a source there is asked of it here, whose answer is known there
// too. What Abandon forgets there is a new source with its next message.
//
// Where b is itself over a [Store] there is nobody here to be asked, and it does
// what Attach does.
func (b *Buffer) Forward(to *Buffer) *Attachment {
	return b.Attach(&opening{forwarder{to: to, feeds: make(map[*Source]Feed), mirrors: make(map[*Source]*Mirror)}})
}

// opening is a forwarder that is told of mirrors, not only of what they write.
type opening struct{ forwarder }

// openSource opens a source there. m is its mirror; nil, if that has been closed
// already.
func (f *opening) openSource(source *Source, m *Mirror) {
	f.mu.Lock()
	if m != nil && !f.closed {
		f.mirrors[source] = m
	}
	f.mu.Unlock()
	f.feed(source) // the next message will meet the error
}

// hear has a mirror hear of a stop there.
func hear(feed Feed, m *Mirror) {
	context.AfterFunc(feed.Context(), func() {
		switch cause := context.Cause(feed.Context()); {
		case is(cause, ErrClosed) || is(cause, ErrAbandoned):
		default:
			m.Stop(cause)
		}
	})
}

// acknowledge tells the other buffer that a source has heard of a stop.
func (f *opening) acknowledge(source *Source) {
	f.mu.Lock()
	feed := f.feeds[source]
	f.mu.Unlock()
	if feed != nil {
		feed.Mark(StateAcknowledged)
	}
}

type forwarder struct {
	to *Buffer

	mu      sync.Mutex // guards what follows
	feeds   map[*Source]Feed
	mirrors map[*Source]*Mirror // that hear of a stop there; nil where none does
	closed  bool
}

func (f *forwarder) String() string { return "another buffer" }

// InOrder has the pieces of a line come where they stand.
func (f *forwarder) InOrder() {}

// feed returns that of source, a new one if there is none.
func (f *forwarder) feed(source *Source) (Feed, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, ErrClosed
	}
	if feed := f.feeds[source]; feed != nil {
		return feed, nil
	}
	feed, err := f.to.Feed(source)
	if err != nil {
		return nil, err
	}
	f.feeds[source] = feed
	if m := f.mirrors[source]; m != nil {
		hear(feed, m)
	}
	return feed, nil
}

// WriteBatches waits while the sinks of the other buffer have no room.
func (f *forwarder) WriteBatches(batches []*Batch) error {
	for _, b := range batches {
		err := f.append(b)
		if errors.Is(err, ErrClosed) { // a source that was abandoned there goes on as a new one
			f.forget(b.Source())
			err = f.append(b)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (f *forwarder) append(b *Batch) error {
	feed, err := f.feed(b.Source())
	if err != nil {
		return err
	}
	return feed.Append(b)
}

// forget takes a source's feed out, and returns it.
func (f *forwarder) forget(source *Source) Feed {
	f.mu.Lock()
	defer f.mu.Unlock()
	feed := f.feeds[source]
	delete(f.feeds, source)
	return feed
}

// CloseSource closes the source in the other buffer. It says nothing more: the
// source's last words have come as messages.
func (f *forwarder) CloseSource(s SourceStatus) error {
	feed := f.forget(s.Source)
	f.mu.Lock()
	delete(f.mirrors, s.Source)
	f.mu.Unlock()
	if feed != nil {
		closeFeed(feed, &s)
	}
	return nil
}

// closeFeed closes a source as it was closed elsewhere.
func closeFeed(feed Feed, s *SourceStatus) {
	if !s.Asked.IsZero() {
		feed.Mark(StateAsked)
	}
	feed.Close(s.State, s.Err) // who has closed it meanwhile has the last word
}

// Close closes the sources that are still open.
func (f *forwarder) Close() error {
	f.mu.Lock()
	open := f.feeds
	f.feeds, f.mirrors, f.closed = nil, nil, true
	f.mu.Unlock()
	for _, feed := range open {
		feed.Close(StateLost, ErrDetached)
	}
	return nil
}
