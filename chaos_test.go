package syncstream_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/syncstream/syncstream"
)

// TestChaos has many goroutines do random things to one buffer. Whatever they
// do, every Wait returns, every account balances, the contexts of mirrors end,
// and no goroutine is left: the bubble would say so.
func TestChaos(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) { chaos(t, seed) })
	}
}

func chaos(t *testing.T, seed uint64) {
	b := syncstream.New(syncstream.Config{MaxMessages: 20, MaxBytes: 500, MaxLine: 16, MaxSources: 4})
	var mu sync.Mutex // guards mirrors
	mirrors := []*syncstream.Mirror{open(b, "first")}
	pick := func(random *rand.Rand) *syncstream.Mirror {
		mu.Lock()
		defer mu.Unlock()
		return mirrors[random.IntN(len(mirrors))]
	}
	var wg sync.WaitGroup
	for i := range uint64(8) {
		random := rand.New(rand.NewPCG(seed, i))
		wg.Go(func() {
			for range 60 {
				chaosStep(t, b, random, pick(random), func(m *syncstream.Mirror) {
					mu.Lock()
					defer mu.Unlock()
					mirrors = append(mirrors, m)
				})
				if random.IntN(8) == 0 {
					time.Sleep(time.Duration(random.IntN(100)) * time.Millisecond)
				}
				checkAccount(t, b)
			}
		})
	}
	wg.Wait()
	b.Abandon()
	if err := b.Wait(t.Context()); b.NumOpen() != 0 {
		t.Errorf("seed %d: Wait has returned %v with %d open", seed, err, b.NumOpen())
	}
	b.Close()
	for _, m := range mirrors {
		if m.Context().Err() == nil {
			t.Errorf("seed %d: the context of %s has not ended", seed, m.Source())
		}
	}
	checkAccount(t, b)
}

// chaosStep does one thing. What it does may wait, but not for ever.
func chaosStep(t *testing.T, b *syncstream.Buffer, random *rand.Rand, m *syncstream.Mirror, opened func(*syncstream.Mirror)) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(random.IntN(1000))*time.Millisecond)
	defer cancel()
	switch random.IntN(24) {
	case 0, 1, 2:
		opened(open(b, fmt.Sprint("m", random.Uint32())))
	case 3, 4, 5, 6, 7:
		m.Write([]byte(strings.Repeat("line\n", random.IntN(5)) + "part"))
	case 8, 9:
		m.Stderr().Write([]byte(strings.Repeat("longer than a line may be ", random.IntN(3)) + "\n"))
	case 10:
		m.CloseWithError(errors.New("broken"))
	case 11:
		m.Close()
	case 12:
		m.Warn(errors.New("look out"))
	case 13:
		b.Stop(nil)
	case 14:
		b.Reset()
	case 15:
		b.Clear()
	case 16:
		if random.IntN(4) == 0 {
			b.Abandon()
		}
	case 17:
		b.Wait(ctx)
	case 18, 19:
		chaosSink(t, b, random, ctx)
	case 20:
		for range b.Follow(ctx, syncstream.Oldest, syncstream.FollowUntilDone, syncstream.FollowPartials) {
		}
	case 21:
		b.Go("worker", func(ctx context.Context, m *syncstream.Mirror) error {
			m.Write([]byte("hello"))
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-time.After(time.Second):
				panic("late")
			}
		})
	case 22:
		m.Discard()
		m.EndLine()
		m.Acknowledge()
	case 23:
		if random.IntN(60) == 0 {
			b.Close()
		}
	}
}

// chaosSink attaches a sink that is slow and may fail, and detaches it.
func chaosSink(t *testing.T, b *syncstream.Buffer, random *rand.Rand, ctx context.Context) {
	slow, calls := random.IntN(10), random.IntN(10)
	a := b.Attach(sinkFunc(func([]*syncstream.Batch) error {
		time.Sleep(time.Duration(slow) * time.Millisecond)
		if calls--; calls < 0 {
			return errSink
		}
		return nil
	}))
	a.Drain(ctx)
	a.Detach()
	<-a.Done()
	if err := a.Err(); err != nil && err != errSink {
		t.Error(err)
	}
}

// checkAccount checks that the account of one moment balances.
func checkAccount(t *testing.T, b *syncstream.Buffer) {
	t.Helper()
	stats, sources := b.Snapshot()
	var sum, written, lost syncstream.Count
	for _, c := range []syncstream.Count{stats.Kept, stats.Rotated, stats.Parsed, stats.Cleared, stats.Lost} {
		sum.Messages += c.Messages
		sum.Bytes += c.Bytes
	}
	open, listed := 0, 0
	for _, s := range sources {
		written.Messages += s.Written.Messages
		written.Bytes += s.Written.Bytes
		lost.Messages += s.Lost.Messages
		lost.Bytes += s.Lost.Bytes
		listed += max(1, s.Folded)
		if s.State.IsOpen() {
			open++
		}
	}
	if sum != stats.Written || written != stats.Written || lost != stats.Lost || open != stats.Open || listed != stats.Sources {
		t.Errorf("%+v does not balance: the sum is %v; the sources have written %v and lost %v, %d are open, of %d",
			stats, sum, written, lost, open, listed)
	}
}
