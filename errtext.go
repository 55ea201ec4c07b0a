package syncstream

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	// maxText is how many bytes of text a grouped message has at most.
	maxText = 1 << 20
	// maxErrors is how many errors below one are looked at, and maxErrorDepth
	// how deep: Unwrap may lead in a circle, or on for ever.
	maxErrors     = 1000
	maxErrorDepth = 100
	// maxReworded is how many errors in a row a wrapper may put in other words.
	maxReworded = 10
)

// errorText returns all that err has to say: its text, the causes that the text
// hides, and the stacks.
func errorText(err error) string {
	text := strings.TrimRight(textOf(err), "\n")
	return cutText(text + errorDetails(err, text))
}

// errorDetails returns what errorText says behind text, which is err's own; a
// line end stands before it, if there is anything.
func errorDetails(err error, text string) string {
	if len(text) > maxText {
		return "" // no room
	}
	d := details{left: maxErrors}
	d.visit(err, errorPath{shown: []string{text}})
	s := d.causes.String()
	if d.cut {
		s += "\n(more causes are left out)"
	}
	return s + d.stacks.String()
}

// cutText cuts a text that is too long for a message, and says so.
func cutText(text string) string {
	const note = "\n(cut: a message has at most 1 MiB)"
	if len(text) <= maxText {
		return text
	}
	n := maxText - len(note)
	for i := n; i > n-utf8.UTFMax; i-- {
		if utf8.RuneStart(text[i]) {
			n = i
			break
		}
	}
	return text[:n] + note
}

// details gathers what an error's text does not say.
type details struct {
	causes strings.Builder
	stacks strings.Builder
	left   int  // errors that may still be looked at
	cut    bool // there are more
}

// errorPath is the way from an error down to one of its causes.
type errorPath struct {
	shown  []string // the texts on the way that stand in the message
	depth  int
	indent string
}

func (p *errorPath) shows(text string) bool {
	return slices.ContainsFunc(p.shown, func(s string) bool { return strings.Contains(s, text) })
}

// rewords reports whether the last text on the way ends with that of a cause of
// err. Then err is not hidden, but put in other words: "can't start x: not
// found" says what "exec: x: not found" below it does.
func (p *errorPath) rewords(err error) bool {
	last := p.shown[len(p.shown)-1]
	for range maxReworded {
		causes, branches := causesOf(err)
		if branches || len(causes) == 0 || causes[0] == nil {
			return false
		}
		err = causes[0]
		if text := textOf(err); text != "" && strings.HasSuffix(last, text) {
			return true
		}
	}
	return false
}

// visit adds err's stack and its causes. err's text stands last in p.shown, or
// within one of them.
func (d *details) visit(err error, p errorPath) {
	d.addStack(err, &p)
	causes, branches := causesOf(err)
	if branches {
		p.indent += "  "
	}
	p.depth++
	for _, cause := range causes {
		if cause == nil {
			continue
		}
		if d.left == 0 || p.depth > maxErrorDepth || d.causes.Len() > maxText {
			d.cut = true
			return
		}
		d.left--
		d.addCause(cause, p)
	}
}

func (d *details) addCause(err error, p errorPath) {
	text := strings.TrimRight(textOf(err), "\n")
	if !p.shows(text) && !p.rewords(err) {
		d.causes.WriteString("\n" + p.indent + "caused by: " + indented(text, p.indent+"  "))
		p.shown = append(p.shown, text)
	}
	d.visit(err, p)
}

func (d *details) addStack(err error, p *errorPath) {
	stack := strings.Trim(stackOf(err), "\n")
	// A wrapper's stack, or its text, often has that of its cause.
	if stack == "" || d.stacks.Len() > maxText || p.shows(stack) || strings.Contains(d.stacks.String(), stack) {
		return
	}
	d.stacks.WriteString("\n\n" + stack)
}

// indented puts indent before each line of text but the first, and those that
// are empty.
func indented(text, indent string) string {
	lines := strings.Split(text, "\n")
	for i := 1; i < len(lines); i++ {
		if lines[i] != "" {
			lines[i] = indent + lines[i]
		}
	}
	return strings.Join(lines, "\n")
}

// textOf returns err's text. Where Error panics, it is what fmt would print: a
// broken error must not end the worker that tells of it.
func textOf(err error) (text string) {
	if r, ok := safely(func() { text = err.Error() }); !ok {
		if v := reflect.ValueOf(err); v.Kind() == reflect.Pointer && v.IsNil() {
			return "<nil>"
		}
		return fmt.Sprintf("%T: PANIC=Error method: %s", err, valueText(r))
	}
	return text
}

// valueText returns what %v prints for v, which may have been given to panic.
// fmt gives up where the value of a panic panics again.
func valueText(v any) (text string) {
	if _, ok := safely(func() { text = fmt.Sprint(v) }); !ok {
		return fmt.Sprintf("a %T that can't be printed", v)
	}
	return text
}

// causesOf returns the errors that err wraps, and whether they are branches
// beside each other.
func causesOf(err error) (causes []error, branches bool) {
	safely(func() {
		switch e := err.(type) {
		case interface{ Unwrap() error }:
			causes = []error{e.Unwrap()}
		case interface{ Unwrap() []error }:
			causes, branches = e.Unwrap(), true
		}
	})
	return causes, branches
}

// stackOf returns the stack that err, not one of its causes, carries, or what
// else %+v has to say: so the errors of github.com/pkg/errors show theirs.
func stackOf(err error) (stack string) {
	safely(func() {
		switch e := err.(type) {
		case *PanicError:
			stack = string(e.Stack)
		case interface{ Stack() []byte }:
			stack = string(e.Stack())
		case fmt.Formatter:
			plus, text := fmt.Sprintf("%+v", e), textOf(err)
			if len(plus) > len(text) {
				stack = strings.TrimPrefix(plus, text)
			}
		}
	})
	return stack
}

// safely calls f, which calls a method that is not ours, and reports whether it
// returned; if not, what it panicked with.
func safely(f func()) (value any, ok bool) {
	defer func() {
		if !ok {
			value = recover()
		}
	}()
	f()
	return nil, true
}
