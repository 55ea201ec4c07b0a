package cli

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/syncstream/syncstream/process"
	"golang.org/x/sys/unix"
)

// session is a syncstream that runs on a real terminal.
type session struct {
	t        *testing.T
	cmd      *exec.Cmd
	terminal *process.Terminal
	exited   chan int

	mu    sync.Mutex // guards what follows
	more  sync.Cond  // signalled when something was shown
	shown bytes.Buffer
	ended bool
}

// onTerminal starts "syncstream run" on a terminal of 200 columns.
func onTerminal(t *testing.T, args ...string) *session {
	t.Helper()
	return onTerminalOf(t, `"$0" "$@"`, args...)
}

// lastLine is what the shell of a session does when script is through: it stays
// until all that was shown has been read. With the process that began a session,
// what its terminal still holds is thrown away.
const lastLine = "\nstatus=$?; echo the session has ended; read -r x; exit $status"

// onTerminalOf does so by a shell that runs script, where "$0" "$@" is what it
// shall start.
func onTerminalOf(t *testing.T, script string, args ...string) *session {
	t.Helper()
	terminal, err := openTerminal()
	if err != nil {
		t.Fatal(err)
	}
	s := &session{t: t, terminal: terminal, exited: make(chan int, 1)}
	s.more.L = &s.mu
	s.resize(200, 24)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s.cmd = exec.Command("sh", append([]string{"-c", "trap : INT\n" + script + lastLine, exe, "run"}, args...)...)
	s.cmd.Env = append(os.Environ(), playEnv+"=1", "TERM=xterm", "NO_COLOR=1")
	s.cmd.Stdin, s.cmd.Stdout, s.cmd.Stderr = terminal.Worker, terminal.Worker, terminal.Worker
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	terminal.Worker.Close()
	go s.read()
	go func() {
		_ = s.cmd.Wait()
		s.exited <- s.cmd.ProcessState.ExitCode()
	}()
	t.Cleanup(func() { terminal.Controller.Close() })
	return s
}

func (s *session) read() {
	p := make([]byte, 4096)
	for {
		n, err := s.terminal.Controller.Read(p)
		s.mu.Lock()
		s.shown.Write(p[:n])
		s.ended = err != nil
		s.more.Broadcast()
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// await waits until text is shown.
func (s *session) await(text string) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	defer time.AfterFunc(20*time.Second, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.ended = true
		s.more.Broadcast()
	}).Stop()
	for !strings.Contains(s.shown.String(), text) {
		if s.ended {
			s.t.Fatalf("%q is not shown, but %q", text, s.shown.String())
		}
		s.more.Wait()
	}
}

// text returns what was shown so far.
func (s *session) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shown.String()
}

func (s *session) press(key byte) {
	if _, err := s.terminal.Controller.Write([]byte{key}); err != nil {
		s.t.Error(err)
	}
}

// resize gives the window another size.
func (s *session) resize(columns, rows uint16) {
	s.t.Helper()
	err := control(s.terminal.Controller, func(fd int) error {
		return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Col: columns, Row: rows})
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// exits checks the exit status.
func (s *session) exits(want int) {
	s.t.Helper()
	s.await("the session has ended")
	s.press('\n')
	if got := <-s.exited; got != want {
		s.t.Errorf("exit status %d; want %d; it has shown %q", got, want, s.text())
	}
}

const ctrlC, ctrlZ = 3, 26

// Ctrl-C asks the workers, and a row says for whom we wait; what they still say
// is shown.
func TestCtrlC(t *testing.T) {
	s := onTerminal(t, "--name", "polite", `trap 'echo my last words; exit' TERM; echo up; while :; do sleep 0.05; done`)
	s.await("polite | up")
	s.press(ctrlC)
	s.await("syncstream: SIGINT: SIGTERM sent to 1 worker; Ctrl-C again to kill")
	s.await("polite | my last words")
	s.await("1 worker in ")
	s.exits(130)
}

// The second one kills those that are deaf to the first.
func TestCtrlCTwice(t *testing.T) {
	s := onTerminal(t, "--name", "deaf", `trap '' TERM; echo up; while :; do sleep 0.05; done`)
	s.await("deaf | up")
	s.press(ctrlC)
	s.await("waiting for deaf; kill in 9s, or Ctrl-C again to kill") // a hand is not faster
	s.press(ctrlC)
	s.await("killing 1 worker")
	s.await("stopped: deaf (killed)")
	s.exits(130)
}

// Ctrl-Z suspends the workers with us, and they go on with us.
func TestCtrlZ(t *testing.T) {
	gate := t.TempDir() + "/gate"
	if err := syscall.Mkfifo(gate, 0o600); err != nil {
		t.Fatal(err)
	}
	s := onTerminalOf(t, `set -m; "$0" "$@"; echo the shell is back; read -r x; fg >/dev/null`,
		"--name", "w", `echo pid $$.; read -r x <`+gate+`; echo it goes on`)
	s.await(".\n")
	s.press(ctrlZ)
	s.await("the shell is back")
	_, after, _ := strings.Cut(s.text(), "w | pid ")
	pid, _, _ := strings.Cut(after, ".")
	awaitStopped(t, pid)
	s.press('\n')
	if err := os.WriteFile(gate, []byte("\n"), 0); err != nil { // waits for the worker to read
		t.Fatal(err)
	}
	s.await("it goes on")
	s.exits(0)
}

// awaitStopped waits until a process has been stopped by a signal.
func awaitStopped(t *testing.T, pid string) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.After(20 * time.Second); ; {
		stat, err := os.ReadFile("/proc/" + pid + "/stat")
		_, state, _ := strings.Cut(string(stat), ") ")
		if strings.HasPrefix(state, "T") {
			return
		}
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("the worker's state is %.1q, %v; want T, stopped", state, err)
		}
	}
}

// A terminal that goes away stops the workers.
func TestHangUp(t *testing.T) {
	said := t.TempDir() + "/said"
	s := onTerminalOf(t, `exec "$0" "$@"`, `trap 'echo stopped >`+said+`; exit' TERM; echo up; while :; do sleep 0.05; done`)
	s.await("up")
	s.terminal.Controller.Close()
	<-s.exited // its output goes nowhere
	if text, err := os.ReadFile(said); err != nil || string(text) != "stopped\n" {
		t.Errorf("the worker has said %q, %v; want that it was stopped", text, err)
	}
}

// A worker's terminal has the size of ours, also when that changes.
func TestWindowSize(t *testing.T) {
	s := onTerminal(t, "--pty", `trap 'stty size <&1' WINCH; stty size <&1; while :; do sleep 0.05; done`)
	s.await("24 200")
	s.resize(120, 30)
	s.await("30 120")
	s.press(ctrlC)
	s.exits(130)
}

// What we type goes to the worker that is named.
func TestTyping(t *testing.T) {
	for _, pty := range []string{"--pty=false", "--pty"} {
		s := onTerminal(t, pty, "--name", "a,b", "-i", "b", "true", "read -r x; echo got $x; cat; echo end")
		for _, key := range []byte("hello\n") {
			s.press(key)
		}
		s.await("b | got hello")
		s.press(4) // Ctrl-D
		s.await("b | end")
		s.exits(0)
	}
}

// The cursor stands behind the question of the worker that is typed to.
func TestQuestion(t *testing.T) {
	s := onTerminal(t, "--name", "ask", "-i", "ask", "printf 'name? '; read -r x; echo hello $x")
	s.await("\rask | name? ")
	for _, key := range []byte("Eve\n") {
		s.press(key)
	}
	s.await("ask | name? hello Eve\n")
	s.exits(0)
}

// A worker that has printed nothing for a while is told of, once; one that has is
// not.
func TestHint(t *testing.T) {
	t.Parallel() // it takes 11 s
	dir := t.TempDir()
	for _, name := range []string{"/quiet", "/prompt"} {
		if err := syscall.Mkfifo(dir+name, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := onTerminal(t, "--cwd", dir, "--name", "quiet,prompt", "read -r x <quiet; echo >prompt", "printf '> '; read -r x <prompt")
	s.await("syncstream: quiet has printed nothing for 10s; ")
	if err := os.WriteFile(dir+"/quiet", []byte("\n"), 0); err != nil {
		t.Fatal(err)
	}
	s.exits(0)
	if n := strings.Count(s.text(), "printed nothing"); n != 1 {
		t.Errorf("told %d times: %q", n, s.text())
	}
}

// Workers learn whether they shall print in colour, and nothing that says the
// contrary.
func TestColorsOfWorkers(t *testing.T) {
	const show = `echo "${NO_COLOR-unset} ${FORCE_COLOR-unset} ${CLICOLOR_FORCE-unset}"`
	for _, c := range []struct{ environment, flag, want string }{
		{"NO_COLOR=1", "--color=auto", "w | 1 unset unset"},
		{"NO_COLOR=", "--color=auto", "unset 1 1"},
		{"NO_COLOR= FORCE_COLOR=3", "--color=auto", "unset 3 1"},
		{"NO_COLOR=1", "--color=always", "unset 1 1"},
		{"NO_COLOR= FORCE_COLOR=0 CLICOLOR_FORCE=1", "--color=auto", "w | 1 unset unset"},
		{"NO_COLOR= FORCE_COLOR=3 CLICOLOR_FORCE=1", "--color=never", "w | 1 unset unset"},
		{"NO_COLOR= FORCE_COLOR=0 CLICOLOR_FORCE=1", "--color=always", "unset 1 1"},
	} {
		s := onTerminalOf(t, "export "+c.environment+`; "$0" "$@"`, c.flag, "--name", "w", show)
		s.await(c.want + "\n")
		s.exits(0)
	}
}

// All went well: one short row.
func TestVerdictOnTerminal(t *testing.T) {
	s := onTerminal(t, "echo fine", "true")
	s.await("syncstream: 2 workers in ")
	s.await(": 2 ok, 0 failed, 0 stopped; 1 line, 5 B, 0 lost")
	s.exits(0)
}
