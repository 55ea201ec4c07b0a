package syncstream

import (
	"bytes"
	"fmt"
	"math"
	"time"

	"github.com/syncstream/syncstream/internal/split"
)

// BatchConfig says what is in a batch that did not come from a mirror of this
// process. See [NewBatch].
type BatchConfig struct {
	// Source is whose it is; nil where a [Feed] knows.
	Source *Source
	Stream Stream
	// Kind is that of all messages; if it is not Line, there is one. A Partial is
	// no message; see [Feed].
	Kind Kind
	// Part is not PartWhole if the batch is one piece of a line.
	Part Part
	// Lines is where a line ends in Text.
	Lines Lines
	// First is the Num of the first message; zero if the buffer that gets the
	// batch is to number it.
	First uint64
	// Count is how many messages there are; if zero, as many as are in Text. A
	// number that is wrong is an error.
	Count int
	// Missing is how many messages a gap stands for, First being the first of
	// them.
	Missing uint64
	// Time is when the messages came; if zero, now.
	Time time.Time
	// Redraws is the Message.Redraws of the one message.
	Redraws int
	// Text is all messages, each with its line end; only where there is one
	// message it may be without. NewBatch keeps it, and nobody may change it
	// while the batch is used.
	Text []byte
}

// maxNum keeps sums of numbers from outside in a uint64.
const maxNum = 1 << 62

// NewBatch returns a batch from outside, for a [Feed]. It checks everything,
// and the error says what is wrong, in words that name the field. It allocates
// the same however many messages there are, and copies no text.
func NewBatch(c BatchConfig) (*Batch, error) {
	b, err := newBatch(&c)
	if err != nil {
		return nil, fmt.Errorf("syncstream: new batch: %w", err)
	}
	return b, nil
}

func newBatch(c *BatchConfig) (*Batch, error) {
	if err := c.checkNames(); err != nil {
		return nil, err
	}
	if c.Time.IsZero() {
		c.Time = time.Now()
	}
	b := &Batch{
		stream: c.Stream, kind: c.Kind, part: c.Part, lines: split.Mode(c.Lines), first: c.First, missing: c.Missing,
		redraws: int32(c.Redraws), time: c.Time.UnixNano(), data: c.Text,
	}
	if !time.Unix(0, b.time).Equal(c.Time) {
		return nil, fmt.Errorf("time is %s; want a year from 1678 to 2261", c.Time.Format(time.RFC3339))
	}
	if c.Source != nil {
		b.account = &account{source: c.Source}
	}
	if err := b.countMessages(); err != nil {
		return nil, err
	}
	if c.Count != 0 && c.Count != b.count {
		return nil, fmt.Errorf("count is %d, but text holds %d messages", c.Count, b.count)
	}
	if c.Redraws > 0 && (b.count != 1 || b.kind != Line) {
		return nil, fmt.Errorf("redraws is %d for %d messages of kind %s; want 0, or one line", c.Redraws, b.count, b.kind)
	}
	if b.first > maxNum || b.missing > maxNum {
		return nil, fmt.Errorf("first is %d and missing %d; want at most %d", b.first, b.missing, uint64(maxNum))
	}
	return b, nil
}

// checkNames checks what stands for a name.
func (c *BatchConfig) checkNames() error {
	switch {
	case int(c.Stream) >= len(streamNames):
		return fmt.Errorf("stream is %s; want stdout, stderr, merged or control", c.Stream)
	case c.Kind > Gap:
		return fmt.Errorf("kind is %s; want line, warning, error or gap", c.Kind)
	case int(c.Part) >= len(partNames):
		return fmt.Errorf("part is %s; want whole, first, middle or last", c.Part)
	case int(c.Lines) >= len(linesNames):
		return fmt.Errorf("lines is %s; want fold, split, keep or python", c.Lines)
	case c.Part != PartWhole && c.Kind != Line:
		return fmt.Errorf("part is %s for a message of kind %s; want whole", c.Part, c.Kind)
	case c.Redraws < 0 || c.Redraws > math.MaxInt32:
		return fmt.Errorf("redraws is %d; want 0 to %d", c.Redraws, math.MaxInt32)
	case c.Count < 0:
		return fmt.Errorf("count is %d; want a positive number, or 0 for as many as are in text", c.Count)
	case c.Kind == Gap && (c.Missing == 0 || c.First == 0 || len(c.Text) > 0):
		return fmt.Errorf("a gap has missing %d, first %d and %d bytes of text; want two positive numbers and none",
			c.Missing, c.First, len(c.Text))
	case c.Kind != Gap && c.Missing > 0:
		return fmt.Errorf("missing is %d for a message of kind %s; want 0", c.Missing, c.Kind)
	}
	return nil
}

// countMessages sets count, and odd.
func (b *Batch) countMessages() error {
	switch {
	case b.kind == Gap || b.kind != Line:
		b.count = 1
		return nil
	case len(b.data) == 0:
		return fmt.Errorf("text is empty; want a line")
	case b.part != PartWhole:
		b.count = 1
		return b.checkPiece()
	}
	if b.lines == split.Fold {
		b.odd = bytes.Contains(b.data, []byte("\r\r\n"))
	}
	if b.lines != split.Fold && b.lines != split.Keep || !b.endsLine() {
		return b.walk()
	}
	b.count = bytes.Count(b.data, []byte{'\n'})
	return nil
}

// walk counts the messages one by one.
func (b *Batch) walk() error {
	for data := b.data; len(data) > 0; b.count++ {
		_, end, n := b.lines.Cut(data)
		data = data[n:]
		if end == split.None && b.count > 0 {
			return fmt.Errorf("text has no line end behind the last of its %d lines", b.count+1)
		}
	}
	return nil
}

// checkPiece checks that a piece of a line is no more than that.
func (b *Batch) checkPiece() error {
	if b.part != PartLast {
		return nil // all of it is text
	}
	if _, _, n := b.lines.Cut(b.data); n < len(b.data) {
		return fmt.Errorf("text is several lines, and part is %s; want one line", b.part)
	}
	return nil
}
