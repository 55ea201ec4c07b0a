package cli

import (
	"bytes"
	"errors"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/syncstream/syncstream"
)

// match is what a line has to look like: [NAME:]REGEX.
type match struct {
	text  string
	name  string // of the only worker whose lines count; empty for all
	re    *regexp.Regexp
	meant string // where the name before the colon is none, but nearly: "; did you mean web:ready?"
}

func matchValue(to **match) func(string) error {
	return func(s string) error {
		if s == "" {
			return errors.New("it is empty; want a regular expression")
		}
		_, err := compile(s)
		*to = &match{text: s}
		return err
	}
}

// complete finds out whether a worker's name stands before the expression. m
// may be nil.
func (m *match) complete(workers []worker) (err error) {
	if m == nil {
		return nil
	}
	re, names := m.text, namesOf(workers)
	if name, rest, ok := strings.Cut(re, ":"); ok && slices.Contains(names, name) {
		m.name, re = name, rest
	} else if near := nearest(name, names); ok && near != "" {
		m.meant = "; did you mean " + near + ":" + rest + "?"
	}
	m.re, err = compile(re)
	return err
}

// compile compiles an expression; its error says what in it is wrong.
func compile(expression string) (*regexp.Regexp, error) {
	re, err := regexp.Compile(expression)
	var wrong *syntax.Error
	if errors.As(err, &wrong) {
		return nil, errors.New("want a regular expression, as Go has them; " + wrong.Code.String() + ": " + wrong.Expr)
	}
	return re, err
}

// matches reports whether a line of source is one that is looked for: as it was
// written, or as it is read, without its colours.
func (m *match) matches(source *syncstream.Source, line []byte) bool {
	if m == nil || m.name != "" && m.name != source.Name {
		return false
	}
	return m.re.Match(line) || bytes.IndexByte(line, '\x1b') >= 0 && m.re.Match(style.ReplaceAll(line, nil))
}

// lineWatcher is a sink that looks for the first line that ends the run. It
// sees lines as the workers wrote them; of one that is longer than a message may
// be, the pieces.
type lineWatcher struct {
	until, failOn *match
	found         func(*hit)
	hit           atomic.Pointer[hit]
}

// hit is a line that was looked for.
type hit struct {
	fails  bool // it is one of --fail-on
	match  *match
	source *syncstream.Source
	line   string
	at     time.Time // when it came
}

// String names the sink where a worker waits for it.
func (w *lineWatcher) String() string { return "--until and --fail-on" }

// WriteBatches looks at the lines of batches. There is no error.
func (w *lineWatcher) WriteBatches(batches []*syncstream.Batch) error {
	for _, b := range batches {
		if w.hit.Load() != nil {
			return nil
		}
		if b.Kind() == syncstream.Line {
			w.look(b)
		}
	}
	return nil
}

func (w *lineWatcher) look(b *syncstream.Batch) {
	for line := range b.Lines() {
		h := &hit{source: b.Source(), at: b.Time()}
		switch {
		case w.failOn.matches(h.source, line):
			h.fails, h.match = true, w.failOn
		case w.until.matches(h.source, line):
			h.match = w.until
		default:
			continue
		}
		h.line = string(line)
		w.hit.Store(h)
		w.found(h)
		return
	}
}

// flag is the flag that asked for the line.
func (h *hit) flag() string {
	if h.fails {
		return "--fail-on"
	}
	return "--until"
}

// reason is why a hit stops the workers.
func (h *hit) reason() *stopReason {
	return &stopReason{text: "a line of " + h.source.Name + " matches " + h.flag() + " " + h.match.text, status: undecided}
}
