//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/syncstream/syncstream"
)

const (
	mirrorTurns  = 10      // of each of the two, in each case
	linesPerTurn = 400_000 // of all goroutines together
)

// A mirrorCase says who writes and whether they share what they write to.
type mirrorCase struct {
	name    string
	writers int
	shared  bool
}

var mirrorCases = []mirrorCase{
	{"one goroutine", 1, false},
	{"four goroutines, each its mirror", 4, false},
	{"four goroutines sharing a mirror", 4, true},
}

// mirrorWrite is the helper that measures Mirror.Write beside a baseline.
func mirrorWrite(ctx context.Context, _ []string) error {
	for _, c := range mirrorCases {
		if err := c.measure(ctx); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return nil
}

func (c mirrorCase) measure(ctx context.Context) error {
	b := syncstream.New(syncstream.Config{MaxMessages: kept})
	var mirrors, baselines []io.Writer
	for i := range c.writers {
		if c.shared && i > 0 {
			mirrors, baselines = append(mirrors, mirrors[0]), append(baselines, baselines[0])
			continue
		}
		m := b.Mirror(syncstream.MirrorConfig{Source: syncstream.Source{Name: fmt.Sprint("w", i)}})
		defer m.Close()
		mirrors, baselines = append(mirrors, m), append(baselines, &baseline{buf: make([]byte, 64<<10)})
	}
	one := slices.Repeat(baselines[:1], c.writers)
	c.turn(mirrors) // warm
	c.turn(baselines)
	var of, beside, besideOne turn
	for range mirrorTurns {
		of.add(c.turn(mirrors))
		beside.add(c.turn(baselines))
		besideOne.add(c.turn(one))
	}
	of.print(c.name, "mirror")
	beside.print(c.name, "baseline")
	besideOne.print(c.name, "one baseline")
	fmt.Printf("%s allocations: %g\n", c.name, float64(of.allocations)/float64(of.lines))

	if got, want := b.Stats().Written.Messages, uint64((mirrorTurns+1)*c.perTurn()); got != want {
		return fmt.Errorf("the buffer was written %d lines, not %d", got, want)
	}
	return ctx.Err()
}

func (c mirrorCase) perTurn() int { return linesPerTurn / c.writers * c.writers }

// A turn is some writing by all goroutines and what it took.
type turn struct {
	lines       int
	elapsed     time.Duration
	allocations uint64
}

func (t *turn) add(more turn) {
	t.lines += more.lines
	t.elapsed += more.elapsed
	t.allocations += more.allocations
}

func (t *turn) print(name, figure string) {
	fmt.Printf("%s %s: %g\n", name, figure, float64(t.elapsed)/float64(t.lines))
}

func (c mirrorCase) turn(writers []io.Writer) turn {
	line := append(bytes.Repeat([]byte("x"), lineBytes-1), '\n')
	var group sync.WaitGroup
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := time.Now()
	for _, w := range writers {
		group.Go(func() {
			for range linesPerTurn / c.writers {
				w.Write(line)
			}
		})
	}
	group.Wait()
	elapsed := time.Since(began)
	runtime.ReadMemStats(&after)
	return turn{c.perTurn(), elapsed, after.Mallocs - before.Mallocs}
}

// baseline does what any safe writer has to: a mutex, a copy, a time stamp.
type baseline struct {
	mu   sync.Mutex
	buf  []byte // guarded by mu, as what follows
	n    int
	time time.Time
}

func (b *baseline) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.n+len(p) > len(b.buf) {
		b.n = 0
	}
	b.n += copy(b.buf[b.n:], p)
	b.time = time.Now()
	return len(p), nil
}
