//go:build unix

package view

import (
	"os"

	"golang.org/x/sys/unix"
)

// IsTerminal reports whether f is a terminal.
func IsTerminal(f *os.File) bool { return winsize(f) != nil }

// windowSize returns the size of the window of a terminal; zero, if nobody
// knows.
func windowSize(f *os.File) (columns, rows int) {
	size := winsize(f)
	if size == nil {
		return 0, 0
	}
	return int(size.Col), int(size.Row)
}

// winsize asks without f.Fd(), which would make the file blocking.
func winsize(f *os.File) (size *unix.Winsize) {
	raw, err := f.SyscallConn()
	if err != nil {
		return nil
	}
	_ = raw.Control(func(fd uintptr) { size, err = unix.IoctlGetWinsize(int(fd), unix.TIOCGWINSZ) })
	if err != nil {
		return nil
	}
	return size
}
