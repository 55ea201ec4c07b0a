package process

import (
	"context"
	"log/slog"
	"os"
	"sync"
	"unicode/utf8"

	"github.com/syncstream/syncstream"
)

const (
	// fdEnv names the descriptor over which a worker sends messages, and fdIDEnv
	// its device and inode, so that who inherits only the variables can tell.
	fdEnv   = "SYNCSTREAM_FD"
	fdIDEnv = "SYNCSTREAM_FD_ID"
	// failureEnv names the descriptor on which a worker function says why it
	// failed.
	failureEnv = "SYNCSTREAM_FAILURE_FD"
	// maxProgress is so little that it is one record, however it is escaped: those
	// of others may come between two.
	maxProgress = 2000
)

// ParentMirror is a worker's way to its mirror in the parent's buffer, for what
// is more than the lines that it prints. All its methods may be called by any
// goroutine at any time.
type ParentMirror struct {
	conn  *parentConn
	local *syncstream.Mirror     // makes messages, as the parent's would
	sent  *syncstream.Attachment // sends them
	ctx   context.Context
	heard sync.Once
}

// Parent returns the mirror of this process in the buffer of the process that
// started it with [Start]; each call the same. On Linux every worker has one,
// where its descriptor's number, which is that of the first after those that
// [os/exec.Cmd.ExtraFiles] gives, is at most 9.
//
// The processes that this one starts can't have it any more, once Parent was
// called: the descriptor is closed there, and the environment has lost
// SYNCSTREAM_FD and SYNCSTREAM_FD_ID.
//
// The error wraps [ErrNoParent].
func Parent() (*ParentMirror, error) { return parent() }

var parent = sync.OnceValues(func() (*ParentMirror, error) {
	conn, err := dialParent(os.Getenv(fdEnv), os.Getenv(fdIDEnv))
	os.Unsetenv(fdEnv)
	os.Unsetenv(fdIDEnv)
	if err != nil {
		return nil, err
	}
	// Whoever sends waits until all is sent, so one message is enough.
	b := syncstream.New(syncstream.Config{MaxMessages: 1})
	m := &ParentMirror{conn: conn, local: b.Mirror(syncstream.MirrorConfig{}), sent: b.Attach(conn)}
	ctx, cancel := context.WithCancelCause(context.Background())
	m.ctx = ctx
	go func() { cancel(conn.awaitStop()) }()
	return m, nil
})

// Context ends when the parent asks this worker to end, with
// [syncstream.ErrStopped], or when there is no parent any more, with
// [ErrParentGone]. The stop signal comes besides; a worker that wants to end in
// its own time catches it, as worker functions do.
func (m *ParentMirror) Context() context.Context { return m.ctx }

// Warn sends err as one warning, with what [syncstream.Mirror.Warn] makes of it.
// It returns when the warning is in the parent's buffer, behind all lines that
// this process had written to its stdout and stderr before the call; those that
// are still in a buffer of its own, no one else can know of. It waits while the
// parent's buffer does, and takes the warning also after a stop, when it returns
// [syncstream.ErrStopped]. When there is no parent any more, the error is
// [ErrParentGone].
func (m *ParentMirror) Warn(err error) error { return m.flush(m.local.Warn(err)) }

// Error sends err as one error, as Warn does.
func (m *ParentMirror) Error(err error) error { return m.flush(m.local.Error(err)) }

// Progress shows what this worker is at, as [syncstream.Mirror.Progress] does. Its
// first 2,000 bytes are sent, and it returns when they are on their way.
func (m *ParentMirror) Progress(text string) error {
	if len(text) > maxProgress {
		text = text[:cutRune(text, maxProgress)]
	}
	return m.answer(m.conn.sendMessage(syncstream.Message{Kind: syncstream.Partial, Text: text}))
}

// Handler returns a handler that sends what a [slog.Logger] logs, as that of
// [syncstream.Mirror.Handler] does. Its Handle returns as Warn does, but for
// lines when they are on their way.
func (m *ParentMirror) Handler(opts *slog.HandlerOptions) slog.Handler {
	return parentHandler{Handler: m.local.Handler(opts), mirror: m}
}

// Acknowledge tells the parent that this worker has heard the stop and is
// ending; [syncstream.Buffer.Sources] shows it there. A method that returns
// [syncstream.ErrStopped] does that by itself. Before a stop it does nothing.
func (m *ParentMirror) Acknowledge() {
	if context.Cause(m.ctx) == syncstream.ErrStopped {
		m.heard.Do(func() { _ = m.conn.send([]byte(`{"kind":"`+kindAcknowledge+`"}`), -1) })
	}
}

// flush returns when all is sent.
func (m *ParentMirror) flush(err error) error {
	if err == nil {
		err = m.sent.Drain(context.Background())
	}
	return m.answer(err)
}

// answer adds to what a method returns that the worker should end.
func (m *ParentMirror) answer(err error) error {
	if err == nil && context.Cause(m.ctx) == syncstream.ErrStopped {
		m.Acknowledge()
		return syncstream.ErrStopped
	}
	return err
}

type parentHandler struct {
	slog.Handler
	mirror *ParentMirror
}

func (h parentHandler) Handle(ctx context.Context, r slog.Record) error {
	return h.mirror.flush(h.Handler.Handle(ctx, r))
}

func (h parentHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return parentHandler{h.Handler.WithAttrs(attrs), h.mirror}
}

func (h parentHandler) WithGroup(name string) slog.Handler {
	return parentHandler{h.Handler.WithGroup(name), h.mirror}
}

// WriteBatches makes a sink of the way to the parent.
func (c *parentConn) WriteBatches(batches []*syncstream.Batch) error {
	for _, b := range batches {
		for m := range b.All() {
			if err := c.sendMessage(m); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *parentConn) sendMessage(m syncstream.Message) error {
	all := records(m)
	last := len(all) - 1
	for _, record := range all[:last] {
		if err := c.send(record, -1); err != nil {
			return err
		}
	}
	if m.Kind == syncstream.Warning || m.Kind == syncstream.Error {
		return c.sendAndWait(all[last])
	}
	return c.send(all[last], -1)
}

// records returns the message as a child sends it: in parts where it is long.
func records(m syncstream.Message) (all [][]byte) {
	part := syncstream.Message{Stream: syncstream.Control, Kind: m.Kind, End: syncstream.EndNone}
	for text := m.Text; ; {
		n := min(len(text), maxRecord)
		for part.Text = text[:n]; ; part.Text = text[:n] {
			part.Part = partOf(len(all) == 0, n == len(text))
			record := part.AppendJSON(nil)
			if len(record) <= maxRecord {
				all = append(all, record)
				break
			}
			n = cutRune(text, n/2)
		}
		if text = text[n:]; text == "" {
			return all
		}
	}
}

// cutRune returns n, or a little less, where that cuts no character of text.
func cutRune(text string, n int) int {
	for i := n; i > n-utf8.UTFMax; i-- {
		if utf8.RuneStart(text[i]) {
			return i
		}
	}
	return n
}

func partOf(first, last bool) syncstream.Part {
	switch {
	case first && last:
		return syncstream.PartWhole
	case first:
		return syncstream.PartFirst
	case last:
		return syncstream.PartLast
	}
	return syncstream.PartMiddle
}
