package process

import (
	"strings"
	"testing"
)

// The warning names a few, and shows their command lines harmless and short.
func TestHeldWarning(t *testing.T) {
	sleep, cat, odd := holder{7, "sleep 60"}, holder{8, "cat"}, holder{9, "\x1b[31m"}
	for want, holders := range map[string][]holder{
		`another process still holds`:                                       nil,
		`process 7 ("sleep 60") still holds`:                                {sleep},
		`processes 7 ("sleep 60") and 8 ("cat") still hold`:                 {sleep, cat},
		`processes 7 ("sleep 60"), 8 ("cat") and 9 ("\x1b[31m") still hold`: {sleep, cat, odd},
		`processes 8 ("cat"), 8 ("cat"), 8 ("cat") and 2 more still hold`:   {cat, cat, cat, odd, odd},
		`process 1 ("` + strings.Repeat("x", 80) + `…") still holds`:        {{1, strings.Repeat("x", 1000)}},
	} {
		want += " the output of w; what is printed there from now on is lost, and not counted"
		if got := heldWarning("w", holders).Error(); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
}
