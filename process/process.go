package process

import (
	"context"
	"os/exec"
	"sync"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/internal/pipe"
)

// Process is a worker that was started. All its methods may be called by any
// goroutine at any time.
type Process struct {
	cmd    *exec.Cmd
	child  child // nil, if it was not started
	buffer *syncstream.Buffer
	config Config
	mirror *syncstream.Mirror
	pipes  []*pipe.Reader
	beside beside
	done   chan struct{} // closed when result is set
	result Result        // immutable once set

	mu      sync.Mutex // guards what follows
	life    life
	step    stopStep
	called  bool        // Stop was called, so that the next call kills
	stopped bool        // it was told to stop before it was dead
	kill    *time.Timer // set once it was told to stop
}

// life says what can still be done to a worker.
type life uint8

const (
	alive life = iota
	dead       // its end can't be our doing any more, but its group can be killed
	gone       // it was reaped, and its number may become another's
)

// stopStep says how far a stop has come.
type stopStep uint8

const (
	notAsked stopStep = iota
	asked             // its group got Config.StopSignal
	killed            // its group got SIGKILL
)

// Result is how a worker ended.
type Result struct {
	Source  *syncstream.Source
	Err     error // nil; or an [*ExitError], a [*FuncError] or a [*StartError]
	Stopped bool  // Err is what our own stop brought about; [syncstream.ErrKilled] if it had to kill
	Started time.Time
	Ended   time.Time
	Usage   Usage // zero, if it was not started
}

// Start starts cmd with its stdout and stderr going to a new mirror on b. When
// ctx ends, or b is stopped, the worker is stopped as by [Process.Stop]. Stdout and Stderr of
// cmd must be nil, and cmd may not be used otherwise afterwards. On Unix the
// worker gets a process group of its own. A Stdin that is no file is read by a
// goroutine of its own, which is not waited for: it ends with the first read
// that returns after the worker's death.
//
// On Linux the worker is killed when this process ends, however it does, unless
// cmd.SysProcAttr.Pdeathsig is set. That is true of the worker itself; what it
// has started may live on, unless there is a [Guard]. If this process is the
// first of a container, Start has orphans reaped from then on, but not what
// package os has started. (A program that forks by package syscall must not
// count on its own wait there.)
//
// On Linux the worker can say more than lines: see [Parent], and docs/protocol.md
// for programs that are not in Go. So cmd has one descriptor more, behind those of
// its ExtraFiles, and two variables more in its Env.
//
// If it can't be started, the error is a [*StartError], and the buffer gets it
// too, as the error message of a source that is closed at once; the Process
// has ended, with this error. If ctx has ended already, that is why, and the
// buffer gets no message: it is no failure.
func Start(ctx context.Context, b *syncstream.Buffer, cmd *exec.Cmd, c Config) (*Process, error) {
	c = c.withDefaults(cmd)
	p := &Process{cmd: cmd, buffer: b, config: c, done: make(chan struct{})}
	p.result.Started = time.Now()
	err := context.Cause(ctx)
	if p.stopped = err != nil; p.stopped {
		c.Terminal.close()
	} else {
		err = p.start()
	}
	if err != nil {
		p.config.Source.PID = -1
		p.open()
		p.end(&StartError{Path: cmd.Path, Err: err})
		return p, p.result.Err
	}
	c.Source.PID = p.child.pid()
	p.config = c
	p.open()
	var readers sync.WaitGroup
	for i, r := range p.pipes {
		stream := p.mirror.Stdout()
		if i == 1 {
			stream = p.mirror.Stderr()
		}
		readers.Go(func() { p.read(stream, r) })
	}
	p.beside.listen(p)
	unwatch := context.AfterFunc(ctx, p.ask)
	deaf := context.AfterFunc(p.mirror.Context(), p.hear)
	go func() {
		defer unwatch()
		defer deaf()
		p.await(&readers)
	}()
	return p, nil
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
