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
}

// findCause looks for the last crash in a program's last lines.
func findCause(lines []string) *cause {
	for i := range lines {
		lines[i] = style.ReplaceAllString(lines[i], "")
	}
	for i := len(lines) - 1; i >= 0; i-- {
		for _, begin := range []func([]string) *cause{goCause, pythonCause, stackCause} {
			if c := begin(lines[i:]); c != nil {
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
	goPlace     = regexp.MustCompile(`^\t(\S.*\.\w+):(\d+)(?: \+0x[0-9a-f]+)?$`)
	goGoroutine = regexp.MustCompile(`^goroutine \d+ .*\[.*\]:$`)
)

// goCause reads a panic, or a fatal error of the runtime, and the first place
// that is not the runtime's own.
func goCause(lines []string) *cause {
	text := strings.TrimSpace(lines[0])
	if !strings.HasPrefix(lines[0], "panic: ") && !strings.HasPrefix(lines[0], "fatal error: ") {
		return nil
	}
	stack := false
	for i := 1; i < len(lines); i++ {
		stack = stack || goGoroutine.MatchString(lines[i])
		place := goPlace.FindStringSubmatch(lines[i])
		if stack && place != nil && !isRuntime(lines[i-1]) {
			return frame(text, place)
		}
	}
	if stack {
		return frame(text, nil)
	}
	return nil // a line that only looks like one
}

// isRuntime reports whether a call is of Go's runtime.
func isRuntime(call string) bool {
	for _, prefix := range []string{"runtime.", "panic(", "internal/runtime/", "testing.tRunner"} {
		if strings.HasPrefix(call, prefix) {
			return true
		}
	}
	return false
}

var pythonPlace = regexp.MustCompile(`^\s+File "(.+)", line (\d+)`)

// pythonCause reads a traceback: its last place, and the first line that is not
// indented, which is the exception.
func pythonCause(lines []string) *cause {
	if !strings.HasPrefix(lines[0], "Traceback (most recent call last):") {
		return nil
	}
	var last []string
	for _, line := range lines[1:] {
		if place := pythonPlace.FindStringSubmatch(line); place != nil {
			last = place
		} else if line != "" && line[0] != ' ' {
			return frame(line, last)
		}
	}
	return nil
}

var (
	stackPlace = regexp.MustCompile(`^\s+at (?:.*\()?([^()]+?):(\d+)(?::\d+)?\)?$`)
	stackError = regexp.MustCompile(`^(?:Uncaught |Exception in thread ".*" |Caused by: )?[\w.$]*(?:Error|Exception)\b.*`)
)

// stackCause reads what Node and Java print: an error, and places under it, of
// which Node's own and Java's that name no file don't count.
func stackCause(lines []string) *cause {
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
