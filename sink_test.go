package syncstream_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/syncstream/syncstream"
)

// A sink loses nothing: all messages arrive exactly once and in order, whatever
// their number and size, and wherever they come from.
func TestSinkGetsAll(t *testing.T) {
	b := syncstream.New(syncstream.Config{MaxMessages: 5}) // what the ring keeps is no matter
	var first, second recorder
	attachments := []*syncstream.Attachment{b.Attach(&first), b.Attach(&second)}
	const workers, lines = 4, 2000
	for i := range workers {
		b.Go(fmt.Sprint("m", i), func(_ context.Context, m *syncstream.Mirror) error {
			var text strings.Builder
			for j := range lines {
				text.WriteString(checked(fmt.Sprint("m", i), j, 20+200*(i%2)) + "\n")
				if j%(1+i*400) == 0 { // lines by themselves up to blocks
					write(t, m, text.String())
					text.Reset()
				}
			}
			write(t, m, text.String())
			return nil
		})
	}
	if err := b.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.Close()
	for i, r := range []*recorder{&first, &second} {
		within(t, attachments[i].Done(), "the sink is done")
		if err := attachments[i].Err(); err != nil || len(r.all()) != workers*lines {
			t.Errorf("sink %d: %d messages, want %d; %v", i, len(r.all()), workers*lines, err)
		}
		checkOrder(t, r.all())
	}
}

// Promise 6: a slow sink makes the writers wait; what waits for it is bounded,
// by bytes and by batches; and once it goes on, nothing is lost.
func TestSlowSink(t *testing.T) {
	for _, tt := range []struct {
		name string
		line string
		most uint64 // messages that are let in: one call and one queue of 4 MiB or 4096 batches
	}{
		{"bytes", strings.Repeat("x", 999) + "\n", 2 * 4200},
		{"batches", "a\rb\n", 2*4096 + 2}, // each is a batch by itself
		{"large lines", strings.Repeat("x", 100_000) + "\n", 2 * 42},
		{"blocks", strings.Repeat(strings.Repeat("x", 99)+"\n", 1000), 2 * 17 * 1000}, // of 256 KiB each
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := syncstream.New(syncstream.Config{})
				g := newGate()
				a := b.Attach(g)
				m := open(b, "m")
				var returned atomic.Int64
				const writes = 20_000
				var n int64 = writes
				if len(tt.line) > 50_000 {
					n = 200
				}
				done := started(func() {
					for range n {
						write(t, m, tt.line)
						returned.Add(1)
					}
				})
				synctest.Wait() // the writer waits for the sink
				select {
				case <-done:
					t.Error("no Write has waited for the sink")
				default:
				}
				if s := b.Stats(); s.Written.Messages > tt.most || returned.Load() == 0 {
					t.Errorf("%d messages wait, want 1 to %d", s.Written.Messages, tt.most)
				}
				before := returned.Load()
				time.Sleep(time.Hour)
				if before != returned.Load() {
					t.Error("a writer went on by itself")
				}
				close(g.pass)
				<-done
				if err := a.Drain(t.Context()); err != nil {
					t.Error(err)
				}
				s := b.Stats()
				if got := uint64(len(g.all())); got != s.Written.Messages || int(got) != int(n)*strings.Count(tt.line, "\n") {
					t.Errorf("%d messages arrived of %d", got, s.Written.Messages)
				}
				for i, m := range g.all() {
					if m.Num != uint64(i+1) {
						t.Fatalf("message %d has Num %d", i, m.Num)
					}
				}
				a.Detach()
			})
		})
	}
}

// The bound of a sink's queue comes back in full, however often batches have
// been joined in it: else the writers would wait for ever, one day. In mode
// Fold a line that ends with CR CR LF (a Windows program in text mode writes
// that) is a run by itself and joins the one before it in the same block.
func TestQueueComesBack(t *testing.T) {
	for _, text := range []string{
		strings.Repeat(strings.Repeat("x", 97)+"\r\r\n", 700), // a block
		strings.Repeat("x", 999) + "\n",                       // many share a chunk
	} {
		synctest.Test(t, func(t *testing.T) {
			b := syncstream.New(syncstream.Config{})
			a := b.Attach(sinkFunc(func([]*syncstream.Batch) error {
				time.Sleep(time.Second) // meanwhile batches wait, and are joined
				return nil
			}))
			m := open(b, "m")
			done := started(func() {
				for range 21_000_000 / len(text) { // five times what may wait
					m.Write([]byte(text))
				}
			})
			select {
			case <-done:
			case <-time.After(time.Hour):
				t.Errorf("the writer waits for a sink that has nothing to do: %+v", b.Stats())
			}
			a.Detach()
			<-done
			<-a.Done()
		})
	}
}

// A sink's error detaches it, and Err, Done and Drain say so; the writers, also
// those that wait, go on without it.
func TestSinkError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := syncstream.New(syncstream.Config{})
		bad, calls := errors.New("disk full"), 0
		pass := make(chan struct{})
		a := b.Attach(sinkFunc(func([]*syncstream.Batch) error {
			calls++
			<-pass
			return bad
		}))
		if a.Err() != nil {
			t.Error(a.Err())
		}
		m := open(b, "m")
		done := started(func() {
			for range 15_000 {
				write(t, m, strings.Repeat("x", 999)+"\n")
			}
		})
		synctest.Wait()
		drained := make(chan error)
		go func() { drained <- a.Drain(t.Context()) }()
		synctest.Wait()
		close(pass)
		<-done
		<-a.Done()
		if err := <-drained; err != bad {
			t.Errorf("Drain: %v", err)
		}
		if a.Err() != bad || a.Drain(t.Context()) != bad || calls != 1 {
			t.Errorf("Err %v, Drain %v, %d calls", a.Err(), a.Drain(t.Context()), calls)
		}
	})
}

// Detach, also in the middle of a call: the writers go on at once, the sink is
// not called again, Done closes when its last call has returned. A second
// Detach does nothing.
func TestDetachWhileWritersWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := syncstream.New(syncstream.Config{})
		g := newGate()
		a := b.Attach(g)
		m := open(b, "m")
		done := started(func() {
			for range 15_000 {
				write(t, m, strings.Repeat("x", 999)+"\n")
			}
		})
		synctest.Wait()
		a.Detach()
		a.Detach()
		<-done
		select {
		case <-a.Done():
			t.Error("done while the sink is being called")
		default:
		}
		close(g.pass)
		<-a.Done()
		if n := len(g.all()); n == 0 || n > 8400 || a.Err() != nil {
			t.Errorf("%d messages, %v", n, a.Err())
		}
	})
}

// Drain must not claim that a sink has got what Detach took from it.
func TestDrainAfterDetach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := syncstream.New(syncstream.Config{})
		g := newGate()
		a := b.Attach(g)
		m := open(b, "m")
		write(t, m, "1\n")
		synctest.Wait()
		write(t, m, "2\n")
		drained := make(chan error, 1)
		go func() { drained <- a.Drain(t.Context()) }()
		synctest.Wait()
		a.Detach()
		synctest.Wait()
		if err := <-drained; err == nil {
			t.Error("Drain returned nil; the sink has not got the second message")
		}
		close(g.pass)
	})
}

// Drain waits for what came before it, and for no longer than ctx lets it.
func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := syncstream.New(syncstream.Config{})
		g := newGate()
		a := b.Attach(g)
		if err := a.Drain(t.Context()); err != nil {
			t.Errorf("nothing to drain: %v", err)
		}
		m := open(b, "m")
		write(t, m, "1\n")
		cause := errors.New("too long")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, cause)
		defer cancel()
		start := time.Now()
		if err := a.Drain(ctx); !errors.Is(err, cause) || time.Since(start) != time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if err := a.Drain(ctx); !errors.Is(err, cause) {
			t.Errorf("with a context that has ended: %v", err)
		}
		close(g.pass)
		if err := a.Drain(t.Context()); err != nil || len(g.all()) != 1 {
			t.Errorf("%v, %d messages", err, len(g.all()))
		}
		a.Detach()
	})
}

// Promise 5: Drain ends although the writers never stop, since it waits only
// for what came before it.
func TestDrainBesideBusyWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := syncstream.New(syncstream.Config{})
		a := b.Attach(sinkFunc(func([]*syncstream.Batch) error {
			time.Sleep(3 * time.Millisecond)
			return nil
		}))
		m := open(b, "m")
		stop := make(chan struct{})
		done := started(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond):
					write(t, m, "x\n")
				}
			}
		})
		time.Sleep(100 * time.Millisecond)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := a.Drain(ctx); err != nil {
			t.Errorf("the sink lags 3 ms behind: %v", err)
		}
		close(stop)
		<-done
		a.Detach()
		<-a.Done()
	})
}

// Of two sinks the slow one decides when the writers go on; the fast one has
// got by then what was let in.
func TestTwoSinksOneSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := syncstream.New(syncstream.Config{})
		slow := newGate()
		var fast recorder
		attachments := []*syncstream.Attachment{b.Attach(slow), b.Attach(&fast)}
		m := open(b, "m")
		done := started(func() {
			for range 15_000 {
				write(t, m, strings.Repeat("x", 999)+"\n")
			}
		})
		synctest.Wait()
		if got, want := len(fast.all()), int(b.Stats().Written.Messages); got != want || want == 15_000 {
			t.Errorf("the fast sink has got %d of %d messages", got, want)
		}
		close(slow.pass)
		<-done
		for _, a := range attachments {
			if err := a.Drain(t.Context()); err != nil {
				t.Error(err)
			}
			a.Detach()
		}
		if len(fast.all()) != 15_000 || len(slow.all()) != 15_000 {
			t.Errorf("%d and %d messages, want 15000", len(fast.all()), len(slow.all()))
		}
	})
}

// A writer that waits for one sink goes on waiting for it when another leaves.
func TestSinkLeavesWhileWriterWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := syncstream.New(syncstream.Config{})
		leaving := b.Attach(&recorder{})
		slow := newGate()
		a := b.Attach(slow)
		m := open(b, "m")
		done := started(func() {
			for range 10_000 {
				write(t, m, "a\rb\n") // a batch by itself
			}
		})
		synctest.Wait()
		before := b.Stats().Written.Messages
		leaving.Detach()
		synctest.Wait()
		if n := b.Stats().Written.Messages; n != before || n == 10_000 {
			t.Errorf("%d messages, and %d when another sink has left; the slow one has no room", before, n)
		}
		close(slow.pass)
		<-done
		a.Detach()
	})
}

// Promises 4 and 5: Close ends the waiting of writers; what waited is
// delivered, then the partial lines; later writes get ErrClosed; then the sink
// is done.
func TestCloseWhileWritersWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := syncstream.New(syncstream.Config{MaxMessages: 10_000})
		g := newGate()
		a := b.Attach(g)
		var done []<-chan struct{}
		for i := range 3 {
			m := open(b, fmt.Sprint("m", i))
			write(t, m.Stderr(), "last words")
			done = append(done, started(func() {
				for {
					n, err := m.Write([]byte(strings.Repeat("x", 999) + "\n"))
					if err == syncstream.ErrClosed && n == 0 {
						return
					} else if err != nil || n != 1000 {
						t.Errorf("Write: %d, %v", n, err)
						return
					}
				}
			}))
		}
		closing := open(b, "closing")
		synctest.Wait()
		write(t, closing, "partial")
		done = append(done, started(func() { closing.CloseWithError(errors.New("why")) }))
		synctest.Wait()
		b.Close()
		for _, d := range done {
			<-d
		}
		select {
		case <-a.Done():
			t.Error("done while the sink is being called")
		default:
		}
		close(g.pass)
		<-a.Done()
		b.Close()
		s := b.Stats()
		if got, want := len(g.all()), int(s.Written.Messages-s.Lost.Messages); got != want || s.Lost.Messages > 3 {
			t.Errorf("%d messages arrived, want %d: %+v", got, want, s)
		}
		text := g.text()
		for want, n := range map[string]int{
			`/stderr "last words" none`:    3,
			`closing1 "partial" none`:      1,
			`closing2/control/error "why"`: 1,
		} {
			if got := strings.Count(text, want); got != n {
				t.Errorf("%d of %d: %s", got, n, want)
			}
		}
		checkStats(t, b)
	})
}

// An attachment to a buffer that is closed is done at once.
func TestAttachAfterClose(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	m := open(b, "m")
	write(t, m, "x\n")
	b.Close()
	var r recorder
	a := b.Attach(&r)
	within(t, a.Done(), "an attachment to a closed buffer is done")
	if err := a.Drain(t.Context()); err != nil || a.Err() != nil || len(r.all()) != 0 {
		t.Errorf("%v, %v, %d messages", err, a.Err(), len(r.all()))
	}
}

// A sink reads what comes from its attachment on.
func TestAttachLater(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	m := open(b, "m")
	write(t, m, "1\n2\n3")
	var r recorder
	a := b.Attach(&r)
	write(t, m, "\n4\n")
	if err := a.Drain(t.Context()); err != nil {
		t.Error(err)
	}
	if got, want := r.text(), "m3 \"3\"\nm4 \"4\""; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	a.Detach()
	within(t, a.Done(), "detached")
}

// The pieces of a line come together as long as they keep coming, whatever a
// noisy neighbour writes meanwhile, and also when that has filled the queue.
func TestPiecesComeTogether(t *testing.T) {
	for _, noise := range []string{"a\rb\n", strings.Repeat("x", 99_999) + "\n"} {
		synctest.Test(t, func(t *testing.T) {
			b := syncstream.New(syncstream.Config{MaxLine: 100_000})
			var r recorder
			a := b.Attach(&r)
			long, noisy := open(b, "long"), open(b, "noisy")
			stop := make(chan struct{})
			done := started(func() {
				for {
					select {
					case <-stop:
						return
					default:
						for range 25 {
							write(t, noisy, noise)
						}
						time.Sleep(time.Millisecond) // 5000 in all, more than the queue holds
					}
				}
			})
			piece := strings.Repeat("y", 100_000)
			for range 2 {
				write(t, long, piece)
				time.Sleep(100 * time.Millisecond)
			}
			write(t, long, "end\n")
			close(stop)
			<-done
			if err := a.Drain(t.Context()); err != nil {
				t.Error(err)
			}
			a.Detach()
			first, last := -1, -1
			for i, m := range r.all() {
				if m.Source.Name == "long" {
					if first < 0 {
						first = i
					}
					last = i
				}
			}
			if last-first != 2 {
				t.Errorf("noise of %d bytes: 3 pieces stand from message %d to %d", len(noise), first, last)
			}
			checkNums(t, r.all())
		})
	}
}

func checkNums(t *testing.T, messages []syncstream.Message) {
	t.Helper()
	num := map[*syncstream.Source]uint64{}
	for _, m := range messages {
		if num[m.Source]++; m.Num != num[m.Source] {
			t.Fatalf("%s, want Num %d", short(m), num[m.Source])
		}
	}
}

// A line whose pieces do not come holds the others up for 250 ms and no
// longer; what comes of it later is delivered.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := syncstream.New(syncstream.Config{MaxLine: 2})
		var r recorder
		a := b.Attach(&r)
		long, other := open(b, "long"), open(b, "other")
		step := func(d time.Duration, want string) {
			t.Helper()
			time.Sleep(d)
			synctest.Wait()
			if got := r.text(); got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		}
		write(t, long, "aab")
		step(time.Hour, `long1/first "aa" none`) // nobody waits
		write(t, long, "bc")
		write(t, other, "1\n")
		step(249*time.Millisecond, "long1/first \"aa\" none\nlong2/middle \"bb\" none")
		write(t, long, "cd")
		step(249*time.Millisecond, "long1/first \"aa\" none\nlong2/middle \"bb\" none\nlong3/middle \"cc\" none")
		want := "long1/first \"aa\" none\nlong2/middle \"bb\" none\nlong3/middle \"cc\" none\nother1 \"1\""
		step(time.Millisecond, want)
		write(t, other, "2\n")
		want += "\nother2 \"2\""
		step(0, want)
		write(t, long, "de")
		want += "\nlong4/middle \"dd\" none"
		step(0, want)
		write(t, other, "3\n")
		step(249*time.Millisecond, want)
		write(t, long, "\n")
		step(0, want+"\nlong5/last \"e\"\nother3 \"3\"")
		a.Detach()
	})
}

// A line that was never ended holds nobody up once the buffer is closed, nor
// does it hold up Drain for longer than the patience.
func TestUnendedLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := syncstream.New(syncstream.Config{MaxLine: 2})
		var r recorder
		a := b.Attach(&r)
		long, other := open(b, "long"), open(b, "other")
		write(t, long, "aab")
		synctest.Wait()
		write(t, other, "1\n")
		start := time.Now()
		if err := a.Drain(t.Context()); err != nil || time.Since(start) != 250*time.Millisecond {
			t.Errorf("Drain: %v after %v", err, time.Since(start))
		}
		write(t, long, "bc")
		synctest.Wait()
		write(t, other, "2\n")
		synctest.Wait()
		start = time.Now()
		b.Close()
		<-a.Done()
		if d := time.Since(start); d != 0 {
			t.Errorf("the sink was done after %v", d)
		}
		want := "long1/first \"aa\" none\nother1 \"1\"\nlong2/middle \"bb\" none\nlong3/last \"c\" none\nother2 \"2\""
		if got := r.text(); got != want {
			t.Errorf("got:\n%s\nwant:\n%s", got, want)
		}
	})
}

// Batches say of themselves what their messages are.
func TestBatch(t *testing.T) {
	type row struct {
		len, redraws int
		first        uint64
		stream       syncstream.Stream
		kind         syncstream.Kind
		part         syncstream.Part
		plain        bool
		text, lines  string
	}
	for _, tt := range []struct {
		lines syncstream.Lines
		do    func(m *syncstream.Mirror)
		want  []row
	}{
		{syncstream.Fold, func(m *syncstream.Mirror) { io.WriteString(m, "a\nb\r\nc") }, []row{
			{len: 2, first: 1, plain: true, text: "a\nb\r\n", lines: "a.lf b.crlf "},
			{len: 1, first: 3, text: "c", lines: "c.none "},
		}},
		{syncstream.Fold, func(m *syncstream.Mirror) { io.WriteString(m.Stderr(), "1\r2\n") }, []row{
			{len: 1, first: 1, redraws: 1, stream: syncstream.Stderr, plain: true, text: "2\n", lines: "2.lf "},
		}},
		{syncstream.Fold, func(m *syncstream.Mirror) { io.WriteString(m, "a\r\r\n") }, []row{
			{len: 1, first: 1, plain: false, text: "a\r\r\n", lines: "a.crlf "}, // neither LF alone nor a CR and an LF
		}},
		{syncstream.Split, func(m *syncstream.Mirror) { io.WriteString(m, "a\rb\n") }, []row{
			{len: 2, first: 1, text: "a\rb\n", lines: "a.cr b.lf "},
		}},
		{syncstream.Fold, func(m *syncstream.Mirror) { m.Error(errors.New("x\ny\n")) }, []row{
			{len: 1, first: 1, stream: syncstream.Control, kind: syncstream.Error, text: "x\ny", lines: "x\ny.none "},
		}},
		{syncstream.Fold, func(m *syncstream.Mirror) { io.WriteString(m, "123456789\n") }, []row{
			{len: 1, first: 1, part: syncstream.PartFirst, text: "12345678", lines: "12345678.none "},
			{len: 1, first: 2, part: syncstream.PartLast, text: "9\n", lines: "9.lf "},
		}},
	} {
		b := syncstream.New(syncstream.Config{MaxLine: 8})
		var got []row
		a := b.Attach(sinkFunc(func(batches []*syncstream.Batch) error {
			for _, b := range batches {
				r := row{
					b.Len(), b.Redraws(), b.First(), b.Stream(), b.Kind(), b.Part(), b.PlainLF(), string(b.Text()), "",
				}
				for text, end := range b.Lines() {
					r.lines += string(text) + "." + end.String() + " "
				}
				if b.Source().Name != "m" || time.Since(b.Time()) > time.Minute {
					t.Errorf("source %v, time %v", b.Source(), b.Time())
				}
				for range b.Lines() { // a reader may stop early
					break
				}
				for range b.All() {
					break
				}
				got = append(got, r)
			}
			return nil
		}))
		m := b.Mirror(syncstream.MirrorConfig{Source: syncstream.Source{Name: "m"}, Lines: tt.lines})
		tt.do(m)
		a.Drain(t.Context())
		m.Close()
		b.Close()
		<-a.Done()
		if fmt.Sprint(got) != fmt.Sprint(tt.want) {
			t.Errorf("%s:\n got %+v\nwant %+v", tt.lines, got, tt.want)
		}
	}
}

// Promise 5: Close may be called at any time, also while a sink does not return
// that a pipe's reader calls. It says that it does not wait.
func TestCloseDoesNotWaitForSink(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	g := newGate()
	b.Attach(g)
	m := open(b, "reader")
	done := started(func() { m.ReadFrom(r) })
	write(t, w, "x\n")
	within(t, g.called, "the sink is called")
	within(t, started(func() { b.Close() }), "Close returns while a sink is being called")
	close(g.pass)
	w.Close()
	within(t, done, "the reader ends")
	r.Close()
}

// Promise 5: by anyone, also by the sink itself, as when its disk is full.
func TestSinkCloses(t *testing.T) {
	for _, piped := range []bool{false, true} {
		b := syncstream.New(syncstream.Config{})
		a := b.Attach(sinkFunc(func([]*syncstream.Batch) error {
			b.Close()
			return errors.New("disk full")
		}))
		m := open(b, "m")
		if !piped {
			write(t, m, "x\n")
		} else {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			go m.ReadFrom(r)
			write(t, w, "x\n")
			w.Close()
		}
		within(t, a.Done(), fmt.Sprintf("a sink closes its buffer (called by a pipe's reader: %t)", piped))
	}
}

// Of two sinks on a pipe's mirror, the second does not wait for the first: the
// reader that calls the first has to leave the second to its own goroutine.
func TestTwoSinksOnPipe(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	r, w := osPipe(t)
	blocked, pass := make(chan struct{}), make(chan struct{})
	seen := []chan struct{}{make(chan struct{}, 10), make(chan struct{}, 10)}
	for i := range seen {
		b.Attach(sinkFunc(func(batches []*syncstream.Batch) error {
			if i == 0 && string(batches[0].Text()) == "2\n" {
				close(blocked)
				<-pass
			}
			seen[i] <- struct{}{}
			return nil
		}))
	}
	m := open(b, "m")
	done := started(func() { m.ReadFrom(r) })
	write(t, w, "1\n")
	for i := range seen {
		within(t, seen[i], "a sink gets the first line")
	}
	write(t, w, "2\n")
	within(t, blocked, "the first sink gets the second line")
	select {
	case <-seen[1]:
	case <-time.After(time.Second):
		t.Error("the second sink gets nothing while the first is being called")
	}
	close(pass)
	w.Close()
	within(t, done, "ReadFrom")
	b.Close()
}

// Sinks come and go while others write, and nobody hangs or gets a message
// twice.
func TestAttachAndDetachWhileWriting(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	stop := make(chan struct{})
	var writers sync.WaitGroup
	for i := range 2 {
		m := open(b, fmt.Sprint("m", i))
		writers.Go(func() {
			for j := 0; ; j++ {
				select {
				case <-stop:
					return
				default:
					write(t, m, checked(m.Source().Name, j, 100)+"\n")
				}
			}
		})
	}
	for range 30 {
		var r recorder
		a := b.Attach(&r)
		write(t, open(b, "x"), "x\n")
		if err := a.Drain(t.Context()); err != nil {
			t.Error(err)
		}
		a.Detach()
		within(t, a.Done(), "detached")
		num := map[*syncstream.Source]uint64{}
		for _, m := range r.all() {
			if last := num[m.Source]; last != 0 && m.Num != last+1 {
				t.Fatalf("%s follows Num %d", short(m), last)
			}
			num[m.Source] = m.Num
		}
	}
	close(stop)
	writers.Wait()
	b.Close()
}

// A line that continues what already waits for a sink costs no allocation
// there. The time stands still, so that each line continues the one before it.
func TestSinkQueueAllocatesNothing(t *testing.T) {
	if race {
		return // the detector allocates
	}
	synctest.Test(t, func(t *testing.T) {
		b := syncstream.New(syncstream.Config{})
		enough := make(chan struct{})
		a := b.Attach(sinkFunc(func([]*syncstream.Batch) error {
			<-enough
			return nil
		}))
		m := open(b, "m")
		line := []byte(strings.Repeat("x", 99) + "\n")
		m.Write(line)
		synctest.Wait() // the sink has the first line, and the others wait for it
		if n := testing.AllocsPerRun(500, func() { m.Write(line) }); n != 0 {
			t.Errorf("%v allocations a line", n)
		}
		close(enough)
		if err := a.Drain(t.Context()); err != nil {
			t.Error(err)
		}
		b.Close()
		<-a.Done()
	})
}
