package process

import (
	"context"
	"fmt"
	"os/exec"
	"sync"
	"time"

	"github.com/syncstream/syncstream"
)

// Group starts many workers and waits for them. Its zero value is ready to
// use, and it may not be copied. All its methods may be called by any goroutine
// at any time.
type Group struct {
	// Limit is how many workers run at once; if zero, any number. A negative
	// value makes Start panic. It may not change once a method was called.
	Limit int

	once   sync.Once
	places chan struct{}   // holds one element for each worker that runs
	ctx    context.Context // ends with the first Stop
	cancel context.CancelCauseFunc
	ended  sync.Cond // signalled when running becomes zero

	mu      sync.Mutex // guards what follows
	results []Result
	running int               // a WaitGroup would forbid the first Start while somebody waits
	workers map[*Process]bool // that run
	stops   int               // calls of Stop
}

// Start starts a worker as [Start] does. It waits while Limit workers run; if
// ctx ends meanwhile or the group is stopped, the worker is not started, and
// the buffer hears nothing of it. An error is part of what Wait returns, so it may be ignored here.
func (g *Group) Start(ctx context.Context, b *syncstream.Buffer, cmd *exec.Cmd, c Config) (*Process, error) {
	if g.Limit < 0 {
		panic(fmt.Sprintf("process: Group.Limit is %d; want a positive number, or zero for any", g.Limit))
	}
	g.once.Do(g.init)
	c = c.withDefaults(cmd) // which may panic
	g.mu.Lock()
	i := len(g.results)
	g.results = append(g.results, Result{})
	g.running++
	g.mu.Unlock()
	if err := g.enter(ctx); err != nil {
		c.Terminal.close()
		source := c.Source
		now := time.Now()
		err := &StartError{Path: cmd.Path, Err: err}
		g.set(i, Result{Source: &source, Err: err, Stopped: true, Started: now, Ended: now})
		return nil, err
	}
	p, err := Start(ctx, b, cmd, c)
	g.add(p)
	go func() {
		g.set(i, p.Wait())
		g.remove(p)
		if g.places != nil {
			<-g.places
		}
	}()
	return p, err
}

func (g *Group) init() {
	g.ended.L = &g.mu
	g.workers = map[*Process]bool{}
	g.ctx, g.cancel = context.WithCancelCause(context.Background())
	if g.Limit > 0 {
		g.places = make(chan struct{}, g.Limit)
	}
}

// enter waits for a place.
func (g *Group) enter(ctx context.Context) error {
	if err := g.over(ctx); err != nil || g.places == nil {
		return err
	}
	select {
	case g.places <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-g.ctx.Done():
		return context.Cause(g.ctx)
	}
	err := g.over(ctx) // a place can come first, and the end before we run
	if err != nil {
		<-g.places
	}
	return err
}

// over returns why no other worker is to be started; nil, if one may be.
func (g *Group) over(ctx context.Context) error {
	for _, ctx := range []context.Context{ctx, g.ctx} {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

// add has p stopped as often as the group was.
func (g *Group) add(p *Process) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.workers[p] = true
	for range g.stops {
		p.Stop()
	}
}

func (g *Group) remove(p *Process) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.workers, p)
}

// Stop stops all workers that run, as [Process.Stop] does, and returns at once.
// No other is started from then on: Start's error wraps [syncstream.ErrStopped].
// A second call kills.
func (g *Group) Stop() {
	g.once.Do(g.init)
	g.cancel(syncstream.ErrStopped)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.stops++
	for p := range g.workers {
		p.Stop()
	}
}

func (g *Group) set(i int, r Result) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.results[i] = r
	g.running--
	if g.running == 0 {
		g.ended.Broadcast()
	}
}

// Wait returns when all workers that were started have ended: a result for
// each, in the order of the calls of Start.
func (g *Group) Wait() []Result {
	g.once.Do(g.init)
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.running > 0 {
		g.ended.Wait()
	}
	return append([]Result(nil), g.results...)
}
