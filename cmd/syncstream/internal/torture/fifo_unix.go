//go:build unix

package torture

import (
	"os"
	"syscall"
)

// newFIFO makes a FIFO and opens it for both, so that neither side waits for
// the other to open it.
func newFIFO(name string) (*os.File, error) {
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		return nil, &os.PathError{Op: "mkfifo", Path: name, Err: err}
	}
	return os.OpenFile(name, os.O_RDWR, 0)
}
