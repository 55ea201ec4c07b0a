package process

import "fmt"

// doing says what the worker is doing, as the system tells; see
// [syncstream.MirrorConfig].
func (p *Process) doing() string {
	p.mu.Lock() // while it is not reaped, its number is its own
	defer p.mu.Unlock()
	if p.life == gone {
		return ""
	}
	s, ok := readStat(p.child.pid())
	if !ok {
		return ""
	}
	unread, full := 0, false
	for _, r := range p.pipes {
		n, size := r.Unread()
		unread += n
		// Each write begins where the last one ended only if it fits there, so
		// a pipe may be full with little more than half of its bytes.
		full = full || n > 0 && n >= size/2
	}
	return doingText(s.state, unread, full)
}

// doingText describes a process in a state as the system has it. Unread is how
// much of its output waits for us, and full whether it has to wait too.
func doingText(state byte, unread int, full bool) string {
	switch {
	case state == 'T':
		return "the process is stopped, as by SIGSTOP"
	case state == 't':
		return "a debugger has stopped the process"
	case state == 'D':
		return "the process is in a wait that no signal ends (state D)"
	case state == 'Z' || state == 'X':
		return "the process has ended, and its output has not"
	case full && state == 'S':
		return fmt.Sprintf("the process waits in a write: %d bytes of its output are not read yet", unread)
	case unread > 0:
		return fmt.Sprintf("the process is alive; %d bytes of its output are not read yet", unread)
	case state == 'R':
		return "the process is alive, and runs"
	}
	return "the process is alive, and waits"
}
