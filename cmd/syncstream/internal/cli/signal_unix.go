//go:build unix

package cli

import (
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// signalNames are those that errors name and shells complete.
var signalNames = []string{"HUP", "INT", "QUIT", "KILL", "USR1", "USR2", "TERM", "ABRT", "ALRM", "WINCH", "CONT"}

// defaultSignal asks workers to end.
var defaultSignal os.Signal = syscall.SIGTERM

// signalValue takes a signal's name, with or without SIG, or its number.
func signalValue(to *os.Signal) func(string) error {
	return func(s string) error {
		name := strings.TrimPrefix(strings.ToUpper(s), "SIG")
		sig := unix.SignalNum("SIG" + name)
		if n, err := strconv.Atoi(s); err == nil && n > 0 && n <= 64 {
			sig = syscall.Signal(n)
		}
		if sig == 0 {
			return fmt.Errorf("want a signal's name or number, as in TERM, INT or 15%s", meant(name, signalNames))
		}
		*to = sig
		return nil
	}
}

// notifyResize has ch told of a new size of our terminal's window.
func notifyResize(ch chan os.Signal) { signal.Notify(ch, syscall.SIGWINCH) }

// notifyJob has ch told of what a shell does with us as one of its jobs.
func notifyJob(ch chan os.Signal) { signal.Notify(ch, syscall.SIGTSTP, syscall.SIGCONT) }

// handleJob has the workers, whom the terminal does not know, do as we do: at
// Ctrl-Z they stop, and when the shell has us go on, they do. Where there is no
// shell that could, as in a container, the kernel does not stop us, and they go
// on at once.
func handleJob(c *course, sig os.Signal) {
	if sig == syscall.SIGTSTP {
		c.suspend(true)
		raiseStop()
	}
	c.suspend(false)
}

// hasTerminal reports whether a terminal controls us.
func hasTerminal() bool {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return false
	}
	tty.Close()
	return true
}

func signalText(sig os.Signal) string {
	if s, ok := sig.(syscall.Signal); ok {
		return unix.SignalName(s)
	}
	return ""
}
