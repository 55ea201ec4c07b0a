package cli

import (
	"testing"
	"time"
)

// A worker that is being started has not ended.
func TestStatusWhileStarting(t *testing.T) {
	c := newCourse(t.Context(), &endingOptions{grace: 10 * time.Second})
	c.starting()
	if got, want := c.status(time.Now()), "waiting for workers that are being started"; got != want {
		t.Errorf("while one is started: %q; want %q", got, want)
	}
	c.add(nil)
	if got, want := c.status(time.Now()), "waiting for the output of workers that have ended"; got != want {
		t.Errorf("when none could be: %q; want %q", got, want)
	}
}
