package view

import (
	"os"

	"golang.org/x/sys/unix"
)

// EnlargePipe makes f hold a MiB if it is a pipe, so that its reader is woken
// less often. That it can't is normal.
func EnlargePipe(f *os.File) {
	raw, err := f.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { _, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, 1<<20) })
}
