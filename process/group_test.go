//go:build unix

package process_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/process"
)

func named(name string) process.Config {
	return process.Config{Source: syncstream.Source{Name: name}}
}

func groupWait(t *testing.T, g *process.Group) []process.Result {
	t.Helper()
	results := make(chan []process.Result, 1)
	go func() { results <- g.Wait() }()
	select {
	case r := <-results:
		return r
	case <-time.After(patience):
		t.Fatal("Group.Wait has not returned")
		return nil
	}
}

// Each worker tells how many run, and ends when it gets a byte.
func TestGroupLimit(t *testing.T) {
	const limit, all = 3, 9
	b := syncstream.New(syncstream.Config{})
	l := listen(t, b)
	in, tokens, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	defer tokens.Close()
	dir := t.TempDir()
	group := process.Group{Limit: limit}
	started := make(chan int, all)
	go func() {
		for i := range all {
			cmd := self("place", dir, fmt.Sprint(i))
			cmd.Stdin = in
			group.Start(t.Context(), b, cmd, named(fmt.Sprint("w", i)))
			started <- i
		}
		close(started)
	}()
	for range limit {
		<-started
	}
	l.hear(t, "running 3", 1)
	for range all - limit {
		if n := b.NumOpen(); n > limit {
			t.Errorf("%d workers are open, want %d at most", n, limit)
		}
		select {
		case i := <-started:
			t.Errorf("worker %d was started while %d ran", i, limit)
		default:
		}
		tokens.Write([]byte{0})
		select {
		case <-started:
		case <-time.After(patience):
			t.Fatal("no worker was started when another had ended")
		}
	}
	tokens.Write(make([]byte, limit))
	for i, r := range groupWait(t, &group) {
		code := 0
		var exit *process.ExitError
		if errors.As(r.Err, &exit) {
			code = exit.Code
		}
		if want := fmt.Sprint("w", i); r.Source.Name != want || code != i {
			t.Errorf("result %d is %s: %v; want %s: exit status %d", i, r.Source, r.Err, want, i)
		}
	}
	for _, m := range contents(t, b) {
		var n int
		if fmt.Sscanf(m, `stdout "running %d`, &n); n > limit {
			t.Errorf("%d workers ran at once, want %d at most", n, limit)
		}
	}
}

func TestGroupErrors(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	group := process.Group{Limit: 1}
	group.Start(t.Context(), b, self("say", "exit=3"), named("a"))
	p, err := group.Start(t.Context(), b, exec.Command("no-such-program"), named("b"))
	if err == nil || p == nil {
		t.Errorf("Start of no program returned %v, %v", p, err)
	}
	ended, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	if p, err := group.Start(ended, b, self("say"), named("c")); p != nil || err == nil {
		t.Errorf("Start with an ended context returned %v, %v", p, err)
	}
	group.Start(t.Context(), b, self("say"), named("d"))
	want := []struct{ name, err string }{
		{"a", "exit status 3"},
		{"b", `can't start "no-such-program": executable file not found in $PATH`},
		{"c", fmt.Sprintf(`can't start %q: enough`, self("say").Path)},
		{"d", "<nil>"},
	}
	results := groupWait(t, &group)
	for i, w := range want {
		if r := results[i]; r.Source.Name != w.name || fmt.Sprint(r.Err) != w.err || r.Stopped != (i == 2) {
			t.Errorf("result %d is %s: %v, Stopped %v; want %s: %s", i, r.Source, r.Err, r.Stopped, w.name, w.err)
		}
	}
	if n := b.Stats().Sources; n != 3 {
		t.Errorf("the buffer knows %d sources, want 3: not the one that found no place", n)
	}
}

// heard is a context that tells when somebody waits for its end.
type heard struct {
	context.Context
	once   *sync.Once
	waited chan struct{}
}

func (h heard) Done() <-chan struct{} {
	h.once.Do(func() { close(h.waited) })
	return h.Context.Done()
}

func TestGroupContextEndsWaiting(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	l := listen(t, b)
	group := process.Group{Limit: 1}
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	group.Start(t.Context(), b, self("stopping", "0"), process.Config{})
	l.hear(t, "ready", 1)
	waiting := heard{ctx, new(sync.Once), make(chan struct{})}
	second := make(chan error, 1)
	go func() {
		_, err := group.Start(waiting, b, self("say"), named("second"))
		second <- err
	}()
	select {
	case err := <-second:
		t.Fatal("the second worker was started:", err)
	case <-waiting.waited:
	case <-time.After(patience):
		t.Fatal("Start does not wait for the context")
	}
	enough := errors.New("enough")
	cancel(enough)
	err := <-second
	var started *process.StartError
	if !errors.As(err, &started) || !errors.Is(err, enough) {
		t.Errorf("Start returned %v, want a *StartError with the context's cause", err)
	}
	if b.NumOpen() != 1 || b.Stats().Sources != 1 {
		t.Errorf("the buffer has heard of the second worker")
	}
}

func TestGroupNegativeLimit(t *testing.T) {
	group := process.Group{Limit: -1}
	for range 2 {
		checkPanic(t, "Group.Limit", func() {
			group.Start(t.Context(), syncstream.New(syncstream.Config{}), self("say"), process.Config{})
		})
	}
}

// A Start that panics is none that Wait waits for.
func TestGroupNegativeGrace(t *testing.T) {
	var group process.Group
	checkPanic(t, "StopGrace", func() {
		group.Start(t.Context(), syncstream.New(syncstream.Config{}), self("say"), process.Config{StopGrace: -1})
	})
	if r := group.Wait(); len(r) != 0 {
		t.Errorf("the results are %v, want none", r)
	}
}

func TestGroupEmpty(t *testing.T) {
	var group process.Group
	if r := group.Wait(); len(r) != 0 {
		t.Errorf("an empty group has the results %v", r)
	}
}

// The methods may be called at any time: here Wait with the first Start.
func TestGroupWaitAtAnyTime(t *testing.T) {
	for range 20 {
		b := syncstream.New(syncstream.Config{})
		var group process.Group
		done := make(chan struct{})
		go func() {
			group.Wait()
			close(done)
		}()
		group.Start(t.Context(), b, exec.Command("true"), process.Config{})
		group.Start(t.Context(), b, exec.Command("true"), process.Config{})
		<-done
		if n := len(group.Wait()); n != 2 {
			t.Fatalf("%d results, want 2", n)
		}
	}
}

func TestManyWorkers(t *testing.T) {
	const n = 200
	b := syncstream.New(syncstream.Config{MaxMessages: 10_000})
	in, tokens, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	var group process.Group
	for i := range n {
		cmd := exec.Command("sh", "-c", `echo ready; read x; echo one; echo two >&2; printf last`)
		cmd.Stdin = in
		if _, err := group.Start(t.Context(), b, cmd, named(fmt.Sprint("w", i))); err != nil {
			t.Fatal(err)
		}
	}
	if open := b.NumOpen(); open != n {
		t.Errorf("%d workers are open, want %d at once", open, n)
	}
	tokens.Close()
	for i, r := range groupWait(t, &group) {
		if want := fmt.Sprint("w", i); r.Source.Name != want || r.Err != nil {
			t.Errorf("result %d is %s: %v", i, r.Source, r.Err)
		}
	}
	messages, _ := b.Last(t.Context(), 10_000)
	texts := map[string]map[string]int{}
	for _, m := range messages {
		if texts[m.Source.Name] == nil {
			texts[m.Source.Name] = map[string]int{}
		}
		texts[m.Source.Name][m.Stream.String()+" "+m.Text]++
	}
	want := fmt.Sprint(map[string]int{"stdout ready": 1, "stdout one": 1, "stderr two": 1, "stdout last": 1})
	for i := range n {
		if got := fmt.Sprint(texts[fmt.Sprint("w", i)]); got != want {
			t.Errorf("worker %d: %s, want %s", i, got, want)
		}
	}
}

// Stop asks all that run, and lets no other start; a second one kills.
func TestGroupStop(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	l := listen(t, b)
	group := process.Group{Limit: 3}
	for range 2 {
		group.Start(t.Context(), b, self("stopping", "7"), named("polite"))
	}
	group.Start(t.Context(), b, self("stubborn"), named("stubborn"))
	l.hear(t, "ready", 3)
	waiting := heard{t.Context(), new(sync.Once), make(chan struct{})}
	late := make(chan error)
	go func() {
		_, err := group.Start(waiting, b, self("say", "1never\n"), named("late"))
		late <- err
	}()
	<-waiting.waited
	group.Stop()
	if err := <-late; !errors.Is(err, syncstream.ErrStopped) {
		t.Errorf("Start while the group is stopped returned %v", err)
	}
	l.hear(t, "last words", 2)
	group.Stop()
	if _, err := group.Start(t.Context(), b, self("say", "1never\n"), named("later")); !errors.Is(err, syncstream.ErrStopped) {
		t.Errorf("Start after Stop returned %v", err)
	}
	for i, r := range groupWait(t, &group) {
		if !r.Stopped || errors.Is(r.Err, syncstream.ErrKilled) != (i == 2) {
			t.Errorf("%s ended with %v, stopped %t", r.Source, r.Err, r.Stopped)
		}
	}
	if err := waitErr(t, b); err != nil {
		t.Errorf("Buffer.Wait returned %v, want none: it was our own stop", err)
	}
	group.Stop()
}
