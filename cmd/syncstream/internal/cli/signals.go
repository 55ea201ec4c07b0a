package cli

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

const (
	// killPatience is how long, after a second signal, the output may take.
	killPatience = time.Second
	// sameEvent is how far apart two signals may be that one event brought
	// about: a terminal that goes away has the kernel send SIGHUP, and the shell.
	sameEvent = 50 * time.Millisecond
)

// presses counts how often the program was told to end.
type presses struct {
	n     int
	first os.Signal
	at    time.Time // of the first
}

// add counts a signal and returns how many there were; zero, if it belongs to
// the first.
func (p *presses) add(sig os.Signal, at time.Time) int {
	if p.n == 1 && sig == p.first && at.Sub(p.at) < sameEvent {
		return 0
	}
	if p.n == 0 {
		p.first, p.at = sig, at
	}
	p.n++
	return p.n
}

// signals tells when the program is told to end. The first signal asks the
// workers, the second kills them, and a third ends the program at once.
type signals struct {
	course   *course
	outs     *outputs
	ch, pipe chan os.Signal
	winch    chan os.Signal // our window has another size
	job      chan os.Signal // the shell suspends us, or has us go on
	done     chan struct{}
	loop     sync.WaitGroup
}

// catchSignals has c stopped by signals, until stop is called.
func catchSignals(c *course, outs *outputs) *signals {
	s := &signals{course: c, outs: outs, ch: make(chan os.Signal, 4), pipe: make(chan os.Signal, 1), winch: make(chan os.Signal, 1), job: make(chan os.Signal, 2), done: make(chan struct{})}
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(sig) { // as nohup has it, for the workers too
			signal.Notify(s.ch, sig)
		}
	}
	// A write to a pipe that nobody reads shall fail, not end the program.
	// (To ignore the signal would have the workers ignore it too.)
	signal.Notify(s.pipe, syscall.SIGPIPE)
	notifyResize(s.winch)
	notifyJob(s.job)
	s.loop.Go(s.listen)
	return s
}

// listen never writes: where nobody takes the output, that would wait for ever.
func (s *signals) listen() {
	var p presses
	for {
		select {
		case <-s.done:
			return
		case <-s.winch:
			s.outs.resize()
		case sig := <-s.job:
			handleJob(s.course, sig)
		case sig := <-s.ch:
			if sig == syscall.SIGHUP && s.outs.logs.exist() && !hasTerminal() {
				s.reopen()
				continue
			}
			status := signalStatus(sig)
			switch p.add(sig, time.Now()) {
			case 1:
				s.course.stop(&stopReason{text: describe(sig), status: status, again: againFor(sig)})
			case 2:
				s.course.kill("")
				first := signalStatus(p.first)
				time.AfterFunc(killPatience, func() { os.Exit(first) })
			case 3:
				os.Exit(signalStatus(p.first))
			}
		}
	}
}

// reopen opens the logs anew. A log that is being written to is waited for, so
// somebody else does that.
func (s *signals) reopen() {
	go func() {
		if err := s.outs.logs.reopen(); err != nil {
			s.course.notice(err.Error())
		}
	}()
}

func signalStatus(sig os.Signal) int {
	s, _ := sig.(syscall.Signal)
	return exitSignal + int(s)
}

// againFor says what people do to send the signal again.
func againFor(sig os.Signal) string {
	if sig == os.Interrupt {
		return "Ctrl-C again to kill"
	}
	return "again to kill"
}

func (s *signals) stop() {
	signal.Stop(s.ch)
	signal.Stop(s.pipe)
	signal.Stop(s.winch)
	signal.Stop(s.job)
	close(s.done)
	s.loop.Wait()
}
