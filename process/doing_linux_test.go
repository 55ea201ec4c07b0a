package process_test

import (
	"context"
	"strings"
	"syscall"
	"testing"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/process"
)

// why waits until the only open source says text, as Wait does too.
func why(t *testing.T, b *syncstream.Buffer, text string) {
	t.Helper()
	last := ""
	if !eventually(func() bool {
		last = b.Sources()[0].Why
		return strings.Contains(last, text)
	}) {
		t.Errorf("the source is open since %q, want %q", last, text)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Wait(ctx); err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("Wait returned %v, want %q", err, text)
	}
}

// A worker that is silent is told from one that is stopped.
func TestDoing(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	cmd := self("cat")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, b, cmd, process.Config{})
	why(t, b, "the process is alive, and waits")
	syscall.Kill(p.Source().PID, syscall.SIGSTOP)
	why(t, b, "the process is stopped, as by SIGSTOP")
	syscall.Kill(p.Source().PID, syscall.SIGCONT)
	why(t, b, "the process is alive, and waits")
	in.Close()
	checkEnd(t, b, wait(t, p), nil)
	if got := b.Sources()[0].Why; got != "" {
		t.Errorf("a source that is closed is open since %q", got)
	}
}

// One that waits since nobody takes its lines is told from both.
func TestDoingBlocked(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	g := newGate(0)
	attach(t, b, g)
	p := start(t, b, self("lines", "50000"), process.Config{})
	<-g.called
	why(t, b, "the process waits in a write: ")
	close(g.opened)
	checkEnd(t, b, wait(t, p), nil)
}

// One that has ended while a grandchild keeps its pipe is open for another reason.
func TestDoingEnded(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	cmd := self("family", "exit", "hold")
	release, life := pipes(t, cmd)
	p := start(t, b, cmd, process.Config{DrainGrace: patience})
	why(t, b, "the process has ended, and its output has not")
	release()
	wait(t, p)
	rest(t, cmd, life)
}
