package cli

import (
	"errors"
	"io/fs"
	"os/exec"

	"github.com/syncstream/syncstream/process"
)

// The exit statuses that are the program's own, as shells use them.
const (
	exitFailure  = 1
	exitUsage    = 2
	exitTimeout  = 124 // as timeout(1) has it
	exitCantRun  = 126
	exitNotFound = 127
	exitSignal   = 128 // and the signal's number
)

// exitStatus ends the program. Without err, all has been said.
type exitStatus struct {
	code int
	err  error
}

func (e *exitStatus) Error() string {
	if e.err == nil {
		return "exit"
	}
	return e.err.Error()
}

func (e *exitStatus) Unwrap() error { return e.err }

// statusOf returns the exit status for a worker that ended with err.
func statusOf(err error) int {
	var exit *process.ExitError
	var start *process.StartError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit) && exit.Signal != 0:
		return exitSignal + int(exit.Signal)
	case errors.As(err, &exit):
		return exit.Code
	case errors.As(err, &start) && (errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist)):
		return exitNotFound
	case errors.As(err, &start):
		return exitCantRun
	}
	return exitFailure
}

// exitWith returns the error that makes the program exit with that status, when
// all has been said.
func exitWith(status int) error {
	if status == 0 {
		return nil
	}
	return &exitStatus{code: status}
}
