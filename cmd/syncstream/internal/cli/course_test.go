package cli

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Of two reasons that come at once, the one that is told is the one that counts.
func TestReasonsAtOnce(t *testing.T) {
	for range 10_000 {
		c := newCourse(t.Context(), &endingOptions{signal: defaultSignal})
		c.starting() // else there is nobody to ask
		var both sync.WaitGroup
		for _, text := range []string{"one", "two"} {
			both.Go(func() { c.stop(&stopReason{text: text}) })
		}
		both.Wait()
		if said := <-c.say; !strings.HasPrefix(said, c.reason().text+": ") {
			t.Fatalf("told %q; the reason is %q", said, c.reason().text)
		}
	}
}

// A worker that is being started may run already: a suspension waits for it, and
// no other starts meanwhile.
func TestSuspendAwaitsStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourse(t.Context(), &endingOptions{})
		c.starting()
		var suspended, begun bool
		go func() {
			c.suspend(true)
			suspended = true
		}()
		synctest.Wait()
		if suspended {
			t.Error("the workers are suspended, though one is being started")
		}
		c.add(nil)
		synctest.Wait()
		if !suspended {
			t.Error("the workers are not suspended, though all have been started")
		}
		go func() {
			c.starting()
			begun = true
		}()
		synctest.Wait()
		if begun {
			t.Error("a worker starts while the others are suspended")
		}
		c.suspend(false)
		synctest.Wait()
		if !begun {
			t.Error("no worker starts though they go on")
		}
	})
}

// One that can't be told of waits for the output: it does not keep us from being
// suspended.
func TestSuspendDoesNotHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourse(t.Context(), &endingOptions{})
		c.starting()
		began := time.Now()
		c.suspend(true)
		if d := time.Since(began); d != startPatience {
			t.Errorf("the suspension waited for %v; want %v", d, startPatience)
		}
	})
}
