package main_test

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The order between workers is free, so the lines are compared sorted.
const want = `sh, stdout: from the shell
sh, stderr: a complaint
sh, control: exit status 3
awk, stdout: awk counts 1
awk, stdout: awk counts 2
awk, stdout: awk counts 3
perl, stdout: perl ends without a newline
no-such-program, control: can't start "no-such-program": executable file not found in $PATH
sh ended: exit status 3
awk ended: <nil>
perl ended: <nil>
no-such-program ended: can't start "no-such-program": executable file not found in $PATH
`

func TestExample(t *testing.T) {
	program := filepath.Join(t.TempDir(), "commands.exe")
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
