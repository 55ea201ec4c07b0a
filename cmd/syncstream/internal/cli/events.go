package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/cmd/syncstream/internal/mask"
	"github.com/syncstream/syncstream/process"
	"github.com/syncstream/syncstream/sink"
)

// event is what has happened to a worker, or to all: the field "event" of a
// message. See docs/protocol.md.
type event struct {
	Type    string `json:"type"` // started, exited or stopping
	Command string `json:"command,omitempty"`
	*ended
}

// ended is how a worker has ended.
type ended struct {
	Outcome string   `json:"outcome"`
	Error   string   `json:"error,omitempty"`
	Exit    *int     `json:"exit,omitempty"`
	Signal  string   `json:"signal,omitempty"`
	After   *seconds `json:"seconds,omitempty"`
	User    seconds  `json:"user_seconds,omitempty"`
	System  seconds  `json:"system_seconds,omitempty"`
	Peak    int64    `json:"peak_memory,omitempty"` // bytes
}

// jsonSink writes messages and events as JSON, one object a line. An event is a
// message too, of the stream control and without a number, so that whoever reads
// messages only can.
type jsonSink struct {
	*sink.JSON
	w        *lockedWriter
	commands []string
	secrets  *mask.Mask
	asides   *asides

	mu   sync.Mutex // guards what follows
	seen map[*syncstream.Source]bool
	last *syncstream.Source // the last that was seen
}

// lockedWriter is a writer for several goroutines. Each writes whole lines.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// newJSONSink returns a sink for workers that run the commands, which have no
// secrets any more.
func newJSONSink(w io.Writer, commands []string, secrets *mask.Mask, a *asides) *jsonSink {
	locked := &lockedWriter{w: w}
	return &jsonSink{
		JSON: sink.NewJSON(locked), w: locked, commands: commands, secrets: secrets, asides: a,
		seen: make(map[*syncstream.Source]bool),
	}
}

// String names the sink where a worker waits for it.
func (j *jsonSink) String() string { return "output" }

// WriteBatches writes messages, and before the first of a source that it has
// started.
func (j *jsonSink) WriteBatches(batches []*syncstream.Batch) error {
	j.asides.note(batches)
	for _, b := range batches {
		if err := j.start(b.Source()); err != nil {
			return err
		}
	}
	return j.JSON.WriteBatches(batches)
}

// started tells that a worker runs, unless its first line has.
func (j *jsonSink) started(source *syncstream.Source) { _ = j.start(source) } // the sink has the error too

func (j *jsonSink) start(source *syncstream.Source) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if source == j.last || j.seen[source] || source.Size == 0 {
		return nil
	}
	j.seen[source], j.last = true, source
	return j.write(source, time.Now(), "started", event{Type: "started", Command: j.commands[source.Rank]})
}

// exited tells how a worker has ended.
func (j *jsonSink) exited(r process.Result, stopped time.Time) {
	e := endOf(r, stopped, j.secrets)
	_ = j.write(r.Source, r.Ended, orElse(e.Error, "exit status 0"), event{Type: "exited", ended: &e})
}

// stopping tells why the workers are asked to end.
func (j *jsonSink) stopping(reason string) {
	_ = j.write(nil, time.Now(), reason, event{Type: "stopping"})
}

// write writes one event.
func (j *jsonSink) write(source *syncstream.Source, at time.Time, text string, e event) error {
	m := syncstream.Message{Source: source, Stream: syncstream.Control, Time: at, Text: text}
	line := m.AppendJSON(nil)
	buf := bytes.NewBuffer(append(line[:len(line)-1], `,"event":`...))
	encoder := json.NewEncoder(buf)
	encoder.SetEscapeHTML(false) // as messages have it
	if err := encoder.Encode(e); err != nil {
		return err
	}
	buf.Truncate(buf.Len() - len("\n"))
	_, err := j.w.Write(append(buf.Bytes(), "}\n"...))
	return err
}

// endOf returns how a worker has ended, without secrets; stopped is when all were
// asked to.
func endOf(r process.Result, stopped time.Time, secrets *mask.Mask) ended {
	after := secondsOf(r.Ended.Sub(r.Started))
	e := ended{
		Outcome: workerOK, After: &after,
		User: secondsOf(r.Usage.User), System: secondsOf(r.Usage.System), Peak: r.Usage.PeakMemory,
	}
	switch {
	case isFailure(r):
		e.Outcome = workerFailed
	case r.Stopped, !stopped.IsZero() && r.Ended.After(stopped):
		e.Outcome = workerStopped
	}
	if r.Err != nil {
		e.Error = secrets.String(r.Err.Error())
	}
	exit := 0
	var exited *process.ExitError
	switch {
	case errors.As(r.Err, &exited) && exited.Signal != 0:
		e.Signal = signalName(exited.Signal)
	case errors.As(r.Err, &exited):
		exit = exited.Code
		fallthrough
	case r.Err == nil:
		e.Exit = &exit
	}
	return e
}
