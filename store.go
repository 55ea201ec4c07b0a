package syncstream

import (
	"context"
	"iter"
)

// Store is where a buffer keeps its messages when that is not the memory of this
// process: a host over HTTP, a folder. [NewOver] makes a [Buffer] over one, as
// slog.New makes a Logger over a Handler; the buffer's mirrors cut lines and
// number them, and the store keeps what they give it.
//
// All methods may be called by any goroutine at any time. Each returns an error
// that says what was being done and where, without a secret; when ctx ends, it
// returns soon, with an error that wraps [context.Cause]. A store that can't be
// reached for a while tries again by itself, until ctx ends.
//
// Messages of one source should have the same *Source. What package storetest
// checks, a store keeps.
type Store interface {
	// Feed opens a source. It waits for nobody, also where the store can't be
	// reached at the moment. The store may keep source, which nobody changes.
	// The error is [ErrClosed] after Close.
	Feed(source *Source) (Feed, error)
	// Flush returns when all that the feeds of this Store were given before the
	// call, openings and closings too, is where it can't be lost with this
	// process, and where all readers find it.
	Flush(ctx context.Context) error

	// Last is [Buffer.Last].
	Last(ctx context.Context, n int) ([]Message, error)
	// Follow is [Buffer.Follow]. A reader that is slow holds up no writer: it
	// misses messages, and a message of kind [Gap] counts them. The sequence ends
	// with ctx, when the store is gone for good, and where an option says so.
	Follow(ctx context.Context, after Position, options ...FollowOption) iter.Seq2[Message, error]
	// Partials is [Buffer.Partials]. It may leave out those of feeds of this Store.
	Partials(ctx context.Context) ([]Message, error)
	// Snapshot is [Buffer.Snapshot]. A store that has a method Stats besides, like
	// this one without the sources, is asked for that where they are not wanted.
	Snapshot(ctx context.Context) (Stats, []SourceStatus, error)
	// Wait is [Buffer.Wait]; but when ctx ends, any error that wraps its cause will
	// do. The cause of a stop that came from another process is a [*StopError].
	Wait(ctx context.Context) error

	// Stop is [Buffer.Stop]: it returns when the store has heard it. The context
	// of each feed ends, in all processes.
	Stop(ctx context.Context, cause error) error
	// Abandon is [Buffer.Abandon], for the sources of all processes.
	Abandon(ctx context.Context) error
	// Clear is [Buffer.Clear].
	Clear(ctx context.Context) error
	// Reset is [Buffer.Reset].
	Reset(ctx context.Context) error

	// Close does what Flush does, and then lets go of what this process keeps for
	// the store: goroutines, connections. The messages stay where they are, and
	// what reads goes on working. Feeds that are open are left as if this process
	// had died. When ctx ends before all has been delivered, the error says how
	// many messages were not. A second call does nothing.
	Close(ctx context.Context) error
}

// Feed brings the messages of one source to a store, in batches that have their
// numbers already. What the feeds of one Store are given comes in the order of the
// calls, while there is not more than can be sent at once. The mirrors of a buffer over a
// [Store] write to feeds, and so does whoever receives what a worker elsewhere has
// sent ([Buffer.Feed]).
//
// All methods may be called by any goroutine at any time. Appends and holds of
// one source come one after the other.
type Feed interface {
	// Context ends when the source should end: with the cause of a stop; with
	// [ErrAbandoned] when nobody waits for it any more; with [ErrClosed] when it,
	// or the store, has been closed.
	Context() context.Context
	// Append brings a batch, whose [Batch.First] stands behind the last one's: a
	// number that is left out is a loss, and becomes a message of kind [Gap]. The
	// first batch may begin anywhere. A batch that has no number gets one, and
	// counts for nothing here.
	//
	// It waits while there is no room. The batch and its bytes stay the caller's.
	// The error is [ErrClosed] when nothing is taken any more; then, and with any
	// other error, nothing of the batch was kept, nor is it counted as lost. An
	// error says nothing of batches to come.
	Append(*Batch) error
	// Hold shows text as what the stream has written since its last line end, in
	// place of what was held before; an empty text takes it away, and so does the
	// stream's next batch. For [Control] it is what [Mirror.Progress] shows, and
	// only a line without a line end takes it away. It waits for nobody, and what
	// is soon followed by another may never be seen. The text is copied.
	Hold(stream Stream, text []byte) error
	// Mark tells how far a source that is open has come: [StateAsked], somebody
	// here has asked it to end, so how it ends is no failure; or
	// [StateAcknowledged], it has heard that. It waits for nobody.
	Mark(State)
	// Flush returns when all that came before, a Close too, is acknowledged: it
	// can't be lost with this process. The error wraps ctx's cause when that ends
	// first, and says how many messages have not been acknowledged.
	Flush(ctx context.Context) error
	// Close closes the source, as it has ended: [StateExited], [StateKilled] or
	// [StateLost], for the reason err if it is not nil. What is held becomes a
	// message. It waits for nobody; see Flush. The error is [ErrClosed] if the
	// feed was closed already.
	Close(state State, err error) error
}

// Feed opens a source whose messages come numbered: those of a worker elsewhere,
// or of another buffer. The source is used as it is, and may not be changed any
// more; it needs an ID. A source that comes back after its feed was closed is
// opened again, and is a row of its own in [Buffer.Sources].
//
// With a [Config.Parse], which comes before the numbers, the buffer's numbers are
// its own.
//
// The error is [ErrClosed] if the buffer is closed.
func (b *Buffer) Feed(source *Source) (Feed, error) {
	if source.ID == "" {
		return nil, errNoID
	}
	return b.store.feed(b, source)
}
