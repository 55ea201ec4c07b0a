package syncstream_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/syncstream/syncstream"
)

// Both benchmarks below bring the same lines from the same number of
// goroutines, one line a call, and keep the last of them with a time; both
// are warm, so neither pays for fresh memory. The baseline is the least that
// a collector can do: one mutex, one reading of the clock and one copy into
// memory that is there. It looks for no line ends, keeps no account and can't
// be read while it is written, so it is a limit rather than a rival.

// BenchmarkMirrorWrite is one line a Write, a mirror for each goroutine, and
// nobody reads.
func BenchmarkMirrorWrite(b *testing.B) {
	eachSize(b, func() func() func([]byte) {
		buffer := syncstream.New(syncstream.Config{})
		return func() func([]byte) {
			m := open(buffer, "m")
			return func(line []byte) { m.Write(line) }
		}
	})
}

// BenchmarkMirrorWriteSink is the same with a sink that counts.
func BenchmarkMirrorWriteSink(b *testing.B) {
	eachSize(b, func() func() func([]byte) {
		buffer := syncstream.New(syncstream.Config{})
		buffer.Attach(&counter{})
		return func() func([]byte) {
			m := open(buffer, "m")
			return func(line []byte) { m.Write(line) }
		}
	})
}

// baseline keeps the last lines in a ring of bytes and one of times.
type baseline struct {
	mu    sync.Mutex
	bytes [1 << 20]byte
	off   int
	times [syncstream.DefaultMaxMessages]time.Time
	n     int
}

func (c *baseline) Write(line []byte) {
	now := time.Now()
	c.mu.Lock()
	if c.off+len(line) > len(c.bytes) {
		c.off = 0
	}
	c.off += copy(c.bytes[c.off:], line)
	c.times[c.n%len(c.times)] = now
	c.n++
	c.mu.Unlock()
}

func BenchmarkBaseline(b *testing.B) {
	eachSize(b, func() func() func([]byte) {
		var c baseline
		return func() func([]byte) { return c.Write }
	})
}

// eachSize runs the benchmark for each number of goroutines and each length of
// line. newCollector makes what collects; each goroutine calls what that
// returns for a function that takes a line.
func eachSize(b *testing.B, newCollector func() func() func([]byte)) {
	for _, workers := range []int{1, 4} {
		for _, size := range []int{10, 100, 1000} {
			b.Run(fmt.Sprintf("workers=%d/bytes=%d", workers, size), func(b *testing.B) {
				line := []byte(strings.Repeat("x", size-1) + "\n")
				newWorker := newCollector()
				var writes []func([]byte)
				for range workers {
					write := newWorker()
					for range 10_000 { // warm up
						write(line)
					}
					writes = append(writes, write)
				}
				b.SetBytes(int64(size))
				b.ReportAllocs()
				if workers == 1 {
					for b.Loop() {
						writes[0](line)
					}
					return
				}
				// b.Loop is for one goroutine; each takes its share of b.N.
				b.ResetTimer()
				var wg sync.WaitGroup
				for i, write := range writes {
					wg.Go(func() {
						for range (b.N + i) / workers {
							write(line)
						}
					})
				}
				wg.Wait()
			})
		}
	}
}

// BenchmarkLast1000 reads the default's number of messages, as a view does
// that is drawn again. Fair: the ring is full and has rotated, and each line
// came by itself, so that nothing stands in one piece by chance.
func BenchmarkLast1000(b *testing.B) {
	for _, size := range []int{10, 100, 1000} {
		b.Run(fmt.Sprintf("bytes=%d", size), func(b *testing.B) {
			buffer := syncstream.New(syncstream.Config{})
			m, other := open(buffer, "m"), open(buffer, "other")
			line := strings.Repeat("x", size-1) + "\n"
			for i := range 5000 {
				if i%10 == 0 { // ends the batch
					write(b, other, line)
				} else {
					write(b, m, line)
				}
			}
			b.SetBytes(int64(1000 * size))
			b.ReportAllocs()
			for b.Loop() {
				if messages, err := buffer.Last(b.Context(), 1000); len(messages) != 1000 || err != nil {
					b.Fatal(len(messages), err)
				}
			}
		})
	}
}

// BenchmarkFollow reads a million messages that are kept, over and over. Fair:
// they came as a program's output does, many in one piece.
func BenchmarkFollow(b *testing.B) {
	const kept = 1_000_000
	buffer := syncstream.New(syncstream.Config{MaxMessages: kept, MaxBytes: 200 * kept})
	m := open(buffer, "m")
	piece := strings.Repeat(strings.Repeat("x", 99)+"\n", 600)
	for buffer.Len() < kept {
		write(b, m, piece)
	}
	m.Close()
	b.SetBytes(100)
	b.ReportAllocs()
	b.ResetTimer()
	n := 0
	for n < b.N {
		for range buffer.Follow(b.Context(), syncstream.Oldest, syncstream.FollowUntilDone) {
			n++
		}
	}
	b.ReportMetric(float64(b.Elapsed())/float64(n), "ns/message")
}
