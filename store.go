package syncstream

import "context"

// store is where a buffer keeps its batches. It stays internal until a second
// implementation has proved its shape.
type store interface {
	sender

	// read waits until there is something for r, and puts it there. The error
	// is io.EOF when nothing more will come.
	read(ctx context.Context, r *reader) error
	last(n int) []Message
	partials() []Message
	wait(ctx context.Context) error
	attach(Sink) *Attachment
	stats() Stats
	snapshot() (Stats, []SourceStatus)
	numOpen() int
	len() int

	stop(cause error)
	abandon()
	clear()
	reset()
	close() (open []*Mirror, first bool)
	end()
}

// sender is what mirrors need of a store.
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
	lose(a *account, messages, bytes int)
	parsedAway(a *account, messages, bytes int)
	// ask notes that a source is to stop, and reports whether that is news.
	ask(a *account) bool
	acknowledge(a *account)
	closeMirror(a *account, state State, err error)
	isClosed(a *account) bool
	// part says that nothing more comes on one stream of a source that is lost.
	part(a *account)
}
