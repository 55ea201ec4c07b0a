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
