package syncstream

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"time"
)

// What a [Config] that says nothing gives.
const (
	DefaultMaxMessages = 1000
	DefaultMaxBytes    = 64 << 20
	DefaultMaxLine     = 1 << 20
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
	// about that size besides. What Warn and Error send is not cut.
	MaxLine int
}

// Buffer is the receiver's end: it keeps the last messages of all mirrors that
// were opened on it. All its methods may be called by any goroutine at any
// time.
type Buffer struct {
	store   *memory
	maxLine int
}

// New returns a buffer in the memory of this process.
func New(c Config) *Buffer {
	c.MaxMessages = orDefault("New: Config.MaxMessages", c.MaxMessages, DefaultMaxMessages)
	c.MaxBytes = orDefault("New: Config.MaxBytes", c.MaxBytes, DefaultMaxBytes)
	c.MaxLine = min(orDefault("New: Config.MaxLine", c.MaxLine, DefaultMaxLine), c.MaxBytes)
	return &Buffer{store: newMemory(c.MaxMessages, c.MaxBytes), maxLine: c.MaxLine}
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
func (b *Buffer) Mirror(c MirrorConfig) *Mirror { return newMirror(b, c) }

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
				err = &PanicError{Value: recover(), Stack: debug.Stack()}
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
	if ctx.Err() != nil {
		return nil, fmt.Errorf("syncstream: read the last %d messages: %w", n, context.Cause(ctx))
	}
	return b.store.last(n), nil
}

// Partials returns the text of each stream that has written something since
// its last line end. The messages have no Num: they are not items yet, and
// their text can still change. In mode [Fold] it is the last state.
func (b *Buffer) Partials() []Message { return b.store.partials() }

// Wait returns when no mirror is open; at once, if none ever was. Mirrors that
// are opened while it waits are waited for too.
//
// The error is nil, or a [*Failure] for the first source that ended with an
// error, or a [*WaitError] if ctx ends first.
func (b *Buffer) Wait(ctx context.Context) error { return b.store.wait(ctx) }

// Attach has s read all messages that come from now on. See [Sink]. On a
// buffer that has been closed, the attachment is done.
func (b *Buffer) Attach(s Sink) *Attachment { return b.store.attach(s) }

// Close takes no more messages, and returns without waiting. Partial lines
// become messages, mirrors are closed, and writes to them return [ErrClosed].
// What is kept can still be read, and sinks get what came before: to wait for
// that, call [Attachment.Drain]. A second call does nothing.
func (b *Buffer) Close() error {
	open, first := b.store.close()
	if !first {
		return nil
	}
	for _, m := range open {
		m.Close()
	}
	b.store.end()
	return nil
}

// Count is an amount of messages. Bytes are those of their text and line ends.
type Count struct {
	Messages, Bytes uint64
}

func (c *Count) add(messages, bytes int) {
	c.Messages += uint64(messages)
	c.Bytes += uint64(bytes)
}

// Stats is the account of a buffer at one moment: Written is the sum of Kept,
// Rotated and Lost.
type Stats struct {
	Open    int   // mirrors that are open
	Sources int   // mirrors that were ever opened
	Written Count // that came to the buffer
	Kept    Count // that can be read
	Rotated Count // that left, being the oldest, when newer ones came
	Lost    Count // whole lines that came after Close
}

// Stats returns the account of the buffer at this moment.
func (b *Buffer) Stats() Stats { return b.store.stats() }

// State tells how far a mirror has come.
type State uint8

// The states of a mirror.
const (
	StateOpen State = iota
	StateClosed
)

var stateNames = []string{"open", "closed"}

// String returns the state's name, in lower case.
func (s State) String() string { return name("State", stateNames, uint8(s)) }

// SourceStatus is what a buffer knows of one source at one moment.
type SourceStatus struct {
	Source  *Source
	State   State
	Opened  time.Time
	Active  time.Time // when its last message came; zero if none did
	Closed  time.Time // zero while it is open
	Written Count     // its messages
	Err     error     // what it was closed with
}

// Sources returns the status of each source, in the order in which their
// mirrors were opened.
func (b *Buffer) Sources() []SourceStatus { return b.store.sources() }

// hostname is this machine's name, or "localhost" if it has none.
var hostname = func() string {
	if name, err := os.Hostname(); err == nil {
		return name
	}
	return "localhost"
}()
