//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"github.com/syncstream/syncstream"
)

const (
	followMessages = 1_000_000
	sinkLines      = 4_000_000
	warnings       = 100_000
	lastCalls      = 2_000
	waiting        = 1000
	waitingFor     = time.Second
)

// piece is what a generator writes at once, in whole lines.
var piece = bytes.Repeat(append(bytes.Repeat([]byte("x"), lineBytes-1), '\n'), 64<<10/lineBytes)

// reading is the helper that measures those who read a buffer.
func reading(ctx context.Context, _ []string) error {
	for _, measure := range []func(context.Context) error{follow, followLive, sinks, last, burst, idleFollowers} {
		if err := measure(ctx); err != nil {
			return err
		}
	}
	return nil
}

// full returns a buffer that keeps n messages, and its mirror.
func full(n int) (*syncstream.Buffer, *syncstream.Mirror) {
	b := syncstream.New(syncstream.Config{MaxMessages: n, MaxBytes: 2 * n * lineBytes})
	m := b.Mirror(syncstream.MirrorConfig{})
	for b.Len() < n {
		m.Write(piece)
	}
	return b, m
}

func follow(ctx context.Context) error {
	b, m := full(followMessages)
	m.Close()
	for range b.Follow(ctx, syncstream.Oldest, syncstream.FollowUntilDone) { // warm
	}
	began, n := time.Now(), 0
	for message, err := range b.Follow(ctx, syncstream.Oldest, syncstream.FollowUntilDone) {
		if err != nil || len(message.Text) != lineBytes-1 {
			return fmt.Errorf("follow: %d bytes, %w", len(message.Text), err)
		}
		n++
	}
	fmt.Printf("follow: %g\n", float64(time.Since(began))/float64(n))
	if n != followMessages {
		return fmt.Errorf("followed %d messages of %d", n, followMessages)
	}
	return nil
}

// followLive follows a buffer while somebody writes as fast as it can.
func followLive(ctx context.Context) error {
	b, m := full(100_000)
	var writer sync.WaitGroup
	stop := make(chan struct{})
	writer.Go(func() {
		defer m.Close()
		for {
			select {
			case <-stop:
				return
			default:
				m.Write(piece)
			}
		}
	})
	began, n := time.Now(), 0
	for message, err := range b.Follow(ctx, syncstream.Latest) {
		if err != nil {
			return err
		}
		if message.Kind == syncstream.Line {
			n++
		}
		if n == followMessages { // warm
			began = time.Now()
		}
		if n == 3*followMessages {
			break
		}
	}
	n -= followMessages
	fmt.Printf("follow live: %g\n", float64(time.Since(began))/float64(n))
	close(stop)
	writer.Wait()
	return nil
}

// counting is a sink that counts lines.
type counting struct{ lines int }

func (s *counting) WriteBatches(batches []*syncstream.Batch) error {
	for _, b := range batches {
		s.lines += b.Len()
	}
	return nil
}

// sinks measures how long a load takes with one sink and with eight.
func sinks(ctx context.Context) error {
	for _, n := range []int{1, 8} {
		b := syncstream.New(syncstream.Config{})
		m := b.Mirror(syncstream.MirrorConfig{})
		counts := make([]counting, n)
		var attached []*syncstream.Attachment
		for i := range counts {
			attached = append(attached, b.Attach(&counts[i]))
		}
		began, lines := time.Now(), 0
		for ; lines < sinkLines; lines += len(piece) / lineBytes {
			m.Write(piece)
		}
		for i, a := range attached {
			if err := a.Drain(ctx); err != nil || counts[i].lines != lines {
				return fmt.Errorf("sink %d of %d got %d lines of %d: %w", i, n, counts[i].lines, lines, err)
			}
		}
		fmt.Printf("sinks %d: %g\n", n, float64(time.Since(began))/float64(lines))
		b.Close()
	}
	return nil
}

func last(ctx context.Context) error {
	b, _ := full(1000)
	began := time.Now()
	for i := range 2 * lastCalls {
		if i == lastCalls { // warm
			began = time.Now()
		}
		if messages, err := b.Last(ctx, 1000); len(messages) != 1000 || err != nil {
			return fmt.Errorf("last: %d messages, %w", len(messages), err)
		}
	}
	fmt.Printf("last: %g\n", float64(time.Since(began))/lastCalls)
	return nil
}

// burst sends many warnings, with a sink that counts them.
func burst(ctx context.Context) error {
	b := syncstream.New(syncstream.Config{})
	var c counting
	a := b.Attach(&c)
	m := b.Mirror(syncstream.MirrorConfig{})
	warning := fmt.Errorf("disk is nearly full: %w", errors.Join(errors.New("/var: 12 MB"), errors.New("/tmp: 3 MB")))
	began := time.Now()
	for range warnings {
		m.Warn(warning)
	}
	if err := a.Drain(ctx); err != nil || c.lines != warnings {
		return fmt.Errorf("%d warnings of %d arrived: %w", c.lines, warnings, err)
	}
	fmt.Printf("warnings: %g\n", float64(time.Since(began)))
	return nil
}

// idleFollowers measures the processor time of followers that wait.
func idleFollowers(ctx context.Context) error {
	b, m := full(1000)
	ctx, cancel := context.WithCancel(ctx)
	var followers sync.WaitGroup
	var seen sync.WaitGroup
	seen.Add(waiting)
	for range waiting {
		followers.Go(func() {
			first := true
			for range b.Follow(ctx, syncstream.Oldest) {
				if first {
					seen.Done()
				}
				first = false
			}
		})
	}
	seen.Wait()
	time.Sleep(waitingFor / 2) // until they have read what there is
	before := processorTime()
	time.Sleep(waitingFor)
	fmt.Printf("waiting: %g\n", float64(processorTime()-before)/float64(waitingFor))
	began := time.Now()
	const lines = 10_000
	for range lines {
		m.Write(piece[:lineBytes])
	}
	fmt.Printf("write beside followers: %g\n", float64(time.Since(began))/lines)
	cancel()
	followers.Wait()
	return nil
}

func processorTime() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func readingExperiment(w *workshop) experiment {
	of := func(figure string) ref { return ref{"reading", figure} }
	ours := func(w *workshop) contender { return w.helperFigures("reading") }
	return experiment{
		name: "reading",
		how: "One process. A follower reads a million 100-byte lines that are kept, and then so many while a goroutine writes pieces of 64 KiB as fast as it can " +
			"(what it misses meanwhile is a gap, and does not count). Sinks count the lines of the same load, alone and eight of them. " +
			"Waiting followers have read everything; their processor time is that of the whole process.",
		ours:       ours,
		contenders: []contender{ours(w)},
		rows: []row{
			{what: "a follower, a message that is kept", of: of("follow"), unit: nanoseconds, demand: under(200, nanoseconds), kept: asShort},
			{what: "a follower, a message that comes", of: of("follow live"), unit: nanoseconds, demand: under(200, nanoseconds), kept: asShort},
			{what: "one sink that counts, a line", of: of("sinks 1"), unit: nanoseconds, kept: asShort},
			{what: "eight such sinks", of: of("sinks 8"), against: of("sinks 1"), unit: nanoseconds, demand: ratioAtMost(2)},
			{what: "Last(1000)", of: of("last"), unit: microseconds, demand: under(100e3, microseconds), kept: asShort},
			{what: "100,000 warnings into a sink", of: of("warnings"), unit: seconds, demand: under(1e9, seconds), kept: asShort},
			{what: "1000 followers that wait: processors in use", of: of("waiting"), unit: each, demand: under(0.01, each)},
			{what: "Mirror.Write beside 1000 followers", of: of("write beside followers"), unit: nanoseconds},
		},
	}
}
