package syncstream_test

import (
	"errors"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/syncstream/syncstream"
)

// A sink that panics, or ends its goroutine, is one that has failed: it is
// detached, and the buffer goes on. So it is also when the goroutine that reads
// a pipe calls it.
func TestSinkPanics(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func()
		want string
	}{
		{"panic", func() { panic(io.ErrNoProgress) }, "panic: " + io.ErrNoProgress.Error()},
		{"Goexit", runtime.Goexit, "runtime.Goexit was called"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := syncstream.New(syncstream.Config{})
			a := b.Attach(sinkFunc(func([]*syncstream.Batch) error {
				tt.end()
				return nil
			}))
			m := open(b, "m")
			write(t, m, "1\n")
			within(t, a.Done(), "the sink is detached")
			failure, ok := errors.AsType[*syncstream.PanicError](a.Err())
			if !ok || failure.Error() != tt.want {
				t.Fatalf("the attachment's error is %v, want %s", a.Err(), tt.want)
			}
			checkStack(t, failure.Stack, "syncstream_test.TestSinkPanics")
			write(t, m, "2\n")
			if b.Len() != 2 {
				t.Errorf("%d messages are kept, want 2", b.Len())
			}
		})
	}
	b := syncstream.New(syncstream.Config{})
	a := b.Attach(sinkFunc(func([]*syncstream.Batch) error { panic("oh no") }))
	m := open(b, "m")
	if _, err := m.ReadFrom(fullPipe(t, strings.Repeat("x\n", 100))); err != nil {
		t.Error(err)
	}
	within(t, a.Done(), "the sink is detached")
	if b.Len() != 100 {
		t.Errorf("%d messages are kept, want 100", b.Len())
	}
}

// Promise 2, over both streams of a mirror, and also when the batch of one is
// prepared while that of the other needs no preparation.
func TestPreparedKeepsItsPlace(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	p := &preparer{enter: make(chan struct{}), leave: make(chan struct{})}
	a := b.Attach(p)
	m := open(b, "m")
	text := strings.Repeat(strings.Repeat("x", 63)+"\n", 1024)
	r := fullPipe(t, text)
	done := started(func() { m.ReadFrom(r) })
	within(t, p.enter, "Prepare is called")
	write(t, m.Stderr(), "later\n")
	close(p.leave)
	within(t, done, "the pipe is read")
	if err := a.Drain(t.Context()); err != nil {
		t.Error(err)
	}
	if got := p.got.String(); got != text+"later\n" {
		t.Errorf("%d bytes came, and the last line first: %t", len(got), strings.HasPrefix(got, "later"))
	}
}

// EndLine makes messages of what has no line end yet.
func TestEndLine(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	m := open(b, "m")
	write(t, m, "half")
	write(t, m.Stderr(), "other")
	if err := m.EndLine(); err != nil {
		t.Error(err)
	}
	if err := m.EndLine(); err != nil {
		t.Error(err)
	}
	write(t, m, "a line\n")
	var got []string
	for _, m := range all(t, b) {
		got = append(got, m.Text+" "+m.End.String())
	}
	if want := "half none|other none|a line lf"; strings.Join(got, "|") != want {
		t.Errorf("%q, want %s", got, want)
	}
	if len(b.Partials()) != 0 {
		t.Errorf("partial lines are left: %v", b.Partials())
	}
	m.Close()
	if err := m.EndLine(); err != nil && !errors.Is(err, os.ErrClosed) && !errors.Is(err, syncstream.ErrClosed) {
		t.Error(err)
	}
}
