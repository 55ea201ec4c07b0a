// Package split cuts bytes into lines, without looking at each byte.
//
// A [Splitter] is asked for one [Run] after the other. A run is as many
// ordinary lines as stand together, found by counting, or one line that is
// not ordinary: a piece of an overlong line, or a line that a carriage
// return started again. What follows the last line end is the partial line;
// the caller keeps it and puts it before the next bytes.
package split

import (
	"bytes"
	"unicode/utf8"
)

// Mode decides where a line ends. LF and CRLF end one in every mode.
type Mode uint8

const (
	// Fold lets a CR start the text again, as on a terminal.
	Fold Mode = iota
	// Split lets a CR end the line.
	Split
	// Keep takes a CR as text.
	Keep
	// Python ends a line where Python's str.splitlines does.
	Python
)

// Part tells which piece of a line a run holds.
type Part uint8

// The parts of a line.
const (
	Whole Part = iota
	First
	Middle
	Last
)

// End is what ended a line.
type End uint8

// The ends of a line. Those after CR occur in mode Python only.
const (
	LF   End = iota
	CRLF     // one CR and LF; in mode Fold also several CR and LF
	CR
	None // the text ended without one: the stream's last text, or a piece
	VT   // U+000B
	FF   // U+000C
	FS   // U+001C
	GS   // U+001D
	RS   // U+001E
	NEL  // U+0085
	LS   // U+2028
	PS   // U+2029
)

// Bytes returns the bytes of the line end; none for a value that is not one of
// the constants.
func (e End) Bytes() string {
	if int(e) < len(endBytes) {
		return endBytes[e]
	}
	return ""
}

var endBytes = [...]string{
	LF: "\n", CRLF: "\r\n", CR: "\r", None: "", VT: "\v", FF: "\f",
	FS: "\x1c", GS: "\x1d", RS: "\x1e", NEL: "\u0085", LS: "\u2028", PS: "\u2029",
}

// maxEnd is the longest line end, in bytes, but for runs of CR.
const maxEnd = 3

// Run is a stretch of data that forms Lines messages.
type Run struct {
	Off, Len int  // where in the data it stands, line ends included
	Lines    int  // how many messages it holds; 0 when there is no more
	Part     Part // if not Whole, it is one piece of a line over Max
	Redraws  int  // how often a CR had started the text of this one line again
	Odd      bool // this one line ends with several CR before the LF
}

// Splitter cuts the bytes of one stream. Its zero value is not ready: Max
// must be set. It is not safe for concurrent use.
type Splitter struct {
	Mode Mode
	Max  int // bytes of text in one message; a longer line comes in pieces

	chain   bool // pieces of the current line have been given already
	redraws int  // of the current line
}

// Next returns the first run of data and how many bytes of data are used up
// with it. data[:held] is the partial line, as [Splitter.Hold] left it. When
// the run has no lines, data[used:] is the new partial line. final says that
// no byte follows data: then what has no line end is a run too.
func (s *Splitter) Next(data []byte, held int, final bool) (run Run, used int) {
	if !s.chain && s.redraws == 0 {
		if n, lines := s.ordinary(data, held); lines > 0 {
			return Run{Len: n, Lines: lines}, n
		}
	}
	return s.one(data, held, final)
}

// Chain reports whether pieces of the current line have been given already.
func (s *Splitter) Chain() bool { return s.chain }

// Hold returns the partial line in the form that Next expects: in mode Fold
// many CR at its end are one.
func (s *Splitter) Hold(partial []byte) []byte {
	if s.Mode == Fold {
		if text := bytes.TrimRight(partial, "\r"); len(text) < len(partial) {
			return partial[:len(text)+1]
		}
	}
	return partial
}

// Partial returns the text of a partial line that is held, as a view shows it:
// without a CR that may turn out to be half of a CRLF.
func Partial(held []byte) []byte {
	return bytes.TrimSuffix(held, []byte{'\r'})
}

// Cut returns the text of the first line in data, its end, and how many bytes
// both take. data is what a run covered; if it is a piece or a last text
// without a line end, Cut returns all of it.
func (m Mode) Cut(data []byte) (text []byte, end End, n int) {
	if m == Fold || m == Keep {
		i := bytes.IndexByte(data, '\n')
		switch {
		case i > 0 && data[i-1] == '\r':
			text = data[:i-1]
			if m == Fold {
				text = bytes.TrimRight(text, "\r")
			}
			return text, CRLF, i + 1
		case i >= 0:
			return data[:i], LF, i + 1
		case m == Fold && len(data) > 0 && data[len(data)-1] == '\r':
			return bytes.TrimRight(data, "\r"), CR, len(data)
		}
		return data, None, len(data)
	}
	i, n := m.find(data, 0, len(data), true)
	if n == 0 {
		return data, None, len(data)
	}
	return data[:i], endOf(data[i : i+n]), i + n
}

func endOf(b []byte) End {
	for e, s := range endBytes {
		if string(b) == s {
			return End(e)
		}
	}
	return None
}

// ordinaryStep is how far ordinary looks at least.
const ordinaryStep = 8 << 10

// ordinary returns how many bytes at the beginning of data are lines that can
// be told by their ends alone, and how many lines they are.
func (s *Splitter) ordinary(data []byte, held int) (n, lines int) {
	if s.Mode == Split || s.Mode == Python {
		return s.walk(data, held)
	}
	// No further than is worth it where a line may be over Max: the next call
	// would look at all that follows again.
	data = data[:min(len(data), held+8*s.Max+ordinaryStep)]
	stop := len(data)
	if s.Mode == Fold {
		// Before the search for LF, which could else go through the same far
		// text again for each line with a lone CR.
		if i := loneCR(data, max(0, held-1)); i >= 0 {
			stop = i
		}
	}
	n = bytes.LastIndexByte(data[min(held, stop):stop], '\n') + 1
	if n == 0 {
		return 0, 0
	}
	n += held
	if n = s.hop(data[:n]); n == 0 {
		return 0, 0
	}
	if bytes.IndexByte(data[held:n], '\n') == n-held-1 {
		return n, 1 // as most writes bring it
	}
	return n, bytes.Count(data[held:n], lf)
}

var lf = []byte{'\n'}

// hop returns how many bytes at the beginning of data, which ends with an LF,
// are lines not over Max, all but sure: it may stop early before a CR LF. From
// the start of a line it goes to the last LF that is near enough, and needs not
// look at those between.
func (s *Splitter) hop(data []byte) (n int) {
	for len(data)-n > s.Max+1 {
		i := bytes.LastIndexByte(data[n:n+s.Max+1], '\n')
		if i < 0 {
			return n
		}
		n += i + 1
	}
	return len(data)
}

// loneCR returns the index of the first CR at or after from that no LF
// follows, or -1.
func loneCR(data []byte, from int) int {
	for {
		i := bytes.IndexByte(data[from:], '\r')
		if i < 0 {
			return -1
		}
		from += i + 1
		if from == len(data) || data[from] != '\n' {
			return from - 1
		}
	}
}

// walk is ordinary, one line after the other. It stops at a line over Max.
func (s *Splitter) walk(data []byte, held int) (n, lines int) {
	from := max(0, held-maxEnd)
	for n < len(data) {
		limit := min(len(data), n+s.Max+1)
		if from > limit {
			return n, lines // the held text alone is over Max
		}
		i, end := s.Mode.find(data, from, limit, false)
		if end == 0 || i-n > s.Max {
			break
		}
		n = i + end
		from = n
		lines++
	}
	return n, lines
}

// one returns the first line of data, or a piece of it, by itself.
func (s *Splitter) one(data []byte, held int, final bool) (Run, int) {
	start, from := 0, max(0, held-maxEnd)
	for {
		limit := min(len(data), start+s.Max+1)
		i, n := s.Mode.find(data, min(from, limit), limit, final)
		switch {
		case i-start > s.Max:
			cut := runeCut(data[start : start+s.Max])
			run := Run{Off: start, Len: cut, Lines: 1, Part: Middle}
			if !s.chain {
				run.Part, s.chain = First, true
			}
			return run, start + cut
		case n == 0 && (!final || start == len(data)):
			return Run{}, start
		case s.Mode == Fold && n > 0 && data[i+n-1] == '\r' && i+n < len(data):
			s.redraws++
			start = i + n
			from = start
			continue
		case s.Mode == Fold && n > 0 && data[i+n-1] == '\r' && !final:
			return Run{}, start
		}
		run := Run{Off: start, Len: i + n - start, Lines: 1, Redraws: s.redraws, Odd: s.Mode == Fold && n > 2}
		if s.chain {
			run.Part = Last
		}
		s.chain, s.redraws = false, 0
		return run, i + n
	}
}

// runeCut returns the length of piece without a character that its end cuts.
func runeCut(piece []byte) int {
	for k := len(piece) - 1; k > 0 && k >= len(piece)-utf8.UTFMax; k-- {
		if utf8.RuneStart(piece[k]) {
			if !utf8.FullRune(piece[k:]) {
				return k
			}
			break
		}
	}
	return len(piece)
}

// find returns where in data[from:limit] the first line end begins and its
// length. Without one the length is 0, and the index is where the text that
// is certain ends: before bytes that the next ones could make a line end,
// unless final. In mode Fold a run of CR counts as a line end too.
func (m Mode) find(data []byte, from, limit int, final bool) (i, n int) {
	switch m {
	case Keep:
		return findKeep(data, from, limit, final)
	case Python:
		return findPython(data, from, limit, final)
	}
	i = from + indexCRLF(data[from:limit])
	if i == limit {
		return i, 0
	}
	j := i
	switch {
	case data[i] == '\n':
		return i, 1
	case m == Fold:
		for j < len(data) && data[j] == '\r' {
			j++
		}
	default:
		j++
		if j == len(data) && !final {
			return i, 0
		}
	}
	if j < len(data) && data[j] == '\n' {
		j++
	}
	return i, j - i
}

// indexCRLF returns the index of the first CR or LF, or len(b). It looks for
// both in windows that grow, since one may be near and the other far.
func indexCRLF(b []byte) int {
	for from, n := 0, 64; from < len(b); n *= 4 {
		window := b[from:min(len(b), from+n)]
		if i := bytes.IndexByte(window, '\n'); i >= 0 {
			window = window[:i]
			if i := bytes.IndexByte(window, '\r'); i >= 0 {
				return from + i
			}
			return from + len(window)
		}
		if i := bytes.IndexByte(window, '\r'); i >= 0 {
			return from + i
		}
		from += len(window)
	}
	return len(b)
}

func findKeep(data []byte, from, limit int, final bool) (i, n int) {
	// An LF at limit may belong to a CR just before it.
	if j := bytes.IndexByte(data[from:min(len(data), limit+1)], '\n'); j >= 0 {
		i = from + j
		if i > 0 && data[i-1] == '\r' {
			return i - 1, 2
		}
		if i < limit {
			return i, 1
		}
	}
	i = limit
	if i == len(data) && i > 0 && data[i-1] == '\r' && !final {
		i--
	}
	return i, 0
}

// pythonEnd marks the bytes with which a line end begins in mode Python.
var pythonEnd = [256]bool{
	'\n': true, '\r': true, '\v': true, '\f': true,
	0x1c: true, 0x1d: true, 0x1e: true, 0xc2: true, 0xe2: true,
}

func findPython(data []byte, from, limit int, final bool) (i, n int) {
	for i = from; i < limit; i++ {
		if !pythonEnd[data[i]] {
			continue
		}
		rest := data[i:]
		more := !final // bytes may follow what is here
		switch rest[0] {
		case '\r':
			if len(rest) > 1 && rest[1] == '\n' {
				return i, 2
			}
			if len(rest) == 1 && more {
				return i, 0
			}
			return i, 1
		case 0xc2:
			if len(rest) == 1 && more {
				return i, 0
			}
			if len(rest) > 1 && rest[1] == 0x85 {
				return i, 2
			}
		case 0xe2:
			if len(rest) < 3 && more && (len(rest) == 1 || rest[1] == 0x80) {
				return i, 0
			}
			if len(rest) > 2 && rest[1] == 0x80 && (rest[2] == 0xa8 || rest[2] == 0xa9) {
				return i, 3
			}
		default:
			return i, 1
		}
	}
	return limit, 0
}
