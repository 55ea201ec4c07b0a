package syncstream

import (
	"context"
	"fmt"
	"time"
)

// What a [Config] that says nothing gives.
const (
	DefaultMaxMessages = 1000
	DefaultMaxBytes    = 64 << 20
	DefaultMaxLine     = 1 << 20
	DefaultMaxSources  = 1000

	DefaultCloseTimeout = 5 * time.Second
)

// Config says what a buffer keeps. Its zero value is ready to use; a negative
// number makes [New] panic.
type Config struct {
	// MaxMessages is how many messages are kept; if zero, DefaultMaxMessages.
	// When another one comes, the oldest goes.
	MaxMessages int
	// MaxBytes is how many bytes of text and line ends are kept; if zero,
	// DefaultMaxBytes. The memory for them can be twice as much, or 2 MiB
	// more; where it would be more than that, the oldest go earlier.
	MaxBytes int
	// MaxLine is how many bytes of a line's text one message may have; if
	// zero, DefaultMaxLine; never more than MaxBytes. A longer line is
	// delivered in pieces; see [Part]. Each stream may hold a partial line of
	// about that size besides. What Warn and Error send is one message, of
	// at most 1 MiB.
	MaxLine int
	// MaxSources is how many sources [Buffer.Sources] tells of one by one; if
	// zero, DefaultMaxSources. Where there would be more, those of which
	// nothing more can come, oldest first, fold into one row of totals. A
	// source that is open never does, so what is open bounds nothing here.
	MaxSources int
	// Parse, if it is not nil, sees every message before it is numbered and
	// kept. It is called for one message at a time, in the order of each
	// stream. A message for which it returns false leaves: nobody reads it,
	// and [Stats] counts it as parsed. It may change the Text, and the Kind of
	// a whole line into Warning or Error; other changes are ignored. The text
	// of a line is cut again, so one with a line end in it is two lines. Of a
	// line in pieces the first decides whether it is kept.
	//
	// A panic in Parse becomes an error message behind the message, which is
	// kept as it was. Parse must not write to the buffer, which waits for it.
	Parse func(*Message) (keep bool)
	// CloseTimeout is how long closing a mirror, or the buffer, waits until a
	// [Store] has acknowledged everything; if zero, DefaultCloseTimeout. A buffer
	// in memory never waits for that.
	CloseTimeout time.Duration
}

// Buffer is the receiver's end: it keeps the last messages of all mirrors that
// were opened on it. All its methods may be called by any goroutine at any
// time.
type Buffer struct {
	store   backend
	parse   *parser
	source  *Source // of what the buffer itself says
	maxLine int
}

// New returns a buffer in the memory of this process.
func New(c Config) *Buffer {
	b := newBuffer("New", &c)
	b.store = newMemory(&c, b.source)
	return b
}

// newBuffer returns a buffer without a store, and fills in what c leaves out.
func newBuffer(by string, c *Config) *Buffer {
	c.MaxMessages = orDefault(by+": Config.MaxMessages", c.MaxMessages, DefaultMaxMessages)
	c.MaxBytes = orDefault(by+": Config.MaxBytes", c.MaxBytes, DefaultMaxBytes)
	c.MaxLine = min(orDefault(by+": Config.MaxLine", c.MaxLine, DefaultMaxLine), c.MaxBytes)
	c.MaxSources = orDefault(by+": Config.MaxSources", c.MaxSources, DefaultMaxSources)
	c.CloseTimeout = time.Duration(orDefault(by+": Config.CloseTimeout", int(c.CloseTimeout), int(DefaultCloseTimeout)))
	return &Buffer{
		parse: newParser(c.Parse, c.MaxLine), source: Source{Name: "syncstream"}.complete(), maxLine: c.MaxLine,
	}
}

func orDefault(field string, n, def int) int {
	switch {
	case n < 0:
		panic(fmt.Sprintf("syncstream: %s is %d; want a positive number, or zero for %d", field, n, def))
	case n == 0:
		return def
	}
	return n
}

// Mirror opens a mirror on the buffer. The caller must close it, as Wait waits
// for that. On a buffer that has been closed, the mirror is closed too.
func (b *Buffer) Mirror(c MirrorConfig) *Mirror {
	if int(c.Lines) >= len(linesNames) {
		panic(fmt.Sprintf("syncstream: Buffer.Mirror: MirrorConfig.Lines is %d; want Fold, Split, Keep or Python", c.Lines))
	}
	return newMirror(b, c.Source.complete(), c)
}

// Go opens a mirror, runs f with it in a new goroutine, and closes it with the
// error that f returns. A panic in f, or a call to runtime.Goexit, becomes such
// an error, a [*PanicError]: the program goes on. ctx is the mirror's
// [Mirror.Context].
func (b *Buffer) Go(name string, f func(ctx context.Context, m *Mirror) error) {
	m := b.Mirror(MirrorConfig{Source: Source{Name: name}})
	go func() {
		var err error
		returned := false
		defer func() {
			if !returned {
				err = newPanicError(recover())
			}
			m.CloseWithError(err)
		}()
		err = f(m.Context(), m)
		returned = true
	}()
}

// NumOpen returns how many mirrors are open.
func (b *Buffer) NumOpen() int { return b.store.numOpen() }

// Len returns how many messages are kept.
func (b *Buffer) Len() int { return b.store.len() }

// Last returns the last n messages, oldest first, or all that are kept if they
// are fewer. It does not wait. Partial lines are not among them; see
// [Buffer.Partials].
//
// The error is ctx's cause if ctx has ended.
func (b *Buffer) Last(ctx context.Context, n int) ([]Message, error) {
	messages, err := b.store.last(ctx, n)
	if err != nil {
		return nil, fmt.Errorf("syncstream: read the last %d messages: %w", n, err)
	}
	return messages, nil
}

// Partials returns the text of each stream that has written something since
// its last line end, as messages of kind [Partial]. They have no Num, and their
// text can still change. In mode [Fold] it is the last state.
func (b *Buffer) Partials() []Message { return b.store.partials() }

// Wait returns when no mirror is open; at once, if none ever was. Mirrors that
// are opened while it waits are waited for too.
//
// The error is a [*Failure] for the first source that ended with an error, not
// counting those that had been asked to stop or were abandoned; else, after
// Stop, its cause; else, after Abandon left somebody behind, [ErrAbandoned];
// else nil. If ctx ends first, it is a [*WaitError].
func (b *Buffer) Wait(ctx context.Context) error { return b.store.wait(ctx) }

// Stop asks all workers to end, those too whose mirrors are opened later, and
// returns without waiting: each [Mirror.Context] ends with cause, and what
// writes to a mirror returns [ErrStopped], though it still takes everything.
// [Buffer.Sources] shows the answers; Wait waits for the workers to close their
// mirrors. If cause is nil, it is [ErrStopped]. A second call does nothing.
func (b *Buffer) Stop(cause error) {
	if cause == nil {
		cause = ErrStopped
	}
	b.store.stop(cause)
}

// Stopped returns the cause of the Stop that the buffer is under, as far as this
// process knows; nil if there is none. It does not wait.
func (b *Buffer) Stopped() error { return b.store.stoppedBy() }

// Resume takes a Stop back, for a buffer in memory: mirrors that are opened from
// now on are not asked to end, and Wait does not return its cause. Those that were
// asked still are. Unlike [Buffer.Reset] it keeps the messages. On a buffer over a
// [Store] it does nothing.
func (b *Buffer) Resume() { b.store.resume() }

// Abandon forgets the mirrors that are open, for workers that will not come to
// an end: their partial lines become messages, their contexts end with
// [ErrAbandoned], and Wait waits for them no more. It waits for nobody. What
// they write from now on is refused with [ErrClosed] and counted as lost. New
// mirrors may be opened.
func (b *Buffer) Abandon() { b.store.abandon() }

// Clear removes all messages; [Stats] counts them as cleared. Partial lines
// stay. A follower that had not read them gets a gap.
func (b *Buffer) Clear() { b.store.clear() }

// Reset does what Clear does, and forgets how it went so far: the first
// failure, Stop, Abandon, and the sources that are closed. Mirrors that are
// open stay so, and those that were asked to stop still are; new ones are not.
// It does not open a buffer that has been closed.
func (b *Buffer) Reset() { b.store.reset() }

// Attach has s read all messages that come from now on. See [Sink]. On a
// buffer that has been closed, the attachment is done.
func (b *Buffer) Attach(s Sink) *Attachment { return b.store.attach(s) }

// Close takes no more messages, and returns without waiting. Partial lines
// become messages, mirrors are closed, and writes to them return [ErrClosed].
// What is kept can still be read, and sinks and followers get what came before:
// to wait for a sink, call [Attachment.Drain]. A second call does nothing.
func (b *Buffer) Close() error {
	open, first := b.store.close()
	if !first {
		return nil
	}
	for _, m := range open {
		m.closeAs(StateLost, nil, nil)
	}
	return b.store.end()
}

// Stats returns the account of the buffer at this moment.
func (b *Buffer) Stats() Stats { return b.store.stats() }

// Sources returns the status of each source, in the order in which their
// mirrors were opened.
func (b *Buffer) Sources() []SourceStatus {
	_, sources := b.store.snapshot()
	return sources
}

// Snapshot returns Stats and Sources of the same moment: Stats.Written is the
// sum of what the sources have written, and so is Stats.Lost.
func (b *Buffer) Snapshot() (Stats, []SourceStatus) { return b.store.snapshot() }
