package process

import (
	"errors"
	"fmt"
	"os"
)

// Suspend stops the processes of the worker's group where they are, until
// [Process.Resume] is called, a stop, or who else sends SIGCONT. What has left
// the group goes on. The error is [errors.ErrUnsupported] on Windows, and the
// system's else; none, if the worker has ended.
func (p *Process) Suspend() error { return p.tell("Suspend", suspendSignal) }

// Resume lets the worker's group go on.
func (p *Process) Resume() error { return p.tell("Resume", resumeSignal) }

// tell sends a signal that changes nothing in how far a stop has come. A nil
// signal is one that the system does not have.
func (p *Process) tell(what string, s os.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.life == gone || p.child == nil {
		return nil
	}
	err := error(errors.ErrUnsupported)
	if s != nil {
		err = p.child.signal(s)
	}
	if err != nil {
		return fmt.Errorf("process: %s %s: %w", what, p.config.Source.Name, err)
	}
	return nil
}
