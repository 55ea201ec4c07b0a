package cli

import (
	"regexp"
	"strconv"
	"strings"
)

// cause is what a crash says of itself, where a program's last words are a Go
// panic, or the traceback of Python, Node or Java.
type cause struct {
	Text string `json:"text"` // "panic: index out of range [3] with length 2"
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
	// Behind is the error that this one was made of, where a program says so.
	Behind *cause `json:"behind,omitempty"`
}

// String is the text and the place.
func (c *cause) String() string {
	if c.File == "" {
		return c.Text
	}
	return c.Text + ", at " + c.File + ":" + strconv.Itoa(c.Line)
}

// findCause looks for the last crash in a program's last lines.
func findCause(lines []string) *cause {
	for i := range lines {
		lines[i] = style.ReplaceAllString(lines[i], "")
	}
	for i := len(lines) - 1; i >= 0; i-- {
		for _, begin := range []func(before, lines []string) *cause{goCause, pythonCause, stackCause} {
			if c := begin(lines[:i], lines[i:]); c != nil {
				return c
			}
		}
	}
	return nil
}

// style is the escape sequences of colour and style.
var style = regexp.MustCompile("\x1b\\[[0-9;:]*m")

// frame makes a cause of a text and a match of its place: file and line.
func frame(text string, place []string) *cause {
	if place == nil {
		return &cause{Text: text}
	}
	line, _ := strconv.Atoi(place[2])
	return &cause{Text: text, File: place[1], Line: line}
}

var (
	stackPlace = regexp.MustCompile(`^\s+at (?:.*\()?([^()]+?):(\d+)(?::\d+)?\)?$`)
	stackError = regexp.MustCompile(`^(?:Uncaught |Exception in thread ".*" |Caused by: )?[\w.$]*(?:Error|Exception)\b.*`)
)

// stackCause reads what Node and Java print: an error, and places under it, of
// which Node's own and Java's that name no file don't count.
func stackCause(_, lines []string) *cause {
	text := strings.TrimPrefix(stackError.FindString(lines[0]), "Caused by: ")
	if text == "" || len(lines) == 1 {
		return nil
	}
	indented := false
	for _, line := range lines[1:] {
		if !strings.HasPrefix(strings.TrimLeft(line, " \t"), "at ") {
			break
		}
		indented = true
		if place := stackPlace.FindStringSubmatch(line); place != nil && !strings.HasPrefix(place[1], "node:") {
			return frame(text, place)
		}
	}
	if indented {
		return frame(text, nil)
	}
	return nil
}
