package process

import (
	"errors"
	"testing"

	"github.com/syncstream/syncstream"
)

// A worker that gets the place of one that has ended is not started if the group
// is stopped before it could be; and its place is free.
func TestStopAfterPlace(t *testing.T) {
	refused := 0
	for range 100 {
		g := &Group{Limit: 1}
		g.once.Do(g.init)
		g.places <- struct{}{}
		waiting, result := make(chan struct{}), make(chan error)
		go func() {
			close(waiting)
			result <- g.enter(t.Context())
		}()
		<-waiting
		<-g.places
		g.Stop()
		switch err := <-result; {
		case errors.Is(err, syncstream.ErrStopped):
			refused++
			if len(g.places) != 0 {
				t.Fatal("it has kept the place")
			}
		case err != nil:
			t.Fatal(err)
		}
	}
	if refused == 0 {
		t.Error("none of 100 was refused")
	}
}
