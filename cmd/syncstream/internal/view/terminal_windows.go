package view

import (
	"os"

	"golang.org/x/sys/windows"
)

// IsTerminal reports whether f is a console that understands escape sequences,
// which it is asked to do.
func IsTerminal(f *os.File) (ok bool) {
	raw, err := f.SyscallConn()
	if err != nil {
		return false
	}
	_ = raw.Control(func(fd uintptr) {
		var mode uint32
		ok = windows.GetConsoleMode(windows.Handle(fd), &mode) == nil &&
			windows.SetConsoleMode(windows.Handle(fd), mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING) == nil
	})
	return ok
}

// windowSize returns the size of the window of a console; zero, if nobody knows.
func windowSize(f *os.File) (columns, rows int) {
	raw, err := f.SyscallConn()
	if err != nil {
		return 0, 0
	}
	_ = raw.Control(func(fd uintptr) {
		var info windows.ConsoleScreenBufferInfo
		if windows.GetConsoleScreenBufferInfo(windows.Handle(fd), &info) == nil {
			columns = int(info.Window.Right-info.Window.Left) + 1
			rows = int(info.Window.Bottom-info.Window.Top) + 1
		}
	})
	return columns, rows
}
