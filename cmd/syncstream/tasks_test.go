//go:build unix

package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	task     = regexp.MustCompile("(?s)\n## ([^\n]+)\n.*?```sh\n(.*?)```\n```text\n(.*?)```\n")
	duration = regexp.MustCompile(`\b[0-9.]+m?s\b`)
)

// TestTasks runs what docs/run.md shows. What stands under a command is among
// what it prints; T is any time.
func TestTasks(t *testing.T) {
	page, err := os.ReadFile(filepath.FromSlash("../../docs/run.md"))
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", filepath.Join(bin, "syncstream"), ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	tasks := task.FindAllStringSubmatch(string(page), -1)
	if len(tasks) != 10 || strings.Count(string(page), "```sh\n") != len(tasks) {
		t.Fatalf("the page has %d tasks; want 10, each with a command and what it prints", len(tasks))
	}
	for _, m := range tasks {
		t.Run(m[1], func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), "sh", "-c", m[2])
			cmd.Dir = t.TempDir()
			cmd.Env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%v", err)
			}
			printed := strings.ReplaceAll(string(out), cmd.Dir+"/", "")
			printed = "\n" + duration.ReplaceAllString(printed, "T")
			for want := range strings.Lines(m[3]) {
				if !strings.Contains(printed, "\n"+want) {
					t.Errorf("there is no row %q", want)
				}
			}
			if t.Failed() {
				t.Logf("it printed\n%s", out)
			}
		})
	}
}
