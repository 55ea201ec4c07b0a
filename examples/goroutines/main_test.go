package main_test

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The order between workers is free, so the lines are compared sorted.
const want = `worker 0, message 1, stdout line: Message item
worker 0, message 2, stderr line: a note on stderr
worker 1, message 1, stdout line: Message item
worker 1, message 2, stderr line: a note on stderr
worker 2, message 1, stdout line: Message item
worker 2, message 2, stderr line: a note on stderr
worker 3, message 1, stdout line: Message item
worker 3, message 2, stderr line: a note on stderr
worker 3, message 3, control error: no more items
the first failure: worker 3: no more items
`

func TestExample(t *testing.T) {
	program := filepath.Join(t.TempDir(), "goroutines.exe")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	out, err := exec.Command(program).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got := sorted(string(out)); got != sorted(want) {
		t.Errorf("the output, sorted, is\n%s\nwant\n%s", got, sorted(want))
	}
}

func sorted(text string) string {
	lines := strings.SplitAfter(text, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "")
}
