package process

import (
	"context"
	"os"
	"time"

	"github.com/syncstream/syncstream"
)

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
	if p.life == gone || p.step != notAsked || p.child == nil {
		return
	}
	p.step, p.stopped = asked, p.life == alive
	if p.stopped {
		p.mirror.Stop(nil)
	}
	p.beside.channel.stop()
	_ = p.child.signal(p.config.StopSignal)
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
	if p.life == gone || p.child == nil {
		return
	}
	if p.step == notAsked {
		p.stopped = p.life == alive
	}
	p.step = killed
	_ = p.child.signal(os.Kill)
}
