package cli

import (
	"fmt"
	"os"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/cmd/syncstream/internal/view"
)

// rowOptions say how messages of a host are shown.
type rowOptions struct{ showOptions }

func (o *rowOptions) define(f flags) { o.defineRows(f) }

// rows shows messages that a host has sent, as run does, or as JSON.
type rows struct {
	view *view.View
	json *os.File // nil, unless it is JSON that is wanted
	buf  []byte
	err  error // the first
}

// rows returns what shows messages: all on stdout, in the order of the host.
func (o *rowOptions) rows(json bool, stdout *os.File) *rows {
	view.EnlargePipe(stdout)
	o.showOptions.complete(nil, stdout, stdout)
	r := &rows{view: view.New(o.config)}
	if json {
		r.json = stdout
	}
	return r
}

// add shows a message, once there is something to write it with.
func (r *rows) add(m *syncstream.Message) {
	if r.json != nil {
		r.buf = append(m.AppendJSON(r.buf), '\n')
		if len(r.buf) >= 64<<10 {
			r.flush()
		}
		return
	}
	b, err := batchOf(m)
	if err == nil {
		err = r.view.WriteBatches([]*syncstream.Batch{b})
	}
	if r.err == nil {
		r.err = err
	}
}

// flush writes what waits.
func (r *rows) flush() {
	if len(r.buf) > 0 && r.err == nil {
		_, r.err = view.Patient(r.json).Write(r.buf)
	}
	r.buf = r.buf[:0]
}

// close writes what is left, and returns the first error.
func (r *rows) close() error {
	r.flush()
	if err := r.view.Close(); r.err == nil {
		r.err = err
	}
	return r.err
}

// batchOf makes a batch of a message, as a view shows it: what ended the line
// elsewhere does not matter, and a gap is a text.
func batchOf(m *syncstream.Message) (*syncstream.Batch, error) {
	c := syncstream.BatchConfig{
		Source: m.Source, Stream: m.Stream, Kind: m.Kind, Part: m.Part, Lines: syncstream.Keep, First: m.Num, Time: m.Time,
		Text: []byte(m.Text),
	}
	if m.Source == nil {
		c.Source = nobody
	}
	switch {
	case m.Kind == syncstream.Gap:
		c.Kind, c.Text = syncstream.Warning, []byte(gapText(m))
	case m.Kind == syncstream.Line && (m.Part == syncstream.PartWhole || m.Part == syncstream.PartLast):
		c.Text = append(c.Text, '\n')
	}
	return syncstream.NewBatch(c)
}

// gapText says what is missing.
func gapText(m *syncstream.Message) string {
	switch {
	case m.Text != "":
		return m.Text
	case m.Missing == 1:
		return "1 message is missing here"
	}
	return fmt.Sprintf("%d messages are missing here", m.Missing)
}

// nobody has written a message that is about no worker.
var nobody = &syncstream.Source{ID: "host", Name: "host"}
