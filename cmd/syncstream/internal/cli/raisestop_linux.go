package cli

import (
	"os"
	"runtime"
	"syscall"
	"unsafe"
)

// raiseStop does to this program what SIGTSTP does by itself: it is stopped, but
// not where no shell could let it go on. To reset the signal by os/signal would
// leave the runtime's handler there, which does nothing.
func raiseStop() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
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
	// To this very thread, which hears it before it goes on.
	_, _, _ = syscall.RawSyscall(syscall.SYS_TGKILL, uintptr(os.Getpid()), uintptr(syscall.Gettid()), uintptr(syscall.SIGTSTP))
	swap(&old, nil)
}
