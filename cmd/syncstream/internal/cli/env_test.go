package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// flagValues has a value for each flag of run, other than the one it has without.
var flagValues = map[string]string{
	"copies": "3", "procfile": "Procfile", "from": "list", "name": "a,b", "jobs": "2", "cwd": ".", "env": "A=1",
	"pty": "true", "stdin": "a",
	"prefix": "index", "timestamps": "iso", "color": "always", "raw": "true", "cr": "split", "output": "group",
	"order": "merged", "include": "a", "exclude": "b", "mask": "c", "json": "true",
	"log": "all.log", "log-dir": "logs", "log-max-bytes": "10M", "log-max-files": "2",
	"stop-on": "fail", "kill-others": "true", "kill-others-on-fail": "true", "stop-signal": "INT", "grace": "1s",
	"timeout": "1m", "until": "a:d", "fail-on": "b:e", "success": "first",
	"tail": "3", "verdict": "v.json",
	"to": "http://node1:7575/train", "token-file": "tokens", "close-timeout": "1s", "when-full": "drop",
}

// Each flag can be set by its variable, which workers do not inherit.
func TestVariables(t *testing.T) {
	newRun().Flags().VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" {
			return
		}
		value, known := flagValues[f.Name]
		if !known {
			t.Errorf("there is no value here for --%s", f.Name)
			return
		}
		t.Run(f.Name, func(t *testing.T) {
			t.Setenv(envName(f), value)
			cmd := newRun()
			if err := flagsFromEnv(cmd); err != nil {
				t.Fatal(err)
			}
			if got := cmd.Flags().Lookup(f.Name).Value.String(); got != value {
				t.Errorf("%s=%s: the flag is %q", envName(f), value, got)
			}
			for _, assignment := range inherited() {
				if strings.HasPrefix(assignment, envName(f)+"=") {
					t.Errorf("workers inherit %s", assignment)
				}
			}
			if f.DefValue == value {
				t.Errorf("%s is what the flag means without", value)
			}
		})
	})
}

// Each flag of each verb has a story: a script gives it, and not only wrongly.
func TestFlagsHaveStories(t *testing.T) {
	scripts, err := filepath.Glob("../../testdata/script/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatal(scripts, err)
	}
	var used []string
	for _, path := range scripts {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if strings.Contains(line, "syncstream ") && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "exits 2 ") {
				used = append(used, line)
			}
		}
	}
	for _, cmd := range newRoot().Commands() {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			names := "--" + f.Name
			if f.Shorthand != "" {
				names += "|-" + f.Shorthand
			}
			given := regexp.MustCompile("syncstream " + cmd.Name() + " .*(" + names + ")[\\s=']")
			if f.Name != "help" && !f.Hidden && !slices.ContainsFunc(used, given.MatchString) {
				t.Errorf("no script gives %s %s", cmd.CommandPath(), names)
			}
		})
	}
}
