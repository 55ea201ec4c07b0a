package cli

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/syncstream/syncstream/process"
)

// killPatience is how long, after a second signal, the output may take.
const killPatience = time.Second

// signals stops the workers when the program is told to end: the first signal
// asks them, each further one kills.
type signals struct {
	ch   chan os.Signal
	pipe chan os.Signal
	done chan struct{}

	mu      sync.Mutex // guards what follows
	workers []*process.Process
	got     syscall.Signal // the first
	paused  bool           // those that start now are suspended too
}

// catchSignals calls stop at the first signal.
func catchSignals(stop context.CancelCauseFunc) *signals {
	s := &signals{ch: make(chan os.Signal, 4), pipe: make(chan os.Signal, 1), done: make(chan struct{})}
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(sig) { // as nohup has it, for the workers too
			signal.Notify(s.ch, sig)
		}
	}
	// A write to a pipe that nobody reads shall fail, not end the program.
	// (To ignore the signal would have the workers ignore it too.)
	signal.Notify(s.pipe, syscall.SIGPIPE)
	go s.loop(stop)
	s.watchJobs()
	return s
}

func (s *signals) loop(stop context.CancelCauseFunc) {
	for {
		select {
		case <-s.done:
			return
		case sig := <-s.ch:
			s.mu.Lock()
			again := s.got != 0
			if !again {
				s.got, _ = sig.(syscall.Signal)
			}
			workers := s.workers
			s.mu.Unlock()
			if !again {
				stop(fmt.Errorf("received %v", sig))
				continue
			}
			for _, p := range workers {
				p.Kill()
			}
			// Where nobody takes the output, the workers' last lines would
			// be waited for for ever.
			time.AfterFunc(killPatience, func() { os.Exit(exitSignal + int(s.first())) })
		}
	}
}

// add has p killed by a second signal, and suspended with this program. p may be
// nil.
func (s *signals) add(p *process.Process) {
	if p == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.workers = append(s.workers, p)
	if s.paused {
		_ = p.Suspend()
	}
}

// first returns the first signal; 0, if none came.
func (s *signals) first() syscall.Signal {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got
}

func (s *signals) stop() {
	signal.Stop(s.ch)
	signal.Stop(s.pipe)
	close(s.done)
}
