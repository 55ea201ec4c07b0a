//go:build unix

package process

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

var defaultStopSignal os.Signal = syscall.SIGTERM

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

// signalGroup signals the group that pid leads.
func signalGroup(p *os.Process, s os.Signal) error {
	sig, ok := s.(syscall.Signal)
	if !ok {
		return p.Signal(s)
	}
	err := syscall.Kill(-p.Pid, sig)
	if err == nil && sig != syscall.SIGKILL {
		_ = syscall.Kill(-p.Pid, syscall.SIGCONT) // one that is stopped hears nothing else
	}
	return err
}

// termSignal returns the signal that ended the process, or 0.
func termSignal(state *os.ProcessState) syscall.Signal {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return status.Signal()
	}
	return 0
}

func nameSignal(name string, s syscall.Signal) string {
	if name == "" {
		return fmt.Sprintf("signal %d", int(s))
	}
	return fmt.Sprintf("%s (signal %d)", name, int(s))
}
