package cli

import (
	"strings"
	"sync"
	"testing"
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
