// Package syncstream brings the output of many workers together: every line
// whole, in the order in which its worker wrote it, none lost without being
// counted. A [Buffer] keeps the last messages of all workers; each worker writes
// to a [Mirror] of its own; a [Sink] reads all that comes.
//
//	b := syncstream.New(syncstream.Config{MaxMessages: 10})
//	for i := range 4 {
//		b.Go(fmt.Sprint("worker ", i), func(ctx context.Context, m *syncstream.Mirror) error {
//			_, err := fmt.Fprintln(m, "Message item")
//			return err
//		})
//	}
//	err := b.Wait(ctx) // the first failure
//	last, _ := b.Last(ctx, 10)
//
// Package process, beside this one, gives a mirror to any program that can be
// run.
//
// # Lines
//
// A mirror has two streams, and each keeps its own partial line, so bytes of two
// workers, or of two streams, never meet in one line. [MirrorConfig.Lines] says
// where a line ends; LF and CRLF end one always. A line over [Config.MaxLine]
// comes in pieces that say so; see [Part]. Bytes are kept as they came, whether
// they are text or not.
//
// # Errors and logging
//
// [Mirror.Warn] and [Mirror.Error] send an error as one message, with the causes
// that its text hides and the stack that it carries; so does the error that
// closes a mirror. [Mirror.Handler] does it for what [log/slog] logs from
// LevelWarn on; what is below becomes lines.
//
// # Printing
//
// [Redirect] has what this process prints to os.Stdout, os.Stderr and by package
// log go to a mirror, and back. Its doc comment says what it can't catch.
//
// # When the buffer is full
//
// When [Config.MaxMessages] or [Config.MaxBytes] is reached, the oldest messages
// leave; [Buffer.Stats] counts them. Writers never wait for that. They wait for a
// sink whose queue is full, since a sink loses nothing.
//
// # Reading
//
// [Buffer.Last] gives the newest messages. [Buffer.Follow] gives what is kept
// and what comes, in one sequence; no writer waits for a follower, and one that
// is outrun is told how many messages it has missed. A [Sink] gets everything,
// in batches; package sink has some, and [Buffer.Sink] is another buffer's.
// [Buffer.Snapshot] accounts for every message that was ever written.
//
// # Elsewhere
//
// [Open] gives a buffer whose messages are kept by a host, by its URL; the host's
// package is to be imported. Such a buffer is used as any other: workers on many
// machines write to it, and whoever opens it reads, waits and stops. [NewOver]
// says where it differs.
//
// # Waiting
//
// [Buffer.Wait] returns when every mirror has been closed, and names the first
// source that failed; when its context ends first, it names the sources that are
// still open, and says of each why.
//
// # Stopping
//
// [Buffer.Stop] asks all workers to end. They hear it from [Mirror.Context],
// also when they never write, and from what writes to a mirror; nothing that
// they print meanwhile is lost, and [Buffer.Sources] shows who has answered.
// [Buffer.Abandon] forgets those that do not come to an end.
//
// # Closing
//
// [Mirror.Close] and [Mirror.CloseWithError] make a message of what has no line
// end yet. [Buffer.Close] does that for all mirrors and takes no more; what is
// kept can still be read. [Attachment.Drain] waits until a sink has got
// everything.
package syncstream
