package process_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/process"
	"golang.org/x/sys/unix"
)

// openTerminal opens a pseudo-terminal that does not change what is written.
func openTerminal(t *testing.T) *process.Terminal {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := ours.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var number uint32
	_ = raw.Control(func(fd uintptr) {
		if err = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); err == nil {
			number, err = unix.IoctlGetUint32(int(fd), unix.TIOCGPTN)
		}
		if err != nil {
			return
		}
		var mode *unix.Termios
		if mode, err = unix.IoctlGetTermios(int(fd), unix.TCGETS); err == nil {
			mode.Oflag &^= unix.OPOST
			err = unix.IoctlSetTermios(int(fd), unix.TCSETS, mode)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return &process.Terminal{Controller: ours, Worker: theirs}
}

// A worker on a terminal finds one, also as /dev/tty; what it writes comes whole
// and in its order, up to its last words, and its end is no error of reading.
func TestTerminal(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	script := `test -t 1 && test -t 2 && echo a terminal; echo to it >/dev/tty; echo err >&2; seq 500; printf last; exit 3`
	p, err := process.Start(context.Background(), b, exec.Command("sh", "-c", script), process.Config{Terminal: openTerminal(t)})
	if err != nil {
		t.Fatal(err)
	}
	if r := p.Wait(); r.Err == nil || r.Err.Error() != "exit status 3" {
		t.Errorf("it ended with %v; want exit status 3", r.Err)
	}
	want := []string{"a terminal", "to it", "err"}
	for i := range 500 {
		want = append(want, fmt.Sprint(i+1))
	}
	want = append(want, "last", "exit status 3")
	messages, _ := b.Last(context.Background(), 1000)
	for i, m := range messages {
		if i >= len(want) || m.Text != want[i] || m.Kind == syncstream.Line && m.Stream != syncstream.Merged {
			t.Fatalf("message %d is %q of %v; want %q", i, m.Text, m.Stream, want[min(i, len(want)-1)])
		}
	}
	if len(messages) < len(want) {
		t.Errorf("%d messages came; want %d", len(messages), len(want))
	}
}

// A stop reaches all that runs on the terminal.
func TestTerminalStop(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	p, err := process.Start(context.Background(), b, exec.Command("sh", "-c", "echo up; sleep 100 | cat"), process.Config{Terminal: openTerminal(t)})
	if err != nil {
		t.Fatal(err)
	}
	for m, err := range b.Follow(context.Background(), syncstream.Oldest) {
		if err != nil || strings.Contains(m.Text, "up") {
			break
		}
	}
	p.Stop()
	if r := p.Wait(); !r.Stopped {
		t.Errorf("it ended with %v, and not stopped", r.Err)
	}
}

// The terminal is closed where the worker can't be started.
func TestTerminalUnstarted(t *testing.T) {
	terminal := openTerminal(t)
	_, err := process.Start(context.Background(), syncstream.New(syncstream.Config{}), exec.Command("./no-such-program"), process.Config{Terminal: terminal})
	if err == nil {
		t.Fatal("it was started")
	}
	if terminal.Controller.Close() == nil || terminal.Worker.Close() == nil {
		t.Error("the terminal was left open")
	}
}
