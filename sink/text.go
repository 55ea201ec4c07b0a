package sink

import (
	"bytes"
	"io"
	"slices"

	"github.com/syncstream/syncstream"
)

// outSize is how much is collected before it is written, unless one batch
// needs more.
const outSize = 256 << 10

// broken stands where a line that comes in pieces was interrupted, and where it
// goes on.
const broken = "…"

// Text is a sink that writes each line behind its source's name, "name |
// text": stdout on one writer, stderr and what the mirrors had to say on the
// other, there as "name ! text". A row ends as its line did, with LF or CRLF,
// or else with LF. The text is written as it came; a terminal wants it made
// safe first.
//
// It writes whole rows, many at once, but for a line in pieces that others
// interrupt: there the row breaks off with a mark. The first error of a writer
// detaches it.
type Text struct {
	out, err io.Writer
	to       io.Writer // where buf goes
	buf      []byte
	open     *row // the row that a line's first pieces began, if any
}

// row is an unfinished row of the output.
type row struct {
	source *syncstream.Source
	stream syncstream.Stream
	to     io.Writer
}

// NewText returns a sink that writes to out and err, which may be the same. It
// does not close them.
func NewText(out, err io.Writer) *Text {
	return &Text{out: out, err: err, to: out}
}

// WriteBatches writes batches. The error is a writer's.
func (t *Text) WriteBatches(batches []*syncstream.Batch) error {
	for _, b := range batches {
		if err := t.add(b); err != nil {
			return err
		}
	}
	return t.flush()
}

// add appends one batch to what is to be written.
func (t *Text) add(b *syncstream.Batch) error {
	to := t.out
	if s := b.Stream(); s == syncstream.Stderr || s == syncstream.Control {
		to = t.err
	}
	goesOn := t.open != nil && t.open.source == b.Source() && t.open.stream == b.Stream()
	if t.open != nil && !goesOn {
		if err := t.turn(t.open.to); err != nil {
			return err
		}
		t.buf = append(t.buf, broken+"\n"...)
		t.open = nil
	}
	if err := t.turn(to); err != nil {
		return err
	}
	switch {
	case b.Part() != syncstream.PartWhole:
		t.piece(b, goesOn)
	case b.Kind() != syncstream.Line:
		t.grouped(b)
	case len(b.Prepared()) > 0:
		return t.through(b.Prepared())
	default:
		return t.lines(b)
	}
	return t.flushFull()
}

// lines appends a row for each line of b: all at once where Prepare does that.
func (t *Text) lines(b *syncstream.Batch) error {
	if n := len(t.buf); b.PlainLF() {
		if t.buf = t.Prepare(t.buf, b); len(t.buf) > n {
			return t.flushFull()
		}
	}
	tag := tag(b.Source())
	for text, end := range b.Lines() {
		t.line(tag, text, end)
		if err := t.flushFull(); err != nil {
			return err
		}
	}
	return nil
}

// Prepare appends the rows of a batch of plain lines. It is where the time
// goes: it counts once, grows once, and then only searches and copies.
// Batches of many short lines it leaves alone: their tags take more memory than
// may wait.
func (t *Text) Prepare(buf []byte, b *syncstream.Batch) []byte {
	tag, text := tag(b.Source()), b.Text()
	if b.Len()*len(tag) > len(text)+outSize {
		return buf
	}
	n := len(buf)
	buf = slices.Grow(buf, len(text)+b.Len()*len(tag)+len(tagBlock{}))
	buf = buf[:cap(buf)]
	if len(tag) > len(tagBlock{}) {
		for len(text) > 0 {
			end := bytes.IndexByte(text, '\n') + 1
			n += copy(buf[n:], tag)
			n += copy(buf[n:], text[:end])
			text = text[end:]
		}
		return buf[:n]
	}
	// A copy whose length the compiler knows is two instructions; the text goes
	// over what it writes too much.
	var block tagBlock
	copy(block[:], tag)
	for len(text) > 0 {
		end := bytes.IndexByte(text, '\n') + 1
		*(*tagBlock)(buf[n:]) = block
		n += len(tag)
		n += copy(buf[n:], text[:end])
		text = text[end:]
	}
	return buf[:n]
}

type tagBlock [16]byte

func (t *Text) line(tag, text []byte, end syncstream.End) {
	t.buf = append(t.buf, tag...)
	t.buf = append(t.buf, text...)
	t.end(end)
}

// end ends a row as the worker did, or else with an LF.
func (t *Text) end(end syncstream.End) {
	if end != syncstream.EndCRLF {
		end = syncstream.EndLF
	}
	t.buf = append(t.buf, end.Bytes()...)
}

// piece appends a piece of an overlong line to the row that its first began.
func (t *Text) piece(b *syncstream.Batch, goesOn bool) {
	if !goesOn {
		t.buf = append(t.buf, tag(b.Source())...)
		if b.Part() != syncstream.PartFirst {
			t.buf = append(t.buf, broken...)
		}
	}
	t.open = &row{b.Source(), b.Stream(), t.to}
	for text, end := range b.Lines() {
		t.buf = append(t.buf, text...)
		if b.Part() == syncstream.PartLast {
			t.end(end)
			t.open = nil
		}
	}
}

// grouped appends a warning or an error, each of its lines under the name.
func (t *Text) grouped(b *syncstream.Batch) {
	tag := []byte(b.Source().Name + " ! ")
	text := b.Text()
	if b.Kind() == syncstream.Gap {
		text = []byte("messages are missing here")
	}
	for line := range bytes.SplitSeq(text, []byte{'\n'}) {
		t.line(tag, line, syncstream.EndLF)
	}
}

// tag returns what stands before each line of source.
func tag(source *syncstream.Source) []byte { return []byte(source.Name + " | ") }

// turn has what follows written to w.
func (t *Text) turn(w io.Writer) error {
	if t.to == w {
		return nil
	}
	err := t.flush()
	t.to = w
	return err
}

// through writes rows that need no copy.
func (t *Text) through(rows []byte) error {
	if err := t.flush(); err != nil {
		return err
	}
	_, err := t.to.Write(rows)
	return err
}

// flushFull writes when enough has been collected.
func (t *Text) flushFull() error {
	if len(t.buf) < outSize {
		return nil
	}
	return t.flush()
}

func (t *Text) flush() error {
	if len(t.buf) == 0 {
		return nil
	}
	_, err := t.to.Write(t.buf)
	t.buf = t.buf[:0]
	if cap(t.buf) > 4*outSize {
		t.buf = nil
	}
	return err
}
