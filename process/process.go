// Package process captures the output of processes: every line of every worker
// comes into one buffer, whole, in the worker's order, up to its last byte.
//
//	b := syncstream.New(syncstream.Config{MaxMessages: 10})
//	p, err := process.Start(ctx, b, exec.Command("make", "-j8"), process.Config{})
//
// The worker's mirror closes when the process is dead and its pipes are dry;
// how it ended, unless it exited with status 0, is one error message behind
// the last line.
package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/internal/pipe"
)

// What a [Config] that says nothing gives.
const (
	DefaultStopGrace  = 10 * time.Second
	DefaultDrainGrace = 2 * time.Second
)

// Order decides what stays together of a worker's two streams.
type Order uint8

const (
	// Labels gives each stream a pipe of its own: each message tells which it
	// came on; the order between the two is nearly theirs.
	Labels Order = iota
	// Merged gives both streams one pipe: their order is exact, and nothing
	// tells them apart.
	Merged
)

// Config says how a worker is captured. Its zero value is ready to use; a
// negative duration makes [Start] panic.
type Config struct {
	// Source names the worker. If its Name is empty, the name of the program;
	// its PID is filled in.
	Source syncstream.Source
	// Lines decides where a line ends; if zero, Fold.
	Lines syncstream.Lines
	// Order decides between labels and exact order; if zero, Labels.
	Order Order
	// StopSignal is what a stop sends to the worker's process group; if nil,
	// SIGTERM. On Windows a stop always kills.
	StopSignal os.Signal
	// StopGrace is how long after StopSignal the group is killed; if zero,
	// DefaultStopGrace.
	StopGrace time.Duration
	// DrainGrace is how long, after the worker's death, other processes that
	// hold its pipes are waited for; if zero, DefaultDrainGrace.
	DrainGrace time.Duration
}

// Process is a worker that was started. All its methods may be called by any
// goroutine at any time.
type Process struct {
	cmd    *exec.Cmd
	config Config
	mirror *syncstream.Mirror
	pipes  []*pipe.Reader
	done   chan struct{} // closed when result is set
	result Result        // immutable once set

	mu      sync.Mutex  // guards what follows
	dead    bool        // its end can't be our doing any more
	gone    bool        // it is dead, and its number may become another's
	called  bool        // Stop was called
	asked   bool        // it was told to stop
	stopped bool        // it was told to stop before it was dead
	killed  bool        // its group was killed
	kill    *time.Timer // set once asked
}

// Result is how a worker ended.
type Result struct {
	Source  *syncstream.Source
	Err     error // nil; or a [*ExitError] or [*StartError]
	Stopped bool  // Err is what our own stop brought about
	Started time.Time
	Ended   time.Time
	State   *os.ProcessState // nil, if it was not started
}

// Start starts cmd with its stdout and stderr going to a new mirror on b. When
// ctx ends, or b is stopped, the worker is stopped as by [Process.Stop]. Stdout and Stderr of
// cmd must be nil, and cmd may not be used otherwise afterwards. On Unix the
// worker gets a process group of its own. A Stdin that is no file is read by a
// goroutine of its own, which is not waited for: it ends with the first read
// that returns after the worker's death.
//
// If it can't be started, the error is a [*StartError], and the buffer gets it
// too, as the error message of a source that is closed at once; the Process
// has ended, with this error. If ctx has ended already, that is why, and the
// buffer gets no message: it is no failure.
func Start(ctx context.Context, b *syncstream.Buffer, cmd *exec.Cmd, c Config) (*Process, error) {
	c = c.withDefaults(cmd)
	p := &Process{cmd: cmd, config: c, done: make(chan struct{})}
	p.result.Started = time.Now()
	watch := &watcher{}
	if err := p.start(ctx, watch); err != nil {
		p.config.Source.PID = -1
		p.stopped = ctx.Err() != nil
		p.open(b)
		p.end(&StartError{Path: cmd.Path, Err: err})
		return p, p.result.Err
	}
	c.Source.PID = cmd.Process.Pid
	p.config = c
	p.open(b)
	var readers sync.WaitGroup
	for i, r := range p.pipes {
		stream := p.mirror.Stdout()
		if i == 1 {
			stream = p.mirror.Stderr()
		}
		readers.Go(func() { p.read(stream, r) })
	}
	unwatch := context.AfterFunc(ctx, p.ask)
	deaf := context.AfterFunc(p.mirror.Context(), p.hear)
	go func() {
		defer unwatch()
		defer deaf()
		p.await(watch, &readers)
	}()
	return p, nil
}

func (c Config) withDefaults(cmd *exec.Cmd) Config {
	if c.Lines > syncstream.Python {
		panic(fmt.Sprintf("process: Start: Config.Lines is %d; want Fold, Split, Keep or Python", c.Lines))
	}
	if c.Order > Merged {
		panic(fmt.Sprintf("process: Start: Config.Order is %d; want Labels or Merged", c.Order))
	}
	if c.Source.Name == "" {
		c.Source.Name = filepath.Base(cmd.Path)
	}
	if c.StopSignal == nil {
		c.StopSignal = defaultStopSignal
	}
	for _, d := range []struct {
		field string
		value *time.Duration
		def   time.Duration
	}{
		{"StopGrace", &c.StopGrace, DefaultStopGrace},
		{"DrainGrace", &c.DrainGrace, DefaultDrainGrace},
	} {
		if *d.value < 0 {
			panic(fmt.Sprintf("process: Start: Config.%s is %v; want a positive duration, or zero for %v", d.field, *d.value, d.def))
		}
		if *d.value == 0 {
			*d.value = d.def
		}
	}
	return c
}

// start makes the pipes and starts the command.
func (p *Process) start(ctx context.Context, watch *watcher) error {
	cmd := p.cmd
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case cmd.Stdout != nil || cmd.Stderr != nil:
		return errors.New("its Stdout or Stderr is set; want nil, since they go to the buffer")
	}
	n := 2
	if p.config.Order == Merged {
		n = 1
	}
	var ends []*os.File // of the worker
	defer func() {
		for _, f := range ends {
			f.Close()
		}
	}()
	for range n {
		r, w, err := os.Pipe()
		if err != nil {
			p.closePipes()
			return err
		}
		p.pipes = append(p.pipes, pipe.NewReader(r))
		ends = append(ends, w)
	}
	cmd.Stdout, cmd.Stderr = ends[0], ends[n-1]
	feed, err := stdin(cmd)
	if err != nil {
		p.closePipes()
		return err
	}
	ownGroup(cmd)
	watch.prepare(cmd)
	if err := cmd.Start(); err != nil {
		p.closePipes()
		return err
	}
	go feed()
	return nil
}

// stdin returns what copies a Stdin that is no file. Package os/exec would wait
// for that after the worker's death, and a reader that gives nothing would hold
// Wait up for ever: WaitDelay ends the pipe, not the read.
func stdin(cmd *exec.Cmd) (feed func(), err error) {
	in := cmd.Stdin
	if _, ok := in.(*os.File); in == nil || ok {
		return func() {}, nil
	}
	cmd.Stdin = nil
	w, err := cmd.StdinPipe() // closed by cmd.Wait
	return func() {
		_, _ = io.Copy(w, in)
		w.Close()
	}, err
}

func (p *Process) closePipes() {
	for _, r := range p.pipes {
		r.Close()
	}
}

func (p *Process) open(b *syncstream.Buffer) {
	p.mirror = b.Mirror(syncstream.MirrorConfig{
		Source: p.config.Source, Lines: p.config.Lines, Merged: p.config.Order == Merged,
	})
	p.result.Source = p.mirror.Source()
}

// read reads one pipe to its end. A worker whose buffer takes no more goes on:
// what it prints is read and lost.
func (p *Process) read(stream *syncstream.Writer, r *pipe.Reader) {
	defer r.Close()
	_, err := stream.ReadFrom(r)
	for errors.Is(err, syncstream.ErrClosed) && !r.Finishing() {
		_, err = stream.ReadFrom(r)
	}
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, syncstream.ErrClosed) {
		_ = p.mirror.Error(err)
	}
}

// await returns when the process is dead, its pipes are dry and its mirror is
// closed. Where the system allows, it is reaped only then: until then its number,
// which is its group's, can't become another's, and the group can be killed.
func (p *Process) await(watch *watcher, readers *sync.WaitGroup) {
	defer watch.close()
	if watch.await() {
		p.setDead()
		p.drain(readers)
		p.setGone()
		_ = p.cmd.Wait() // ProcessState tells more than its error
	} else {
		_ = p.cmd.Wait()
		p.setGone()
		p.drain(readers)
	}
	p.result.State = p.cmd.ProcessState
	p.end(exitError(p.cmd.ProcessState))
}

// drain returns when the pipes are dry. Other processes that hold them are
// waited for until the grace is over; when the worker was told to stop, until
// they have been killed.
func (p *Process) drain(readers *sync.WaitGroup) {
	dry := make(chan struct{})
	go func() {
		readers.Wait()
		close(dry)
	}()
	grace := time.NewTimer(p.config.DrainGrace)
	defer grace.Stop()
	for over := false; !over; {
		select {
		case <-dry:
			return
		case <-grace.C:
			over = !p.killPending()
			grace.Reset(p.config.DrainGrace)
		}
	}
	held := false
	for _, r := range p.pipes {
		held = r.Finish() || held
	}
	<-dry
	if held {
		_ = p.mirror.EndLine()
		_ = p.mirror.Warn(fmt.Errorf("another process still holds the output of %s; what it prints from now on is lost", p.config.Source.Name))
	}
}

// killPending reports whether the group is going to be killed.
func (p *Process) killPending() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked && !p.killed && !p.gone
}

// setDead tells that a stop reaches only what the worker has left behind.
func (p *Process) setDead() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dead = true
}

// setGone forbids signals: the process's number will be another's.
func (p *Process) setGone() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = true
	if p.kill != nil {
		p.kill.Stop()
	}
}

// end closes the mirror and publishes the result.
func (p *Process) end(err error) {
	p.mu.Lock()
	stopped := p.stopped && err != nil
	p.mu.Unlock()
	p.result.Err, p.result.Stopped, p.result.Ended = err, stopped, time.Now()
	if stopped {
		err = nil
	}
	_ = p.mirror.CloseWithError(err) // it fails only where the buffer takes no more
	close(p.done)
}

// Stop asks the worker, and what it started in its process group, to end, and
// returns at once: the group gets Config.StopSignal, and is killed when it has
// not ended after Config.StopGrace. A second call of Stop kills at once. What
// the worker still prints is captured.
func (p *Process) Stop() {
	p.mu.Lock()
	again := p.called
	p.called = true
	p.mu.Unlock()
	if again {
		p.Kill()
	} else {
		p.ask()
	}
}

// ask is Stop for those who may ask beside others.
func (p *Process) ask() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone || p.asked || p.cmd.Process == nil {
		return
	}
	p.asked, p.stopped = true, !p.dead
	_ = signalGroup(p.cmd.Process, p.config.StopSignal)
	p.kill = time.AfterFunc(p.config.StopGrace, p.Kill)
}

// hear passes a stop of the buffer on. A buffer that only takes no more leaves
// the worker alone.
func (p *Process) hear() {
	cause := context.Cause(p.mirror.Context())
	if cause != syncstream.ErrClosed && cause != syncstream.ErrAbandoned {
		p.ask()
	}
}

// Kill kills the worker and what it started in its process group, and returns
// at once. What it has printed is captured.
func (p *Process) Kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone || p.cmd.Process == nil {
		return
	}
	if !p.asked {
		p.asked, p.stopped = true, !p.dead
	}
	p.killed = true
	_ = signalGroup(p.cmd.Process, os.Kill)
}

// Wait returns how the worker ended, when its mirror has been closed.
func (p *Process) Wait() Result {
	<-p.done
	return p.result
}

// Done is closed when Wait would return at once.
func (p *Process) Done() <-chan struct{} { return p.done }

// Source returns who the worker is.
func (p *Process) Source() *syncstream.Source { return p.result.Source }
