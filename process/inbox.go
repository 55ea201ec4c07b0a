package process

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/syncstream/syncstream"
)

const (
	// maxRecord is how many bytes one write of a child has, and a line that
	// came in several.
	maxRecord = 16 << 10
	// maxText is how much is kept of a message in parts; one byte more than a
	// message has at most, so that it says that it was cut.
	maxText = 1<<20 + 1
	// maxSenders is how many processes may have sent a part of a message.
	maxSenders = 8
	// complaintPause is how long nothing is said of bad input after a warning.
	complaintPause = time.Second
)

// inbox makes messages of what a worker sends, and the processes that it
// started. One goroutine uses it; it holds nothing while nobody is in the midst
// of a message.
type inbox struct {
	name   string // of the worker
	mirror interface {
		Send(syncstream.Kind, string) error
		Acknowledge()
	}
	senders map[int32]*sender // by process id

	complained time.Time
	more       int // bad messages since
}

// sender is a process in the midst of a message.
type sender struct {
	line  []byte // the beginning of a line
	parts bool   // a first part has come, and not the last
	kind  syncstream.Kind
	text  []byte // of the parts
}

// take takes one record: what a process has sent in one go. It may hold several
// lines; the last needs no line end if it is complete without. What is not is
// the beginning of the next record: some programs write a long line in pieces,
// and only we can tell those of two processes apart. cut says that the record was
// longer than maxRecord.
func (in *inbox) take(pid int32, record []byte, cut bool) {
	data := record
	if s := in.senders[pid]; s != nil && len(s.line) > 0 {
		data = append(s.line, record...)
		s.line = nil
		in.forget(pid)
	}
	for len(data) > 0 {
		line, rest, ended := bytes.Cut(data, []byte("\n"))
		switch {
		case len(line) > maxRecord || cut && !ended:
			in.complain(fmt.Errorf("it has more than %d KiB", maxRecord>>10), line)
		case !ended && !isComplete(line):
			in.sender(pid).line = bytes.Clone(line)
		default:
			in.takeLine(pid, bytes.TrimSpace(line))
		}
		data = rest
	}
}

// isComplete reports whether nothing that could come would make JSON of line,
// or it is some.
func isComplete(line []byte) bool {
	var v json.RawMessage
	return json.NewDecoder(bytes.NewReader(line)).Decode(&v) != io.ErrUnexpectedEOF
}

func (in *inbox) takeLine(pid int32, line []byte) {
	if len(line) == 0 {
		return
	}
	m, acknowledged, err := decode(line)
	switch {
	case err != nil:
	case acknowledged:
		in.mirror.Acknowledge()
	case m.Part == syncstream.PartWhole:
		_ = in.mirror.Send(m.Kind, m.Text) // refused, it is counted as lost
	default:
		err = in.takePart(pid, &m)
	}
	if err != nil {
		in.complain(err, line)
	}
}

func (in *inbox) takePart(pid int32, m *syncstream.Message) error {
	s := in.senders[pid]
	if m.Part == syncstream.PartFirst {
		if s != nil && s.parts {
			in.giveUp(s)
		}
		s = in.sender(pid)
		s.parts, s.kind = true, m.Kind
	}
	if s == nil || !s.parts || s.kind != m.Kind {
		return fmt.Errorf("part %q of kind %q: want the first part before it", m.Part, m.Kind)
	}
	s.text = append(s.text, m.Text[:min(len(m.Text), maxText-len(s.text))]...)
	if m.Part == syncstream.PartLast {
		_ = in.mirror.Send(s.kind, string(s.text))
		s.parts, s.text = false, nil
		in.forget(pid)
	}
	return nil
}

// sender returns the process's state. There is room for a few; who else is in
// the midst of a message has most likely died.
func (in *inbox) sender(pid int32) *sender {
	if s := in.senders[pid]; s != nil {
		return s
	}
	for other, s := range in.senders {
		if len(in.senders) < maxSenders {
			break
		}
		in.giveUp(s)
		delete(in.senders, other)
	}
	if in.senders == nil {
		in.senders = make(map[int32]*sender)
	}
	s := &sender{}
	in.senders[pid] = s
	return s
}

// forget drops a state that says nothing.
func (in *inbox) forget(pid int32) {
	if s := in.senders[pid]; len(s.line) == 0 && !s.parts {
		delete(in.senders, pid)
	}
}

// giveUp delivers what there is of a message that will not be completed.
func (in *inbox) giveUp(s *sender) {
	if s.parts {
		_ = in.mirror.Send(s.kind, string(s.text)+"\n(the end of this message has not come)")
	}
	if len(s.line) > 0 {
		in.complain(errors.New("its end has not come"), s.line)
	}
	*s = sender{}
}

// end delivers what is left.
func (in *inbox) end() {
	for _, s := range in.senders {
		in.giveUp(s)
	}
	in.senders = nil
	if in.more > 0 {
		_ = in.mirror.Send(syncstream.Warning, fmt.Sprintf("%s: %d more of its messages could not be read", in.name, in.more))
		in.more = 0
	}
}

// complain warns of bad input, but not of each, where there is much.
func (in *inbox) complain(err error, data []byte) {
	in.more++
	if time.Since(in.complained) < complaintPause {
		return
	}
	const most = 60
	begin, dots := data, ""
	if len(data) > most {
		begin, dots = data[:most], "…"
	}
	text := fmt.Sprintf("%s: a message that it sent can't be read: %v; it begins %q%s", in.name, err, begin, dots)
	if in.more > 1 {
		text += fmt.Sprintf("\nso it was with %d more since the last warning", in.more-1)
	}
	in.complained, in.more = time.Now(), 0
	_ = in.mirror.Send(syncstream.Warning, text)
}

// kindAcknowledge is the kind of a message that says that a stop was heard.
const kindAcknowledge = "acknowledge"

// decode decodes a message as docs/protocol.md has it, of which a child may
// leave out all but the kind.
func decode(line []byte) (m syncstream.Message, acknowledged bool, err error) {
	var head struct {
		Kind any `json:"kind"`
	}
	if err := json.Unmarshal(line, &head); err == nil {
		switch head.Kind {
		case kindAcknowledge:
			return m, true, nil
		case nil, "line", "warning", "error", "partial":
		default:
			return m, false, fmt.Errorf("kind %s: want line, warning, error, partial or acknowledge", quoteJSON(head.Kind))
		}
	}
	rest, ok := bytes.CutPrefix(line, []byte("{"))
	rest = bytes.TrimSpace(rest)
	switch {
	case !ok:
		return m, false, errors.New("want an object")
	case bytes.Equal(rest, []byte("}")):
		return m, false, errors.New("kind missing")
	}
	// What stands behind counts, so these are but what is absent.
	err = m.UnmarshalJSON(append([]byte(`{"v":1,"stream":"control","num":0,`), rest...))
	if err != nil {
		err = errors.New(strings.TrimPrefix(err.Error(), "syncstream: decode message: "))
	}
	return m, false, err
}

// quoteJSON returns a value, for an error text: short, and safe to print.
func quoteJSON(v any) string {
	text, _ := json.Marshal(v)
	return fmt.Sprintf("%.40q", text)
}
