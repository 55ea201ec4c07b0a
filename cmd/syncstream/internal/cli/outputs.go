package cli

import (
	"context"
	"errors"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/cmd/syncstream/internal/view"
	"github.com/syncstream/syncstream/process"
)

// outputs are the sinks of a run: the screen or JSON, logs, and what looks for
// lines. None of them loses anything.
type outputs struct {
	view  *view.View
	json  *jsonSink // nil, unless it takes the place of the view
	logs  logs
	lines *lineWatcher
	// asides are counted by the view, or by JSON.
	asides asides
	// terminals are what --pty gives to workers.
	terminals terminals
	notices   notifier
	attached  []*syncstream.Attachment
}

// attach attaches the sinks. Where one can't write, the workers are stopped.
func (o *runOptions) attach(buf *syncstream.Buffer, c *course) (*outputs, error) {
	view.EnlargePipe(o.stdout)
	out := &outputs{view: view.New(o.config), terminals: terminals{ours: o.stdout}}
	out.notices = out.view
	add := func(s syncstream.Sink) { out.attached = append(out.attached, buf.Attach(s)) }
	if o.showOptions.json {
		out.notices = noStatus{out.view} // JSON may be on the same terminal
		out.json = newJSONSink(view.Patient(o.stdout), o.shownCommands(), o.mask, &out.asides)
		c.stopping = out.json.stopping
		add(out.json)
	} else {
		add(countedView{out.view, &out.asides})
		c.suspended = func(on bool) { // the rows at the bottom are the shell's then
			if on {
				out.view.Suspend()
			} else {
				out.view.Resume()
			}
		}
		go out.view.Follow(context.Background(), buf) // ends when buf is closed
	}
	logs, err := o.openLogs(o.config)
	if err != nil {
		return nil, err
	}
	out.logs = logs
	for _, s := range logs.sinks {
		add(s)
	}
	out.lines = &lineWatcher{until: o.until, failOn: o.failOn, found: func(h *hit) { c.stop(h.reason()) }}
	if o.until != nil || o.failOn != nil {
		add(out.lines)
	}
	for _, a := range out.attached {
		go func() { // ends with the buffer
			<-a.Done()
			if a.Err() != nil {
				c.stop(&stopReason{text: "the output can't be written", status: undecided, quiet: true})
			}
		}()
	}
	return out, nil
}

// noStatus is a view that has no live rows.
type noStatus struct{ *view.View }

// SetStatus shows nothing.
func (noStatus) SetStatus(string) {}

// drain returns when all sinks have got everything.
func (out *outputs) drain() (err error) {
	for _, a := range out.attached {
		err = errors.Join(err, a.Drain(context.Background()))
	}
	return err
}

// close closes the buffer and the sinks, which may have rows at the bottom of a
// terminal.
func (out *outputs) close(buf *syncstream.Buffer) (err error) {
	_ = buf.Close() // it has no error
	for _, a := range out.attached {
		<-a.Done()
		err = errors.Join(err, a.Err())
	}
	return errors.Join(err, out.logs.close())
}

// resize has the window's new size seen, without waiting.
func (out *outputs) resize() {
	out.terminals.resize()
	go out.view.Resize()
}

// started tells that a worker runs.
func (out *outputs) started(source *syncstream.Source) {
	if out.json != nil {
		out.json.started(source)
	}
}

// exited tells that a worker has ended, behind its last line; stopped is when
// all were asked to end.
func (out *outputs) exited(r process.Result, stopped time.Time) {
	if out.json != nil && out.attached[0].Drain(context.Background()) == nil {
		out.json.exited(r, stopped)
	}
}
