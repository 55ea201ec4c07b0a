package view

import (
	"bytes"
	"strconv"
)

const (
	esc        = 0x1b
	resetStyle = "\x1b[0m"
)

// The properties of a style, each of which has one value at a time (ECMA-48,
// SGR, and what terminals have added).
const (
	bold = iota
	faint
	italic
	underline
	blink
	inverse
	conceal
	strike
	font
	foreground
	background
	proportional
	framed
	overline
	underlineColor
	script
	properties
)

// style is the colours and so on that a text has left open.
type style struct {
	set    uint32             // bit i: property i is not the default
	values [properties]string // their parameters
}

func (s *style) isOpen() bool { return s.set != 0 }

// append appends the sequence that brings the style back; none, if it is the
// default.
func (s *style) append(dst []byte) []byte {
	sep := "\x1b["
	for i, value := range s.values {
		if s.set&(1<<i) != 0 {
			dst = append(append(dst, sep...), value...)
			sep = ";"
		}
	}
	if s.set != 0 {
		dst = append(dst, 'm')
	}
	return dst
}

// note takes note of all style sequences in text.
func (s *style) note(text []byte) {
	for {
		i := bytes.IndexByte(text, esc)
		if i < 0 {
			return
		}
		text = text[i:]
		if n := styleSequence(text); n > 0 {
			s.apply(text[2 : n-1])
			text = text[n:]
		} else {
			text = text[1:]
		}
	}
}

// styleSequence returns the length of the SGR sequence that text begins with;
// zero, if it begins with something else.
func styleSequence(text []byte) int {
	if len(text) < 3 || text[0] != esc || text[1] != '[' {
		return 0
	}
	for i, c := range text[2:] {
		switch {
		case c == 'm':
			return i + 3
		case (c < '0' || c > '9') && c != ';' && c != ':':
			return 0
		}
	}
	return 0
}

// apply changes the style by the parameters of an SGR sequence.
func (s *style) apply(params []byte) {
	for more := true; more; {
		n := parameter(params)
		p := params[:n]
		if more = n < len(params); more {
			params = params[n+1:]
		}
		s.applyOne(p)
	}
}

// parameter returns the length of the first parameter of params. A colour such
// as 38;2;R;G;B is one.
func parameter(params []byte) int {
	first := length(params)
	switch string(params[:first]) {
	case "38", "48", "58":
	default:
		return first
	}
	rest := 0
	switch {
	case bytes.HasPrefix(params[first:], []byte(";5;")):
		rest = 2
	case bytes.HasPrefix(params[first:], []byte(";2;")):
		rest = 4
	}
	n := first
	for ; rest > 0 && n < len(params); rest-- {
		n += 1 + length(params[n+1:])
	}
	return n
}

// length returns how far it is to the next semicolon.
func length(params []byte) int {
	if i := bytes.IndexByte(params, ';'); i >= 0 {
		return i
	}
	return len(params)
}

// maxParameter is how long a parameter may be, since it comes back on each line:
// the longest that mean something are like 58:2:1:255:255:255:9999:9.
const maxParameter = 40

// applyOne changes the style by one parameter.
func (s *style) applyOne(p []byte) {
	digits := p
	if i := bytes.IndexAny(p, ":;"); i >= 0 {
		digits = p[:i]
	}
	code, err := strconv.Atoi(string(digits))
	switch {
	case len(p) > maxParameter:
	case err != nil && len(digits) > 0 || code >= len(codes):
	case code == 0:
		*s = style{}
	case code == 22:
		s.set &^= 1<<bold | 1<<faint
	case string(p) == "4:0", codes[code].off:
		s.set &^= 1 << codes[code].property
	case len(p) == 2 && (code == 38 || code == 48 || code == 58): // a colour that says not which
	case codes[code].known:
		s.set |= 1 << codes[code].property
		if len(p) == len(digits) {
			s.values[codes[code].property] = codes[code].text
		} else {
			s.values[codes[code].property] = string(p)
		}
	}
}

// codes says what each SGR parameter does.
var codes = func() (codes [108]struct {
	property   int
	known, off bool
	text       string
},
) {
	on := func(property, first, last int) {
		for i := first; i <= last; i++ {
			codes[i].property, codes[i].known, codes[i].text = property, true, strconv.Itoa(i)
		}
	}
	off := func(property, code int) { codes[code].property, codes[code].off = property, true }
	for i, property := range []int{bold, faint, italic, underline, blink, blink, inverse, conceal, strike} {
		on(property, i+1, i+1)
	}
	on(font, 11, 20)
	on(underline, 21, 21)
	on(proportional, 26, 26)
	on(foreground, 30, 38)
	on(background, 40, 48)
	on(framed, 51, 52)
	on(overline, 53, 53)
	on(underlineColor, 58, 58)
	on(script, 73, 74)
	on(foreground, 90, 97)
	on(background, 100, 107)
	for property, code := range map[int]int{
		font: 10, italic: 23, underline: 24, blink: 25, inverse: 27, conceal: 28, strike: 29, foreground: 39,
		background: 49, proportional: 50, framed: 54, overline: 55, underlineColor: 59, script: 75,
	} {
		off(property, code)
	}
	return codes
}()
