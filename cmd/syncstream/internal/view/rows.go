package view

import (
	"bytes"
	"slices"
	"time"

	"github.com/syncstream/syncstream"
)

// outSize is how much is collected before it is written, unless one batch needs
// more.
const outSize = 256 << 10

// broken stands where a line that comes in pieces was interrupted, and where it
// goes on.
const broken = "…"

var lf = []byte{'\n'}

// dest returns where the lines of a stream go.
func (v *View) dest(s syncstream.Stream) *dest {
	if s == syncstream.Stderr || s == syncstream.Control {
		return v.err
	}
	return v.out
}

// add shows one batch, or holds it back.
func (v *View) add(b *syncstream.Batch) error {
	if err := v.aim(b); err != nil {
		return err
	}
	if err := v.addRows(b); err != nil {
		return err
	}
	return v.spill()
}

// addRows adds the rows of a batch to what is to be written.
func (v *View) addRows(b *syncstream.Batch) error {
	to := v.dest(b.Stream())
	key := streamKey{b.Source(), b.Stream()}
	if v.into.open != nil && v.into.open.key != key {
		if err := v.breakRow(); err != nil {
			return err
		}
	}
	if err := v.turn(to); err != nil {
		return err
	}
	var space [maxTag]byte
	w := v.tags.of(b.Source())
	if b.Kind() != syncstream.Line {
		v.grouped(b, w.grouped.append(space[:0], &v.tags.time, b.Time()))
		return v.flushFull()
	}
	if len(v.steps) > 0 {
		delete(v.steps, key)
	}
	s := v.stream(key)
	tag := w.lines.append(space[:0], &v.tags.time, b.Time())
	switch {
	case b.Part() != syncstream.PartWhole:
		v.piece(b, to, s, tag)
	case len(b.Prepared()) > 0 && !s.style.isOpen():
		return v.through(b.Prepared()[1:])
	case b.PlainLF() && v.copies(b, to) && !s.style.isOpen() && !tooMuch(b, tag):
		if len(tag) == 0 {
			return v.through(b.Text())
		}
		v.buf = appendRows(v.buf, b, tag)
	default:
		for text, end := range b.Lines() {
			v.buf = v.appendLine(v.buf, to, s, tag, text, end)
			if err := v.flushFull(); err != nil {
				return err
			}
		}
	}
	return v.flushFull()
}

// stream returns what is remembered of a stream.
func (v *View) stream(key streamKey) *stream {
	s := v.streams[key]
	if s == nil {
		s = &stream{}
		v.streams[key] = s
	}
	return s
}

// copies reports whether the rows of b are its bytes as they are, each line
// behind its tag, if no style is open.
func (v *View) copies(b *syncstream.Batch, to *dest) bool {
	text := b.Text()
	switch {
	case !v.filter.isEmpty():
		return false
	case to.safe && !isPlain(text):
		return false
	}
	return !to.styled || bytes.IndexByte(text, esc) < 0
}

// tooMuch reports whether the tags of many short lines would take more memory
// than may wait.
func tooMuch(b *syncstream.Batch, tag []byte) bool {
	return b.Len()*len(tag) > len(b.Text())+outSize
}

// tagBlock is half of how much of a tag is copied with its text: a copy whose
// length the compiler knows is a few instructions, and the text goes over what
// it writes too much.
const tagBlock = 32

// appendRows appends the rows of a batch of plain lines: it counts once, grows
// once, and then only searches and copies.
func appendRows(dst []byte, b *syncstream.Batch, tag []byte) []byte {
	text, n := b.Text(), len(dst)
	dst = slices.Grow(dst, len(text)+b.Len()*len(tag)+2*tagBlock)
	dst = dst[:cap(dst)]
	if len(tag) > 2*tagBlock {
		for len(text) > 0 {
			end := bytes.IndexByte(text, '\n') + 1
			n += copy(dst[n:], tag)
			n += copy(dst[n:], text[:end])
			text = text[end:]
		}
		return dst[:n]
	}
	var first, second [tagBlock]byte
	copy(second[:], tag[copy(first[:], tag):])
	for len(text) > 0 {
		end := bytes.IndexByte(text, '\n') + 1
		*(*[tagBlock]byte)(dst[n:]) = first
		if len(tag) > tagBlock {
			*(*[tagBlock]byte)(dst[n+tagBlock:]) = second
		}
		n += len(tag)
		n += copy(dst[n:], text[:end])
		text = text[end:]
	}
	return dst[:n]
}

// appendLine appends the row of one line, unless it is filtered out. A line
// ends as its worker ended it, with LF or CRLF, or else with LF.
func (v *View) appendLine(dst []byte, to *dest, s *stream, tag, text []byte, end syncstream.End) []byte {
	if tag != nil && v.filter.hides(text) {
		return dst
	}
	dst = append(dst, tag...)
	dst = to.begin(dst, s)
	dst = to.text(dst, s, text)
	return to.end(dst, s, end)
}

// piece adds a piece of an overlong line to the row that its first began.
func (v *View) piece(b *syncstream.Batch, to *dest, s *stream, tag []byte) {
	for text, end := range b.Lines() {
		if b.Part() == syncstream.PartFirst {
			s.hidden = v.filter.hides(text)
		}
		if s.hidden {
			continue
		}
		if v.into.open == nil {
			v.buf = to.begin(append(v.buf, tag...), s)
			if b.Part() != syncstream.PartFirst {
				v.buf = append(v.buf, broken...)
			}
		}
		v.buf = to.text(v.buf, s, text)
		v.into.open = &row{streamKey{b.Source(), b.Stream()}, to, time.Now()}
		if b.Part() == syncstream.PartLast {
			v.buf = to.end(v.buf, s, end)
			v.into.open = nil
		}
	}
}

// breakRow ends the row of a line in pieces, which goes on later.
func (v *View) breakRow() error {
	if v.into.open == nil {
		return nil
	}
	open := v.into.open
	v.into.open = nil
	if err := v.turn(open.to); err != nil {
		return err
	}
	v.buf = append(v.buf, broken...)
	v.buf = open.to.end(v.buf, v.stream(open.key), syncstream.EndLF)
	return nil
}

// grouped adds a warning or an error, each of its lines under the tag.
func (v *View) grouped(b *syncstream.Batch, tag []byte) {
	text := b.Text()
	if b.Kind() == syncstream.Gap {
		text = []byte("messages are missing here")
	}
	for line := range bytes.SplitSeq(text, lf) {
		s := stream{}
		v.buf = append(v.buf, tag...)
		v.buf = v.err.text(v.buf, &s, line)
		v.buf = v.err.end(v.buf, &s, syncstream.EndLF)
	}
}

// turn has what follows written to dest, where no live rows stand in its way.
func (v *View) turn(to *dest) error {
	if v.to != to {
		if err := v.flush(); err != nil {
			return err
		}
		v.to = to
	}
	if v.into == &v.direct && to.live {
		v.buf = v.rows.erase(v.buf)
	}
	if *to.open {
		*to.open = false
		v.buf = append(v.buf, '\n')
	}
	return nil
}

// through writes rows that need no copy.
func (v *View) through(rows []byte) error {
	if err := v.flush(); err != nil {
		return err
	}
	return v.put(rows)
}

// flushFull writes when enough has been collected.
func (v *View) flushFull() error {
	if len(v.buf) < outSize {
		return nil
	}
	return v.flush()
}

func (v *View) flush() error {
	err := v.put(v.buf)
	v.buf = v.buf[:0]
	if cap(v.buf) > 4*outSize {
		v.buf = nil
	}
	return err
}

// put writes rows, or gives them to who holds them.
func (v *View) put(rows []byte) error {
	if len(rows) == 0 {
		return nil
	}
	if v.into != &v.direct {
		v.hold.append(v.into, v.to, rows)
		return nil
	}
	_, err := v.to.w.Write(rows)
	return err
}
