package syncstream

import (
	"errors"
	"fmt"
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
// it did not stop. A mirror that is closed with it is [StateKilled].
var ErrKilled = errors.New("syncstream: killed")

// ErrDetached is returned by [Attachment.Drain] when the sink was detached
// before it got all that it was to get.
var ErrDetached = errors.New("syncstream: sink was detached")

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

// PanicError is how a function that [Buffer.Go] ran ended when it panicked.
type PanicError struct {
	Value any    // what was given to panic; nil after runtime.Goexit
	Stack []byte // of the goroutine, as runtime/debug.Stack has it
}

// Error returns the panic's value and the stack.
func (e *PanicError) Error() string {
	if e.Value == nil {
		return "runtime.Goexit was called\n\n" + string(e.Stack)
	}
	return fmt.Sprintf("panic: %v\n\n%s", e.Value, e.Stack)
}

// Unwrap returns the panic's value if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}
