package syncstream

import (
	"bytes"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// ErrClosed is returned by writes to a mirror, or to a buffer, that has been
// closed.
var ErrClosed = errors.New("syncstream: closed")

// ErrStopped is returned by writes to a mirror after [Buffer.Stop]: they took
// everything, and the worker should end. It is the cause of a Stop that was
// given none.
var ErrStopped = errors.New("syncstream: stopped")

// ErrAbandoned is returned by [Buffer.Wait] after [Buffer.Abandon] left sources
// behind, and is what their status says.
var ErrAbandoned = errors.New("syncstream: abandoned")

// ErrKilled is matched by the error of a worker that was ended by force because
// it did not stop. A mirror that is closed with it is [StateKilled], and has not
// failed.
var ErrKilled = errors.New("syncstream: killed")

// ErrDetached is returned by [Attachment.Drain] when the sink was detached
// before it got all that it was to get.
var ErrDetached = errors.New("syncstream: sink was detached")

// errNoID is returned by [Buffer.Feed].
var errNoID = errors.New("syncstream: feed a source without an ID")

// StopError is the cause of a stop that came from another process, of which only
// the words are known. It matches [ErrStopped].
type StopError struct {
	Reason string // what the cause's Error returned there
}

// Error returns Reason.
func (e *StopError) Error() string { return e.Reason }

// Is reports whether target is [ErrStopped].
func (e *StopError) Is(target error) bool { return target == ErrStopped }

// Failure is returned by [Buffer.Wait] for the first source that ended with an
// error of its own.
type Failure struct {
	Source *Source
	Err    error     // why it ended
	Time   time.Time // when
}

// Error names the source and the reason.
func (f *Failure) Error() string { return f.Source.Name + ": " + f.Err.Error() }

// Unwrap returns Err.
func (f *Failure) Unwrap() error { return f.Err }

// WaitError is returned by [Buffer.Wait] when its context ends first.
type WaitError struct {
	Open []SourceStatus // the sources that were still open
	Err  error          // the context's cause
}

// Error names up to ten of the sources that are open and says why they are, each
// on a line of its own behind the first.
func (e *WaitError) Error() string {
	const most = 10
	var names []string
	for i, s := range e.Open {
		if i == most {
			names = append(names, fmt.Sprintf("%d more", len(e.Open)-most))
			break
		}
		names = append(names, s.Source.Name+": "+s.Why)
	}
	return fmt.Sprintf("syncstream: wait for %d open of the buffer's sources: %v\n\t%s",
		len(e.Open), e.Err, strings.Join(names, "\n\t"))
}

// Unwrap returns Err.
func (e *WaitError) Unwrap() error { return e.Err }

// PanicError is how a function that [Buffer.Go] ran, or a sink, ended when it
// panicked.
type PanicError struct {
	Value any // what was given to panic; nil after runtime.Goexit
	// Stack is that of the goroutine, from the function that panicked on, in
	// the form of runtime/debug.Stack. [Mirror.Error] sends it too.
	Stack []byte
}

// newPanicError is called by a deferred function with what recover gave it.
func newPanicError(value any) *PanicError {
	return &PanicError{Value: value, Stack: trimStack(debug.Stack())}
}

// Error returns "panic: " and the panic's value: one line, if the value is.
func (e *PanicError) Error() string {
	if e.Value == nil {
		return "runtime.Goexit was called"
	}
	return "panic: " + valueText(e.Value)
}

// Unwrap returns the panic's value if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// trimStack takes away what stands above the function that panicked: those that
// recovered and asked for the stack, and the runtime's own. Nobody looks for
// them there.
func trimStack(stack []byte) []byte {
	lines := bytes.SplitAfter(stack, []byte("\n")) // a header, then two for each call
	i := 1
	for i+2 < len(lines) && !isCall(lines[i], "panic(", "runtime.Goexit(") {
		i += 2
	}
	for i+2 < len(lines) && isCall(lines[i], "panic(", "runtime.", "internal/runtime/") {
		i += 2
	}
	if i+2 >= len(lines) {
		return stack // not as we know them
	}
	return append(lines[0], bytes.Join(lines[i:], nil)...)
}

func isCall(line []byte, prefixes ...string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return bytes.HasPrefix(line, []byte(p)) })
}
