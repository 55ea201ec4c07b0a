package syncstream_test

import (
	"context"
	"errors"
	"testing"

	"github.com/syncstream/syncstream"
)

// A stop that is taken back is forgotten, but for those who were asked; and
// nothing else is.
func TestResume(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	if err := b.Stopped(); err != nil {
		t.Errorf("Stopped of a new buffer: %v", err)
	}
	cause := errors.New("enough")
	asked := open(b, "a")
	write(t, asked, "kept\n")
	b.Stop(cause)
	if err := b.Stopped(); err != cause {
		t.Errorf("Stopped: %v", err)
	}
	b.Resume()
	if err := b.Stopped(); err != nil {
		t.Errorf("Stopped after Resume: %v", err)
	}
	later := open(b, "b")
	if context.Cause(asked.Context()) != cause || later.Context().Err() != nil {
		t.Errorf("asked: %v; later: %v", context.Cause(asked.Context()), later.Context().Err())
	}
	asked.Close()
	later.Close()
	if err := b.Wait(t.Context()); err != nil {
		t.Errorf("Wait: %v", err)
	}
	if got := shorts(all(t, b)); got != `a1 "kept"` {
		t.Error(got)
	}
	b.Stop(nil)
	if err := b.Stopped(); err != syncstream.ErrStopped {
		t.Errorf("stopped again: %v", err)
	}
}
