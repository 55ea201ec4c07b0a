package cli

import (
	"bytes"
	"unsafe"

	"golang.org/x/sys/unix"
)

const getTermios, setTermios = unix.TIOCGETA, unix.TIOCSETA

// unlock makes the worker's end of a new pseudo-terminal ready, and returns its
// path.
func unlock(fd int) (path string, err error) {
	if err := unix.IoctlSetInt(fd, unix.TIOCPTYGRANT, 0); err != nil {
		return "", err
	}
	if err := unix.IoctlSetInt(fd, unix.TIOCPTYUNLK, 0); err != nil {
		return "", err
	}
	var name [128]byte // as the ioctl's number says
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TIOCPTYGNAME, uintptr(unsafe.Pointer(&name)))
	if errno != 0 {
		return "", errno
	}
	text, _, _ := bytes.Cut(name[:], []byte{0})
	return string(text), nil
}
