// Package pipe reads pipes fast: without telling the scheduler, which for most
// reads costs more than the read itself.
package pipe

import (
	"errors"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

// ErrAgain is returned by [Read] when there is nothing to read yet.
var ErrAgain = errors.New("pipe: nothing to read yet")

// Reader is the end of a pipe that can be told to finish: to read what is in
// the pipe, and then to end, whoever may still hold the other end.
type Reader struct {
	file      *os.File
	finishing atomic.Bool
	left      atomic.Int64 // bytes to read before the end, while finishing
}

// NewReader returns a Reader of file, which it owns.
func NewReader(file *os.File) *Reader { return &Reader{file: file} }

// Read reads as the file does.
func (r *Reader) Read(p []byte) (int, error) { return r.file.Read(p) }

// Close closes the file.
func (r *Reader) Close() error { return r.file.Close() }

// SyscallConn returns the file's raw connection.
func (r *Reader) SyscallConn() (syscall.RawConn, error) { return r.file.SyscallConn() }

// Finish ends the reads once they have brought what is in the pipe now. It
// reports whether anybody still holds the other end; if not, that is all there
// is.
func (r *Reader) Finish() (held bool) {
	raw, err := r.file.SyscallConn()
	if err != nil {
		return false
	}
	err = raw.Control(func(fd uintptr) {
		held = !hungUp(fd)
		r.left.Store(int64(available(fd)))
		r.finishing.Store(true)
	})
	if err == nil {
		err = r.file.SetReadDeadline(time.Unix(1, 0)) // wakes a reader that waits
	}
	return held && err == nil // an error says that the reads have ended
}

// Finishing reports whether Finish was called.
func (r *Reader) Finishing() bool { return r.finishing.Load() }

// Took tells that n bytes were read, and reports whether they were the last.
func (r *Reader) Took(n int) (end bool) {
	return r.Finishing() && r.left.Add(-int64(n)) <= 0
}
