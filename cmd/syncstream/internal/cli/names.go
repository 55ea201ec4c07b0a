package cli

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

// maxName is how many bytes a worker's name may have: it stands before each of
// its lines.
const maxName = 100

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

// nameWorkers gives the workers the names of --name; without it, each that has
// none its program's, and a number where two would have the same.
func nameWorkers(cmd *cobra.Command, workers []worker, names string) error {
	if names == "" {
		numberNames(workers)
		return nil
	}
	list := strings.Split(names, ",")
	switch {
	case len(list) == len(workers):
	case len(workers) == 1:
		return usagef(cmd, "--name %q: want one name, not %d", names, len(list))
	default:
		return usagef(cmd, "--name %q: want a name for each of the %d workers, not %d", names, len(workers), len(list))
	}
	seen := map[string]bool{}
	for i, name := range list {
		switch {
		case name == "":
			return usagef(cmd, "--name %q: name %d is empty", names, i+1)
		case len(name) > maxName:
			return usagef(cmd, "--name %.20q…: want at most %d bytes, not %d", name, maxName, len(name))
		case !utf8.ValidString(name) || strings.ContainsFunc(name, unprintable):
			return usagef(cmd, "--name %q: want printable characters only", name)
		case seen[name]:
			return usagef(cmd, "--name %q stands there twice; want each worker's own", name)
		}
		seen[name] = true
		workers[i].name = name
	}
	return nil
}

// numberNames adds to a name that several workers have the number of each: that
// of SYNCSTREAM_RANK, so that two of one name tell which command each runs.
func numberNames(workers []worker) {
	count := map[string]int{}
	for _, w := range workers {
		count[w.name]++
	}
	for i := range workers {
		w := &workers[i]
		for number := "-" + strconv.Itoa(i); count[w.name] > 1; {
			w.name += number
			count[w.name]++
		}
	}
}

// namesOf returns the names of workers.
func namesOf(workers []worker) (names []string) {
	for _, w := range workers {
		names = append(names, w.name)
	}
	return names
}

// programName returns a name for a worker that runs the program at path.
func programName(path string) string {
	name := strings.ToValidUTF8(filepath.Base(path), "?")
	name = strings.Map(func(r rune) rune {
		if unprintable(r) {
			return '?'
		}
		return r
	}, name)
	if len(name) > maxName {
		name = strings.ToValidUTF8(name[:maxName], "")
	}
	return name
}

// reserved are words of the shell that begin a command but name no program.
var reserved = []string{"for", "while", "until", "if", "case", "function", "select", "time", "exec"}

// commandName returns the name of the first program in a shell command, or sh.
func commandName(command string) string {
	for word := range strings.FieldsSeq(command) {
		if strings.Contains(word, "=") {
			continue // an assignment before the program
		}
		name := filepath.Base(word)
		if !slices.Contains(reserved, name) && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-") == "" {
			return name
		}
		break
	}
	return "sh"
}
