package torture

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Tool is what brings the workers' output together.
type Tool struct {
	// Command is its command line, with a place for the workers' commands, which
	// are for the shell: the argument "{}" becomes all of them, one argument each.
	// In any argument, {file} becomes the name of a file that has them, one a line;
	// {procfile} that of a Procfile; and {n} their number.
	Command []string
	// Ours says that it prints "name | text", as syncstream run does, and is held
	// to what syncstream says of its workers; others are held to their lines and
	// to the exit status: 0 if all went well, and another where a worker failed.
	Ours bool
}

// Ours is syncstream run.
func Ours(program string) Tool { return Tool{Command: []string{program, "run", "{}"}, Ours: true} }

// Takes reports whether the command has a place for the workers.
func (t Tool) Takes() bool {
	return slices.ContainsFunc(t.Command, func(arg string) bool {
		return arg == "{}" || strings.Contains(arg, "{file}") || strings.Contains(arg, "{procfile}")
	})
}

// NotTried is the error of a story that the tool can't take.
type NotTried struct{ Because string }

func (n *NotTried) Error() string { return "not tried, because " + n.Because }

// argv returns the command line, and writes the files that it names into dir.
func (t Tool) argv(workers []string, dir string) ([]string, error) {
	file, procfile := filepath.Join(dir, "commands"), filepath.Join(dir, "Procfile")
	var lines, entries strings.Builder
	for i, w := range workers {
		fmt.Fprintf(&lines, "%s\n", w)
		fmt.Fprintf(&entries, "p%d: %s\n", i, w)
	}
	if err := os.WriteFile(file, []byte(lines.String()), 0o600); err != nil {
		return nil, err
	}
	if err := os.WriteFile(procfile, []byte(entries.String()), 0o600); err != nil {
		return nil, err
	}
	places := strings.NewReplacer("{file}", file, "{procfile}", procfile, "{n}", strconv.Itoa(len(workers)))
	var argv []string
	for _, arg := range t.Command {
		if arg == "{}" {
			argv = append(argv, workers...)
		} else {
			argv = append(argv, places.Replace(arg))
		}
	}
	return argv, nil
}

// environ is this program's environment, less what it would tell syncstream run
// to do.
func (t Tool) environ() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "SYNCSTREAM_RUN_") })
}
