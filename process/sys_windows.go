package process

import (
	"os"
	"os/exec"
	"syscall"
)

// Windows has no signals for processes without a console: a stop kills.
var defaultStopSignal os.Signal = os.Kill

// Nor can they be suspended.
var suspendSignal, resumeSignal os.Signal

func ownGroup(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
}

func ownTerminal(*exec.Cmd) {}

// signalGroup reaches the process itself only.
func signalGroup(p *os.Process, _ os.Signal) error { return p.Kill() }

// exitOf tells how a process ended.
func exitOf(state *os.ProcessState) *ExitError {
	return &ExitError{
		Code:  state.ExitCode(),
		Usage: Usage{User: state.UserTime(), System: state.SystemTime()},
	}
}

func signalName(s syscall.Signal) string { return s.String() }

// watcher can't tell of a death before the process is reaped here.
type watcher struct{}

func (watcher) prepare(*exec.Cmd) {}
func (watcher) await() bool       { return false }
func (watcher) close()            {}
