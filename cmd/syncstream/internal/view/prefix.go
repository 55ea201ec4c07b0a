package view

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/clipperhouse/displaywidth"
	"github.com/syncstream/syncstream"
)

// Prefix says what stands before each line. Its zero value is the worker's name.
type Prefix struct {
	parts []prefixPart
	none  bool
	bare  bool // a template, behind which nothing else stands
}

// prefixPart is a text, or a field where that is not empty.
type prefixPart struct {
	text, field string
}

// fields are what a prefix can show of a worker.
var fields = []string{"name", "index", "pid", "rank", "host", "time", "command"}

// ParsePrefix understands the name of a field, "none", or a template with fields
// in braces, such as "[{name} {pid}] "; {{ is a brace. A field alone has " | "
// behind it; a template stands as it is.
func ParsePrefix(s string) (Prefix, error) {
	if s == "none" {
		return Prefix{none: true}, nil
	}
	if slices.Contains(fields, s) {
		return Prefix{parts: []prefixPart{{field: s}}}, nil
	}
	p := Prefix{bare: true}
	if !strings.ContainsAny(s, "{") {
		return p, fmt.Errorf("want %s, none, or a template with one of them in braces, as in [{name}]", strings.Join(fields, ", "))
	}
	for rest := s; rest != ""; {
		text, after, found := strings.Cut(rest, "{")
		if strings.HasPrefix(after, "{") {
			p.parts = append(p.parts, prefixPart{text: text + "{"})
			rest = after[1:]
			continue
		}
		p.parts = append(p.parts, prefixPart{text: text})
		if !found {
			break
		}
		field, after, closed := strings.Cut(after, "}")
		if !closed {
			return p, fmt.Errorf("{%s is not closed; a brace alone is {{", field)
		}
		if !slices.Contains(fields, field) {
			return p, fmt.Errorf("there is no {%s}; want one of {%s}", field, strings.Join(fields, "} {"))
		}
		p.parts = append(p.parts, prefixPart{field: field})
		rest = after
	}
	return p, nil
}

const (
	// maxTag is how long a tag may be that needs no memory of its own.
	maxTag = 256
	// maxCommand is how many columns of a command a tag shows.
	maxCommand = 30
)

// tag is what stands before a line: its pieces, with the time between them.
type tag [][]byte

func (t tag) append(dst []byte, format *Timestamps, at time.Time) []byte {
	for i, piece := range t {
		if i > 0 {
			dst = format.Append(dst, at)
		}
		dst = append(dst, piece...)
	}
	return dst
}

// worker is what a view knows of one source.
type worker struct {
	lines, grouped tag
}

// tagger makes the tags of sources. It may be used by many goroutines.
type tagger struct {
	config  *Config
	time    Timestamps
	index   map[string]int // of workers known at the start, by name
	workers sync.Map       // *syncstream.Source to *worker

	mu     sync.Mutex     // guards what follows
	widths map[string]int // of the fields
}

func newTagger(c *Config) *tagger {
	t := &tagger{config: c, time: c.Timestamps, index: make(map[string]int), widths: make(map[string]int)}
	if t.time.parts == nil {
		t.time, _ = ParseTimestamps("")
	}
	for i, w := range c.Workers {
		t.index[w.Name] = i
		source := &syncstream.Source{Name: w.Name, Rank: i, Size: len(c.Workers)}
		for _, field := range fields {
			t.widths[field] = max(t.widths[field], displaywidth.String(t.value(field, source)))
		}
	}
	return t
}

// of returns what is known of a source.
func (t *tagger) of(s *syncstream.Source) *worker {
	if w, ok := t.workers.Load(s); ok {
		return w.(*worker)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.config.Prefix
	lines := t.make(s, p, "")
	p.none = false
	w, _ := t.workers.LoadOrStore(s, &worker{lines, t.make(s, p, "! ")})
	return w.(*worker)
}

func (t *tagger) forget(s *syncstream.Source) { t.workers.Delete(s) }

// make returns the tag of a source; mark makes it one of grouped messages.
func (t *tagger) make(s *syncstream.Source, p Prefix, mark string) tag {
	now := []byte(nil)
	all := tag{}
	cut := func() { all, now = append(all, now), nil }
	if t.config.Timestamps.parts != nil {
		cut()
		now = append(now, ' ')
	}
	if p.none {
		return append(all, now)
	}
	if t.config.Color {
		now = append(now, t.color(s)...)
	}
	parts := p.parts
	if parts == nil {
		parts = []prefixPart{{field: "name"}}
	}
	for _, part := range parts {
		if part.field == "time" {
			cut()
			continue
		}
		now = append(now, part.text...)
		if part.field != "" {
			now = append(now, t.padded(part.field, s)...)
		}
	}
	switch {
	case p.bare:
		now = append(now, mark...)
	case mark != "":
		now = append(append(now, ' '), mark...)
	default:
		now = append(now, " | "...)
	}
	if t.config.Color {
		now = append(now, resetStyle...)
	}
	return append(all, now)
}

// padded returns a field as wide as that of the widest worker known; of numbers,
// as the widest so far.
func (t *tagger) padded(field string, s *syncstream.Source) []byte {
	value := t.value(field, s)
	n := displaywidth.String(value)
	number := field == "index" || field == "pid" || field == "rank"
	if number {
		t.widths[field] = max(t.widths[field], n)
	}
	space := bytes.Repeat([]byte{' '}, max(0, t.widths[field]-n))
	if number {
		return append(space, value...)
	}
	return append([]byte(value), space...)
}

// value returns a field of a source, which can do no harm; "-" where it has
// none.
func (t *tagger) value(field string, s *syncstream.Source) string {
	i, known := t.index[s.Name]
	switch {
	case field == "name", field == "command" && !known:
		return visible(s.Name)
	case field == "command":
		command := strings.Join(strings.Fields(t.config.Workers[i].Command), " ")
		return displaywidth.TruncateString(visible(command), maxCommand, "…")
	case field == "index" && known:
		return strconv.Itoa(i)
	case field == "pid" && s.PID > 0:
		return strconv.Itoa(s.PID)
	case field == "rank" && s.Size > 0:
		return strconv.Itoa(s.Rank)
	case field == "host" && s.Host != "":
		return visible(s.Host)
	}
	return "-"
}

// visible returns text without anything that is not shown.
func visible(text string) string {
	var b []byte
	for len(text) > 0 {
		r, n := utf8.DecodeRuneInString(text)
		b = appendVisible(b, r, []byte(text[:n]))
		text = text[n:]
	}
	return string(b)
}

// colors are those of workers. None is red, which would look like an error.
var colors = []int{36, 33, 32, 35, 34, 96, 93, 92, 95, 94}

// color returns the sequence that begins a source's colour: by its place among
// the workers, or else by its name, so that it is the same in every run.
func (t *tagger) color(s *syncstream.Source) string {
	i, known := t.index[s.Name]
	if !known {
		h := fnv.New32a()
		h.Write([]byte(s.Name))
		i = int(h.Sum32() % uint32(len(colors)))
	}
	return fmt.Sprintf("\x1b[%dm", colors[i%len(colors)])
}
