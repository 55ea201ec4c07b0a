//go:build unix

package process

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

var defaultStopSignal os.Signal = syscall.SIGTERM

// What no program can ignore, and its end.
var suspendSignal, resumeSignal os.Signal = syscall.SIGSTOP, syscall.SIGCONT

// ownGroup has the start of cmd make a process group of its own, so that what
// the worker starts is stopped with it.
func ownGroup(cmd *exec.Cmd) {
	attr := &syscall.SysProcAttr{}
	if cmd.SysProcAttr != nil {
		*attr = *cmd.SysProcAttr // which other commands may share
	}
	if !attr.Setsid {
		attr.Setpgid, attr.Pgid = true, 0
	}
	cmd.SysProcAttr = attr
}

// ownTerminal makes cmd's stdout, which is a terminal, that of a new session. Its
// process group is its own.
func ownTerminal(cmd *exec.Cmd) {
	attr := cmd.SysProcAttr
	attr.Setpgid = false
	attr.Setsid, attr.Setctty, attr.Ctty = true, true, 1
}

// signalGroup signals the group that pid leads.
func signalGroup(p *os.Process, s os.Signal) error {
	sig, ok := s.(syscall.Signal)
	if !ok {
		return p.Signal(s)
	}
	return killGroup(p.Pid, sig)
}

func killGroup(pid int, sig syscall.Signal) error {
	err := syscall.Kill(-pid, sig)
	if err == nil && sig != syscall.SIGKILL && sig != syscall.SIGSTOP {
		_ = syscall.Kill(-pid, syscall.SIGCONT) // one that is stopped hears nothing else
	}
	return err
}

// exitOf tells how a process ended that has been reaped.
func exitOf(state *os.ProcessState) *ExitError {
	status, _ := state.Sys().(syscall.WaitStatus)
	usage, _ := state.SysUsage().(*syscall.Rusage)
	return exitFrom(status, usage)
}

func exitFrom(status syscall.WaitStatus, usage *syscall.Rusage) *ExitError {
	e := &ExitError{Code: status.ExitStatus()}
	if status.Signaled() {
		e.Signal, e.CoreDumped = status.Signal(), status.CoreDump()
	}
	if usage != nil {
		e.Usage.User = time.Duration(usage.Utime.Nano())
		e.Usage.System = time.Duration(usage.Stime.Nano())
		e.Usage.PeakMemory = int64(usage.Maxrss) * maxrssUnit
	}
	return e
}

// maxrssUnit is what the system counts memory in, in bytes.
var maxrssUnit = map[bool]int64{true: 1, false: 1024}[runtime.GOOS == "darwin" || runtime.GOOS == "ios"]

func nameSignal(name string, s syscall.Signal) string {
	if name == "" {
		return fmt.Sprintf("signal %d", int(s))
	}
	return fmt.Sprintf("%s (signal %d)", name, int(s))
}
