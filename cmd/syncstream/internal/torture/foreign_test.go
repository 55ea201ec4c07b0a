package torture_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/syncstream/syncstream/cmd/syncstream/internal/torture"
)

// TestDamageIsSeen plays stories before tools that do one thing wrong each.
func TestDamageIsSeen(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		kind, story string
		see         func(*torture.Damage) bool
	}{
		{"loses lines", "exit 3", func(d *torture.Damage) bool { return d.Lost > 20 && d.Torn == 0 && d.Reordered == 0 }},
		{"loses the last words", "exit 3", func(d *torture.Damage) bool { return d.Lost == 1 && d.LastWords == 1 }},
		{"loses empty lines", "empty lines", func(d *torture.Damage) bool { return d.Lost == 4 }},
		{"doubles lines", "exit 3", func(d *torture.Damage) bool { return d.Doubled == 301 && d.Reordered == 0 }},
		{"changes bytes", "bytes that are no text", func(d *torture.Damage) bool { return d.Changed == 1 && d.Torn == 0 && d.Lost == 0 }},
		{"changes places", "a slow reader", func(d *torture.Damage) bool { return d.Reordered > 1000 && d.Lost == 0 }},
		{"shows what it reads", "half a line beside a noisy neighbour", func(d *torture.Damage) bool { return d.Mixed > 0 && d.Torn > 0 && d.Lost == 0 }},
		{"shows reads as rows", "a line of 200 kB", func(d *torture.Damage) bool { return d.Torn > 1 }},
		{"shows all at the end", "half a line beside a noisy neighbour", func(d *torture.Damage) bool {
			return strings.Contains(d.Late, "in the output") && d.Lost == 0 && d.Hung == ""
		}},
		{"never ends", "exit 3", func(d *torture.Damage) bool { return strings.Contains(d.Hung, "hung") && d.Lost == 0 }},
		{"ends all with one", "last words without a line end", func(d *torture.Damage) bool { return d.Stopped == 1 && d.Lost == 0 }},
		{"has no status", "exit 3", func(d *torture.Damage) bool { return d.Status != "" && d.Lost == 0 }},
		{"leaves a process", "exit 3", func(d *torture.Damage) bool { return strings.Contains(d.Left, "sleep") && d.Lost == 0 }},
	} {
		t.Run(c.kind, func(t *testing.T) {
			t.Parallel()
			row, ok := torture.Find(c.story)
			if !ok {
				t.Fatalf("there is no story %q", c.story)
			}
			bound := torture.Bound
			if c.kind == "shows all at the end" || c.kind == "never ends" {
				bound = 8 * time.Second // half of it for those who wait in vain
			}
			err := torture.Run(context.Background(), torture.Tool{Command: []string{self, "fake", c.kind, "{}"}}, row, bound)
			var d *torture.Damage
			if !errors.As(err, &d) || !c.see(d) {
				t.Errorf("%s: %v", c.story, err)
			}
		})
	}
}

// TestNoDamageIsSeen plays all stories before a tool that does nothing wrong but
// to have rows of its own.
func TestNoDamageIsSeen(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range torture.Rows() {
		t.Run(row.Name, func(t *testing.T) {
			if err := torture.Run(context.Background(), torture.Tool{Command: []string{self, "fake", "faultless", "{}"}}, row, torture.Bound); err != nil {
				t.Errorf("%s\n%v", row.Why, err)
			}
		})
	}
}

// TestPlaces hands the commands to a shell in each way.
func TestPlaces(t *testing.T) {
	row, _ := torture.Find("last words without a line end")
	for _, script := range []string{
		`while read -r c; do sh -c "$c" | sed 's/$//' & done <{file}; wait`,
		`while read -r p c; do sh -c "$c" | sed 's/$//' & done <{procfile}; wait`,
		`[ {n} = 2 ] && while read -r c; do sh -c "$c" | sed 's/$//' & done <{file}; wait`,
		`for c; do sh -c "$c" | sed 's/$//' & done; wait`,
	} {
		tool := torture.Tool{Command: []string{"sh", "-c", script, "sh", "{}"}}
		if err := torture.Run(context.Background(), tool, row, torture.Bound); err != nil && !strings.Contains(err.Error(), "mixed") {
			t.Errorf("%s: %v", script, err)
		}
	}
}
