package syncstream_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/syncstream/syncstream"
)

// A buffer that another one is attached to has the same messages, with their
// numbers and times, and knows when each source ended and how.
func TestForward(t *testing.T) {
	src, dst := syncstream.New(syncstream.Config{MaxLine: 8}), syncstream.New(syncstream.Config{})
	early := open(src, "early")
	write(t, early, "before\n")
	attachment := src.Attach(dst.Sink())
	a, b := open(src, "a"), open(src, "b")
	write(t, early, "after\n")
	write(t, a, "one\r\ntwo\x00\xff\n10%\r20%\n0123456789\nlast words")
	write(t, b.Stderr(), "err\n")
	b.Warn(errors.New("many\nlines"))
	a.CloseWithError(errors.New("broke"))
	if err := attachment.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}

	want := all(t, src)[1:] // "before" came before the attachment
	got := all(t, dst)
	if len(got) != len(want) {
		t.Fatalf("%d messages, want %d:\n%s", len(got), len(want), shorts(got))
	}
	order := func(a, b syncstream.Message) int { // the pieces of a line come together
		return cmp.Or(cmp.Compare(a.Source.Name, b.Source.Name), cmp.Compare(a.Num, b.Num))
	}
	slices.SortFunc(got, order)
	slices.SortFunc(want, order)
	for i := range got {
		if d := got[i].Time.Sub(want[i].Time); d < 0 || d > time.Millisecond {
			t.Errorf("message %d came %v later", i, d)
		}
		want[i].Position, want[i].Time = got[i].Position, got[i].Time
		if got[i] != want[i] {
			t.Errorf("message %d:\n got %+v\nwant %+v", i, got[i], want[i])
		}
	}
	states := func() string {
		var s strings.Builder
		for _, status := range dst.Sources() {
			fmt.Fprintf(&s, "%s %s %v; ", status.Source, status.State, status.Err)
		}
		return s.String()
	}
	if got, want := states(), "early open <nil>; a exited broke; b open <nil>; "; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	attachment.Detach()
	<-attachment.Done()
	if got, want := states(), "early lost syncstream: sink was detached; a exited broke; b lost syncstream: sink was detached; "; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	var failure *syncstream.Failure
	if err := dst.Wait(t.Context()); !errors.As(err, &failure) || failure.Source != a.Source() {
		t.Errorf("Wait: %v", err)
	}
	checkStats(t, dst)
}

// What the other buffer abandons goes on as a new source; its Close ends it.
func TestForwardToAbandoned(t *testing.T) {
	src, dst := syncstream.New(syncstream.Config{}), syncstream.New(syncstream.Config{})
	attachment := src.Attach(dst.Sink())
	m := open(src, "m")
	write(t, m, "one\n")
	attachment.Drain(t.Context())
	dst.Abandon()
	write(t, m, "two\n")
	if err := attachment.Drain(t.Context()); err != nil {
		t.Error(err)
	}
	if got, want := shorts(all(t, dst)), "m1 \"one\"\nm2 \"two\""; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	dst.Close()
	write(t, m, "three\n")
	<-attachment.Done()
	if err := attachment.Err(); err != syncstream.ErrClosed {
		t.Errorf("the attachment's error: %v", err)
	}
}

// What Forward opens in another buffer is open there though it writes nothing, and
// hears of its stop; the answer is known there.
func TestForwardHears(t *testing.T) {
	src, dst := syncstream.New(syncstream.Config{}), syncstream.New(syncstream.Config{})
	early := open(src, "early")
	attachment := src.Forward(dst)
	late, brief := open(src, "late"), open(src, "brief")
	brief.Close()
	states := func(want string) {
		t.Helper()
		if err := attachment.Drain(t.Context()); err != nil {
			t.Error(err)
		}
		var got []string
		for _, s := range dst.Sources() {
			got = append(got, fmt.Sprint(s.Source, " ", s.State))
		}
		if s := strings.Join(got, ", "); s != want {
			t.Errorf("the states there are %s, want %s", s, want)
		}
	}
	states("early open, late open, brief exited")
	why := errors.New("enough")
	dst.Stop(why)
	for _, m := range []*syncstream.Mirror{early, late} {
		<-m.Context().Done()
		if cause := context.Cause(m.Context()); cause != why {
			t.Errorf("the cause is %v", cause)
		}
	}
	late.Acknowledge()
	states("early asked, late acknowledged, brief exited")
	n, err := late.Write([]byte("words\n"))
	if n != 6 || err != syncstream.ErrStopped {
		t.Errorf("Write after the stop: %d, %v", n, err)
	}
	late.CloseWithError(why)
	early.Close()
	states("early exited, late exited, brief exited")
	if err := dst.Wait(t.Context()); err != why {
		t.Errorf("Wait: %v", err)
	}
	if got := shorts(all(t, dst)); got != `late1 "words"` {
		t.Errorf("the messages there are %s", got)
	}
	after := open(src, "after")
	<-after.Context().Done() // a stop is for those too that are opened later
}

// So does a source that was abandoned there, and goes on as a new one.
func TestForwardHearsAbandoned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, dst := syncstream.New(syncstream.Config{}), syncstream.New(syncstream.Config{})
		defer dst.Close()
		defer src.Close()
		m := open(src, "m")
		attachment := src.Forward(dst)
		write(t, m, "one\n")
		if err := attachment.Drain(t.Context()); err != nil {
			t.Error(err)
		}
		dst.Abandon()
		write(t, m, "two\n")
		if err := attachment.Drain(t.Context()); err != nil {
			t.Error(err)
		}
		why := errors.New("enough")
		dst.Stop(why)
		synctest.Wait()
		if cause := context.Cause(m.Context()); cause != why {
			t.Errorf("the cause is %v", cause)
		}
		m.Close()
	})
}

// A sink that can be closed is closed once, when its attachment ends.
func TestSinkIsClosed(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func(*syncstream.Buffer, *syncstream.Attachment)
		err  error
	}{
		{"detached", func(_ *syncstream.Buffer, a *syncstream.Attachment) { a.Detach() }, errors.New("close failed")},
		{"closed", func(b *syncstream.Buffer, _ *syncstream.Attachment) { b.Close() }, nil},
	} {
		b := syncstream.New(syncstream.Config{})
		s := &closingSink{err: tt.err}
		a := b.Attach(s)
		tt.end(b, a)
		<-a.Done()
		if s.closed != 1 || a.Err() != tt.err {
			t.Errorf("%s: closed %d times, %v", tt.name, s.closed, a.Err())
		}
	}
}

type closingSink struct {
	closed int
	err    error
}

func (s *closingSink) WriteBatches([]*syncstream.Batch) error { return nil }

func (s *closingSink) Close() error {
	s.closed++
	return s.err
}

func ExampleBuffer_Sink() {
	job, all := syncstream.New(syncstream.Config{}), syncstream.New(syncstream.Config{})
	job.Attach(all.Sink())
	job.Go("worker", func(_ context.Context, m *syncstream.Mirror) error {
		_, err := fmt.Fprintln(m, "hello")
		return err
	})
	job.Wait(context.Background())
	job.Close()
	for m := range all.Follow(context.Background(), syncstream.Oldest) {
		fmt.Println(m.Source, m.Text)
		break
	}
	// Output: worker hello
}
