package wire

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/internal/split"
)

// DecodeLines decodes a body of type [Lines]: messages of one source as JSON, one
// a line. Empty lines count for nothing.
func (a *Append) DecodeLines(body []byte) error {
	a.Source, a.Batches = syncstream.Source{}, a.Batches[:0]
	for n := 1; len(body) > 0; n++ {
		line, rest, _ := bytes.Cut(body, []byte{'\n'})
		body = rest
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		if len(a.Batches) == maxBatches {
			return fmt.Errorf("line %d: more than %d messages", n, maxBatches)
		}
		if err := a.addLine(line); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	if len(a.Batches) == 0 {
		return errors.New("no message")
	}
	if n, err := a.check(); err != nil {
		return fmt.Errorf("message %d: %w", n+1, err)
	}
	return nil
}

func (a *Append) addLine(line []byte) error {
	var m syncstream.Message
	if err := m.UnmarshalJSON(line); err != nil {
		return err
	}
	if m.Source == nil {
		return errors.New("source missing")
	}
	switch {
	case len(a.Batches) > 0 && *m.Source != a.Source:
		return fmt.Errorf("another source than before, %q: want one a request", a.Source.ID)
	case len(a.Batches) == 0:
		if err := CheckSource(m.Source); err != nil {
			return err
		}
		a.Source = *m.Source
	}
	b, err := batchOf(&m)
	if err == nil {
		err = b.check()
	}
	a.Batches = append(a.Batches, b)
	return err
}

// batchOf returns a batch of which m can be read again.
func batchOf(m *syncstream.Message) (Batch, error) {
	b := Batch{
		Stream: m.Stream, Kind: m.Kind, Part: m.Part, Lines: linesOf(m.End), First: m.Num, Count: 1,
		Redraws: m.Redraws, Time: m.Time.UnixNano(), Text: []byte(m.Text),
	}
	if m.Time.IsZero() || m.Time.Year() < 1678 || m.Time.Year() > 2261 { // UnixNano can't say it
		b.Time = time.Now().UnixNano()
	}
	if m.Redraws > math.MaxInt32 {
		return b, fmt.Errorf("redraws %d: want at most 2^31-1", m.Redraws)
	}
	switch {
	case m.Kind == syncstream.Partial && m.Num == 0:
		b.Count = 0
	case m.Kind == syncstream.Gap:
		b.Missing = m.Missing
	}
	if m.Kind != syncstream.Line || m.Part == syncstream.PartFirst || m.Part == syncstream.PartMiddle {
		return b, nil
	}
	b.Text = append(b.Text, m.End.Bytes()...)
	text, end, _ := split.Mode(b.Lines).Cut(b.Text)
	if string(text) != m.Text || syncstream.End(end) != m.End {
		return b, fmt.Errorf("text %.60q with the end %q: it has a line end in it", m.Text, m.End)
	}
	return b, nil
}

// linesOf returns the mode in which a line can have that end.
func linesOf(end syncstream.End) syncstream.Lines {
	switch end {
	case syncstream.EndLF, syncstream.EndCRLF, syncstream.EndNone:
		return syncstream.Keep
	case syncstream.EndCR:
		return syncstream.Split
	}
	return syncstream.Python
}
