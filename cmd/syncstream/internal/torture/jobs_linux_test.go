package torture_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// state returns the letter that ps shows for a process; 0, if there is none.
func state(pid int) byte {
	text, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	_, after, _ := strings.Cut(string(text), ") ")
	if after == "" {
		return 0
	}
	return after[0]
}

// Ctrl-Z stops the workers and then the command; fg lets both go on.
func TestJobControl(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, program, "run", "echo $$; read x <"+fifo+"; echo on it goes")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // as a shell with job control does
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	lines := bufio.NewScanner(out)
	lines.Scan()
	var worker int
	if _, err := fmt.Sscanf(lines.Text(), "echo | %d", &worker); err != nil {
		t.Fatalf("the first line is %q", lines.Text())
	}
	for range 2 {
		if err := cmd.Process.Signal(syscall.SIGTSTP); err != nil {
			t.Fatal(err)
		}
		var status syscall.WaitStatus
		if _, err := syscall.Wait4(cmd.Process.Pid, &status, syscall.WUNTRACED, nil); err != nil || !status.Stopped() {
			t.Fatalf("the command is not stopped: %v, %#x", err, status)
		}
		await(ctx, t, "the worker is stopped", func() bool { return state(worker) == 'T' })
		if err := cmd.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		await(ctx, t, "the worker goes on", func() bool { return state(worker) == 'S' })
	}
	if err := os.WriteFile(fifo, []byte("go\n"), 0); err != nil {
		t.Fatal(err)
	}
	if !lines.Scan() || lines.Text() != "echo | on it goes" {
		t.Errorf("the second line is %q", lines.Text())
	}
}

// await waits until ok becomes true.
func await(ctx context.Context, t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("in vain: %s", what)
		}
	}
}
