package view

import (
	"fmt"
	"regexp"

	"github.com/syncstream/syncstream"
)

// Output says when a worker's lines are shown.
type Output uint8

const (
	Stream Output = iota // as they come
	Group                // those of a worker together, when it ends
	Errors               // so, but only those of one that failed
	None                 // never
)

// ParseOutput understands "stream", "group", "errors" and "none".
func ParseOutput(s string) (Output, error) {
	for i, name := range []string{"stream", "group", "errors", "none"} {
		if s == name {
			return Output(i), nil
		}
	}
	return Stream, fmt.Errorf("want stream, group, errors or none")
}

// ParseCR understands "fold", "split" and "keep": what a carriage return does to
// a worker's line.
func ParseCR(s string) (syncstream.Lines, error) {
	for _, lines := range []syncstream.Lines{syncstream.Fold, syncstream.Split, syncstream.Keep} {
		if s == lines.String() {
			return lines, nil
		}
	}
	return syncstream.Fold, fmt.Errorf("want fold, split or keep")
}

// WantColor reports whether output is in colour: "always" and "never" say it;
// else the environment does, in which NO_COLOR is stronger than FORCE_COLOR and
// CLICOLOR_FORCE, and an empty one says nothing (https://no-color.org,
// https://force-color.org, https://bixense.com/clicolors); else whether it is a
// terminal, and not a dumb one. getenv is [os.Getenv].
func WantColor(mode string, getenv func(string) string, isTerminal bool) bool {
	switch mode {
	case "always":
		return true
	case "never":
		return false
	}
	if getenv("NO_COLOR") != "" {
		return false
	}
	if v := getenv("FORCE_COLOR"); v != "" {
		return v != "0" && v != "false"
	}
	if v := getenv("CLICOLOR_FORCE"); v != "" && v != "0" {
		return true
	}
	return isTerminal && getenv("TERM") != "dumb"
}

// filter says which lines are shown.
type filter struct {
	include, exclude []*regexp.Regexp
}

func (f *filter) isEmpty() bool { return len(f.include) == 0 && len(f.exclude) == 0 }

// hides reports whether a line is not shown.
func (f *filter) hides(line []byte) bool {
	return len(f.include) > 0 && !matches(f.include, line) || matches(f.exclude, line)
}

func matches(all []*regexp.Regexp, line []byte) bool {
	for _, r := range all {
		if r.Match(line) {
			return true
		}
	}
	return false
}
