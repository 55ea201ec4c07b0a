package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
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
	Code   int            // the exit status; -1, if a signal killed it
	Signal syscall.Signal // that killed it; 0, if none did
}

// Error is "exit status 3" or "killed by SIGKILL (signal 9)".
func (e *ExitError) Error() string {
	if e.Signal != 0 {
		return "killed by " + signalName(e.Signal)
	}
	return fmt.Sprintf("exit status %d", e.Code)
}

// exitError tells how a process ended; nil, if it exited with status 0.
func exitError(state *os.ProcessState) error {
	if state.Success() {
		return nil
	}
	return &ExitError{Code: state.ExitCode(), Signal: termSignal(state)}
}
