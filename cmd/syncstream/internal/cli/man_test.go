package cli

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// The man pages have all flags, and nothing in their text is taken for a macro.
func TestMan(t *testing.T) {
	dir := t.TempDir()
	root := newRoot()
	root.SetArgs([]string{"man", dir})
	if err := root.Execute(); err != nil {
		t.Fatal(err)
	}
	var names []string
	files, _ := os.ReadDir(dir)
	for _, f := range files {
		names = append(names, f.Name())
	}
	if want := []string{
		"syncstream-clear.1", "syncstream-follow.1", "syncstream-read.1", "syncstream-run.1", "syncstream-send.1", "syncstream-serve.1",
		"syncstream-status.1", "syncstream-stop.1", "syncstream-torture.1", "syncstream-wait.1", "syncstream.1",
	}; !slices.Equal(names, want) {
		t.Fatalf("the pages are %q; want %q", names, want)
	}
	page, err := os.ReadFile(dir + "/syncstream-run.1")
	if err != nil {
		t.Fatal(err)
	}
	macros := []string{".TH", ".SH", ".TP", ".B", ".BR", ".nf", ".fi"}
	for line := range strings.Lines(string(page)) {
		macro, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		if (line[0] == '.' || line[0] == '\'') && !slices.Contains(macros, macro) {
			t.Errorf("a line is taken for a macro: %s", line)
		}
	}
	newRun().Flags().VisitAll(func(f *pflag.Flag) {
		if !bytes.Contains(page, []byte(roff(flagSynopsis(f)))) {
			t.Errorf("the page does not have --%s", f.Name)
		}
	})
}

func TestCompletion(t *testing.T) {
	for shell, want := range map[string]string{
		"bash": "complete -o default -F __start_syncstream syncstream", "zsh": "#compdef syncstream",
		"fish": "complete -c syncstream", "powershell": "Register-ArgumentCompleter -CommandName 'syncstream'",
	} {
		if got := execute(t, "completion", shell); !strings.Contains(got, want) {
			t.Errorf("the completion for %s lacks %q", shell, want)
		}
	}
	procfile := t.TempDir() + "/Procfile"
	if err := os.WriteFile(procfile, []byte("web: x\ndb: y\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"ru"}, "run"},
		{[]string{"run", "--stop-s"}, "--stop-signal"},
		{[]string{"run", "--stop-on", ""}, "never\nfail\nexit\n"},
		{[]string{"run", "--output", ""}, "stream\ngroup\nerrors\nnone\n"},
		{[]string{"run", "--stop-signal", ""}, strings.Join(signalNames, "\n") + "\n:4\n"},
		{[]string{"run", "--name", "a,b", "--stdin", ""}, "a\nb\n:4\n"},
		{[]string{"run", "-f", procfile, "--success", ""}, "web\ndb\nall\nfirst\nlast\n:4\n"},
		{[]string{"run", "--stop-sig"}, "--stop-signal\tthe signal, by NAME or number, that"},
		{[]string{"run", "-p", ""}, "name\nindex\n"},
		{[]string{"run", "-f", procfile, "web", ""}, "db\n:4\n"},
		{[]string{"fo"}, "follow"},
		{[]string{"follow", "--color", ""}, "auto\nalways\nnever\n:4\n"},
		{[]string{"wait", ""}, ":4\n"},
		{[]string{"serve", "--max-b"}, "--max-body\tBYTES of a request (413)\n"},
	} {
		if got := execute(t, append([]string{"__complete"}, c.args...)...); !strings.HasPrefix(got, c.want) {
			t.Errorf("%q is completed by %q; want %q", c.args, got, c.want)
		}
	}
}

// execute runs syncstream and returns what it prints.
func execute(t *testing.T, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(&out)
	root.SetErr(&bytes.Buffer{})
	if err := root.Execute(); err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	return out.String()
}
