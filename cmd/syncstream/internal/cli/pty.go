package cli

import (
	"io"
	"os"
	"os/exec"
	"slices"
	"sync"

	"github.com/syncstream/syncstream/process"
)

// terminals are those that workers run on with --pty. They have the size of
// ours.
type terminals struct {
	ours *os.File

	mu   sync.Mutex // guards what follows
	open []*os.File
}

// add opens a terminal for cmd; if stdin is true, what we read is typed there.
func (t *terminals) add(cmd *exec.Cmd, stdin bool) (*process.Terminal, error) {
	terminal, err := openTerminal()
	if err != nil {
		return nil, err
	}
	if stdin {
		cmd.Stdin = terminal.Worker
		go typeInto(terminal.Controller)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open = append(t.open, terminal.Controller)
	_ = copySize(terminal.Controller, t.ours) // which may be no terminal
	return terminal, nil
}

// resize gives the terminals the size that ours has now.
func (t *terminals) resize() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open = slices.DeleteFunc(t.open, func(f *os.File) bool { return copySize(f, t.ours) != nil })
}

// typeInto types what we read, and at its end what ends a terminal's input.
func typeInto(controller *os.File) {
	const endOfInput = 4 // Ctrl-D
	if _, err := io.Copy(controller, os.Stdin); err == nil {
		_, _ = controller.Write([]byte{endOfInput})
	}
}
