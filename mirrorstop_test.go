package syncstream_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/syncstream/syncstream"
)

// One worker can be asked to end, and the others go on.
func TestMirrorStop(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	a, other := open(b, "a"), open(b, "o")
	cause := errors.New("enough")
	a.Stop(cause)
	a.Stop(nil)
	if err := context.Cause(a.Context()); err != cause {
		t.Errorf("the context ends with %v", err)
	}
	states := func() string { return fmt.Sprint(b.Sources()[0].State, " ", b.Sources()[1].State) }
	if got := states(); got != "asked open" {
		t.Errorf("the sources are %s", got)
	}
	if _, err := a.Write([]byte("line\n")); err != syncstream.ErrStopped {
		t.Errorf("Write returned %v", err)
	}
	if got := states(); got != "acknowledged open" {
		t.Errorf("the sources are %s", got)
	}
	write(t, other, "line\n")
	a.CloseWithError(errors.New("stopped in the midst of it"))
	a.Stop(nil)
	other.Close()
	if err := b.Wait(t.Context()); err != nil {
		t.Errorf("Wait returned %v, want nil: our stop has brought it about", err)
	}
	if got := states(); got != "exited exited" {
		t.Errorf("the sources are %s", got)
	}
}
