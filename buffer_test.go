package syncstream_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/syncstream/syncstream"
)

// Promises 1 and 2, whole and in order: eight mirrors, two goroutines on each
// of their streams, write boundaries anywhere. Nothing else proves that no two
// mirrors ever share a partial line.
func TestManyMirrors(t *testing.T) {
	const mirrors, lines = 8, 400
	b := syncstream.New(syncstream.Config{MaxMessages: 1 << 20})
	var sink recorder
	a := b.Attach(&sink)
	for i := range mirrors {
		b.Go(fmt.Sprint("m", i), func(_ context.Context, m *syncstream.Mirror) error {
			var both sync.WaitGroup
			for _, w := range []*syncstream.Writer{m.Stdout(), m.Stderr()} {
				both.Go(func() {
					rng := rand.New(rand.NewPCG(uint64(i), 1))
					var text strings.Builder
					for j := range lines {
						text.WriteString(checked(fmt.Sprint("m", i), j, rng.IntN(300)) + "\n")
					}
					for rest := text.String(); rest != ""; {
						n := min(len(rest), 1+rng.IntN(500))
						write(t, w, rest[:n])
						rest = rest[n:]
					}
				})
			}
			both.Wait()
			return nil
		})
	}
	if err := b.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := a.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, messages := range map[string][]syncstream.Message{"Last": all(t, b), "sink": sink.all()} {
		if len(messages) != mirrors*2*lines {
			t.Errorf("%s: %d messages, want %d", name, len(messages), mirrors*2*lines)
		}
		checkOrder(t, messages)
	}
}

// checkOrder checks that each line is whole, that each stream's lines stand in
// the order in which they were written, from the first, and that Num has no
// hole.
func checkOrder(t *testing.T, messages []syncstream.Message) {
	t.Helper()
	type key struct {
		source *syncstream.Source
		stream syncstream.Stream
	}
	next := map[key]int{}
	num := map[*syncstream.Source]uint64{}
	for _, m := range messages {
		num[m.Source]++
		name, i, err := check(m.Text)
		k := key{m.Source, m.Stream}
		if err != nil || name != m.Source.Name || i != next[k] || m.Num != num[m.Source] {
			t.Fatalf("%s, %s: %.60q, %v; want line %d, Num %d", m.Source, m.Stream, short(m), err, next[k], num[m.Source])
		}
		next[k]++
	}
}

// Promise 1: what one Write brings stands together, also when many goroutines
// write to one stream, and also when it is longer than the pieces in which a
// mirror looks at it (32 KiB) or the blocks into which it copies it (64 KiB).
func TestWriteStaysTogether(t *testing.T) {
	for _, size := range []int{20, 40_000, 200_000} {
		b := syncstream.New(syncstream.Config{MaxMessages: 1 << 20})
		m := open(b, "m")
		slow := newGate()
		a := b.Attach(slow)
		var wg sync.WaitGroup
		for g := range 16 {
			wg.Go(func() {
				for i := range 2 {
					name := fmt.Sprintf("g%d.%d", g, i)
					var text strings.Builder
					n := 0
					for ; text.Len() < size; n++ {
						text.WriteString(checked(name, n, 100) + "\n")
					}
					write(t, m, text.String()+checked(name, -1, 0)+"\n")
				}
			})
		}
		// Writers that have waited for a millisecond get a lock that is given
		// back; so one given back in the middle of a Write would show.
		within(t, slow.called, "the sink is called")
		<-time.After(5 * time.Millisecond)
		close(slow.pass)
		wg.Wait()
		a.Detach()
		now, next := "", 0 // the write that is under way, and its next line
		for _, message := range all(t, b) {
			name, i, err := check(message.Text)
			switch {
			case err != nil:
				t.Fatal(err)
			case next == 0:
				now = name
			case name != now || i != next && i != -1:
				t.Fatalf("%d bytes a write: line %d of %s stands where line %d of %s should", size, i, name, next, now)
			}
			if next++; i == -1 {
				next = 0
			}
		}
	}
}

// Promise 3: Num counts a source's messages from 1 over all its streams, those
// of the mirror itself included, so that a hole can be seen.
func TestNum(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	m, other := open(b, "a"), open(b, "b")
	write(t, m, "1\n2\n")
	write(t, other, "1\n")
	write(t, m.Stderr(), "3\n")
	if err := errors.Join(m.Warn(errors.New("4\n4")), m.Error(errors.New("5"))); err != nil {
		t.Error(err)
	}
	write(t, m, "6\npart")
	write(t, m.Stderr(), "ial")
	m.CloseWithError(errors.New("9"))
	want := `a1 "1"
a2 "2"
b1 "1"
a3/stderr "3"
a4/control/warning "4\n4"
a5/control/error "5"
a6 "6"
a7 "part" none
a8/stderr "ial" none
a9/control/error "9"`
	if got := shorts(all(t, b)); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// Promise 6, by messages: exactly MaxMessages are kept, whether they came in
// one write or in many, and Last gives the last n of them.
func TestMaxMessages(t *testing.T) {
	for _, perWrite := range []int{1, 7, 100, 20_000} {
		b := syncstream.New(syncstream.Config{MaxMessages: 100})
		m := open(b, "m")
		for i := 0; i < 20_000; i += perWrite {
			var text strings.Builder
			for j := range perWrite {
				fmt.Fprintf(&text, "line %d\n", i+j)
			}
			write(t, m, text.String())
			if want := min(100, i+perWrite); b.Len() != want {
				t.Fatalf("%d lines a write: Len %d after %d lines, want %d", perWrite, b.Len(), i+perWrite, want)
			}
		}
		total := (20_000 + perWrite - 1) / perWrite * perWrite
		for _, n := range []int{-1, 0, 1, 99, 100, 101} {
			messages, err := b.Last(t.Context(), n)
			if err != nil {
				t.Fatal(err)
			}
			if want := min(max(n, 0), 100); len(messages) != want {
				t.Fatalf("Last(%d): %d messages, want %d", n, len(messages), want)
			}
			for i, m := range messages {
				if want := fmt.Sprint("line ", total-len(messages)+i); m.Text != want {
					t.Fatalf("Last(%d)[%d] = %q, want %q", n, i, m.Text, want)
				}
			}
		}
	}
}

// Promise 6, by bytes: what is kept never goes over MaxBytes, and a line that
// alone is over is not kept, but counted.
func TestMaxBytes(t *testing.T) {
	b := syncstream.New(syncstream.Config{MaxBytes: 100})
	m := open(b, "m")
	for i := range 1000 {
		write(t, m, strings.Repeat("x", i%98)+"\n")
		if s := b.Stats(); s.Kept.Bytes > 100 || s.Kept.Messages == 0 {
			t.Fatalf("%+v are kept after line %d, want 100 bytes at most", s.Kept, i)
		}
	}
	m.Error(errors.New(strings.Repeat("x", 101)))
	if s := b.Stats(); s.Kept != (syncstream.Count{}) || s.Rotated != s.Written {
		t.Errorf("an error of 101 bytes: %+v", s)
	}
}

// Promise 6, memory: the doc of MaxBytes says that the memory can be twice as
// much and about one MiB besides. Blocks of 256 KiB are handed to the ring as
// they are, so what counts is how much of each is text.
func TestMemoryOfRing(t *testing.T) {
	for _, tt := range []struct {
		name  string
		write string
		why   string
	}{
		{"lines", strings.Repeat("x", 99) + "\n", "a chunk is full of text"},
		{"64 KiB", strings.Repeat(strings.Repeat("x", 99)+"\n", 656), "what a pipe of the usual size gives at once"},
		{"a bar", strings.Repeat(strings.Repeat("#", 99)+"\r", 700) + "100 %\n", "of a progress bar only the last state is text"},
		{"a line", "x\n" + strings.Repeat("y", 70_000), "a large partial line is not in the ring"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			const maxBytes = 4 << 20
			b := syncstream.New(syncstream.Config{MaxBytes: maxBytes, MaxMessages: 1 << 20})
			m := open(b, "m")
			before := heap()
			for n := 0; n < 3*maxBytes; n += len(tt.write) {
				write(t, m, tt.write)
			}
			if grown := heap() - before; grown > 2*maxBytes+2<<20 {
				t.Errorf("%s\n%+v\nthe heap has grown by %d KiB, want %d at most", tt.why, b.Stats(), grown>>10, (2*maxBytes+2<<20)>>10)
			}
			runtime.KeepAlive(b)
		})
	}
}

// heap returns the bytes that are in use.
func heap() int64 {
	runtime.GC()
	runtime.GC() // what the first has finalized
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}

// Promise 6: idle streams cost next to nothing, also when they hold half a
// line on each stream.
func TestIdleCost(t *testing.T) {
	const mirrors = 2000
	b := syncstream.New(syncstream.Config{MaxMessages: 1})
	before := heap()
	for range mirrors {
		m := open(b, "idle")
		write(t, m, strings.Repeat("x", 9000)) // once there was a long line
		write(t, m, "\n"+strings.Repeat("x", 50))
		write(t, m.Stderr(), strings.Repeat("x", 50))
	}
	b.Clear() // or the last lines of each source would count
	if per := (heap() - before) / mirrors; per >= 4<<10 {
		t.Errorf("an idle mirror costs %d bytes, want less than 4 KiB", per)
	}
	if n := len(b.Partials()); n != 2*mirrors {
		t.Errorf("%d partial lines, want %d", n, 2*mirrors)
	}
}

// Promise 7: the store changes no byte, whatever it means to a terminal or to
// UTF-8, and keeps the kind of line end.
func TestBytesAreTruth(t *testing.T) {
	var every []byte
	for i := range 256 {
		if i != '\n' && i != '\r' {
			every = append(every, byte(i))
		}
	}
	for _, text := range []string{
		"\x00\n", "\xff\xfe\r\n", "\x1b[2J\x1b]0;title\a\n", "\xc3\x28\n\r\n\n", "\u2028\v\f\n", string(every) + "\r\n" + string(every) + "\n",
		string(bytes.Repeat(every, 500)) + "\r\n", // a block
	} {
		b := syncstream.New(syncstream.Config{})
		m := open(b, "m")
		for _, size := range []int{1, 2, 3, 1 << 20} {
			for rest := text; rest != ""; {
				n := min(size, len(rest))
				write(t, m, rest[:n])
				rest = rest[n:]
			}
		}
		var got strings.Builder
		for _, m := range all(t, b) {
			got.WriteString(m.Text + m.End.Bytes())
		}
		if got.String() != strings.Repeat(text, 4) {
			t.Errorf("wrote four times %.60q, read %.240q", text, got.String())
		}
	}
}

// Promise 5: Close may be called at any time, by anyone, more than once; what
// was written before is there, and what comes after is refused and counted.
func TestBufferClose(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	m := open(b, "a")
	write(t, m, "one\nlast words")
	for range 2 {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
	if n, err := m.Write([]byte("late\n")); n != 0 || err != syncstream.ErrClosed {
		t.Errorf("Write after Close: %d, %v", n, err)
	}
	if n, err := m.Write([]byte("late")); n != 0 || err != syncstream.ErrClosed {
		t.Errorf("Write of half a line after Close: %d, %v", n, err)
	}
	for name, err := range map[string]error{
		"Close": m.Close(), "CloseWithError": m.CloseWithError(errors.New("x")),
		"Warn": m.Warn(errors.New("x")), "Error": m.Error(errors.New("x")),
	} {
		if err != syncstream.ErrClosed {
			t.Errorf("%s after Close: %v", name, err)
		}
	}
	late := open(b, "b")
	if n, err := late.Write([]byte("x\n")); n != 0 || err != syncstream.ErrClosed {
		t.Errorf("Write to a mirror opened after Close: %d, %v", n, err)
	}
	if late.Context().Err() == nil || context.Cause(m.Context()) != syncstream.ErrClosed {
		t.Error("a mirror's context goes on after Close")
	}
	if got, want := shorts(all(t, b)), "a1 \"one\"\na2 \"last words\" none"; got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	s := b.Stats()
	if s.Lost.Messages != 4 || s.Kept != (syncstream.Count{Messages: 2, Bytes: 14}) || s.Open != 0 || s.Sources != 2 {
		t.Errorf("%+v", s)
	}
	checkStats(t, b)
	if err := b.Wait(t.Context()); err != nil {
		t.Error(err)
	}
}

// checkStats checks promise 3: written = kept + rotated + lost, in messages
// and in bytes.
func checkStats(t testing.TB, b *syncstream.Buffer) {
	t.Helper()
	s, sources := b.Snapshot()
	var sum, written, lost syncstream.Count
	for _, part := range []syncstream.Count{s.Kept, s.Rotated, s.Parsed, s.Cleared, s.Lost} {
		addCount(&sum, part)
	}
	for _, source := range sources {
		addCount(&written, source.Written)
		addCount(&lost, source.Lost)
	}
	if sum != s.Written || written != s.Written || lost != s.Lost {
		t.Errorf("the parts are %+v, the sources wrote %+v and lost %+v:\n%+v", sum, written, lost, s)
	}
}

func addCount(sum *syncstream.Count, c syncstream.Count) {
	sum.Messages += c.Messages
	sum.Bytes += c.Bytes
}

// Promise 3: the account is one snapshot, right at any moment, while many
// write, messages rotate, and the buffer is closed.
func TestStatsAreOneSnapshot(t *testing.T) {
	b := syncstream.New(syncstream.Config{MaxMessages: 100, MaxBytes: 5000, MaxLine: 50})
	var writers sync.WaitGroup
	for i := range 3 {
		m := open(b, fmt.Sprint("m", i))
		writers.Go(func() {
			for j := 0; ; j++ {
				if _, err := m.Write([]byte(strings.Repeat("x", j%150) + "\nab\rc\n")); err != nil {
					return
				}
			}
		})
	}
	for range 500 {
		checkStats(t, b)
	}
	b.Close()
	writers.Wait()
	checkStats(t, b)
}

// Last gives ctx's cause, not what it may have read by then.
func TestLastContext(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if messages, err := b.Last(ctx, 1); messages != nil || !errors.Is(err, cause) {
		t.Errorf("%v, %v", messages, err)
	}
}

// Sources tells how far each source is; Active and Closed are zero before
// their time.
func TestSources(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	first := open(b, "first")
	second := b.Mirror(syncstream.MirrorConfig{
		Source: syncstream.Source{ID: "id", Name: "second", Host: "far", PID: 7, Rank: 1, Size: 2},
	})
	write(t, second, "abc\r\n")
	bad := errors.New("bad")
	second.CloseWithError(bad)
	s := b.Sources()
	if len(s) != 2 || s[0].Source != first.Source() || s[1].Source != second.Source() {
		t.Fatalf("%+v", s)
	}
	if s[0].State != syncstream.StateOpen || !s[0].Active.IsZero() || !s[0].Closed.IsZero() || s[0].Opened.IsZero() {
		t.Errorf("first: %+v", s[0])
	}
	if s[1].State != syncstream.StateExited || s[1].Err != bad || s[1].Closed.Before(s[1].Opened) || s[1].Active.IsZero() ||
		s[1].Written != (syncstream.Count{Messages: 2, Bytes: 8}) {
		t.Errorf("second: %+v", s[1])
	}
	if b.NumOpen() != 1 {
		t.Errorf("%d open", b.NumOpen())
	}
	if want := (syncstream.Source{ID: "id", Name: "second", Host: "far", PID: 7, Rank: 1, Size: 2}); *second.Source() != want {
		t.Errorf("%+v, want %+v", *second.Source(), want)
	}
	a, c := open(b, "x").Source(), open(b, "x").Source()
	if a.ID == c.ID || a.Host == "" || a.PID == 0 {
		t.Errorf("%+v and %+v: a restarted worker is another source", *a, *c)
	}
}

// A tail has the last pieces of a line too, although a buffer that has lost its
// beginning keeps none of them; and what follows them between its pieces.
func TestTailHasPieces(t *testing.T) {
	b := syncstream.New(syncstream.Config{MaxMessages: 2, MaxLine: 4})
	m := open(b, "m")
	write(t, m, "aaaabbbb")
	write(t, m.Stderr(), "e\n")
	write(t, m, "ccccdd\n")
	want := "m1/first \"aaaa\" none\nm2/stderr \"e\"\nm3/middle \"bbbb\" none\nm4/middle \"cccc\" none\nm5/last \"dd\""
	if got := shorts(b.Sources()[0].Tail); got != want || b.Len() != 1 {
		t.Errorf("%d kept, and the tail is\n%s\nwant\n%s", b.Len(), got, want)
	}
}

// A Config's zero is ready to use, and a negative number is refused by its
// name.
func TestConfig(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	m := open(b, "m")
	write(t, m, strings.Repeat("\n", syncstream.DefaultMaxMessages+1))
	write(t, m, strings.Repeat("x", syncstream.DefaultMaxLine)+"\n")
	write(t, m, strings.Repeat("x", syncstream.DefaultMaxLine+1)+"\n")
	if n := b.Len(); n != syncstream.DefaultMaxMessages {
		t.Errorf("%d messages are kept, want %d", n, syncstream.DefaultMaxMessages)
	}
	last, _ := b.Last(t.Context(), 3)
	if len(last) != 3 || last[0].Part != syncstream.PartWhole || last[1].Part != syncstream.PartFirst || last[2].Text != "x" {
		t.Error("DefaultMaxLine is not what a line may have")
	}
	for name, c := range map[string]syncstream.Config{
		"MaxMessages": {MaxMessages: -1}, "MaxBytes": {MaxBytes: -1}, "MaxLine": {MaxLine: -1},
	} {
		wantPanic(t, "Config."+name, func() { syncstream.New(c) })
	}
	wantPanic(t, "MirrorConfig.Lines", func() { b.Mirror(syncstream.MirrorConfig{Lines: syncstream.Python + 1}) })
}

func wantPanic(t *testing.T, name string, f func()) {
	t.Helper()
	defer func() {
		if s := fmt.Sprint(recover()); !strings.Contains(s, name) {
			t.Errorf("panic %q does not name %s", s, name)
		}
	}()
	f()
}

// The design: a line costs no allocation of its own, nor does a reader's
// absence. Neither with one goroutine nor with four.
func TestWriteAllocatesNothing(t *testing.T) {
	if race {
		return // the detector allocates
	}
	b := syncstream.New(syncstream.Config{})
	line := []byte(strings.Repeat("x", 99) + "\n")
	m := open(b, "m")
	for _, tt := range []struct {
		name  string
		write func()
	}{
		{"a line", func() { m.Write(line) }},
		{"a line in two writes", func() { m.Write(line[:50]); m.Write(line[50:]) }},
		{"two streams", func() { m.Write(line); m.Stderr().Write(line) }},
	} {
		for range 5000 { // fill the ring first
			tt.write()
		}
		if n := testing.AllocsPerRun(20_000, tt.write); n != 0 {
			t.Errorf("%s: %v allocations", tt.name, n)
		}
	}

	const workers, each = 4, 50_000
	var before, after runtime.MemStats
	var mirrors []*syncstream.Mirror
	for range workers {
		mirrors = append(mirrors, open(b, "worker"))
	}
	run := func(n int) {
		var wg sync.WaitGroup
		for _, m := range mirrors {
			wg.Go(func() {
				for range n {
					m.Write(line)
				}
			})
		}
		wg.Wait()
	}
	run(5000)
	runtime.ReadMemStats(&before)
	run(each)
	runtime.ReadMemStats(&after)
	if n := after.Mallocs - before.Mallocs; n > workers*each/1000 {
		t.Errorf("four goroutines: %d allocations for %d lines", n, workers*each)
	}
}
