package cli

import (
	"strconv"

	"golang.org/x/sys/unix"
)

const getTermios, setTermios = unix.TCGETS, unix.TCSETS

// unlock makes the worker's end of a new pseudo-terminal ready, and returns its
// path.
func unlock(fd int) (path string, err error) {
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return "", err
	}
	number, err := unix.IoctlGetUint32(fd, unix.TIOCGPTN)
	return "/dev/pts/" + strconv.FormatUint(uint64(number), 10), err
}
