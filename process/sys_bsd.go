//go:build unix && !linux

package process

import (
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// watcher can't tell of a death before the process is reaped here.
type watcher struct{}

func (watcher) prepare(*exec.Cmd) {}
func (watcher) await() bool       { return false }
func (watcher) close()            {}

// signalName returns the name and number of a signal.
func signalName(s syscall.Signal) string { return nameSignal(unix.SignalName(s), s) }
