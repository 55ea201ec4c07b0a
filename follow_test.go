package syncstream_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/syncstream/syncstream"
)

// collect ranges over a sequence in a goroutine of its own.
func collect(seq iter.Seq2[syncstream.Message, error]) (result func() ([]syncstream.Message, error)) {
	var messages []syncstream.Message
	var failed error
	done := make(chan struct{})
	go func() {
		defer close(done)
		for m, err := range seq {
			if failed = err; err == nil {
				messages = append(messages, m)
			}
		}
	}()
	return func() ([]syncstream.Message, error) { <-done; return messages, failed }
}

func TestFollowWhere(t *testing.T) {
	for _, tt := range []struct {
		after syncstream.Position
		want  string
	}{
		{syncstream.Oldest, "3 4 5 6"},
		{1, "gap1@2 3 4 5 6"},
		{2, "3 4 5 6"},
		{4, "5 6"},
		{5, "6"},
		{syncstream.Latest, "6"},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := syncstream.New(syncstream.Config{MaxMessages: 3})
			m := open(b, "m")
			write(t, m, "1\n2\n3\n4\n5\n")
			result := collect(b.Follow(t.Context(), tt.after))
			synctest.Wait()
			write(t, m, "6\n")
			b.Close()
			messages, err := result()
			if got := places(messages); got != tt.want || err != nil {
				t.Errorf("after %d: %s, %v; want %s", tt.after, got, err, tt.want)
			}
		})
	}
}

// places shows where messages stand, and the gaps between them.
func places(messages []syncstream.Message) string {
	var s []string
	for _, m := range messages {
		if m.Kind == syncstream.Gap {
			s = append(s, fmt.Sprintf("gap%d@%d", m.Missing, m.Position))
		} else {
			s = append(s, m.Text)
		}
	}
	return strings.Join(s, " ")
}

func TestFollowErrors(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	write(t, open(b, "m"), "1\n2\n")
	_, err := collect(b.Follow(t.Context(), 3))()
	if want := "syncstream: follow a buffer: there is no message at position 3; the newest is at 2"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	result := collect(b.Follow(ctx, syncstream.Latest))
	cancel(cause)
	if messages, err := result(); len(messages) != 0 || !errors.Is(err, cause) {
		t.Errorf("%v, %v", messages, err)
	}
}

// A follower that is outrun, by new messages or by Clear, is told how many it
// has missed, and goes on.
func TestFollowOutrun(t *testing.T) {
	b := syncstream.New(syncstream.Config{MaxMessages: 4})
	m := open(b, "m")
	write(t, m, "1\n")
	next, stop := iter.Pull2(b.Follow(t.Context(), syncstream.Oldest))
	defer stop()
	read := func(n int) string {
		var messages []syncstream.Message
		for range n {
			m, err, ok := next()
			if err != nil || !ok {
				t.Fatal(err, ok)
			}
			messages = append(messages, m)
		}
		return places(messages)
	}
	for _, tt := range []struct {
		do   func()
		read int
		want string
	}{
		{func() {}, 1, "1"},
		{func() { write(t, m, "2\n3\n4\n5\n6\n7\n8\n9\n") }, 5, "gap4@5 6 7 8 9"},
		{func() { write(t, m, "10\n11\n"); b.Clear(); write(t, m, "12\n") }, 2, "gap2@11 12"},
		{func() { write(t, m, "13\n"); b.Reset() }, 1, "gap1@13"},
	} {
		tt.do()
		if got := read(tt.read); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
}

// FollowUntilDone ends when Wait would, with everything.
func TestFollowUntilDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := syncstream.New(syncstream.Config{})
		if messages, err := collect(b.Follow(t.Context(), syncstream.Oldest, syncstream.FollowUntilDone))(); len(messages) != 0 || err != nil {
			t.Error("with no mirror:", messages, err)
		}
		m, other := open(b, "m"), open(b, "other")
		result := collect(b.Follow(t.Context(), syncstream.Oldest, syncstream.FollowUntilDone))
		synctest.Wait()
		write(t, m, "1\n2")
		m.Close()
		synctest.Wait()
		write(t, other, "3\n")
		other.Close()
		if messages, err := result(); places(messages) != "1 2 3" || err != nil {
			t.Errorf("%s, %v", places(messages), err)
		}
	})
}

// Promise 2: history and live tail are one sequence, for each of many followers
// that come at any time, beside writers that never wait for them.
func TestFollowSeam(t *testing.T) {
	const writers, lines, followers = 4, 3000, 20
	b := syncstream.New(syncstream.Config{MaxMessages: writers * lines})
	var mirrors []*syncstream.Mirror
	for i := range writers {
		mirrors = append(mirrors, open(b, fmt.Sprint("w", i)))
	}
	var wg sync.WaitGroup
	for _, m := range mirrors {
		wg.Go(func() {
			for i := range lines {
				write(t, m, checked(m.Source().Name, i, 40)+"\n")
			}
			m.Close()
		})
	}
	for range followers {
		wg.Go(func() {
			seen := make(map[string]int)
			last := syncstream.Position(0)
			for m, err := range b.Follow(t.Context(), syncstream.Oldest, syncstream.FollowUntilDone) {
				name, i, torn := check(m.Text)
				if err != nil || torn != nil || i != seen[name] || m.Num != uint64(i)+1 || m.Position != last+1 {
					t.Errorf("%+v behind position %d, %d of %s: %v %v", m, last, seen[name], name, err, torn)
					return
				}
				seen[name]++
				last = m.Position
			}
			if last != writers*lines {
				t.Errorf("%d messages, want %d", last, writers*lines)
			}
		})
	}
	wg.Wait()
}

// Every waiting follower hears of one message, though its writer wakes but one.
func TestFollowersAreWoken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const followers = 1000
		b := syncstream.New(syncstream.Config{})
		m := open(b, "m")
		var got [followers]int
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for i := range followers {
			wg.Go(func() {
				ctx := ctx
				if i%3 == 1 { // some leave
					var leave context.CancelFunc
					ctx, leave = context.WithTimeout(ctx, time.Second)
					defer leave()
				}
				for _, err := range b.Follow(ctx, syncstream.Oldest) {
					if err == nil {
						got[i]++
					}
					if i%3 == 2 { // some take one only
						return
					}
				}
			})
		}
		for n := range 3 {
			synctest.Wait()
			write(t, m, "x\n")
			synctest.Wait()
			for i := range got {
				want := n + 1
				if i%3 == 2 {
					want = 1
				} else if i%3 == 1 {
					want = min(want, 2)
				}
				if got[i] != want {
					t.Fatalf("follower %d has %d messages after %d", i, got[i], n+1)
				}
			}
			if n == 1 {
				time.Sleep(2 * time.Second)
			}
		}
		cancel()
		wg.Wait()
	})
}

// A follower that has got nothing yet but a partial line is told of what it
// missed meanwhile.
func TestFollowMissesBehindPartial(t *testing.T) {
	for _, after := range []syncstream.Position{syncstream.Oldest, syncstream.Latest} {
		b := syncstream.New(syncstream.Config{})
		m := open(b, "m")
		write(t, m, "part")
		var missing []uint64
		for got, err := range b.Follow(t.Context(), after, syncstream.FollowPartials, syncstream.FollowUntilDone) {
			if err != nil {
				t.Error(err)
			}
			missing = append(missing, got.Missing)
			if got.Kind == syncstream.Partial && got.Text != "" {
				write(t, m, "ial\n1\n2\n")
				m.Close()
				b.Clear()
			}
		}
		if !slices.Contains(missing, 3) {
			t.Errorf("after %d: the messages say that %v are missing, want 3", after, missing)
		}
	}
}

// Partial lines come to those who ask, when all before has come, for each
// mirror once in 50 ms.
func TestFollowPartials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := syncstream.New(syncstream.Config{})
		a, other := open(b, "a"), open(b, "o")
		begin := time.Now()
		var got []string
		var mu sync.Mutex
		go func() {
			for m, err := range b.Follow(t.Context(), syncstream.Oldest, syncstream.FollowPartials) {
				mu.Lock()
				if err == nil {
					got = append(got, fmt.Sprintf("%v %s", time.Since(begin), short(m)))
				}
				mu.Unlock()
			}
		}()
		step := func(f func(), want ...string) {
			t.Helper()
			f()
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			if strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("at %v:\n%s\nwant:\n%s", time.Since(begin), strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			got = nil
		}
		sleep := func(d time.Duration) func() { return func() { time.Sleep(d) } }
		step(func() { write(t, a, "1") }, `0s a0/partial "1"`)
		step(func() { write(t, a, "2"); write(t, a, "3"); write(t, other, "x") })
		step(sleep(49 * time.Millisecond))
		step(sleep(time.Millisecond), `50ms a0/partial "123"`, `50ms o0/partial "x"`)
		step(func() { write(t, a, "4\n5\n") }, `50ms a1 "1234"`, `50ms a2 "5"`)
		step(sleep(time.Second))
		step(func() { write(t, a, "6"); write(t, a.Stderr(), "e") }, `1.05s a0/partial "6"`)
		step(sleep(50*time.Millisecond), `1.1s a0/stderr/partial "e"`)
		step(func() { other.Discard() })
		step(sleep(50*time.Millisecond), `1.15s o0/partial ""`)
		step(sleep(time.Second))
		step(func() { other.Progress("10 %") }, `2.15s o0/control/partial "10 %"`)
		step(func() { other.Progress("20 %"); a.Progress("") })
		step(sleep(50*time.Millisecond), `2.2s o0/control/partial "20 %"`)
		step(sleep(time.Second))
		step(func() { write(t, a, "7") }, `3.2s a0/partial "67"`) // no other has changed
		step(func() { a.Close() }, `3.2s a3 "67" none`, `3.2s a4/stderr "e" none`)
		step(sleep(time.Second))
		b.Close()
	})
}

// A partial line that goes away with its mirror is taken away: here before its
// follower may be told more.
func TestFollowPartialsOfClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := syncstream.New(syncstream.Config{})
		m := open(b, "m")
		result := collect(b.Follow(t.Context(), syncstream.Oldest, syncstream.FollowPartials))
		write(t, m, "x")
		synctest.Wait()
		m.Discard()
		m.Close()
		time.Sleep(time.Second)
		b.Close()
		messages, err := result()
		if want := "m0/partial \"x\"\nm0/partial \"\""; err != nil || shorts(messages) != want {
			t.Errorf("%s, %v; want\n%s", shorts(messages), err, want)
		}
	})
}

// A follower that is slow holds no more than what it has taken.
func TestSlowFollowersHoldLittle(t *testing.T) {
	const followers = 100
	b := syncstream.New(syncstream.Config{MaxMessages: 10, MaxBytes: 1 << 20})
	m := open(b, "m")
	text := strings.Repeat(strings.Repeat("x", 99)+"\n", 2500)
	write(t, m, text)
	before := heap()
	for range followers {
		write(t, m, text) // each follower begins in a block of its own
		next, stop := iter.Pull2(b.Follow(t.Context(), syncstream.Oldest))
		defer stop()
		next()
	}
	write(t, m, text)
	if per := (heap() - before) / followers; per > 192<<10 {
		t.Errorf("a slow follower holds %d bytes", per)
	}
}

func ExampleBuffer_Follow() {
	b := syncstream.New(syncstream.Config{})
	m := b.Mirror(syncstream.MirrorConfig{Source: syncstream.Source{Name: "build"}})
	fmt.Fprintln(m, "one")
	go func() {
		fmt.Fprintln(m, "two")
		m.Close()
	}()
	for m, err := range b.Follow(context.Background(), syncstream.Oldest, syncstream.FollowUntilDone) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(m.Position, m.Source, m.Text)
	}
	// Output:
	// 1 build one
	// 2 build two
}
