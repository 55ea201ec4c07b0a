package wire

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"github.com/syncstream/syncstream"
)

// The types of events that a host sends besides messages.
const (
	// EventEnd is the last of a stream that has come to its end: its data is an
	// [End].
	EventEnd = "end"
	// EventAnew comes first where the place that was asked for is in another
	// buffer: the stream begins at the oldest message, and nobody knows how many
	// are missing. Its data is a [Problem].
	EventAnew = "anew"
)

// End is why a stream has ended.
type End struct {
	// Reason is done (no source is open), closed (the buffer is) or shutdown (the
	// host ends; ask again).
	Reason string `json:"reason"`
}

// AppendEvent appends m as a server-sent event, whose id is its place.
func AppendEvent(dst []byte, buffer string, m *syncstream.Message) []byte {
	if m.Position != 0 {
		dst = append(dst, "id: "...)
		dst = append(dst, Place{buffer, m.Position}.String()...)
		dst = append(dst, '\n')
	}
	dst = append(dst, "data: "...)
	dst = AppendMessage(dst, m)
	return append(dst, "\n\n"...)
}

// AppendID appends an event that is nothing but the id of a place.
func AppendID(dst []byte, p Place) []byte {
	dst = append(dst, "id: "...)
	dst = append(dst, p.String()...)
	return append(dst, "\n\n"...)
}

// AppendOther appends an event of another type. data has no line break.
func AppendOther(dst []byte, event string, data []byte) []byte {
	dst = append(dst, "event: "...)
	dst = append(dst, event...)
	dst = append(dst, "\ndata: "...)
	dst = append(dst, data...)
	return append(dst, "\n\n"...)
}

// Event is a server-sent event.
type Event struct {
	Type string // empty: a message
	ID   string // of the last event that had one
	Data []byte
}

// EventReader reads server-sent events, as the HTML standard describes them.
type EventReader struct {
	r    *bufio.Reader
	max  int
	line []byte
	data []byte
	id   string // the newest that was read
	last string // that of the last event that was read to its end
}

// ErrLongEvent is returned by [EventReader.Next] for an event over its maximum.
var ErrLongEvent = errors.New("an event is too long")

// NewEventReader returns a reader of r. Events over max bytes are an error.
func NewEventReader(r io.Reader, max int) *EventReader {
	return &EventReader{r: bufio.NewReaderSize(r, 32<<10), max: max}
}

// Next returns the next event that has data; its Data is lent until the next
// call. Comments it gives to beat, if that is not nil: they are signs of life.
// An event that the stream's end cuts off is none. The error is io.EOF at the
// end.
func (e *EventReader) Next(beat func()) (Event, error) {
	event := Event{}
	e.data = e.data[:0]
	some := false
	for {
		line, err := e.readLine()
		if err != nil {
			return Event{}, err
		}
		if len(line) == 0 {
			e.last = e.id
			if !some {
				event.Type = ""
				continue
			}
			event.ID, event.Data = e.id, e.data[:len(e.data)-1]
			return event, nil
		}
		field, value, _ := bytes.Cut(line, []byte{':'})
		value = bytes.TrimPrefix(value, []byte{' '})
		switch string(field) {
		case "":
			if beat != nil {
				beat()
			}
		case "data":
			if len(e.data)+len(value) > e.max {
				return Event{}, ErrLongEvent
			}
			some = true
			e.data = append(append(e.data, value...), '\n')
		case "event":
			event.Type = string(value)
		case "id":
			if bytes.IndexByte(value, 0) < 0 && len(value) <= maxString {
				e.id = string(value)
			}
		}
	}
}

// LastID returns the id of the last event that had one, also of one without data.
func (e *EventReader) LastID() string { return e.last }

// readLine returns the next line without its end: LF or CRLF.
func (e *EventReader) readLine() ([]byte, error) {
	e.line = e.line[:0]
	for {
		piece, err := e.r.ReadSlice('\n')
		if len(e.line)+len(piece) > e.max+maxString {
			return nil, ErrLongEvent
		}
		if err == nil && len(e.line) == 0 {
			return trimEnd(piece), nil // as nearly all are
		}
		e.line = append(e.line, piece...)
		switch err {
		case nil:
			return trimEnd(e.line), nil
		case bufio.ErrBufferFull:
		default:
			return nil, err
		}
	}
}

func trimEnd(line []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte{'\n'}), []byte{'\r'})
}
