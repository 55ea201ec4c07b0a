package process

import (
	"os"

	"golang.org/x/sys/unix"
)

// makeSmall has a pipe hold one page, if the system lets it: so its writer can't be
// far ahead of its reader.
func makeSmall(f *os.File) {
	raw, err := f.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { _, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, os.Getpagesize()) })
}
