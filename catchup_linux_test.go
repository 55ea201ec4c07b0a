package syncstream_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/internal/pipe"
)

// What is in the pipes when a mirror is told of an error stands before it: also
// the bytes that the goroutine which reads the pipe has just taken out of it. A
// catch-up without the stream's mutex fails here, since those come late.
func TestErrorBehindPipes(t *testing.T) {
	const rounds, writers = 300, 3
	b := syncstream.New(syncstream.Config{MaxMessages: 1_000_000})
	var mirrors sync.WaitGroup
	for i := range writers {
		m := b.Mirror(syncstream.MirrorConfig{Source: syncstream.Source{Name: fmt.Sprint(i)}})
		mirrors.Go(func() { sayAndWarn(t, m, rounds) })
	}
	mirrors.Wait()
	last := map[*syncstream.Source]map[syncstream.Stream]int{}
	messages, _ := b.Last(t.Context(), 1_000_000)
	for _, m := range messages {
		var n int
		fmt.Sscan(m.Text, &n)
		if last[m.Source] == nil {
			last[m.Source] = map[syncstream.Stream]int{}
		}
		last[m.Source][m.Stream] = n
		if of := last[m.Source]; m.Kind == syncstream.Warning && (of[syncstream.Stdout] != n || of[syncstream.Stderr] != n) {
			t.Fatalf("warning %d stands behind line %d of stdout and %d of stderr", n, of[syncstream.Stdout], of[syncstream.Stderr])
		}
	}
	if n := b.Stats().Written.Messages; n < 3*writers*rounds {
		t.Errorf("%d messages came", n)
	}
}

// sayAndWarn writes lines that begin with a number to both pipes of a mirror,
// and then warns of that number.
func sayAndWarn(t *testing.T, m *syncstream.Mirror, rounds int) {
	var readers sync.WaitGroup
	var pipes []*os.File
	totals := make([]int64, 2)
	for i, stream := range []*syncstream.Writer{m.Stdout(), m.Stderr()} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Error(err)
			return
		}
		pipes = append(pipes, w)
		p := pipe.NewReader(r)
		readers.Go(func() {
			defer r.Close()
			var err error
			if totals[i], err = stream.ReadFrom(p); err != nil {
				t.Error(err)
			}
		})
		<-p.Begun()
	}
	wrote := int64(0)
	for n := range rounds {
		line := fmt.Sprintf("%d\n", n) + strings.Repeat(fmt.Sprintf("%d again\n", n), n%7*50)
		wrote += int64(len(line))
		for _, w := range pipes {
			io.WriteString(w, line)
		}
		if err := m.Warn(fmt.Errorf("%d", n)); err != nil {
			t.Error(err)
		}
	}
	for _, w := range pipes {
		w.Close()
	}
	readers.Wait()
	if totals[0] != wrote || totals[1] != wrote {
		t.Errorf("ReadFrom returned %v, want %d: what Warn has read belongs to it", totals, wrote)
	}
	m.Close()
}

// A writer that never stops does not hold an error up.
func TestErrorBesideEndlessWriter(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	m := b.Mirror(syncstream.MirrorConfig{})
	r, w := osPipe(t)
	var both sync.WaitGroup
	both.Go(func() { m.ReadFrom(r) })
	both.Go(func() {
		for chunk := []byte(strings.Repeat("on and on\n", 1000)); ; {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	for range 100 {
		if err := m.Error(errors.New("x")); err != nil {
			t.Error(err)
		}
	}
	m.Close() // which ends the reader, and with it the writer
	r.Close()
	both.Wait()
}

// A pipe that is closed, or whose mirror is, is no trouble.
func TestErrorBesideClosedPipe(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	m := open(b, "w")
	r, w := osPipe(t)
	p := pipe.NewReader(r)
	done := make(chan struct{})
	go func() {
		defer close(done)
		m.ReadFrom(p)
	}()
	<-p.Begun()
	io.WriteString(w, "one\n")
	if err := m.Warn(errors.New("two")); err != nil {
		t.Error(err)
	}
	r.Close()
	if err := m.Warn(errors.New("three")); err != nil {
		t.Error(err)
	}
	<-done
	m.Close()
	if err := m.Warn(errors.New("four")); err != syncstream.ErrClosed {
		t.Errorf("Warn on a closed mirror returned %v", err)
	}
	got := shorts(all(t, b))
	if want := `w1 "one"|w2/control/warning "two"|w3/control/warning "three"`; strings.ReplaceAll(got, "\n", "|") != want {
		t.Errorf("the buffer holds %s, want %s", got, want)
	}
}

// A sink without room makes an error wait, as it makes the lines before it, and
// both come once it has room again.
func TestErrorBehindBlockedReader(t *testing.T) {
	b := syncstream.New(syncstream.Config{MaxMessages: 10})
	gate := make(chan struct{})
	b.Attach(sinkFunc(func([]*syncstream.Batch) error { <-gate; return nil }))
	m := b.Mirror(syncstream.MirrorConfig{})
	r, w := osPipe(t)
	p := pipe.NewReader(r)
	var both sync.WaitGroup
	both.Go(func() { m.ReadFrom(p) })
	<-p.Begun()
	both.Go(func() {
		for range 100 { // more than the queue takes
			io.WriteString(w, strings.Repeat("x", 100_000)+"\n")
		}
		if err := m.Error(errors.New("behind all")); err != nil {
			t.Error(err)
		}
		w.Close()
	})
	close(gate)
	both.Wait()
	m.Close()
	last, _ := b.Last(t.Context(), 1)
	if len(last) != 1 || last[0].Text != "behind all" {
		t.Errorf("the last message is %v", last)
	}
}

// What a worker elsewhere says is no answer to a stop.
func TestSend(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	m := open(b, "w")
	write(t, m, "half")
	b.Stop(nil)
	for _, send := range []struct {
		kind syncstream.Kind
		text string
	}{{syncstream.Line, "a line"}, {syncstream.Line, "two\nlines"}, {syncstream.Warning, "two\nlines\n"}, {syncstream.Error, "e"}} {
		if err := m.Send(send.kind, send.text); err != nil {
			t.Error(err)
		}
	}
	if s := b.Sources()[0].State; s != syncstream.StateAsked {
		t.Errorf("the source is %s, want asked", s)
	}
	m.Close()
	if err := m.Send(syncstream.Line, "late"); err != syncstream.ErrClosed {
		t.Errorf("after Close: %v", err)
	}
	got := shorts(all(t, b))
	if want := "w1/control \"a line\"\nw2/control \"two\"\nw3/control \"lines\"\nw4/control/warning \"two\\nlines\"\nw5/control/error \"e\"\nw6 \"half\" none"; got != want {
		t.Errorf("the buffer holds\n%s\nwant\n%s", got, want)
	}
	defer func() {
		if text := fmt.Sprint(recover()); !strings.Contains(text, "kind is gap; want Line, Warning, Error or Partial") {
			t.Errorf("a gap: panic %q", text)
		}
	}()
	m.Send(syncstream.Gap, "")
}
