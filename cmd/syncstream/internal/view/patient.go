package view

import (
	"errors"
	"io"
	"syscall"
	"time"
)

// retryAfter is how long a writer that would block is left alone.
const retryAfter = 2 * time.Millisecond

// Patient returns a writer that waits where w says that it would block: another
// program that holds the same pipe or terminal can make it so at any time.
func Patient(w io.Writer) io.Writer { return patient{w} }

type patient struct{ w io.Writer }

func (p patient) Write(b []byte) (written int, err error) {
	for {
		n, err := p.w.Write(b[written:])
		written += n
		if !errors.Is(err, syscall.EAGAIN) {
			return written, err
		}
		time.Sleep(retryAfter)
	}
}
