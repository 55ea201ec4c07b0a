package syncstream

import (
	"context"
	"iter"
)

// backend is what a buffer works on: the memory of this process, or a [Store]
// with the mirrors of this process before it. It is wider than Store, since a
// mirror of the same process can do with locks what others must send.
type backend interface {
	sender

	// feed opens a source whose messages have their numbers already.
	feed(b *Buffer, source *Source) (Feed, error)
	follow(ctx context.Context, after Position, options FollowOption) iter.Seq2[Message, error]
	last(ctx context.Context, n int) ([]Message, error)
	partials() []Message
	wait(ctx context.Context) error
	attach(Sink) *Attachment
	stats() Stats
	snapshot() (Stats, []SourceStatus)
	numOpen() int
	len() int

	stop(cause error)
	stoppedBy() error
	resume()
	abandon()
	clear()
	reset()
	close() (open []*Mirror, first bool)
	end() error
}

// sender is what mirrors need of a backend.
type sender interface {
	// openMirror registers m, and returns why it should end already, if it
	// should: [ErrClosed], or the cause of a stop.
	openMirror(m *Mirror) error
	// append stores a batch, and gives it its numbers. It waits while a sink has
	// no room. The batch stays the caller's.
	append(b *Batch) error
	// help calls the first sink, if it has something to do and is idle.
	help()
	hold(w *Writer, partial, owned []byte) error
	holdAgain(w *Writer, partial []byte)
	// rename says which stream of its worker w is.
	rename(w *Writer, stream Stream)
	lose(a *account, messages, bytes int)
	parsedAway(a *account, messages, bytes int)
	// ask notes that a source is to stop, and reports whether that is news.
	ask(a *account) bool
	acknowledge(a *account)
	closeMirror(a *account, state State, err error)
	isClosed(a *account) bool
	// part says that nothing more comes on one stream of a source that is lost.
	part(a *account)
	// flush returns when what came from a source can't be lost with this process.
	flush(ctx context.Context, a *account) error
	// settle is flush for a source that has closed its mirror; it waits no longer
	// than Config.CloseTimeout.
	settle(a *account) error
}
