package torture_test

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Promise 5: nothing outlives a command that is killed: no end of a pipeline, no
// daemon that left its session, nothing that is deaf to signals. All of them hold
// a FIFO open, which so ends with the last of them.
func TestKilledCommand(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "life")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	life, err := os.OpenFile(fifo, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer life.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	args := []string{"run"}
	for _, script := range []string{
		`(echo ready >&2; exec sleep 1000) | (echo ready >&2; exec sleep 1000) | (echo ready; exec sleep 1000)`,
		`(setsid sh -c "setsid sleep 1000 & echo ready; exec sleep 1000" &); sleep 1000`,
		`trap "" TERM HUP INT; echo ready; sleep 1000; sleep 1000`,
		`env -i PATH="$PATH" sh -c "echo ready; exec sleep 1000"; true`,
	} {
		args = append(args, `exec 9>"`+fifo+`"; `+script)
	}
	cmd := exec.CommandContext(ctx, program, args...)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd.Stdout, cmd.Stderr = w, w
	err = cmd.Start()
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	lines, ready := bufio.NewScanner(r), 0
	for ready < 6 && lines.Scan() {
		if strings.HasSuffix(lines.Text(), " | ready") {
			ready++
		} else {
			t.Errorf("the command says %q", lines.Text())
		}
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	life.SetReadDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.ReadAll(life); err != nil {
		t.Errorf("somebody lives on: %v", err)
	}
}
