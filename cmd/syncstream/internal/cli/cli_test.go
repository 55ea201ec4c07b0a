package cli

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"", "abc", 3},
		{"abc", "", 3},
		{"json", "json", 0},
		{"json", "jsn", 1},   // one removed
		{"json", "jsoon", 1}, // one added
		{"json", "jxon", 1},  // one changed
		{"json", "josn", 2},  // two that changed places
		{"kitten", "sitting", 3},
		{"name", "json", 4},
	} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("distance(%q, %q) = %d; want %d", c.a, c.b, got, c.want)
		}
		if got := distance(c.b, c.a); got != c.want {
			t.Errorf("distance(%q, %q) = %d; want %d", c.b, c.a, got, c.want)
		}
	}
}

func TestNearestFlag(t *testing.T) {
	cmd := &cobra.Command{}
	cmd.Flags().Bool("json", false, "")
	cmd.Flags().Bool("jsonl", false, "")
	cmd.Flags().Bool("a-long-name-of-a-flag", false, "")
	cmd.Flags().Bool("secret", false, "")
	if err := cmd.Flags().MarkHidden("secret"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, want, why string }{
		{"jsn", "json", "the nearer of two"},
		{"jsonll", "jsonl", "the nearer of two"},
		{"jason", "json", "one letter too many"},
		{"a-lnog-nmae-of-a-falg", "a-long-name-of-a-flag", "a long name may have more mistakes"},
		{"secre", "", "a hidden flag is not named"},
		{"a-long", "a-long-name-of-a-flag", "one that begins so"},
		{"JSONL", "jsonl", "capitals are small ones"},
		{"j", "", "one letter is not enough"},
		{"verbose", "", "none is near"},
		{"", "", "nothing is near nothing"},
	} {
		if got := nearestFlag(cmd, c.name); got != c.want {
			t.Errorf("nearestFlag(%q) = %q; want %q: %s", c.name, got, c.want, c.why)
		}
	}
}

func TestCommandName(t *testing.T) {
	for _, c := range []struct{ command, want string }{
		{"make", "make"},
		{"  make -j8", "make"},
		{"/usr/bin/python3.12 train.py", "python3.12"},
		{"./my-tool_2+x", "my-tool_2+x"},
		{"CGO_ENABLED=0 GOOS=linux go build", "go"},
		{"A=1 B=2", "sh"},
		{"(cd web; npm start)", "sh"},
		{"'my program' x", "sh"},
		{"$EDITOR file", "sh"},
		{"echo; true", "sh"},
		{"for i in 1 2; do echo $i; done", "sh"},
		{"größe", "sh"},
		{"\x1b[2J", "sh"},
	} {
		if got := commandName(c.command); got != c.want {
			t.Errorf("commandName(%q) = %q; want %q", c.command, got, c.want)
		}
	}
}

// TestHelpFits checks that each command's help fits a screen, names all its
// flags and has three examples.
func TestHelpFits(t *testing.T) {
	const rows, columns = 24, 80
	root := newRoot()
	for _, cmd := range append(root.Commands(), root) {
		var out bytes.Buffer
		cmd.SetOut(&out)
		if err := cmd.Help(); err != nil {
			t.Fatal(err)
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden && f.Name != "help" && !strings.Contains(out.String(), "--"+f.Name) {
				t.Errorf("%s --help does not name --%s", cmd.CommandPath(), f.Name)
			}
		})
		if n := strings.Count(cmd.Example, "\n") + 1; n != 3 && cmd.Runnable() {
			t.Errorf("%s --help has %d examples; want 3", cmd.CommandPath(), n)
		}
		lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		if len(lines) > rows && cmd.Runnable() { // a topic is for a pager
			t.Errorf("%s --help has %d lines; want %d at most", cmd.CommandPath(), len(lines), rows)
		}
		for _, line := range lines {
			if n := utf8.RuneCountInString(line); n > columns {
				t.Errorf("%s --help has a line of %d columns; want %d at most: %s", cmd.CommandPath(), n, columns, line)
			}
		}
	}
}

// A name stands before each line: it may neither move a cursor nor forge a row.
func TestProgramName(t *testing.T) {
	for path, want := range map[string]string{
		"/usr/bin/python3":          "python3",
		"./größe":                   "größe",
		"/x/a\n\x1b[31mdb | forged": "a??[31mdb | forged",
		"a\u009bb\xff\u2028":        "a?b??",
		strings.Repeat("x", 1000):   strings.Repeat("x", maxName),
		strings.Repeat("ö", 1000):   strings.Repeat("ö", maxName/2),
	} {
		if got := programName(path); got != want {
			t.Errorf("programName(%q) = %q; want %q", path, got, want)
		}
	}
}
