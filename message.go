package syncstream

import (
	"fmt"
	"time"

	"github.com/syncstream/syncstream/internal/split"
)

// Message is one item of a buffer: a line, a grouped message (a warning, or
// an error with its traceback), or a gap. It is a value that may be copied
// and kept. Its Text may share memory with the messages that were read
// together with it; [strings.Clone] it to keep one of many for long.
type Message struct {
	Source *Source
	Stream Stream
	Kind   Kind
	// Part says whether Text is a whole line or a piece of one that was longer
	// than the maximum. A partial line of which pieces are messages already has
	// PartLast.
	Part Part
	// End is the line end that stood after Text.
	End End
	// Num counts the messages of one source, from 1, over both its streams.
	// A hole is a loss.
	Num uint64
	// Position is where the message stands in the buffer that it was read
	// from; zero, if it does not. It is not part of the message's JSON.
	Position Position
	// Time is when the bytes came, in steps of a millisecond at most; for a
	// message that another program sent, as it was told.
	Time time.Time
	// Text is what was written, byte for byte, without the line end. It may
	// hold NUL, escape sequences and bytes that are not UTF-8.
	Text string
	// Redraws is how often a carriage return had started the line's text
	// again, as progress bars do; Text is the last state.
	Redraws int
	// Missing is how many messages a gap stands for.
	Missing uint64
}

// Kind tells what a message is.
type Kind uint8

// The kinds of messages.
const (
	// Line is a line of text, or a piece of one.
	Line Kind = iota
	// Warning is a grouped message: many lines, one item.
	Warning
	// Error is a grouped message: many lines, one item.
	Error
	// Gap stands where messages are missing.
	Gap
	// Partial is what a stream has written since its last line end. It is no
	// item of the buffer, and its text can still change.
	Partial
)

// Stream tells which of its worker's streams a message came on.
type Stream uint8

// The streams of a worker.
const (
	Stdout Stream = iota
	Stderr
	// Merged is stdout and stderr on one pipe: their exact order, no labels.
	Merged
	// Control is no stream of the worker's: what its mirror had to say, and what
	// came by [Mirror.Handler].
	Control
)

// Part tells which piece of a line a message holds.
type Part uint8

// The parts of a line. A line over the maximum is one PartFirst, any number of
// PartMiddle, and one PartLast; their texts in a row are the line's.
const (
	PartWhole  = Part(split.Whole)
	PartFirst  = Part(split.First)
	PartMiddle = Part(split.Middle)
	PartLast   = Part(split.Last)
)

// End is what ended a line.
type End uint8

// The ends of a line. Those from EndVT on occur in mode [Python] only.
const (
	EndLF   = End(split.LF)
	EndCRLF = End(split.CRLF) // in mode Fold also several CR before the LF
	EndCR   = End(split.CR)
	EndNone = End(split.None) // the stream's last text, a piece, or no line at all
	EndVT   = End(split.VT)   // U+000B
	EndFF   = End(split.FF)   // U+000C
	EndFS   = End(split.FS)   // U+001C
	EndGS   = End(split.GS)   // U+001D
	EndRS   = End(split.RS)   // U+001E
	EndNEL  = End(split.NEL)  // U+0085
	EndLS   = End(split.LS)   // U+2028
	EndPS   = End(split.PS)   // U+2029
)

// Bytes returns the bytes that ended the line; for an End that is not one of
// the constants, none.
func (e End) Bytes() string { return split.End(e).Bytes() }

// Lines decides where a line ends. LF and CRLF end one in every mode, also
// when the two bytes come in two writes.
type Lines uint8

const (
	// Fold lets a CR start the text again, as on a terminal: a progress bar
	// is one line, kept in its last state.
	Fold = Lines(split.Fold)
	// Split lets a CR end the line.
	Split = Lines(split.Split)
	// Keep takes a CR as text.
	Keep = Lines(split.Keep)
	// Python ends a line where Python's str.splitlines does.
	Python = Lines(split.Python)
)

var (
	kindNames   = []string{"line", "warning", "error", "gap", "partial"}
	streamNames = []string{"stdout", "stderr", "merged", "control"}
	partNames   = []string{"whole", "first", "middle", "last"}
	endNames    = []string{"lf", "crlf", "cr", "none", "vt", "ff", "fs", "gs", "rs", "nel", "ls", "ps"}
	linesNames  = []string{"fold", "split", "keep", "python"}
)

// String returns the kind's name, in lower case.
func (k Kind) String() string { return name("Kind", kindNames, uint8(k)) }

// String returns the stream's name, in lower case.
func (s Stream) String() string { return name("Stream", streamNames, uint8(s)) }

// String returns the part's name, in lower case.
func (p Part) String() string { return name("Part", partNames, uint8(p)) }

// String returns the line end's name, in lower case.
func (e End) String() string { return name("End", endNames, uint8(e)) }

// String returns the mode's name, in lower case.
func (l Lines) String() string { return name("Lines", linesNames, uint8(l)) }

func name(of string, names []string, i uint8) string {
	if int(i) < len(names) {
		return names[i]
	}
	return fmt.Sprintf("%s(%d)", of, i)
}
