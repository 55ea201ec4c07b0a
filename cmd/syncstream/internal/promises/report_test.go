package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/syncstream/syncstream/cmd/syncstream/internal/torture"
)

func TestWriteInto(t *testing.T) {
	r := report{
		date: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), bound: 20 * time.Second,
		rows: []torture.Row{{Name: "a story"}, {Name: "another"}, {Name: "a third"}},
		columns: []column{
			{peer: peer{name: "syncstream run", tool: torture.Ours("/x/syncstream")}, version: "v1", results: []error{nil, nil, errors.New("torn:\nrow 1")}},
			{
				peer:    peer{name: "other", tool: torture.Tool{Command: []string{"other", "{}"}}, note: "by design"},
				version: "v2", results: []error{&torture.Damage{Lost: 2, Torn: 1}, &torture.NotTried{Because: "it is so"}, nil},
			},
		},
		missing: []peer{
			{name: "third", tool: torture.Tool{Command: []string{"third", "{file}"}}},
			{name: "fourth", tool: torture.Tool{Command: []string{"fourth", "{file}"}}, from: "npm: fourth"},
		},
	}
	page := filepath.Join(t.TempDir(), "page.md")
	const want = "before\n" + tablesBegin + `Played 2026-01-02; a story may take 20s, and half of that is for a line that is waited for.

| story | syncstream run | other |
|---|---|---|
| a story | kept | **failed** |
| another | kept | not tried |
| a third | **failed** | kept |
| **kept** | 2 of 3 | 1 of 3 |

| tool | version | command | |
|---|---|---|---|
| syncstream run | v1 | ` + "`syncstream run {}`" + ` |  |
| other | v2 | ` + "`other {}`" + ` | by design |
| third | not here | ` + "`third {file}`" + ` | it can't be had from Debian, npm or the Go module proxy here |
| fourth | not here | ` + "`fourth {file}`" + ` | npm: fourth |

What went wrong under syncstream run:

- *a third*: torn: row 1

What went wrong under other:

- *a story*: 2 lines lost; 1 line torn
- *another*: not tried, because it is so

` + tablesEnd + "after\n"
	for _, old := range []string{"", "old tables\n"} {
		if err := os.WriteFile(page, []byte("before\n"+tablesBegin+old+tablesEnd+"after\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := r.writeInto(page); err != nil {
			t.Fatal(err)
		}
		got, _ := os.ReadFile(page)
		if string(got) != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
	if err := os.WriteFile(page, []byte("no marks"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r.writeInto(page) == nil {
		t.Error("a page without marks was written to")
	}
}
