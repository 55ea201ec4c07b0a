package cli

import (
	"os"
	"syscall"
	"unsafe"
)

// raiseStop does to this program what SIGTSTP does by itself: it is stopped, but
// not where no shell could let it go on. To reset the signal by os/signal would
// leave the runtime's handler there, which does nothing.
func raiseStop() {
	var byDefault, old [5]uintptr // struct sigaction, of which zero is the default
	swap := func(to, from *[5]uintptr) syscall.Errno {
		const setSize = 8 // bytes of a set of signals
		_, _, errno := syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(syscall.SIGTSTP),
			uintptr(unsafe.Pointer(to)), uintptr(unsafe.Pointer(from)), setSize, 0, 0)
		return errno
	}
	if swap(&byDefault, &old) != 0 {
		return
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGTSTP)
	swap(&old, nil)
}
