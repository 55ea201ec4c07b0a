package syncstream

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/syncstream/syncstream/internal/split"
)

// MirrorConfig says who writes to a mirror and where its lines end.
type MirrorConfig struct {
	// Source tells who writes. Fields that are empty are filled in; see
	// [Source].
	Source Source
	// Lines decides where a line ends; if zero, Fold.
	Lines Lines
	// Merged makes the mirror's first stream [Merged] instead of [Stdout].
	Merged bool
}

// Mirror is the sender's end of a buffer. A worker writes to it as to its
// stdout ([Mirror.Write]) and stderr ([Mirror.Stderr]); the bytes are cut into
// lines, and each stream keeps its own partial line. All methods may be called
// by any goroutine at any time.
type Mirror struct {
	store  *memory
	source *Source
	ctx    context.Context // ends when the worker should
	cancel context.CancelCauseFunc
	stdout Writer
	stderr Writer

	// What follows is guarded by store.mu.
	state          State
	opened, closed time.Time
	active         int64 // Unix time in nanoseconds of the last message
	written        Count
	err            error
}

func newMirror(b *Buffer, c MirrorConfig) *Mirror {
	if int(c.Lines) >= len(linesNames) {
		panic(fmt.Sprintf("syncstream: Buffer.Mirror: MirrorConfig.Lines is %d; want Fold, Split, Keep or Python", c.Lines))
	}
	source := c.Source
	if source.ID == "" {
		source.ID = strings.ToLower(rand.Text()[:16]) // 80 bits
	}
	if source.Host == "" {
		source.Host = hostname
	}
	switch {
	case source.PID == 0:
		source.PID = os.Getpid()
	case source.PID < 0:
		source.PID = 0
	}
	m := &Mirror{store: b.store, source: &source}
	m.ctx, m.cancel = context.WithCancelCause(context.Background())
	cut := split.Splitter{Mode: split.Mode(c.Lines), Max: b.maxLine}
	m.stdout = Writer{mirror: m, stream: Stdout, split: cut}
	m.stderr = Writer{mirror: m, stream: Stderr, split: cut}
	if c.Merged {
		m.stdout.stream = Merged
	}
	if !b.store.openMirror(m) {
		m.cancel(ErrClosed)
	}
	return m
}

// Source returns who writes to the mirror.
func (m *Mirror) Source() *Source { return m.source }

// Context ends when the mirror is closed, by whomever.
func (m *Mirror) Context() context.Context { return m.ctx }

// Write writes to the mirror's first stream. See [Writer.Write].
func (m *Mirror) Write(p []byte) (int, error) { return m.stdout.Write(p) }

// Stdout returns the mirror's first stream.
func (m *Mirror) Stdout() *Writer { return &m.stdout }

// Stderr returns the mirror's second stream.
func (m *Mirror) Stderr() *Writer { return &m.stderr }

// EndLine makes a message of each stream's partial line, if there is one: its
// [End] is EndNone, and what is written next begins a new line.
func (m *Mirror) EndLine() error {
	m.lock()
	defer m.unlock()
	return errors.Join(m.stdout.finish(), m.stderr.finish())
}

// Warn sends err as one warning, however many lines its text has. It stands
// after all lines that were complete before; a partial line goes on behind it,
// unless [Mirror.EndLine] is called first. A nil err is ignored. Like Write, it
// waits while a sink has no room, and returns [ErrClosed].
func (m *Mirror) Warn(err error) error { return m.say(Warning, err) }

// Error sends err as one error, in the place that Warn would give it. The
// mirror stays open.
func (m *Mirror) Error(err error) error { return m.say(Error, err) }

func (m *Mirror) say(kind Kind, err error) error {
	if err == nil {
		return nil
	}
	m.lock()
	defer m.unlock()
	return m.sayLocked(kind, err)
}

func (m *Mirror) sayLocked(kind Kind, err error) error {
	text := strings.TrimRight(err.Error(), "\n")
	return m.store.append(m, Control, &run{
		time: time.Now().UnixNano(), data: []byte(text), lines: 1, kind: kind, final: true,
	})
}

// Close closes the mirror: a partial line becomes a message. The error is
// [ErrClosed] if the mirror was closed already.
func (m *Mirror) Close() error { return m.CloseWithError(nil) }

// CloseWithError closes the mirror with the reason err: partial lines become
// messages, and err, if it is not nil, the error message behind them. A sink
// that has no room makes it wait, as it does Write.
//
// The error is [ErrClosed] if the mirror was closed already; that changes
// nothing.
func (m *Mirror) CloseWithError(err error) error {
	m.lock()
	defer m.unlock()
	if m.store.isClosed(m) {
		return ErrClosed
	}
	failed := errors.Join(m.stdout.finish(), m.stderr.finish())
	if err != nil {
		failed = errors.Join(failed, m.sayLocked(Error, err))
	}
	m.cancel(ErrClosed)
	m.store.closeMirror(m, err)
	return failed
}

func (m *Mirror) lock()   { m.stdout.mu.Lock(); m.stderr.mu.Lock() }
func (m *Mirror) unlock() { m.stderr.mu.Unlock(); m.stdout.mu.Unlock() }

// statusLocked needs store.mu.
func (m *Mirror) statusLocked() SourceStatus {
	status := SourceStatus{
		Source: m.source, State: m.state, Opened: m.opened, Closed: m.closed, Written: m.written, Err: m.err,
	}
	if m.active != 0 {
		status.Active = time.Unix(0, m.active)
	}
	return status
}

// Writer is one stream of a mirror. It is safe for many goroutines: what one
// Write brings stands together on its stream.
type Writer struct {
	mirror *Mirror
	stream Stream

	mu    sync.Mutex // held for a whole Write, also while it waits for a sink; guards what follows
	split split.Splitter
	clock clock

	// held is the partial line. It is changed with both mu and the store's
	// mutex, and read with either.
	held   []byte
	heldAt time.Time
}

// feedSize is how much of a Write is looked at in one go.
const feedSize = 32 << 10

// Write cuts p into lines. It keeps no reference to p. It waits while a [Sink]
// of the buffer has no room, and returns [ErrClosed] when the mirror or the
// buffer has been closed.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	taken, refused := 0, error(nil)
	for rest := p; len(rest) > 0; {
		n, err := 0, error(nil)
		if len(rest) < blockSize/4 || len(w.held) > blockSize/4 {
			n = min(len(rest), feedSize)
			err = w.feed(rest[:n])
		} else {
			b := readBlocks.get()
			n = copy(b.data[copy(b.data, w.held):], rest)
			err = w.feedBlock(b, n, false)
			b.release()
		}
		switch {
		case err != nil:
			refused = err // the rest is refused too, and counted
		case refused == nil:
			taken += n
		}
		rest = rest[n:]
	}
	return taken, refused
}

// feed takes bytes that are the caller's.
func (w *Writer) feed(p []byte) error {
	held := len(w.held)
	if held == 0 {
		return w.cut(p, origin{}, false)
	}
	// No reader looks behind the end of held.
	return w.cut(append(w.held, p...), origin{held: held, owned: true}, false)
}

// feedBlock takes n new bytes in b, which begins with the partial line.
func (w *Writer) feedBlock(b *block, n int, help bool) error {
	held := len(w.held)
	data := b.data[:held+n]
	if len(data) < worthABlock {
		b = nil // too little to give a block away for
	}
	return w.cut(data, origin{held: held, block: b, help: help}, false)
}

// worthABlock is how many bytes make a batch take over the block that they were
// read into; fewer are copied.
const worthABlock = blockSize / 4

// origin tells what the bytes given to cut are.
type origin struct {
	held  int    // so many bytes at the beginning are the partial line
	block *block // that holds them; nil: they are copied
	owned bool   // they are the memory of Writer.held, or take its place
	help  bool   // the caller's goroutine may call the sinks
}

// memory returns data if it is or becomes that of Writer.held.
func (c *origin) memory(data []byte) []byte {
	if c.owned {
		return data
	}
	return nil
}

// cut sends the messages of data and holds the rest.
func (w *Writer) cut(data []byte, c origin, final bool) error {
	held := c.held
	off := 0
	for off < len(data) {
		before := w.split
		r, used := w.split.Next(data[off:], held, final)
		if r.Lines == 0 {
			if off+used == len(data) && len(w.held) == 0 {
				return nil
			}
			err := w.mirror.store.hold(w, data[off+used:], c.memory(data))
			if err != nil {
				w.refuse(before, data, off, c.held)
			}
			return err
		}
		at := off + r.Off
		err := w.mirror.store.append(w.mirror, w.stream, &run{
			time: w.clock.now(), data: data[at : at+r.Len], block: c.block, off: at, mode: w.split.Mode,
			lines: r.Lines, part: Part(r.Part), redraws: r.Redraws, odd: r.Odd, help: c.help, final: final,
		})
		if err != nil {
			w.lose(data[off+used:], final)
			w.refuse(before, data, off, c.held)
			return err
		}
		off += used
		held = 0
	}
	if len(w.held) == 0 {
		return nil
	}
	return w.mirror.store.hold(w, nil, c.memory(data))
}

// lose counts the messages of data, of which what came before was refused.
func (w *Writer) lose(data []byte, final bool) {
	for {
		r, used := w.split.Next(data, 0, final)
		if r.Lines == 0 {
			return
		}
		w.mirror.store.lose(r.Lines, r.Len)
		data = data[used:]
	}
}

// refuse goes back to before data[off:] came, of which the first held bytes
// are the partial line that was there: so it is not lost, and comes but once.
func (w *Writer) refuse(before split.Splitter, data []byte, off, held int) {
	w.split = before
	w.mirror.store.holdAgain(w, data[min(off, held):held])
}

// finish makes a message of the partial line. It needs mu.
func (w *Writer) finish() error {
	return w.cut(w.held, origin{held: len(w.held), owned: true}, true)
}
