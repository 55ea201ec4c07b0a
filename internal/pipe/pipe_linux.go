package pipe

import (
	"fmt"
	"io"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// FinishLosesNothing says that [Reader.Finish] knows what is in the pipe.
const FinishLosesNothing = true

const (
	// largeSize is what a busy pipe is made to hold.
	largeSize = 1 << 20
	// maxLarge is how many pipes of this process are enlarged at once. Linux
	// counts all pipes of a user without privileges together: past 64 MiB each
	// new one would have 8 KiB.
	maxLarge = 16

	// Which package syscall lacks: F_SETPIPE_SZ and F_GETPIPE_SZ.
	fSetPipeSize = 1031
	fGetPipeSize = 1032
)

// Nonblocking reports whether fd was opened for reads that do not wait. [Read]
// is for no other: it would stop a processor of the Go scheduler.
func Nonblocking(fd uintptr) bool {
	flags, _, errno := syscall.RawSyscall(syscall.SYS_FCNTL, fd, syscall.F_GETFL, 0)
	return errno == 0 && flags&syscall.O_NONBLOCK != 0
}

// Read reads what is there, without waiting. The error is [ErrAgain] when
// there is nothing yet, io.EOF at the end, or the system's.
func Read(fd uintptr, p []byte) (int, error) {
	for {
		n, _, errno := syscall.RawSyscall(syscall.SYS_READ, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
		switch {
		case errno == syscall.EINTR:
			continue
		case errno == syscall.EAGAIN:
			return 0, ErrAgain
		case errno != 0:
			return 0, fmt.Errorf("read: %w", errno)
		case n == 0:
			return 0, io.EOF
		}
		return int(n), nil
	}
}

// Yield lets another thread have the processor, if one wants it.
func Yield() { syscall.RawSyscall(syscall.SYS_SCHED_YIELD, 0, 0, 0) }

var large atomic.Int32

// Enlarge makes the pipe fd larger, and reports whether it did. The caller then
// calls [Release] when it has closed it. That it fails is normal: the
// system's limits are shared by all processes of a user.
func Enlarge(fd uintptr) bool {
	if large.Add(1) <= maxLarge && SetSize(fd, largeSize) {
		return true
	}
	large.Add(-1)
	return false
}

// Release gives back what Enlarge took.
func Release() { large.Add(-1) }

// SetSize makes the pipe fd hold n bytes, and reports whether it does.
func SetSize(fd uintptr, n int) bool {
	_, _, errno := syscall.RawSyscall(syscall.SYS_FCNTL, fd, fSetPipeSize, uintptr(n))
	return errno == 0
}

// Available returns how many bytes can be read from the pipe fd.
func Available(fd uintptr) int {
	var n int32
	_, _, errno := syscall.RawSyscall(syscall.SYS_IOCTL, fd, syscall.TIOCINQ, uintptr(unsafe.Pointer(&n)))
	if errno != 0 {
		return 0
	}
	return int(n)
}

// capacity returns how many bytes the pipe fd can hold.
func capacity(fd uintptr) int {
	n, _, errno := syscall.RawSyscall(syscall.SYS_FCNTL, fd, fGetPipeSize, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

// number returns the inode number of the pipe fd.
func number(fd uintptr) uint64 {
	var stat syscall.Stat_t
	if syscall.Fstat(int(fd), &stat) != nil {
		return 0
	}
	return stat.Ino
}

// hungUp reports whether nobody holds the other end of the pipe fd.
func hungUp(fd uintptr) bool {
	p := struct {
		fd              int32
		events, revents int16
	}{fd: int32(fd)}
	var now syscall.Timespec
	const pollHangUp = 0x10 // POLLHUP
	_, _, errno := syscall.RawSyscall6(syscall.SYS_PPOLL, uintptr(unsafe.Pointer(&p)), 1, uintptr(unsafe.Pointer(&now)), 0, 0, 0)
	return errno == 0 && p.revents&pollHangUp != 0
}
