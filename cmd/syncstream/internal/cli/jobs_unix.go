//go:build unix

package cli

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

// stopTime is how long this program waits to be stopped and continued. Where no
// shell could continue it, as in a container, the system does not stop it.
const stopTime = time.Second

// watchJobs has Ctrl-Z suspend the workers too, which have groups of their own,
// and then this program; fg and bg let all go on.
func (s *signals) watchJobs() {
	if signal.Ignored(syscall.SIGTSTP) { // by a shell without job control
		return
	}
	stop := make(chan os.Signal, 1)
	cont := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTSTP)
	signal.Notify(cont, syscall.SIGCONT)
	go func() {
		defer signal.Stop(stop)
		defer signal.Stop(cont)
		for {
			select {
			case <-s.done:
				return
			case <-cont: // after a SIGSTOP, which nobody could hear
				s.resume()
			case <-stop:
				s.suspend()
				stopSelf(cont)
				s.resume()
			}
		}
	}()
}

// stopSelf stops this program as the signal would, and returns when it goes on.
func stopSelf(cont chan os.Signal) {
	select {
	case <-cont: // an old one
	default:
	}
	raiseStop()
	select {
	case <-cont:
	case <-time.After(stopTime):
	}
}

func (s *signals) suspend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paused = true
	for _, p := range s.workers {
		_ = p.Suspend()
	}
}

func (s *signals) resume() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paused = false
	for _, p := range s.workers {
		_ = p.Resume()
	}
}
