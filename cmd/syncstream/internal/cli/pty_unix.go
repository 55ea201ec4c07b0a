//go:build linux || darwin

package cli

import (
	"os"

	"github.com/syncstream/syncstream/process"
	"golang.org/x/sys/unix"
)

// openTerminal opens a pseudo-terminal that writes bytes as they come, without a
// CR before each LF, and does not repeat what is typed.
func openTerminal() (*process.Terminal, error) {
	controller, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	var path string
	err = control(controller, func(fd int) (err error) { path, err = unlock(fd); return err })
	if err != nil {
		controller.Close()
		return nil, os.NewSyscallError("unlock /dev/ptmx", err)
	}
	worker, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		controller.Close()
		return nil, err
	}
	if err := control(worker, calm); err != nil {
		controller.Close()
		worker.Close()
		return nil, os.NewSyscallError("configure "+path, err)
	}
	return &process.Terminal{Controller: controller, Worker: worker}, nil
}

// control calls f with the descriptor as it is: file.Fd would make it blocking.
func control(file *os.File, f func(fd int) error) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	controlErr := raw.Control(func(fd uintptr) { err = f(int(fd)) })
	if controlErr != nil {
		return controlErr
	}
	return err
}

func calm(fd int) error {
	mode, err := unix.IoctlGetTermios(fd, getTermios)
	if err != nil {
		return err
	}
	mode.Oflag &^= unix.OPOST
	mode.Lflag &^= unix.ECHO
	return unix.IoctlSetTermios(fd, setTermios, mode)
}

// copySize gives a terminal the size of another.
func copySize(to, from *os.File) error {
	var size *unix.Winsize
	err := control(from, func(fd int) (err error) { size, err = unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ); return err })
	if err != nil {
		return err
	}
	return control(to, func(fd int) error { return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, size) })
}
