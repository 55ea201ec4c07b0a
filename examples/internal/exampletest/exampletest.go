// Package exampletest tests the example programs by what they print.
package exampletest

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Run builds and runs the program of the folder that the test is in, and
// compares what it prints with want. The order between workers is free, so the
// lines are compared sorted.
func Run(t *testing.T, want string) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "example.exe")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	out, err := exec.CommandContext(t.Context(), program).CombinedOutput()
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
