package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/syncstream/syncstream"
)

// ErrNoParent is returned by [Parent] when no process has started this one with
// [Start], or the system has no channel to it, or it was for another process.
var ErrNoParent = errors.New("process: no parent")

// ErrParentGone is returned by the methods of a [ParentMirror] when the parent
// has ended, or has read this worker's end.
var ErrParentGone = errors.New("process: the parent is gone")

// FuncError is how a worker function ended that said why.
type FuncError struct {
	// Text is the error that it returned, with what [syncstream.Mirror.Error]
	// says of it; or "panic: " and the panic's value; or what the runtime said.
	// It ends before the first empty line.
	Text string
	// Trace is what stood behind that: the stacks.
	Trace []byte
	Err   error // how the process ended
}

// Error names the exit status and the function's error.
func (e *FuncError) Error() string { return e.Err.Error() + ": " + e.Text }

// Stack returns Trace, which so stands in the error message.
func (e *FuncError) Stack() []byte { return e.Trace }

// Unwrap returns Err, which is an [*ExitError].
func (e *FuncError) Unwrap() error { return e.Err }

// StartError is how a worker ended that could not be started.
type StartError struct {
	Path string // the program
	Err  error  // as os/exec has it
}

// Error names the program and the reason.
func (e *StartError) Error() string {
	err := e.Err
	var lookup *exec.Error // names the program too
	if errors.As(err, &lookup) {
		err = lookup.Err
	}
	var path *os.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return fmt.Sprintf("can't start %q: %v", e.Path, err)
}

// Unwrap returns Err.
func (e *StartError) Unwrap() error { return e.Err }

// ExitError is how a worker ended that did not exit with status 0.
type ExitError struct {
	Code       int            // the exit status; -1, if a signal killed it
	Signal     syscall.Signal // that killed it; 0, if none did
	CoreDumped bool           // the system was asked to keep its memory in a file
	// OutOfMemory tells that the kernel's out-of-memory killer was at work: the
	// worker died by a SIGKILL that was not ours, or exited with status 137 as
	// a shell does whose program died so, and the kernel's count of such kills
	// rose meanwhile, for the worker's control group. The count does not name
	// the process. On Linux only.
	OutOfMemory bool
	Elapsed     time.Duration // from its start to its death
	Usage       Usage

	ours bool // it was killed since it did not stop
}

// Error is "exit status 3" or "killed by SIGKILL (signal 9)". Of a worker that
// lived for 2 s or longer it also tells how long, and what it has used.
func (e *ExitError) Error() string { return e.text() }

// Is makes the error of a worker that a stop had to kill match
// [syncstream.ErrKilled].
func (e *ExitError) Is(target error) bool { return e.ours && target == syncstream.ErrKilled }
