package view

import (
	"io"
	"os"
	"reflect"

	"github.com/syncstream/syncstream"
)

// Terminal is a writer that is a terminal.
type Terminal interface {
	io.Writer
	// Size returns how many columns and rows it has; zero, if nobody knows.
	Size() (columns, rows int)
}

// dest is where rows go.
type dest struct {
	w      io.Writer
	file   *os.File // w, if it is one
	size   func() (columns, rows int)
	safe   bool // nothing may take the terminal over
	styled bool // a style ends with its line, and comes back
	live   bool // live rows stand below
	number byte // of the two
	exact  bool // a text that ends without a line end is left so
	// open says that the last row has no end yet. Whatever follows ends it. What
	// is one file shares it.
	open *bool
}

func newDest(w io.Writer, c *Config) *dest {
	d := &dest{w: w, styled: c.Color, open: new(bool)}
	switch w := w.(type) {
	case nil:
		d.w = io.Discard
	case Terminal:
		d.size = w.Size
	case *os.File:
		EnlargePipe(w)
		d.w, d.file = Patient(w), w
		if IsTerminal(w) {
			d.size = func() (int, int) { return windowSize(w) }
		}
	}
	if d.size != nil {
		d.safe, d.styled = !c.Raw, true
	}
	d.exact = d.size == nil && c.Output == Stream && c.Prefix.none && c.Timestamps.parts == nil
	return d
}

// liveDest returns the terminal below whose rows live ones stand: that of
// stdout, else that of stderr. Both may be the same.
func liveDest(out, err *dest) *dest {
	live := out
	if live.size == nil {
		live = err
	}
	if live.size == nil {
		return nil
	}
	live.live = true
	if out.sameAs(err) {
		out.live, err.live = true, true
	}
	return live
}

// sameAs reports whether both are one terminal, file or pipe.
func (d *dest) sameAs(other *dest) bool {
	if d.file == nil || other.file == nil {
		return d.file == other.file && reflect.ValueOf(d.w).Comparable() && d.w == other.w
	}
	a, errA := d.file.Stat()
	b, errB := other.file.Stat()
	return errA == nil && errB == nil && os.SameFile(a, b)
}

// begin appends what brings back the style of a stream's last line.
func (d *dest) begin(dst []byte, s *stream) []byte {
	if d.styled {
		return s.style.append(dst)
	}
	return dst
}

// text appends text as it may be shown, and takes note of its style.
func (d *dest) text(dst []byte, s *stream, text []byte) []byte {
	switch {
	case d.safe:
		return appendSafe(dst, text, &s.style)
	case d.styled:
		s.style.note(text)
	}
	return append(dst, text...)
}

// end appends what ends a row.
func (d *dest) end(dst []byte, s *stream, end syncstream.End) []byte {
	if d.styled && s.style.isOpen() {
		dst = append(dst, resetStyle...)
	}
	switch {
	case end == syncstream.EndCRLF:
		return append(dst, "\r\n"...)
	case end == syncstream.EndNone && d.exact:
		*d.open = true
		return dst
	}
	return append(dst, '\n')
}
