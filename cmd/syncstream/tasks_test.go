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

// TestTasks runs what docs/run.md shows.
func TestTasks(t *testing.T) { playPage(t, "run.md", 10) }

// TestHosts runs what docs/hosts.md shows of the command.
func TestHosts(t *testing.T) { playPage(t, "hosts.md", 1) }

// playPage runs the commands of a page, which has so many tasks. What stands under
// a command is among what it prints; T is any time.
func playPage(t *testing.T, name string, n int) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", name))
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", filepath.Join(bin, "syncstream"), ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	tasks := task.FindAllStringSubmatch(string(page), -1)
	if len(tasks) != n || strings.Count(string(page), "```sh\n") != len(tasks) {
		t.Fatalf("the page has %d tasks; want %d, each with a command and what it prints", len(tasks), n)
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
