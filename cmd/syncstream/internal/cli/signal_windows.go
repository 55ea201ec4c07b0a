package cli

import (
	"errors"
	"os"
	"strings"
)

// signalNames are those that shells complete.
var signalNames = []string{"KILL"}

// defaultSignal asks workers to end.
var defaultSignal os.Signal = os.Kill

// signalValue takes KILL: Windows has no other for processes without a console.
func signalValue(to *os.Signal) func(string) error {
	return func(s string) error {
		if strings.TrimPrefix(strings.ToUpper(s), "SIG") != "KILL" {
			return errors.New("want KILL: there is no other signal on Windows")
		}
		*to = os.Kill
		return nil
	}
}

// notifyResize does nothing: Windows sends no signal.
func notifyResize(chan os.Signal) {}

// notifyJob does nothing, as there are no jobs.
func notifyJob(chan os.Signal) {}

func handleJob(*course, os.Signal) {}

func hasTerminal() bool { return true }

func signalText(os.Signal) string { return "" }
