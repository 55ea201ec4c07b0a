package process

import (
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// watcher learns of a process's death without a thread that waits for it, and
// before it is reaped: until then its number is its own.
type watcher struct {
	fd   int
	file *os.File
}

// prepare has the start of cmd open a descriptor of the process.
func (w *watcher) prepare(cmd *exec.Cmd) {
	w.fd = -1
	if cmd.SysProcAttr.PidFD == nil {
		cmd.SysProcAttr.PidFD = &w.fd
	}
}

// await returns when the process is dead, but not reaped. It reports false
// where the system can't tell.
func (w *watcher) await() bool {
	if w.fd < 0 || unix.SetNonblock(w.fd, true) != nil {
		return false
	}
	w.file = os.NewFile(uintptr(w.fd), "pidfd")
	raw, err := w.file.SyscallConn()
	if err != nil {
		return false
	}
	dead := false
	err = raw.Read(func(fd uintptr) bool {
		p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		_, err := unix.Poll(p, 0)
		for err == unix.EINTR {
			_, err = unix.Poll(p, 0)
		}
		dead = p[0].Revents&unix.POLLIN != 0
		return dead || err != nil
	})
	return dead && err == nil
}

func (w *watcher) close() {
	if w.file != nil {
		w.file.Close()
	} else if w.fd >= 0 {
		unix.Close(w.fd)
	}
}

// signalName returns the name and number of a signal.
func signalName(s syscall.Signal) string { return nameSignal(unix.SignalName(s), s) }
