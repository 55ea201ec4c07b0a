package main_test

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The order between workers is free, so the lines are compared sorted.
const want = `Message item
Message item
Message item
Message item
`

func TestExample(t *testing.T) {
	program := filepath.Join(t.TempDir(), "processes.exe")
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
