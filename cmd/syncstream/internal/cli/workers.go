package cli

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/process"
)

// runner runs the workers.
type runner struct {
	o      *runOptions
	course *course
	buf    *syncstream.Buffer
	outs   *outputs
	places jobs
	words  lastWords
	group  process.Group
	ends   sync.WaitGroup
}

// run returns when all workers have ended: a result for each, in their order; a
// zero one for those that were not started.
func (r *runner) run() []process.Result {
	if d := r.o.timeout; d > 0 {
		why := &stopReason{text: fmt.Sprintf("the %v of --timeout are over", d), status: exitTimeout}
		defer time.AfterFunc(d, func() { r.course.stop(why) }).Stop()
	}
	hints := newHinter(r.o, r.buf, r.course)
	defer hints.stop()
	for i := range r.o.workers {
		if !r.places.enter(r.course.ctx) {
			break // those that do not run yet need not start
		}
		r.course.starting()
		p := r.start(i)
		r.course.add(p)
		if p == nil {
			break
		}
		hints.add()
		r.ends.Go(func() { r.await(p) })
	}
	results := r.group.Wait()
	r.ends.Wait()
	return append(results, make([]process.Result, len(r.o.workers)-len(results))...)
}

// start starts worker number i; nil, if there was a reason to stop meanwhile.
func (r *runner) start(i int) *process.Process {
	o := r.o
	cmd := o.command(i, o.colorEnv(inherited(), o.stdout))
	c := process.Config{
		Source: syncstream.Source{Name: o.workers[i].name, Rank: i, Size: len(o.workers)},
		Lines:  o.lines, Order: o.processOrder(),
		StopSignal: o.signal, StopGrace: o.stopGrace(),
	}
	if o.pty {
		var err error
		if c.Terminal, err = r.outs.terminals.add(cmd, o.stdin == o.workers[i].name); err != nil {
			cmd.Err = fmt.Errorf("it gets no terminal: %w", err) // which its start returns
		}
	}
	p, _ := r.group.Start(r.course.ctx, r.buf, cmd, c)
	return p
}

// await does what a worker's end brings with it.
func (r *runner) await(p *process.Process) {
	r.outs.started(p.Source())
	result := p.Wait()
	if isFailure(result) {
		r.words.keep(r.buf, result.Source)
	}
	if why := r.o.ended(result); why != nil {
		r.course.stop(why)
	}
	r.places.leave() // the next one starts only if this one was no reason to stop
	r.outs.exited(result, r.course.askedAt())
}

// jobs are the places of the workers that run at once.
type jobs chan struct{}

// enter waits for a place. It reports false if ctx ends first.
func (j jobs) enter(ctx context.Context) bool {
	if ctx.Err() != nil {
		return false
	}
	select {
	case j <- struct{}{}:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

func (j jobs) leave() { <-j }

// orAll returns the limit, if there is one.
func orAll(limit, all int) int {
	if limit == 0 {
		return all
	}
	return limit
}
