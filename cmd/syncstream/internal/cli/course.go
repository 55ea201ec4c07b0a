package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/syncstream/syncstream/process"
)

// notifier is where we say what the workers do not: [view.View].
type notifier interface {
	// Notice shows a row of our own. It waits while the output is blocked.
	Notice(text string)
	// SetStatus shows a text in the last row of a terminal; none, if it is
	// empty.
	SetStatus(text string)
}

// course is how a run goes: which workers run, and why and how they are stopped.
// All its methods may be called by any goroutine at any time; none waits for the
// output.
type course struct {
	ending *endingOptions
	cancel context.CancelCauseFunc // asks the workers to end
	ctx    context.Context         // ends when they are asked
	say    chan string             // notices that are to be shown
	// stopping, if it is not nil, is told why the workers are asked to end.
	stopping func(reason string)
	// suspended, if it is not nil, is told when the workers are suspended, and
	// when they go on.
	suspended func(on bool)

	mu      sync.Mutex // guards what follows
	workers []*process.Process
	start   int       // workers that are being started
	asked   time.Time // when the workers were asked to end
	again   string    // how people have them killed
	killed  bool
	paused  bool      // the workers are suspended
	changed sync.Cond // start or paused has changed; its lock is mu
}

func newCourse(ctx context.Context, o *endingOptions) *course {
	c := &course{ending: o, say: make(chan string, 8), again: "Ctrl-C twice to kill"}
	c.changed.L = &c.mu
	c.ctx, c.cancel = context.WithCancelCause(ctx)
	return c
}

// starting tells that a worker is going to run, and is followed by add. It waits
// while the workers are suspended.
func (c *course) starting() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.paused {
		c.changed.Wait()
	}
	c.start++
}

// add has p among those that are stopped. p is nil if it was not started.
func (c *course) add(p *process.Process) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.start--
	c.changed.Broadcast()
	if p == nil {
		return
	}
	c.workers = append(c.workers, p)
	if c.killed {
		p.Kill()
	}
}

// stop asks the workers to end. A second reason changes nothing.
func (c *course) stop(why *stopReason) {
	c.mu.Lock()
	defer c.mu.Unlock() // until the reason counts, so that no other is said to
	first := c.asked.IsZero()
	if first {
		c.asked = time.Now()
		time.AfterFunc(c.ending.grace, c.graceOver)
	}
	if why.again != "" {
		c.again = why.again
	}
	// It is said first: with the last worker's end, nothing more is.
	switch n := c.countLocked(); {
	case n == 0 || why.quiet:
	case first:
		c.notice(fmt.Sprintf("%s: %s sent to %s%s", why.text, describe(c.ending.signal), plural(n, "worker"), orSo(why.again)))
	case why.again != "":
		c.notice(fmt.Sprintf("%s: waiting for %s%s", why.text, plural(n, "worker"), orSo(why.again)))
	}
	c.cancel(why) // of which the first counts
}

// orSo puts what else can be done behind a text.
func orSo(again string) string {
	if again == "" {
		return ""
	}
	return "; " + again
}

// graceOver kills the workers that still run, unless that is done.
func (c *course) graceOver() {
	c.mu.Lock()
	killed := c.killed
	c.mu.Unlock()
	if !killed {
		c.kill(fmt.Sprintf("the %v of --grace are over: ", c.ending.grace))
	}
}

// kill kills the workers that still run; why stands before the notice of it.
func (c *course) kill(why string) {
	c.mu.Lock()
	c.killed = true
	workers, n := slices.Clone(c.workers), c.countLocked()
	c.mu.Unlock()
	if n > 0 { // said first, as in stop
		c.notice(fmt.Sprintf("%skilling %s", why, plural(n, "worker")))
	}
	for _, p := range workers {
		p.Kill()
	}
}

// startPatience is how long a suspension waits for workers that are being
// started: that one can't be told of waits for the output.
const startPatience = time.Second

// suspend stops the workers where they are, and has them go on.
func (c *course) suspend(on bool) {
	c.mu.Lock()
	c.paused = on
	c.changed.Broadcast()
	if on {
		c.awaitStarts()
	}
	workers := slices.Clone(c.workers)
	c.mu.Unlock()
	for _, p := range workers {
		tell := p.Resume
		if on {
			tell = p.Suspend
		}
		if err := tell(); err != nil {
			c.notice(err.Error())
		}
	}
	if c.suspended != nil {
		c.suspended(on)
	}
}

// awaitStarts waits until no worker is being started: it may run already. It
// needs c.mu.
func (c *course) awaitStarts() {
	late := false
	over := time.AfterFunc(startPatience, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		late = true
		c.changed.Broadcast()
	})
	defer over.Stop()
	for c.start > 0 && !late {
		c.changed.Wait()
	}
}

// reason returns why the workers were stopped; nil, if they were not.
func (c *course) reason() *stopReason {
	var why *stopReason
	if errors.As(context.Cause(c.ctx), &why) {
		return why
	}
	return nil
}

// askedAt returns when the workers were asked to end; zero, if they were not.
func (c *course) askedAt() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked
}

// runningLocked returns the names of the workers that have not ended.
func (c *course) runningLocked() (names []string) {
	for _, p := range c.workers {
		select {
		case <-p.Done():
		default:
			names = append(names, p.Source().Name)
		}
	}
	return names
}

// countLocked returns how many workers have not ended.
func (c *course) countLocked() int { return len(c.runningLocked()) + c.start }

// notice has a row shown, unless so many wait already that nobody sees them.
func (c *course) notice(text string) {
	select {
	case c.say <- text:
	default:
	}
}

// tell shows what there is to say, until ended is closed: notices, and while
// workers are stopping a row that says for whom we wait.
func (c *course) tell(to notifier, ended <-chan struct{}) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	defer to.SetStatus("")
	stopping := c.ctx.Done()
	for {
		select {
		case <-ended:
			c.tellRest(to)
			return
		case text := <-c.say:
			to.Notice("syncstream: " + text)
			continue
		case <-stopping:
			if c.stopping != nil && c.reason() != nil {
				c.stopping(c.reason().text)
			}
			stopping = nil // from now on the ticks count
		case <-tick.C:
		}
		if c.ctx.Err() != nil {
			to.SetStatus(c.status(time.Now()))
		}
	}
}

// tellRest shows the notices that wait.
func (c *course) tellRest(to notifier) {
	for {
		select {
		case text := <-c.say:
			to.Notice("syncstream: " + text)
		default:
			return
		}
	}
}

// status says for whom we wait, and what comes next.
func (c *course) status(now time.Time) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	names := c.runningLocked()
	if len(names) == 0 && c.start > 0 {
		return "waiting for workers that are being started"
	}
	if len(names) == 0 {
		return "waiting for the output of workers that have ended"
	}
	next := "they were killed"
	if !c.killed {
		left := max(0, c.ending.grace-now.Sub(c.asked)).Round(time.Second)
		next = fmt.Sprintf("kill in %v, or %s", left, c.again)
	}
	const most = 5
	if n := len(names) - most; n > 0 {
		names = append(names[:most:most], fmt.Sprintf("%d more", n))
	}
	return fmt.Sprintf("waiting for %s; %s", strings.Join(names, ", "), next)
}

// plural returns "1 worker" or "3 workers".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
