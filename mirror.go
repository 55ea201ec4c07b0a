package syncstream

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
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
	// Doing says for people what the worker is doing, as far as somebody can
	// see: it becomes part of [SourceStatus.Why]. It is called whenever a
	// status is asked for while the mirror is open, by any goroutine, and may
	// not wait. If nil, nobody can see.
	Doing func() string
	// Partial has a store elsewhere told of partial lines as they grow, and of
	// what [Mirror.Progress] shows, every 50 ms at most. A buffer in memory knows
	// them anyway.
	Partial bool
}

// Mirror is the sender's end of a buffer. A worker writes to it as to its
// stdout ([Mirror.Write]) and stderr ([Mirror.Stderr]); the bytes are cut into
// lines, and each stream keeps its own partial line. All methods may be called
// by any goroutine at any time.
//
// After [Buffer.Stop] a mirror still takes everything, and its methods that
// write return [ErrStopped] to say so.
type Mirror struct {
	store   sender
	parse   *parser // nil: all messages are kept as they are
	account *account
	ctx     context.Context // ends when the worker should
	cancel  context.CancelCauseFunc
	stdout  Writer
	stderr  Writer
	// control has the lines of a Handler. Each comes in one Write, and stays
	// apart from what a worker's stream has begun.
	control Writer
	// progress holds what the worker is at, as a partial line, and nothing else
	// is ever written to it.
	progress Writer

	stopped   atomic.Bool // writes return ErrStopped
	heard     atomic.Bool // the store knows that the worker does
	abandoned atomic.Bool // who lets go of a stream makes a message of its partial line
}

func newMirror(b *Buffer, source *Source, c MirrorConfig) *Mirror {
	m := &Mirror{
		store: b.store, parse: b.parse, account: &account{source: source, doing: c.Doing, partial: c.Partial},
	}
	m.ctx, m.cancel = context.WithCancelCause(context.Background())
	first := Stdout
	if c.Merged {
		first = Merged
	}
	cut := split.Splitter{Mode: split.Mode(c.Lines), Max: b.maxLine}
	m.stdout.init(m, first, cut)
	m.stderr.init(m, Stderr, cut)
	m.control.init(m, Control, split.Splitter{Mode: split.Keep, Max: b.maxLine})
	m.progress.init(m, Control, split.Splitter{Mode: split.Keep, Max: b.maxLine})
	switch err := b.store.openMirror(m); err {
	case nil:
	case ErrClosed:
		m.cancel(ErrClosed)
	default:
		m.stop(err)
	}
	return m
}

// Source returns who writes to the mirror.
func (m *Mirror) Source() *Source { return m.account.source }

// Context ends when the worker should end: with the cause that was given to
// [Buffer.Stop], with [ErrAbandoned], or with [ErrClosed] when the mirror is
// closed, by whomever.
func (m *Mirror) Context() context.Context { return m.ctx }

// Acknowledge tells the buffer that the worker has heard the stop and is ending;
// without one it does nothing. A method that returns [ErrStopped] does that by
// itself, so this is for workers that learn it from Context and write nothing
// more for a while.
func (m *Mirror) Acknowledge() {
	if m.stopped.Load() && !m.heard.Swap(true) {
		m.store.acknowledge(m.account)
	}
}

// Stop asks this mirror's worker to end, as [Buffer.Stop] does all; for those who
// capture it. If cause is nil, it is [ErrStopped]. How the worker then ends is no
// failure of the buffer's.
func (m *Mirror) Stop(cause error) {
	if cause == nil {
		cause = ErrStopped
	}
	if m.store.ask(m.account) {
		m.stop(cause)
	}
}

func (m *Mirror) stop(cause error) {
	m.stopped.Store(true)
	m.cancel(cause)
}

// answer adds to what a method returns that the worker should end.
func (m *Mirror) answer(err error) error {
	if err == nil && m.stopped.Load() {
		m.Acknowledge()
		return ErrStopped
	}
	return err
}

// abandon ends a mirror that nobody waits for, without waiting for it.
func (m *Mirror) abandon() {
	m.abandoned.Store(true)
	m.cancel(ErrAbandoned)
	for _, w := range m.writers() {
		w.part()
	}
}

// Write writes to the mirror's first stream. See [Writer.Write].
func (m *Mirror) Write(p []byte) (int, error) { return m.stdout.Write(p) }

// Stdout returns the mirror's first stream.
func (m *Mirror) Stdout() *Writer { return &m.stdout }

// Stderr returns the mirror's second stream.
func (m *Mirror) Stderr() *Writer { return &m.stderr }

func (m *Mirror) writers() [4]*Writer {
	return [4]*Writer{&m.stdout, &m.stderr, &m.control, &m.progress}
}

// writer returns who holds the partial line of a stream.
func (m *Mirror) writer(s Stream) *Writer {
	switch s {
	case Stderr:
		return &m.stderr
	case Control:
		return &m.progress // control never has one
	}
	return &m.stdout
}

// EndLine makes a message of each stream's partial line, if there is one: its
// [End] is EndNone, and what is written next begins a new line.
func (m *Mirror) EndLine() error {
	m.lock()
	defer m.unlock()
	return m.answer(errors.Join(m.stdout.finish(), m.stderr.finish()))
}

// Flush returns when all that was written before is where it can't be lost with
// this process any more, as far as the buffer has such a place: a [Store]. A
// buffer in memory has none, and it returns at once. The error is [ErrStopped],
// [ErrClosed] after a Close, or the store's, which wraps ctx's cause when ctx has
// ended.
func (m *Mirror) Flush(ctx context.Context) error {
	if m.store.isClosed(m.account) {
		return ErrClosed
	}
	return m.answer(m.store.flush(ctx, m.account))
}

// Discard drops each stream's partial line. A line of which pieces have been
// delivered already ends where it is; see [Part].
func (m *Mirror) Discard() error {
	m.lock()
	defer m.unlock()
	return m.answer(errors.Join(m.stdout.discard(), m.stderr.discard()))
}

// Warn sends err as one warning, however many lines its text has. It stands
// after all lines that were complete before; a partial line goes on behind it,
// unless [Mirror.EndLine] is called first. On Linux these are also the lines
// that are still in a pipe which [Writer.ReadFrom] reads. A nil err is ignored.
// Like Write, it waits while a sink has no room, and returns [ErrClosed] or
// [ErrStopped].
//
// Behind err's text the message has what the text keeps back: "caused by: "
// and the text of each error that err wraps, and the stacks: of a
// [*PanicError], of an error with a method Stack() []byte, and what else %+v
// prints for one that is a [fmt.Formatter]. Text over 1 MiB is cut, and says
// so. A method of err that panics does no harm.
func (m *Mirror) Warn(err error) error { return m.say(Warning, err) }

// Error sends err as one error, in the place that Warn would give it. The
// mirror stays open.
func (m *Mirror) Error(err error) error { return m.say(Error, err) }

func (m *Mirror) say(kind Kind, err error) error {
	if err == nil {
		return nil
	}
	return m.sayText(kind, errorText(err)) // no lock is held: err may write to m
}

func (m *Mirror) sayText(kind Kind, text string) error { return m.answer(m.group(kind, text)) }

// group sends a grouped message.
func (m *Mirror) group(kind Kind, text string) error {
	m.lock()
	defer m.unlock()
	m.catchUp()
	return m.sayLocked(kind, text)
}

// catchUp reads what is in the pipes of the worker's streams. It needs their
// mutexes.
func (m *Mirror) catchUp() {
	m.stdout.catchUp()
	m.stderr.catchUp()
}

// Progress shows what the worker is at: text stands as a partial line of the
// stream [Control] until the next call, and is no message, unless it is the last
// when the mirror closes. An empty text takes it away. What stands behind a line
// break, or over [Config.MaxLine], is left out. The error is [ErrClosed] or
// [ErrStopped].
func (m *Mirror) Progress(text string) error { return m.answer(m.setProgress(text)) }

func (m *Mirror) setProgress(text string) error {
	text, _, _ = strings.Cut(text, "\n")
	w := &m.progress
	w.mu.Lock()
	defer w.unlock()
	return m.store.hold(w, []byte(text[:min(len(text), w.split.Max)]), nil)
}

// Send sends what a worker that is elsewhere has to say, for those who capture
// it: text as one [Warning], one [Error], or a [Line] that stands by itself, on the
// stream [Control], in the place that Warn would give it; or as a [Partial], as
// Progress does. It panics for another kind. It says nothing of whether the worker has heard of a stop,
// so it does not return [ErrStopped].
func (m *Mirror) Send(kind Kind, text string) error {
	switch kind {
	case Line:
		m.lock()
		defer m.unlock()
		m.catchUp()
		_, err := m.control.writeLocked([]byte(text + "\n"))
		return err
	case Warning, Error:
		return m.group(kind, cutText(strings.TrimRight(text, "\n")))
	case Partial:
		return m.setProgress(text)
	}
	panic(fmt.Sprintf("syncstream: Mirror.Send: kind is %s; want Line, Warning, Error or Partial", kind))
}

func (m *Mirror) sayLocked(kind Kind, text string) error {
	return m.put(&Batch{
		account: m.account, stream: Control, kind: kind, time: time.Now().UnixNano(),
		data: []byte(text), count: 1, entry: untilEnded,
	})
}

// put brings a batch to the store, past the parser.
func (m *Mirror) put(b *Batch) error {
	if m.parse == nil {
		return m.store.append(b)
	}
	return m.parse.put(m.store, b)
}

// Close closes the mirror: a partial line becomes a message. The error is
// [ErrClosed] if the mirror was closed already.
func (m *Mirror) Close() error { return m.CloseWithError(nil) }

// CloseWithError closes the mirror with the reason err: partial lines become
// messages, and err, if it is not nil, the error message behind them; but not
// after a stop where it is [ErrStopped], the cause of the stop or
// [context.Canceled], nor where it matches [ErrKilled], since that is no news.
// A sink that has no room makes it
// wait, as it does Write. A mirror of a buffer over a [Store] waits until all has
// been acknowledged, [Config.CloseTimeout] at most, and else returns the store's
// error, which says how many messages were not.
//
// The error is [ErrClosed] if the mirror was closed already. Where that was
// not the worker's doing, but Abandon's or the buffer's Close, the status of
// the source tells err all the same; see [SourceStatus].
func (m *Mirror) CloseWithError(err error) error {
	state, last := StateExited, err
	if is(err, ErrKilled) {
		state, last = StateKilled, nil
	}
	if m.stopped.Load() && (is(err, ErrStopped) || is(err, context.Cause(m.ctx)) || is(err, context.Canceled)) {
		last = nil
	}
	if err = m.closeAs(state, err, last); err != ErrClosed {
		if failed := m.store.settle(m.account); failed != nil {
			err = errors.Join(err, failed)
		}
	}
	return err
}

// is is [errors.Is] for errors whose methods may panic.
func is(err, target error) (yes bool) {
	safely(func() { yes = errors.Is(err, target) })
	return yes
}

// closeAs closes the mirror with last as its last message.
func (m *Mirror) closeAs(state State, err, last error) error {
	text := ""
	if last != nil {
		text = errorText(last) // before the lock: it may write to m
	}
	m.lock()
	defer m.unlock()
	if m.store.isClosed(m.account) {
		m.store.closeMirror(m.account, state, err)
		return ErrClosed
	}
	failed := errors.Join(m.stdout.finish(), m.stderr.finish(), m.control.finish(), m.progress.finish())
	if last != nil {
		failed = errors.Join(failed, m.sayLocked(Error, text))
	}
	m.cancel(ErrClosed)
	m.store.closeMirror(m.account, state, err)
	return failed
}

// lock keeps out all that writes, so that nothing comes between the pieces of a
// long line.
func (m *Mirror) lock() {
	for _, w := range m.writers() {
		w.mu.Lock()
	}
}

func (m *Mirror) unlock() {
	for _, w := range m.writers() {
		w.unlock()
	}
}

// Writer is one stream of a mirror. It is safe for many goroutines: what one
// Write brings stands together on its stream.
type Writer struct {
	mirror *Mirror
	stream Stream

	mu    sync.Mutex // held for a whole Write, also while it waits for a sink; guards what follows
	split split.Splitter
	clock clock
	next  Batch         // that goes to the store
	gone  bool          // nothing more comes, though the stream was not closed
	pipes []*pipeReader // that ReadFrom reads

	// held is the partial line. It is changed with both mu and the store's
	// mutex, and read with either.
	held     []byte
	heldAt   time.Time
	heldPart Part   // PartLast: pieces of the line are messages already
	taken    bool   // held has become a message; guarded by the store's mutex
	change   uint64 // the number of its last change; guarded by the store's mutex
}

func (w *Writer) init(m *Mirror, stream Stream, cut split.Splitter) {
	w.mirror, w.stream, w.split = m, stream, cut
	w.next = Batch{account: m.account, stream: stream, lines: cut.Mode}
}

// feedSize is how much of a Write is looked at in one go.
const feedSize = 32 << 10

// Write cuts p into lines. It keeps no reference to p. It waits while a [Sink]
// of the buffer has no room. It returns [ErrClosed] when the mirror or the
// buffer has been closed; after a stop it takes all of p and returns
// [ErrStopped].
func (w *Writer) Write(p []byte) (int, error) {
	n, err := w.write(p)
	return n, w.mirror.answer(err)
}

func (w *Writer) write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.unlock()
	return w.writeLocked(p)
}

func (w *Writer) writeLocked(p []byte) (int, error) {
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

// unlock gives up mu.
func (w *Writer) unlock() {
	w.mu.Unlock()
	if w.mirror.abandoned.Load() {
		w.part()
	}
}

// part makes a message of the partial line of a stream whose mirror was
// abandoned. Who holds mu meanwhile will do that.
func (w *Writer) part() {
	if !w.mu.TryLock() {
		return
	}
	if !w.gone {
		w.gone = true
		w.finish()
		w.mirror.store.part(w.mirror.account)
	}
	w.mu.Unlock()
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
		b := &w.next // not all of it changes, and that is felt
		b.time = w.clock.now()
		b.data, b.block, b.off = data[at:at+r.Len], c.block, at
		b.count, b.part, b.redraws, b.odd = r.Lines, Part(r.Part), int32(min(r.Redraws, math.MaxInt32)), r.Odd
		b.helped, b.lent = c.help, c.help && c.block != nil
		b.takesHeld, b.entry = held > 0, w.entry(final)
		if err := w.mirror.put(b); err != nil {
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

// entry is how late a message may come, which final says is the stream's last.
func (w *Writer) entry(final bool) entry {
	switch {
	case !final:
		return untilClosed
	case w.gone:
		return always
	}
	return untilEnded
}

// lose counts the messages of data, of which what came before was refused.
func (w *Writer) lose(data []byte, final bool) {
	for {
		r, used := w.split.Next(data, 0, final)
		if r.Lines == 0 {
			return
		}
		w.mirror.store.lose(w.mirror.account, r.Lines, r.Len)
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

// discard drops the partial line. It needs mu.
func (w *Writer) discard() error {
	if w.split.Chain() {
		return w.finish()
	}
	w.split = split.Splitter{Mode: w.split.Mode, Max: w.split.Max}
	return w.mirror.store.hold(w, nil, nil)
}

// partialLocked needs the store's mutex. The text is empty where there is no
// partial line.
func (w *Writer) partialLocked() Message {
	m := Message{Source: w.mirror.account.source, Stream: w.stream, Kind: Partial, Time: w.heldAt, End: EndNone}
	if !w.taken {
		m.Text = string(split.Partial(w.held))
	}
	if m.Text != "" {
		m.Part = w.heldPart
	}
	return m
}
