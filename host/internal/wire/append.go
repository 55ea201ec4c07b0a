package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/syncstream/syncstream"
)

// Batch is consecutive messages of one stream of one source, as
// [syncstream.Batch] is; or, of kind Partial, what stands on the stream behind
// its last line end, which has no number and counts for no message.
type Batch struct {
	Stream  syncstream.Stream
	Kind    syncstream.Kind
	Part    syncstream.Part
	Lines   syncstream.Lines
	First   uint64 // the Num of the first message; the others follow it
	Count   int
	Missing uint64 // how many messages a gap stands for, First being the first of them; its Count is 1
	Redraws int
	Time    int64  // Unix time in nanoseconds
	Text    []byte // each message with its line end
}

// Append is what a host is to take of one source: some batches in their order,
// without a hole in their numbers, and behind them how far the source has come.
type Append struct {
	Source  syncstream.Source
	Epoch   uint64
	Batches []Batch
	// Mark is StateAsked or StateAcknowledged, as a [MarkRequest] says it; if
	// StateOpen, there is nothing to say.
	Mark  syncstream.State
	Close *Close // nil: the source stays open
}

// Close says how a source ended, as a [CloseRequest] does.
type Close struct {
	State syncstream.State
	Last  uint64 // the Num of its last message, or 0
	Error string
}

// Tells reports whether a says nothing but how far its source has come.
func (a *Append) Tells() bool {
	return len(a.Batches) == 0 && (a.Mark != syncstream.StateOpen || a.Close != nil)
}

// magic begins an Append in a body of type [Batches]; the digit is its version.
// Its first byte, as the two behind it, is none that a batch begins with.
const (
	magic    = "SSB1"
	markTag  = 'M'
	closeTag = 'C'
)

// AppendHead appends what stands before the batches.
func AppendHead(dst []byte, s *syncstream.Source, epoch uint64) []byte {
	dst = append(dst, magic...)
	for _, text := range []string{s.ID, s.Name, s.Host} {
		dst = binary.AppendUvarint(dst, uint64(len(text)))
		dst = append(dst, text...)
	}
	for _, n := range []int{s.PID, s.Rank, s.Size} {
		dst = binary.AppendUvarint(dst, uint64(n))
	}
	return binary.AppendUvarint(dst, epoch)
}

// AppendBatch appends a batch.
func AppendBatch(dst []byte, b *Batch) []byte {
	dst = append(dst, byte(b.Stream), byte(b.Kind), byte(b.Part), byte(b.Lines))
	dst = binary.AppendUvarint(dst, b.First)
	count := uint64(b.Count)
	if b.Kind == syncstream.Gap {
		count = b.Missing
	}
	dst = binary.AppendUvarint(dst, count)
	dst = binary.AppendUvarint(dst, uint64(b.Redraws))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(b.Time))
	dst = binary.AppendUvarint(dst, uint64(len(b.Text)))
	return append(dst, b.Text...)
}

// AppendMark appends that the source is asked to stop, or has heard of that.
func AppendMark(dst []byte, state syncstream.State) []byte {
	return append(dst, markTag, byte(state))
}

// AppendClose appends how the source ended.
func AppendClose(dst []byte, c *Close) []byte {
	dst = append(dst, closeTag, byte(c.State))
	dst = binary.AppendUvarint(dst, c.Last)
	dst = binary.AppendUvarint(dst, uint64(len(c.Error)))
	return append(dst, c.Error...)
}

// DecodeBatches decodes a body of type [Batches]: one [Append], or several one
// after the other. The texts stay where they are, in body. What all held before is
// gone, but for its memory.
func DecodeBatches(all []Append, body []byte) ([]Append, error) {
	all = all[:0]
	r := reader{body: body}
	for batches := 0; len(all) == 0 || r.off < len(body); {
		n := len(all)
		if n == maxAppends {
			return all, fmt.Errorf("byte %d: more than %d sources", r.off, maxAppends)
		}
		if n == cap(all) {
			all = append(all, Append{})
		}
		all = all[:n+1]
		err := all[n].decode(&r, maxBatches-batches)
		if err != nil && n > 0 {
			err = fmt.Errorf("source %d: %w", n+1, err)
		}
		if err != nil {
			return all, err
		}
		batches += len(all[n].Batches)
	}
	return all, nil
}

// decode decodes what stands in r up to its end, or the next Append. There is room
// for so many batches.
func (a *Append) decode(r *reader, room int) error {
	a.decodeHead(r)
	a.Batches, a.Mark, a.Close = a.Batches[:0], syncstream.StateOpen, nil
	for r.err == nil && r.off < len(r.body) && r.body[r.off] != magic[0] {
		if err := a.decodePart(r, room); err != nil {
			return err
		}
	}
	if r.err != nil {
		return r.err
	}
	if n, err := a.check(); err != nil {
		return fmt.Errorf("batch %d: %w", n+1, err)
	}
	return nil
}

// decodePart decodes a batch, or what stands behind them.
func (a *Append) decodePart(r *reader, room int) error {
	at, tag := r.off, r.body[r.off]
	switch {
	case a.Close != nil || a.Mark != syncstream.StateOpen && tag != closeTag:
		r.fail(at, "something stands behind how far the source has come")
	case tag == markTag:
		r.off++
		a.Mark = r.state(syncstream.StateAsked, syncstream.StateAcknowledged)
	case tag == closeTag:
		r.off++
		a.Close = &Close{State: r.state(syncstream.StateExited, syncstream.StateLost), Last: r.uvarint("last number")}
		a.Close.Error = string(r.bytes(r.uvarint("length of the error")))
		if a.Close.Last > MaxNum {
			r.fail(at, "the last number is %d: want at most 2^61", a.Close.Last)
		}
	case len(a.Batches) == room:
		return fmt.Errorf("byte %d: more than %d batches", at, maxBatches)
	default:
		n := len(a.Batches)
		a.Batches = append(a.Batches, Batch{})
		b := &a.Batches[n]
		b.decode(r)
		if r.err != nil {
			return fmt.Errorf("batch %d: %w", n+1, r.err)
		}
		if err := b.check(); err != nil {
			return fmt.Errorf("batch %d at byte %d: %w", n+1, at, err)
		}
	}
	return nil
}

func (a *Append) decodeHead(r *reader) {
	if string(r.bytes(uint64(len(magic)))) != magic && r.err == nil {
		r.err = fmt.Errorf("byte 0: want %q, which begins version 1 of %s", magic, Batches)
	}
	a.Source = syncstream.Source{
		ID: r.string("source id"), Name: r.string("source name"), Host: r.string("source host"),
		PID: r.int("source pid"), Rank: r.int("source rank"), Size: r.int("source size"),
	}
	a.Epoch = r.uvarint("epoch")
	if r.err == nil {
		r.err = CheckSource(&a.Source)
	}
}

func (b *Batch) decode(r *reader) {
	if kinds := r.bytes(4); r.err == nil {
		b.Stream, b.Kind = syncstream.Stream(kinds[0]), syncstream.Kind(kinds[1])
		b.Part, b.Lines = syncstream.Part(kinds[2]), syncstream.Lines(kinds[3])
	}
	b.First = r.uvarint("first number")
	if b.Kind == syncstream.Gap {
		b.Count, b.Missing = 1, r.uvarint("count")
	} else {
		b.Count = r.int("count")
	}
	b.Redraws = r.int("redraws")
	if t := r.bytes(8); r.err == nil {
		b.Time = int64(binary.LittleEndian.Uint64(t))
	}
	b.Text = r.bytes(r.uvarint("length of the text"))
}

// CheckSource returns what a host would refuse about a source.
func CheckSource(s *syncstream.Source) error {
	for _, field := range []struct{ name, text string }{{"id", s.ID}, {"name", s.Name}, {"host", s.Host}} {
		switch {
		case len(field.text) > maxString:
			return fmt.Errorf("source %s: %d bytes: want at most %d", field.name, len(field.text), maxString)
		case !utf8.ValidString(field.text):
			return fmt.Errorf("source %s %q: want UTF-8", field.name, field.text)
		}
	}
	switch {
	case s.ID == "":
		return errors.New("source id missing")
	case s.PID < 0 || s.Rank < 0 || s.Size < 0:
		return errors.New("source: a pid, a rank or a size is negative")
	case s.Rank > 0 && s.Rank >= s.Size:
		return fmt.Errorf("source rank %d: want less than the size, %d", s.Rank, s.Size)
	}
	return nil
}

// check returns what is wrong with a batch, without a look at its lines.
func (b *Batch) check() error {
	switch {
	case b.Stream > syncstream.Control:
		return fmt.Errorf("stream %d: want 0 to %d", b.Stream, syncstream.Control)
	case b.Part > syncstream.PartLast:
		return fmt.Errorf("part %d: want 0 to %d", b.Part, syncstream.PartLast)
	case b.Lines > syncstream.Python:
		return fmt.Errorf("line mode %d: want 0 to %d", b.Lines, syncstream.Python)
	}
	switch b.Kind {
	case syncstream.Partial:
		if b.First != 0 || b.Count != 0 {
			return errors.New("a partial line has a number: want first number 0 and count 0")
		}
		return nil
	case syncstream.Gap:
		if b.Missing == 0 || b.Missing > MaxNum || len(b.Text) > 0 {
			return fmt.Errorf("a gap of %d with %d bytes of text: want 1 to 2^61, and none", b.Missing, len(b.Text))
		}
	case syncstream.Line, syncstream.Warning, syncstream.Error:
	default:
		return fmt.Errorf("kind %d: want 0 to %d", b.Kind, syncstream.Partial)
	}
	switch {
	case b.First == 0 || b.First > MaxNum:
		return fmt.Errorf("first number %d: want 1 to 2^61", b.First)
	case b.Count == 0:
		return errors.New("count 0: want at least 1")
	case b.Count > 1 && (b.Kind != syncstream.Line || b.Part != syncstream.PartWhole || b.Redraws != 0):
		return fmt.Errorf("count %d: want 1 for a %s, a piece, or a line with redraws", b.Count, b.Kind)
	case b.Count > max(1, len(b.Text)):
		return fmt.Errorf("count %d in %d bytes: each line has a line end", b.Count, len(b.Text))
	}
	return nil
}

// check returns the batch that does not follow on the others, and why.
func (a *Append) check() (int, error) {
	next := uint64(0)
	for i := range a.Batches {
		b := &a.Batches[i]
		if b.Kind == syncstream.Partial {
			continue
		}
		if next != 0 && b.First != next {
			return i, fmt.Errorf("first number %d: want %d, which follows on the batch before", b.First, next)
		}
		next = b.End()
	}
	return 0, nil
}

// Numbers returns the Num of the first message in a, and the one behind the
// last; equal if there is none.
func (a *Append) Numbers() (first, end uint64) {
	for i := range a.Batches {
		if b := &a.Batches[i]; b.Kind != syncstream.Partial {
			if first == 0 {
				first = b.First
			}
			end = b.End()
		}
	}
	return first, end
}

// End returns the Num behind the last message.
func (b *Batch) End() uint64 {
	if b.Kind == syncstream.Gap {
		return b.First + b.Missing
	}
	return b.First + uint64(b.Count)
}

// reader takes apart a body. After an error it gives zero values.
type reader struct {
	body []byte
	off  int
	err  error
}

func (r *reader) fail(at int, format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("byte %d: %s", at, fmt.Sprintf(format, args...))
	}
}

func (r *reader) bytes(n uint64) []byte {
	left := len(r.body) - r.off
	if r.err == nil && n > uint64(left) {
		r.fail(r.off, "want %d bytes more, and there are %d", n, left)
	}
	if r.err != nil {
		return nil
	}
	b := r.body[r.off : r.off+int(n) : r.off+int(n)]
	r.off += int(n)
	return b
}

func (r *reader) uvarint(what string) uint64 {
	if r.err != nil {
		return 0
	}
	n, size := binary.Uvarint(r.body[r.off:])
	switch {
	case size == 0:
		r.fail(r.off, "the %s is cut off", what)
	case size < 0:
		r.fail(r.off, "the %s does not fit 64 bits", what)
	default:
		r.off += size
	}
	return n
}

func (r *reader) int(what string) int {
	at := r.off
	n := r.uvarint(what)
	if n > math.MaxInt32 {
		r.fail(at, "the %s is %d: want at most 2^31-1", what, n)
		return 0
	}
	return int(n)
}

// state returns a state of those from first to last.
func (r *reader) state(first, last syncstream.State) syncstream.State {
	at := r.off
	b := r.bytes(1)
	if r.err != nil {
		return 0
	}
	s := syncstream.State(b[0])
	if s < first || s > last {
		r.fail(at, "state %d: want %d to %d", s, first, last)
	}
	return s
}

func (r *reader) string(what string) string {
	at := r.off
	n := r.uvarint(what)
	if n > maxString {
		r.fail(at, "the %s has %d bytes: want at most %d", what, n, maxString)
	}
	return string(r.bytes(n))
}
