package cli

import (
	"strings"
	"testing"
)

func TestWriteFirst(t *testing.T) {
	after := seconds(7.7)
	for _, c := range []struct{ err, want, why string }{
		{"exit status 3", "syncstream: w failed first, after 7.7s: exit status 3\n", "when it failed"},
		{
			"exit status 3 after 7.68s: 1.0 GiB peak memory", "syncstream: w failed first: exit status 3 after 7.68s: 1.0 GiB peak memory\n",
			"an error that has the time says it once",
		},
	} {
		var b strings.Builder
		new(verdict).writeFirst(&b, &workerVerdict{Name: "w", ended: ended{Error: c.err, After: &after}})
		if b.String() != c.want {
			t.Errorf("%s: %q; want %q", c.why, &b, c.want)
		}
	}
}

func TestShortened(t *testing.T) {
	for _, c := range []struct{ line, want, why string }{
		{strings.Repeat("x", 1000), strings.Repeat("x", 1000), "a line that is not too long"},
		{strings.Repeat("x", 3500), strings.Repeat("x", 1000) + "… (2.5 kB more)", "one that is"},
		{strings.Repeat("x", 999) + "ééé", strings.Repeat("x", 999) + "… (6 B more)", "no character is cut"},
		{strings.Repeat("\x80", 1007), strings.Repeat("\x80", 996) + "… (11 B more)", "what is no text"},
	} {
		if got := shortened(c.line); got != c.want {
			t.Errorf("%s: %q; want %q", c.why, got, c.want)
		}
	}
}

func TestVerdictOfSuccess(t *testing.T) {
	v := &verdict{
		reason: &stopReason{text: "a line of w matches --until up", status: undecided}, Line: &foundLine{Text: "up"},
		Workers: []workerVerdict{{Name: "w", ended: ended{Outcome: workerStopped}}}, Totals: totals{Stopped: 1, Lines: 1, Bytes: 3},
	}
	if got, want := v.String(), "syncstream: 1 worker in 0s: 0 ok, 0 failed, 1 stopped; 1 line, 3 B, 0 lost"; got != want {
		t.Errorf("the verdict is %q; want one row: %q", got, want)
	}
	v.Totals.Lost = 1
	if got := v.String(); !strings.Contains(got, "syncstream: stopped: w\n") {
		t.Errorf("the verdict is %q; want more than totals, as a line was lost", got)
	}
}
