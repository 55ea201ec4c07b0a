package view_test

import (
	"syscall"
	"testing"

	"github.com/syncstream/syncstream/cmd/syncstream/internal/view"
)

// blocking is a writer that would block, at first.
type blocking struct {
	text  []byte
	times int
}

func (b *blocking) Write(p []byte) (int, error) {
	if b.times > 0 {
		b.times--
		n := min(len(p), 2)
		b.text = append(b.text, p[:n]...)
		return n, syscall.EAGAIN
	}
	b.text = append(b.text, p...)
	return len(p), nil
}

// Who shares our stdout can make it non-blocking at any time.
func TestPatient(t *testing.T) {
	b := &blocking{times: 3}
	n, err := view.Patient(b).Write([]byte("0123456789"))
	if n != 10 || err != nil || string(b.text) != "0123456789" {
		t.Errorf("%d, %v, %q", n, err, b.text)
	}
}
