package process

import (
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/syncstream/syncstream"
)

// await returns when the process is dead, its pipes are dry and its mirror is
// closed. Where the system allows, it is reaped only then: until then its number,
// which is its group's, can't become another's, and the group can be killed.
func (p *Process) await(readers *sync.WaitGroup) {
	defer p.child.close()
	oom := watchOOM(p.child.pid())
	var exit *ExitError
	var err error
	if p.child.await() {
		died := time.Now()
		p.setDead()
		short := oom.rose()
		p.drain(readers)
		p.beside.finish(p.config.DrainGrace)
		p.setGone()
		if exit, err = p.child.reap(); err == nil {
			exit.Elapsed, exit.OutOfMemory = died.Sub(p.result.Started), short && p.killedByOther(exit)
		}
	} else {
		if exit, err = p.child.reap(); err == nil {
			exit.Elapsed = time.Since(p.result.Started)
		}
		p.setGone()
		p.drain(readers)
		p.beside.finish(p.config.DrainGrace)
	}
	if err == nil {
		p.result.Usage = exit.Usage
		if exit.Code != 0 {
			err = exit
		}
	}
	p.end(p.explain(err))
}

// killedByOther reports whether a SIGKILL ended the worker, or the program of a
// worker that is a shell, and it was not ours.
func (p *Process) killedByOther(e *ExitError) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.step != killed && (e.Signal == syscall.SIGKILL || e.Code == 128+int(syscall.SIGKILL))
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
	held := p.finish()
	<-dry
	if held != nil {
		p.warn(held)
	}
}

// warn sends a warning of our own, behind the last words. After a stop, the
// mirror's Warn and EndLine count as the worker's answer: so it is not Warn, and
// EndLine only where there is a line to end.
func (p *Process) warn(err error) {
	if slices.ContainsFunc(p.buffer.Partials(), func(m syncstream.Message) bool { return m.Source == p.result.Source }) {
		_ = p.mirror.EndLine()
	}
	_ = p.mirror.Send(syncstream.Warning, err.Error())
}

// finish has the readers end with what is in their pipes now. The error says who
// holds one; nil, if nobody does. The holders are looked for before: who prints
// into a pipe that nobody reads any more ends by that.
func (p *Process) finish() error {
	pipes := map[uint64]bool{}
	for _, r := range p.pipes {
		if inode, held := r.Held(); held {
			pipes[inode] = true
		}
	}
	var holders []holder
	if len(pipes) > 0 {
		holders = findHolders(pipes)
	}
	held := false
	for _, r := range p.pipes {
		held = r.Finish() || held
	}
	if !held {
		return nil
	}
	return heldWarning(p.config.Source.Name, holders)
}

// killPending reports whether the group is going to be killed.
func (p *Process) killPending() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.step == asked && p.life != gone
}

// setDead tells that a stop reaches only what the worker has left behind.
func (p *Process) setDead() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.life = dead
}

// setGone forbids signals: the process's number will be another's.
func (p *Process) setGone() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.life = gone
	if p.kill != nil {
		p.kill.Stop()
	}
}

// noFailure is what the mirror is closed with after a stop.
func (p *Process) noFailure(err error, byForce bool) error {
	exit, ok := err.(*ExitError)
	if !ok || !byForce || exit.Signal != syscall.SIGKILL {
		return nil
	}
	exit.ours = true
	return exit
}

// end closes the mirror and publishes the result.
func (p *Process) end(err error) {
	p.mu.Lock()
	stopped, byForce := p.stopped && err != nil, p.step == killed
	p.mu.Unlock()
	p.result.Err, p.result.Stopped, p.result.Ended = err, stopped, time.Now()
	if stopped {
		err = p.noFailure(err, byForce)
	}
	_ = p.mirror.CloseWithError(err) // it fails only where the buffer takes no more
	close(p.done)
}
