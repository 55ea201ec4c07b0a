//go:build unix

package process_test

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/process"
)

// checkStopped checks that a worker which we stopped counts as no failure.
func checkStopped(t *testing.T, b *syncstream.Buffer, r process.Result, want process.ExitError) {
	t.Helper()
	var exit *process.ExitError
	if !errors.As(r.Err, &exit) || exit.Code != want.Code || exit.Signal != want.Signal || !r.Stopped {
		t.Errorf("the result is %v, Stopped %v; want %v, true", r.Err, r.Stopped, &want)
	}
	if err := waitErr(t, b); err != nil {
		t.Errorf("Buffer.Wait returned %v, want nil, since it was our own stop", err)
	}
	state := syncstream.StateExited
	if want.Signal == syscall.SIGKILL {
		state = syncstream.StateKilled
	}
	if s := b.Sources()[0]; s.State != state || errors.Is(r.Err, syncstream.ErrKilled) != (state == syncstream.StateKilled) {
		t.Errorf("the source is %s, and the error %v", s.State, r.Err)
	}
	messages, _ := b.Last(t.Context(), 1)
	for _, m := range messages {
		if m.Kind != syncstream.Line {
			t.Errorf("the last message is %s %q, want a line of the worker", m.Kind, m.Text)
		}
	}
}

func TestStop(t *testing.T) {
	for _, test := range []struct {
		name   string
		config process.Config
		cancel bool
		stop   bool
		word   string
	}{
		{"context", process.Config{}, true, false, "terminated"},
		{"Stop", process.Config{}, false, true, "terminated"},
		{"context and Stop, as a defer may have it", process.Config{}, true, true, "terminated"},
		{"StopSignal", process.Config{StopSignal: syscall.SIGINT}, false, true, "interrupt"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := syncstream.New(syncstream.Config{MaxMessages: 5000})
			l := listen(t, b)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			p, err := process.Start(ctx, b, self("stopping", "7"), test.config)
			if err != nil {
				t.Fatal(err)
			}
			l.hear(t, "ready", 1)
			if test.cancel {
				cancel()
			}
			if test.stop {
				p.Stop()
			}
			r := wait(t, p)
			want := []string{`stdout "ready\n"`}
			for i := range 1000 {
				want = append(want, fmt.Sprintf(`stdout "%s %d\n"`, test.word, i))
			}
			checkContents(t, b, append(want, `stdout "last words"`)...)
			checkStopped(t, b, r, process.ExitError{Code: 7})
		})
	}
}

func TestStopInOrder(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	l := listen(t, b)
	p := start(t, b, self("stopping", "0"), process.Config{})
	l.hear(t, "ready", 1)
	p.Stop()
	if r := wait(t, p); r.Err != nil || r.Stopped || waitErr(t, b) != nil {
		t.Errorf("the result is %+v, want none of an error: it exited with status 0", r)
	}
}

// A worker that ignores the signal is killed: when the grace is over, or by
// the second call at once.
func TestStopStubborn(t *testing.T) {
	t.Run("grace", func(t *testing.T) {
		b := syncstream.New(syncstream.Config{})
		l := listen(t, b)
		p := start(t, b, self("stubborn"), process.Config{StopGrace: 20 * time.Millisecond})
		l.hear(t, "ready", 1)
		p.Stop()
		checkStopped(t, b, wait(t, p), process.ExitError{Code: -1, Signal: syscall.SIGKILL})
	})
	t.Run("second call", func(t *testing.T) {
		b := syncstream.New(syncstream.Config{})
		l := listen(t, b)
		p := start(t, b, self("stubborn"), process.Config{StopGrace: time.Hour})
		l.hear(t, "ready", 1)
		p.Stop()
		select {
		case <-p.Done():
			t.Error("the first call killed it")
		default:
		}
		p.Stop()
		checkStopped(t, b, wait(t, p), process.ExitError{Code: -1, Signal: syscall.SIGKILL})
	})
}

func TestStopReachesGroup(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	l := listen(t, b)
	cmd := self("family", "term", "hold", "1grandchild ready\n")
	_, life := pipes(t, cmd)
	p := start(t, b, cmd, process.Config{DrainGrace: patience})
	l.hear(t, "worker ready", 1)
	p.Stop()
	wait(t, p)
	checkContents(t, b, `stdout "grandchild ready\n"`, `stdout "worker ready\n"`, `stdout "grandchild terminated\n"`)
	rest(t, cmd, life)
}

// The rest of the group is killed when it has not ended after StopGrace, also
// where the worker itself has.
func TestStopGraceForGroup(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	l := listen(t, b)
	cmd := self("family", "term", "stubborn", "family")
	_, life := pipes(t, cmd)
	p := start(t, b, cmd, process.Config{StopGrace: 200 * time.Millisecond, DrainGrace: time.Millisecond})
	l.hear(t, "worker ready", 1)
	p.Stop()
	if r := wait(t, p); r.Err != nil {
		t.Errorf("the worker ended with %v, want none", r.Err)
	}
	rest(t, cmd, life)
}

// A worker that failed before it was told to stop has failed on its own, though
// its last lines were still on their way.
func TestStopAfterDeath(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	g := newGate(0)
	attach(t, b, g)
	p := start(t, b, self("say", "1one\n", "exit=3"), process.Config{DrainGrace: time.Millisecond})
	<-g.called
	graceOver(t, p)
	p.Stop()
	close(g.opened)
	checkEnd(t, b, wait(t, p), &process.ExitError{Code: 3})
	checkContents(t, b, `stdout "one\n"`, `error "exit status 3"`)
}

func TestStopAfterEnd(t *testing.T) {
	b, r := run(t, self("say", "exit=3"), process.Config{})
	if r.Stopped {
		t.Error("Stopped is set")
	}
	checkContents(t, b, `error "exit status 3"`)
	p := start(t, b, self("say", "exit=4"), process.Config{})
	wait(t, p)
	p.Stop()
	p.Stop()
	if r := p.Wait(); r.Stopped || r.Err.Error() != "exit status 4" {
		t.Errorf("a Stop after the end has made the result %+v", r)
	}
}

// The number of a process that has been waited for may be another's: here the
// group still has a member, which the second call would kill.
func TestStopSignalsNoReaped(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	cmd := self("family", "exit", "hold")
	release, life := pipes(t, cmd)
	p := start(t, b, cmd, process.Config{DrainGrace: time.Millisecond})
	wait(t, p)
	p.Stop()
	p.Stop()
	release()
	if got := rest(t, cmd, life); got != "alive\n" {
		t.Errorf("a member of the group says %q after Stop, want \"alive\\n\": nobody may signal it", got)
	}
}

func TestStopAtAnyTime(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	for range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		p, err := process.Start(ctx, b, self("say", "1one\n"), process.Config{})
		if err != nil {
			t.Fatal(err)
		}
		go cancel()
		go p.Stop()
		if r := wait(t, p); r.Err != nil && !r.Stopped {
			t.Errorf("the result is %v, and not Stopped", r.Err)
		}
		p.Stop()
	}
	if err := waitErr(t, b); err != nil {
		t.Errorf("Buffer.Wait returned %v", err)
	}
}

// A stop of the buffer reaches its programs; that it takes no more, or has
// forgotten them, does not.
func TestBufferStop(t *testing.T) {
	enough := errors.New("enough")
	b := syncstream.New(syncstream.Config{})
	l := listen(t, b)
	p := start(t, b, self("stopping", "7"), process.Config{})
	l.hear(t, "ready", 1)
	b.Stop(enough)
	if r := wait(t, p); !r.Stopped || waitErr(t, b) != enough {
		t.Errorf("the result is %+v", r)
	}
	for name, end := range map[string]func(*syncstream.Buffer){
		"Close":   func(b *syncstream.Buffer) { b.Close() },
		"Abandon": (*syncstream.Buffer).Abandon,
	} {
		b := syncstream.New(syncstream.Config{})
		cmd := self("cat")
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		p := start(t, b, cmd, process.Config{})
		end(b)
		p.Hear()
		in.Close()
		if r := wait(t, p); r.Err != nil {
			t.Errorf("%s: the worker ended with %v, want it left alone", name, r.Err)
		}
	}
}

// Suspend stops the whole group where it is, and Resume, or a Stop, lets it go on.
func TestSuspend(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	l := listen(t, b)
	cmd := self("family", "term", "hold", "1grandchild ready\n")
	_, life := pipes(t, cmd)
	p := start(t, b, cmd, process.Config{DrainGrace: patience})
	l.hear(t, "worker ready", 1)
	for _, goOn := range []func() error{p.Resume, func() error { p.Stop(); return nil }} {
		if err := p.Suspend(); err != nil {
			t.Fatal(err)
		}
		if !eventually(func() bool { return groupStopped(p.Source().PID) == 2 }) {
			t.Error("the group is not stopped")
		}
		if err := goOn(); err != nil {
			t.Fatal(err)
		}
		if !eventually(func() bool { return groupStopped(p.Source().PID) == 0 }) {
			t.Error("the group is still stopped")
		}
	}
	wait(t, p)
	if err := errors.Join(p.Suspend(), p.Resume()); err != nil {
		t.Errorf("after its end: %v", err)
	}
	rest(t, cmd, life)
}

// groupStopped returns how many processes of a group are stopped, as ps tells.
func groupStopped(group int) (n int) {
	out, _ := exec.Command("ps", "-A", "-o", "pgid=,state=").Output()
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if len(f) == 2 && f[0] == strconv.Itoa(group) && strings.HasPrefix(f[1], "T") {
			n++
		}
	}
	return n
}
