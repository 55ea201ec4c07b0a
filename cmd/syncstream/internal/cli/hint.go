package cli

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/cmd/syncstream/internal/view"
)

// defaultSilence is how long a worker has to be silent for a hint.
const defaultSilence = 10 * time.Second

// hinter tells people on a terminal of workers that have printed nothing yet:
// most programs keep their output back where it does not go to one.
type hinter struct {
	after  time.Duration
	buf    *syncstream.Buffer
	notice func(string)
	added  chan time.Time // when a worker was started
	ended  chan struct{}
	loop   sync.WaitGroup
}

// newHinter gives hints until stop is called; none, where nobody looks or the
// workers have a terminal.
func newHinter(o *runOptions, buf *syncstream.Buffer, c *course) *hinter {
	h := &hinter{after: o.silence, buf: buf, notice: c.notice, added: make(chan time.Time, len(o.workers)), ended: make(chan struct{})}
	if !o.pty && view.IsTerminal(o.stderr) {
		h.loop.Go(func() { h.run(c.ctx) })
	}
	return h
}

// add has a worker looked at when its time has come.
func (h *hinter) add() { h.added <- time.Now() }

func (h *hinter) stop() {
	close(h.ended)
	h.loop.Wait()
}

// run looks at each worker once, and at those that were started together at
// once. It ends when the workers are asked to.
func (h *hinter) run(ctx context.Context) {
	var looked time.Time // who was opened before has been looked at
	for {
		var at time.Time
		select {
		case at = <-h.added:
		case <-h.ended:
			return
		case <-ctx.Done():
			return
		}
		if at.Before(looked) {
			continue
		}
		select {
		case <-time.After(time.Until(at.Add(h.after + h.after/8))):
		case <-h.ended:
			return
		case <-ctx.Done():
			return
		}
		until := time.Now().Add(-h.after)
		h.look(looked, until)
		looked = until
	}
}

// look tells of the workers opened in that time that have printed nothing.
func (h *hinter) look(from, until time.Time) {
	var names []string
	partial := map[*syncstream.Source]bool{}
	for _, m := range h.buf.Partials() {
		partial[m.Source] = true
	}
	for _, s := range h.buf.Sources() {
		if s.State.IsOpen() && s.Active.IsZero() && !partial[s.Source] && !s.Opened.Before(from) && s.Opened.Before(until) {
			names = append(names, s.Source.Name)
		}
	}
	if len(names) == 0 {
		return
	}
	has := "has"
	if len(names) > 1 {
		has = "have"
	}
	if n := len(names) - mostNamed; n > 0 {
		names = append(names[:mostNamed:mostNamed], fmt.Sprintf("%d more", n))
	}
	h.notice(fmt.Sprintf("%s %s printed nothing for %v; programs that see no terminal may keep their output back: try --pty, PYTHONUNBUFFERED=1, or stdbuf -oL",
		strings.Join(names, ", "), has, h.after))
}
