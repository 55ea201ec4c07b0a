package cli

import (
	"regexp"
	"strings"
)

var (
	pythonPlace   = regexp.MustCompile(`^\s+File "(.+)", line (\d+)`)
	pythonAlone   = regexp.MustCompile(`^  File ".+", line \d+$`)
	pythonSyntax  = regexp.MustCompile(`^(?:SyntaxError|IndentationError|TabError): `)
	pythonGroup   = regexp.MustCompile(`^\s+\+ Exception Group Traceback \(most recent call last\):`)
	pythonFirst   = regexp.MustCompile(`^\+?-+ 1 -+$`)
	pythonMargin  = regexp.MustCompile(`^\s+(?:\| ?|\+-)`)
	pythonLibrary = regexp.MustCompile(`/lib(?:64)?/python\d[^/]*/|\\Lib\\|^<frozen |[/\\](?:bin|Scripts)[/\\][^/\\]*$`)
)

const (
	pythonBegin  = "Traceback (most recent call last):"
	pythonDirect = "The above exception was the direct cause of the following exception:"
	pythonFatal  = "Fatal Python error: "
)

// pythonCause reads a traceback, that of a group of exceptions, what stands for
// one where the text of a program is wrong, and what the fault handler prints.
func pythonCause(before, lines []string) *cause {
	switch {
	case strings.HasPrefix(lines[0], pythonBegin):
		c, _ := pythonException(lines[1:])
		if c != nil {
			c.Behind = pythonBehind(before)
		}
		return c
	case pythonGroup.MatchString(lines[0]):
		return pythonGroupCause(lines[1:])
	case strings.HasPrefix(lines[0], pythonFatal):
		var places pythonPlaces
		for _, line := range lines[1:] {
			places.add(line)
		}
		return frame(lines[0], places.first)
	case pythonAlone.MatchString(lines[0]):
		// The exception is not far: a search to the end, for each place, would be
		// long.
		if c, _ := pythonException(lines[:min(len(lines), 10)]); c != nil && pythonSyntax.MatchString(c.Text) {
			return c
		}
	}
	return nil
}

// pythonException reads places and, behind them, the first line that is not
// indented, which is the exception. It returns the lines behind that, too.
func pythonException(lines []string) (*cause, []string) {
	var places pythonPlaces
	for i, line := range lines {
		if !places.add(line) && line != "" && line[0] != ' ' {
			return frame(line, places.last), lines[i+1:]
		}
	}
	return nil, nil
}

// pythonPlaces are the first and the last place of a traceback that are not of
// Python's libraries; if all are, of those.
type pythonPlaces struct {
	first, last []string
	own         bool
}

// add reports whether a line is a place.
func (p *pythonPlaces) add(line string) bool {
	place := pythonPlace.FindStringSubmatch(line)
	if place == nil {
		return false
	}
	own := !pythonLibrary.MatchString(place[1])
	if p.first == nil || own && !p.own {
		p.first, p.own = place, own
	}
	if own || !p.own {
		p.last = place
	}
	return true
}

// pythonBehind returns the exception from which the one was raised that stands
// behind the lines.
func pythonBehind(lines []string) *cause {
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	if len(lines) == 0 || lines[len(lines)-1] != pythonDirect {
		return nil
	}
	for i := len(lines) - 1; i >= 0; i-- {
		if strings.HasPrefix(lines[i], pythonBegin) {
			return pythonCause(lines[:i], lines[i:])
		}
	}
	return nil
}

// pythonGroupCause reads a group of exceptions, of which the first is behind it.
func pythonGroupCause(lines []string) *cause {
	var inner []string
	for _, line := range lines {
		margin := pythonMargin.FindString(line)
		if margin == "" {
			break
		}
		inner = append(inner, line[len(margin):])
	}
	c, rest := pythonException(inner)
	if c == nil {
		return nil
	}
	if len(rest) < 2 || !pythonFirst.MatchString(rest[0]) {
		return c
	}
	if rest = rest[1:]; !strings.HasPrefix(rest[0], pythonBegin) {
		c.Behind = &cause{Text: rest[0]}
		return c
	}
	c.Behind = pythonCause(nil, rest)
	return c
}
