//go:build unix

package process

import (
	"os"
	"syscall"
)

// stopSignals end the context of a worker function.
var stopSignals = []os.Signal{syscall.SIGTERM, syscall.SIGINT}

// hasExtraFiles says that a worker can be given more than three descriptors.
const hasExtraFiles = true

func closeOnExec(fd int) { syscall.CloseOnExec(fd) }
