package torture_test

import (
	"context"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// blocked starts a command whose output nobody takes, and nobody ever will, and
// returns when the pipe of it is full.
func blocked(ctx context.Context, t *testing.T) *exec.Cmd {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.Close()
		w.Close()
	})
	cmd := exec.CommandContext(ctx, program, "run", "yes")
	cmd.Stdout = w
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // as a shell with job control does
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	raw, err := w.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	await(ctx, t, "the pipe is full", func() (full bool) {
		_ = raw.Control(func(fd uintptr) {
			p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
			n, err := unix.Poll(p, 0)
			full = err == nil && n == 0
		})
		return full
	})
	return cmd
}

// end sends two signals, of two kinds: one that has not been taken yet would
// swallow the next of its own. Then the command has to end.
func end(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	for _, sig := range []os.Signal{syscall.SIGTERM, syscall.SIGHUP} {
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
	}
	err := cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 128+int(syscall.SIGTERM) && code != 128+int(syscall.SIGHUP) {
		t.Errorf("the command ended with %v", err)
	}
}

// Promise 5: the second signal ends the command also when nobody takes its
// output.
func TestSecondSignalEndsBlocked(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	end(t, blocked(ctx, t))
}

// So does Ctrl-Z stop it, as where it writes to a pager that the same key has
// stopped; and then it still hears signals.
func TestCtrlZStopsBlocked(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := blocked(ctx, t)
	if err := cmd.Process.Signal(syscall.SIGTSTP); err != nil {
		t.Fatal(err)
	}
	await(ctx, t, "the command is stopped", func() bool { return state(cmd.Process.Pid) == 'T' })
	if err := cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	end(t, cmd)
}
