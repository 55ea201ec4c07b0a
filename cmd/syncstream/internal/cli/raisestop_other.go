//go:build unix && !linux

package cli

import (
	"os"
	"syscall"
)

// raiseStop stops this program.
func raiseStop() { _ = syscall.Kill(os.Getpid(), syscall.SIGSTOP) }
