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
