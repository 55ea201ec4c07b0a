// Package pipe reads pipes fast: without telling the scheduler, which for most
// reads costs more than the read itself.
package pipe

import (
	"errors"
	"io"
	"os"
	"sync"
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
	begun     chan struct{}
	begin     sync.Once // closes begun
	finishing atomic.Bool

	// What follows is the reading goroutine's.
	counted bool
	left    int // bytes to read before the end, once counted
	ended   bool
}

// NewReader returns a Reader of file, which it owns.
func NewReader(file *os.File) *Reader { return &Reader{file: file, begun: make(chan struct{})} }

// Read reads as the file does.
func (r *Reader) Read(p []byte) (int, error) { return r.file.Read(p) }

// Close closes the file.
func (r *Reader) Close() error { return r.file.Close() }

// SyscallConn returns the file's raw connection.
func (r *Reader) SyscallConn() (syscall.RawConn, error) { return r.file.SyscallConn() }

// CopyTo has w read all of the pipe, until its end or until it is told to finish.
// Where w takes no more, which the error closed says, what comes is read and
// given up all the same, so that who writes to the pipe can go on.
func (r *Reader) CopyTo(w io.ReaderFrom, closed error) error {
	_, err := w.ReadFrom(r)
	for errors.Is(err, closed) && !r.ended {
		_, err = w.ReadFrom(r)
	}
	if errors.Is(err, closed) || errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return err
}

// Resume lets Read wait again, after the reads that Finish has ended.
func (r *Reader) Resume() error { return r.file.SetReadDeadline(time.Time{}) }

// Begin tells that the reading has begun.
func (r *Reader) Begin() { r.begin.Do(func() { close(r.begun) }) }

// Begun is closed once Begin was called: from then on what is in the pipe is
// read before an error message that comes by another way.
func (r *Reader) Begun() <-chan struct{} { return r.begun }

// Finish ends the reads once they have brought what is in the pipe now; what a
// reader that is busy elsewhere finds later is read too. It
// reports whether anybody still holds the other end; if not, that is all there
// is.
func (r *Reader) Finish() (held bool) {
	raw, err := r.file.SyscallConn()
	if err != nil {
		return false
	}
	err = raw.Control(func(fd uintptr) {
		held = !hungUp(fd)
		r.finishing.Store(true)
	})
	if err == nil {
		err = r.file.SetReadDeadline(time.Unix(1, 0)) // wakes a reader that waits
	}
	return held && err == nil // an error says that the reads have ended
}

// Held reports whether anybody holds the other end, and which number the system
// gives the pipe; zero, where it has none.
func (r *Reader) Held() (inode uint64, held bool) {
	r.control(func(fd uintptr) { inode, held = number(fd), !hungUp(fd) })
	return inode, held
}

// Unread returns how many bytes are in the pipe, and how many it can hold; zero,
// where the system does not tell.
func (r *Reader) Unread() (n, size int) {
	r.control(func(fd uintptr) { n, size = Available(fd), capacity(fd) })
	return n, size
}

// control calls f with the descriptor, unless the reader is closed.
func (r *Reader) control(f func(fd uintptr)) {
	if raw, err := r.file.SyscallConn(); err == nil {
		_ = raw.Control(f)
	}
}

// Finishing reports whether Finish was called.
func (r *Reader) Finishing() bool { return r.finishing.Load() }

// Took tells that n bytes were read from fd, and reports whether they were the
// last. The goroutine that reads calls it, and counts what is left itself:
// nobody else knows which reads are under way.
func (r *Reader) Took(fd uintptr, n int) (end bool) {
	if !r.Finishing() {
		return false
	}
	if r.counted {
		r.left -= n
	} else {
		r.counted, r.left = true, Available(fd)
	}
	r.ended = r.left <= 0
	return r.ended
}
