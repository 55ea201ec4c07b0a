package syncstream

import (
	"bytes"
	"iter"
	"time"

	"github.com/syncstream/syncstream/internal/split"
)

// Batch is consecutive messages of one stream of one mirror, kept as the bytes
// that came. Messages are made from it only when somebody reads.
//
// A [Sink] is lent batches: neither they nor their bytes may be changed, or
// used after the sink's method has returned. Several sinks may read one batch
// at the same time.
type Batch struct {
	account *account // whose it is
	block   *block   // holds data
	off     int      // of data in block
	data    []byte
	memory  int      // what a ring, or a sink's queue, counts for it
	first   uint64   // the Num of the first message; zero: it has none yet
	missing uint64   // how many messages a gap stands for
	pos     Position // of the first message
	count   int
	time    int64 // when the first of its bytes came, Unix time in nanoseconds

	prepared *block // what a Preparer made of it, if it did

	redraws   int32 // of its one message
	lines     split.Mode
	stream    Stream
	kind      Kind
	part      Part // if not PartWhole, the batch is one piece
	helped    bool // the goroutine that brings it calls the sinks itself
	lent      bool // that goroutine holds block while it brings the batch
	pending   bool // it is in a sink's queue, and not prepared yet
	odd       bool // a line ends with several CR before the LF; from a mirror that is its only one
	takesHeld bool // its stream's partial line begins it
	opening   bool // it is no messages: its source's mirror was opened
	ending    bool // it is no messages: its source has ended
	entry     entry
}

// Source returns who wrote the batch; nil for one from [NewBatch] that was given
// none.
func (b *Batch) Source() *Source {
	if b.account == nil {
		return nil
	}
	return b.account.source
}

// Stream returns the stream that the batch came on.
func (b *Batch) Stream() Stream { return b.stream }

// Kind returns the kind of all messages in the batch. If it is not [Line], the
// batch is one message.
func (b *Batch) Kind() Kind { return b.kind }

// Part tells whether the batch is whole lines. If it is not [PartWhole], the
// batch is one message, a piece of a line.
func (b *Batch) Part() Part { return b.part }

// Len returns how many messages the batch holds.
func (b *Batch) Len() int { return b.count }

// First returns the Num of the batch's first message; the others follow it
// without a hole.
func (b *Batch) First() uint64 { return b.first }

// Time returns when the first bytes of the batch came. The others came within
// a millisecond of it.
func (b *Batch) Time() time.Time { return time.Unix(0, b.time) }

// Redraws returns the [Message.Redraws] of the batch's one message; a batch of
// several messages has none with redraws.
func (b *Batch) Redraws() int { return int(b.redraws) }

// Missing returns the [Message.Missing] of a gap.
func (b *Batch) Missing() uint64 { return b.missing }

// LineMode returns where a line ends in Text.
func (b *Batch) LineMode() Lines { return Lines(b.lines) }

// Text returns the bytes of all messages, each with its line end.
func (b *Batch) Text() []byte { return b.data }

// PlainLF reports whether the batch is whole lines, each of which an LF alone
// or a CR and an LF end: whoever writes it can look for LF and nothing else.
// A stream's last text, which has no line end, is not plain.
func (b *Batch) PlainLF() bool {
	return b.kind == Line && b.part == PartWhole && !b.odd && (b.lines == split.Fold || b.lines == split.Keep) &&
		b.endsLine()
}

// endsLine reports whether an LF ends the batch, so that what follows it stays
// apart: a text that EndLine has ended would run into the next.
func (b *Batch) endsLine() bool { return len(b.data) > 0 && b.data[len(b.data)-1] == '\n' }

// Prepared returns what [Preparer.Prepare] appended for this batch, if it was
// called; nil otherwise.
func (b *Batch) Prepared() []byte {
	if b.prepared == nil {
		return nil
	}
	return b.prepared.data
}

// Lines returns the texts of the messages and their line ends, without
// copying.
func (b *Batch) Lines() iter.Seq2[[]byte, End] {
	return func(yield func([]byte, End) bool) {
		if b.single() {
			yield(b.data, EndNone)
			return
		}
		for data := b.data; len(data) > 0; {
			text, end, n := b.lines.Cut(data)
			if !yield(text, End(end)) {
				return
			}
			data = data[n:]
		}
	}
}

// All returns the messages of the batch. They own their text, and stay valid.
func (b *Batch) All() iter.Seq[Message] { return b.from(0) }

// from is All without the first skip messages.
func (b *Batch) from(skip int) iter.Seq[Message] {
	return func(yield func(Message) bool) {
		off := b.offset(skip)
		data := b.data[off:]
		all := string(data) // one allocation for all messages
		m := b.message(skip)
		if b.single() {
			m.Text = all
			yield(m)
			return
		}
		for len(data) > 0 {
			text, end, n := b.lines.Cut(data)
			m.Text, m.End = all[:len(text)], End(end)
			if !yield(m) {
				return
			}
			data, all = data[n:], all[n:]
			m.Num++
			m.Position++
		}
	}
}

// appendTo appends the messages of the batch but the first skip.
func (b *Batch) appendTo(dst []Message, skip int) []Message {
	for m := range b.from(skip) {
		dst = append(dst, m)
	}
	return dst
}

// message returns the message after the first n, without its text and end.
func (b *Batch) message(n int) Message {
	return Message{
		Source: b.Source(), Stream: b.stream, Kind: b.kind, Num: b.first + uint64(n),
		Position: b.pos + Position(n), Time: b.Time(), Part: b.part, Redraws: int(b.redraws), End: EndNone, Missing: b.missing,
	}
}

// single reports whether data is the text of one message, line breaks and all.
func (b *Batch) single() bool {
	return b.kind != Line || b.part == PartFirst || b.part == PartMiddle
}

// offset returns where in data the message after the first n begins.
func (b *Batch) offset(n int) int {
	if b.single() || n >= b.count {
		if n == 0 {
			return 0
		}
		return len(b.data)
	}
	if n > b.count/2 && b.PlainLF() {
		return b.offsetFromEnd(b.count - n)
	}
	off := 0
	for range n {
		_, _, used := b.lines.Cut(b.data[off:])
		off += used
	}
	return off
}

// offsetFromEnd returns where in data the last n of its plain lines begin.
func (b *Batch) offsetFromEnd(n int) int {
	off := len(b.data)
	for range n {
		off = bytes.LastIndexByte(b.data[:off-1], '\n') + 1
	}
	return off
}

// maxBatchTime is how long a batch may grow, since its messages share a time.
const maxBatchTime = time.Millisecond

// join adds next to b where the one follows the other in every respect, and
// reports whether it did.
func (b *Batch) join(next *Batch) bool {
	if b.block != next.block || b.off+len(b.data) != next.off || b.account != next.account ||
		b.stream != next.stream || !b.joinable() || !b.endsLine() || !next.joinable() || !next.endsLine() ||
		b.first+uint64(b.count) != next.first || b.pos+Position(b.count) != next.pos || next.time-b.time > int64(maxBatchTime) {
		return false
	}
	b.data = b.block.data[b.off : next.off+len(next.data)]
	b.count += next.count
	return true
}

// entry says how late a batch may come.
type entry uint8

const (
	untilClosed entry = iota // not after a Close
	untilEnded               // it belongs to what was there before the Close of the buffer
	always                   // and before Abandon
)

func (b *Batch) joinable() bool {
	return b.kind == Line && b.part == PartWhole && b.redraws == 0 && b.count > 0 && !b.odd && !b.pending && b.prepared == nil
}
