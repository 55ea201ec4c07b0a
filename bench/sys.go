//go:build linux

package main

import (
	"io"
	"syscall"
	"time"
	"unsafe"
)

// rawRead is read(2) without telling the scheduler: for a descriptor that does not block.
func rawRead(fd uintptr, p []byte) (int, error) {
	n, _, errno := syscall.RawSyscall(syscall.SYS_READ, fd, uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
	switch {
	case errno != 0:
		return 0, errno
	case n == 0:
		return 0, io.EOF
	}
	return int(n), nil
}

// monotonic is CLOCK_MONOTONIC, the clock of the generators' time stamps; package time
// does not show it.
func monotonic() time.Duration {
	const clockMonotonic = 1
	var t syscall.Timespec
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&t)), 0)
	return time.Duration(t.Nano())
}
