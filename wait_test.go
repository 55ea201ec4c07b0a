package syncstream_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/syncstream/syncstream"
)

// Wait is for those who may have started nothing: as a WaitGroup's, it returns
// at once. Also with a context that has ended.
func TestWaitForNobody(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, ctx := range []context.Context{t.Context(), ctx} {
		if err := syncstream.New(syncstream.Config{}).Wait(ctx); err != nil {
			t.Error(err)
		}
	}
}

// Promise 9: Wait names the source that failed first by the clock, not by the
// order in which the mirrors were opened, and hands out the worker's error.
func TestWaitNamesFirstFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := syncstream.New(syncstream.Config{})
		start := time.Now()
		for i, after := range []time.Duration{3, 1, 2, 0} {
			b.Go(fmt.Sprint("w", i), func(context.Context, *syncstream.Mirror) error {
				time.Sleep(after * time.Second)
				if after == 0 {
					return nil
				}
				return fmt.Errorf("w%d: %w", i, io.ErrUnexpectedEOF)
			})
		}
		err := b.Wait(t.Context())
		f, ok := errors.AsType[*syncstream.Failure](err)
		if !ok || f.Source.Name != "w1" || !f.Time.Equal(start.Add(time.Second)) || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("%#v", err)
		}
		if want := "w1: w1: unexpected EOF"; err.Error() != want {
			t.Errorf("%q, want %q", err, want)
		}
		if time.Since(start) != 3*time.Second {
			t.Errorf("Wait returned after %v, want 3s: all mirrors have to close", time.Since(start))
		}
		if again := b.Wait(t.Context()); again != err {
			t.Errorf("a second Wait: %v", again)
		}
	})
}

// Promise 5: Wait ends with its context, and says for whom it waited.
func TestWaitEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := syncstream.New(syncstream.Config{})
		open(b, "done").CloseWithError(errors.New("x"))
		var mirrors []*syncstream.Mirror
		for i := range 13 {
			mirrors = append(mirrors, open(b, fmt.Sprint("open", i)))
		}
		cause := errors.New("no more time")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, cause)
		defer cancel()
		err := b.Wait(ctx)
		w, ok := errors.AsType[*syncstream.WaitError](err)
		if !ok || len(w.Open) != len(mirrors) || w.Open[0].Source != mirrors[0].Source() || !errors.Is(err, cause) {
			t.Fatalf("%#v", err)
		}
		for _, want := range []string{"13 open", "open0", "open9", "3 more", "no more time"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q does not say %q", err, want)
			}
		}
		if strings.Contains(err.Error(), "done") || strings.Contains(err.Error(), "open10") {
			t.Errorf("%q says too much", err)
		}
	})
}

// A mirror that is opened while Wait waits is waited for, also when it comes
// in the very moment in which the last one closes.
func TestWaitForLaterMirrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := syncstream.New(syncstream.Config{})
		start := time.Now()
		var more func(n int)
		more = func(n int) {
			b.Go("w", func(context.Context, *syncstream.Mirror) error {
				time.Sleep(time.Second)
				if n > 0 {
					more(n - 1)
				}
				return nil
			})
		}
		more(4)
		if err := b.Wait(t.Context()); err != nil || time.Since(start) != 5*time.Second {
			t.Errorf("%v after %v, want 5s", err, time.Since(start))
		}
	})
}

// A WaitError names at least one source: when the last mirror closes just as
// the context ends, Wait has nobody left to wait for.
func TestWaitErrorHasSources(t *testing.T) {
	for range 3000 {
		b := syncstream.New(syncstream.Config{})
		m := open(b, "m")
		ctx, cancel := context.WithCancel(t.Context())
		var err error
		done := started(func() { err = b.Wait(ctx) })
		runtime.Gosched()
		cancel()
		m.Close()
		<-done
		if w, ok := errors.AsType[*syncstream.WaitError](err); ok && len(w.Open) == 0 {
			t.Fatalf("nobody is open: %v", err)
		}
	}
}

// Promise 5: every way in which a function can end closes its mirror, and none
// ends the program; what it had written comes before the error.
func TestGo(t *testing.T) {
	for _, tt := range []struct {
		name string
		f    func(ctx context.Context, m *syncstream.Mirror) error
		want string // the error's text; none: there is no error
	}{
		{"nil", func(context.Context, *syncstream.Mirror) error { return nil }, ""},
		{"error", func(context.Context, *syncstream.Mirror) error { return io.ErrNoProgress }, io.ErrNoProgress.Error()},
		{"panic", func(context.Context, *syncstream.Mirror) error { panic("oh no") }, "panic: oh no"},
		{"panic with an error", func(context.Context, *syncstream.Mirror) error { panic(io.ErrNoProgress) }, "panic: " + io.ErrNoProgress.Error()},
		{"nil panic", func(context.Context, *syncstream.Mirror) error { panic(nil) }, "panic: " + new(runtime.PanicNilError).Error()},
		{"run-time panic", func(context.Context, *syncstream.Mirror) error { return (*syncstream.Failure)(nil).Err }, "panic: runtime error: invalid memory address or nil pointer dereference"},
		{"Goexit", func(context.Context, *syncstream.Mirror) error { runtime.Goexit(); return nil }, "runtime.Goexit was called"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := syncstream.New(syncstream.Config{})
			var worker context.Context
			b.Go("w", func(ctx context.Context, m *syncstream.Mirror) error {
				worker = ctx
				write(t, m, "last words")
				return tt.f(ctx, m)
			})
			err := b.Wait(t.Context())
			messages := all(t, b)
			if messages[0].Text != "last words" || worker.Err() == nil {
				t.Errorf("%+v; context: %v", messages[0], worker.Err())
			}
			if tt.want == "" {
				if err != nil || len(messages) != 1 {
					t.Errorf("%v, %d messages", err, len(messages))
				}
				return
			}
			if len(messages) != 2 || messages[1].Kind != syncstream.Error || messages[1].Stream != syncstream.Control {
				t.Fatalf("want an error message, got %s", shorts(messages[1:]))
			}
			if err.Error() != "w: "+tt.want {
				t.Errorf("%q, want %q behind the name", err, tt.want)
			}
			panicked, ok := errors.AsType[*syncstream.PanicError](err)
			if ok != (tt.name != "error") {
				t.Errorf("a PanicError: %t", ok)
			}
			if ok {
				checkStack(t, panicked.Stack, "syncstream_test.TestGo")
				tt.want += "\n\n" + strings.TrimRight(string(panicked.Stack), "\n")
			}
			if messages[1].Text != tt.want {
				t.Errorf("the message is %q, want %q", messages[1].Text, tt.want)
			}
			if strings.HasSuffix(tt.name, "error") && !errors.Is(err, io.ErrNoProgress) {
				t.Errorf("%v is not the worker's error", err)
			}
		})
	}
}

// checkStack checks that a stack begins with its header and the function that
// panicked.
func checkStack(t *testing.T, stack []byte, function string) {
	t.Helper()
	lines := strings.SplitN(string(stack), "\n", 3)
	if len(lines) != 3 || !strings.HasPrefix(lines[0], "goroutine ") || !strings.Contains(lines[1], function) {
		t.Errorf("the stack is %s\nwant that of %s", stack, function)
	}
}

// A worker's context ends when its mirror closes, by whomever: so a worker
// that never writes hears of it.
func TestMirrorContext(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	began := make(chan struct{})
	b.Go("w", func(ctx context.Context, m *syncstream.Mirror) error {
		if ctx.Err() != nil {
			t.Error("the context has ended before it began")
		}
		close(began)
		<-ctx.Done()
		if cause := context.Cause(ctx); cause != syncstream.ErrClosed {
			t.Errorf("cause %v", cause)
		}
		return nil
	})
	<-began
	b.Close()
	if err := b.Wait(t.Context()); err != nil {
		t.Error(err)
	}
}

// A source that was asked to stop and has answered stays so, also when a Reset
// has let another Stop come.
func TestStopAgain(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	m := open(b, "m")
	b.Stop(nil)
	m.Acknowledge()
	b.Reset()
	b.Stop(errors.New("again"))
	m.Write([]byte("x\n"))
	if s := b.Sources()[0]; s.State != syncstream.StateAcknowledged {
		t.Errorf("state %v, want %v", s.State, syncstream.StateAcknowledged)
	}
}

// Promise 4: who waits for mirrors that are abandoned finds their last words.
func TestAbandonLastWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pass := make(chan struct{})
		b := syncstream.New(syncstream.Config{Parse: func(*syncstream.Message) bool { <-pass; return true }})
		write(t, open(b, "m"), "last words")
		result := collect(b.Follow(t.Context(), syncstream.Oldest, syncstream.FollowUntilDone))
		abandoned := started(b.Abandon)
		waited := started(func() { b.Wait(t.Context()) })
		synctest.Wait()
		select {
		case <-waited:
			t.Error("Wait has returned before the partial line is a message")
		default:
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := b.Wait(ctx); err != syncstream.ErrAbandoned {
			t.Errorf("with a context that has ended: %v", err)
		}
		close(pass)
		<-abandoned
		<-waited
		if messages, err := result(); err != nil || shorts(messages) != `m1 "last words" none` {
			t.Errorf("%s, %v", shorts(messages), err)
		}
	})
}

// What a worker is doing is part of why its source is open, and of what Wait
// says; it may ask the buffer itself, and panic.
func TestDoing(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	for name, doing := range map[string]func() string{
		"seen":   func() string { return fmt.Sprint("it counts to ", b.Stats().Open) },
		"silent": func() string { return "" },
		"wrong":  func() string { panic("oh no") },
		"closed": func() string { t.Error("asked of a source that is closed"); return "" },
	} {
		m := b.Mirror(syncstream.MirrorConfig{Source: syncstream.Source{Name: name}, Doing: doing})
		if name == "closed" {
			m.Close()
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := b.Wait(ctx)
	for _, s := range b.Sources() {
		base, doing, _ := strings.Cut(s.Why, "; ")
		want := map[string]string{"seen": "it counts to 3", "wrong": "what it is doing nobody can say: panic: oh no"}[s.Source.Name]
		if doing != want || strings.HasPrefix(base, "open for ") != s.State.IsOpen() {
			t.Errorf("%s is open since %q, want %q", s.Source, s.Why, want)
		}
		if s.State.IsOpen() && !strings.Contains(err.Error(), want) {
			t.Errorf("Wait returned %q, without %q", err, want)
		}
	}
}

// Who was killed since it did not stop has not failed: it is no message, and no
// news to those who wait.
func TestCloseKilled(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	err := fmt.Errorf("%w after 10 s", syncstream.ErrKilled)
	open(b, "w").CloseWithError(err)
	if s := b.Sources()[0]; s.State != syncstream.StateKilled || s.Err != err {
		t.Errorf("the source is %s: %v", s.State, s.Err)
	}
	if err := b.Wait(t.Context()); err != nil || b.Len() != 0 {
		t.Errorf("Wait returned %v, and there are %d messages; want neither", err, b.Len())
	}
}
