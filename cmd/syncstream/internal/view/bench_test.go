package view_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/cmd/syncstream/internal/view"
)

// BenchmarkView is what it costs to show lines of 100 bytes, in a batch of
// 256 KiB, as a worker brings that is busy. Fair: it does what a reader's
// goroutine does, and one write, which goes nowhere; and memory is warm, as it
// is for a reader.
func BenchmarkView(b *testing.B) {
	for _, c := range []struct {
		name   string
		config view.Config
	}{
		{"tag", view.Config{}},
		{"tag+color", view.Config{Color: true}},
		{"tag+color+time", view.Config{Color: true, Timestamps: timestamps(b, "")}},
		{"none", view.Config{Prefix: prefix(b, "none")}},
		{"terminal", view.Config{Stdout: nowhere{}, Color: true}},
	} {
		b.Run(c.name, func(b *testing.B) {
			v := view.New(c.config)
			withBatch(strings.Repeat(strings.Repeat("x", 99)+"\n", 2600), func(batches []*syncstream.Batch) {
				one := batches[0]
				b.SetBytes(int64(len(one.Text())))
				b.ReportAllocs()
				for b.Loop() {
					v.WriteBatches([]*syncstream.Batch{one})
				}
				b.ReportMetric(float64(b.N)*float64(one.Len())/b.Elapsed().Seconds()/1e6, "Mlines/s")
			})
		})
	}
}

// nowhere is a terminal that shows nothing.
type nowhere struct{}

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (nowhere) Size() (int, int)            { return 80, 24 }

// BenchmarkPipe is a worker whose 4 MiB come through a pipe, as those of a
// process do: shown at once, or held in memory and then shown. Fair: the whole
// way through a buffer is counted, with what the worker's writes cost.
func BenchmarkPipe(b *testing.B) {
	piece := []byte(strings.Repeat(strings.Repeat("x", 99)+"\n", 600))
	const pieces = 70
	for _, c := range []struct {
		name   string
		config view.Config
	}{
		{"stream", view.Config{}},
		{"group", view.Config{Output: view.Group}},
		{"none", view.Config{Output: view.None}},
		{"terminal", view.Config{Stdout: nowhere{}}},
		{"terminal+live", view.Config{Stdout: nowhere{}}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(pieces * len(piece)))
			b.ReportAllocs()
			buf := syncstream.New(syncstream.Config{})
			v := view.New(c.config)
			a := buf.Attach(v)
			if c.name == "terminal+live" {
				go v.Follow(b.Context(), buf)
				buf.Mirror(syncstream.MirrorConfig{}).Write([]byte("10%"))
			}
			for b.Loop() {
				m := buf.Mirror(syncstream.MirrorConfig{Source: syncstream.Source{Name: "gen-0"}})
				r, w, err := os.Pipe()
				if err != nil {
					b.Fatal(err)
				}
				go func() {
					for range pieces {
						w.Write(piece)
					}
					w.Close()
				}()
				m.ReadFrom(r)
				m.Close()
				r.Close()
				a.Drain(context.Background())
			}
			b.ReportMetric(float64(b.N)*pieces*600/b.Elapsed().Seconds()/1e6, "Mlines/s")
		})
	}
}

// withBatch calls f with text as one batch, as a sink is lent it.
func withBatch(text string, f func([]*syncstream.Batch)) {
	buf := syncstream.New(syncstream.Config{})
	done := false
	a := buf.Attach(sinkFunc(func(batches []*syncstream.Batch) error {
		if !done {
			done = true
			f(batches)
		}
		return nil
	}))
	m := buf.Mirror(syncstream.MirrorConfig{Source: syncstream.Source{Name: "gen-0"}})
	m.Write([]byte(text))
	m.Close()
	a.Drain(context.Background())
}

type sinkFunc func([]*syncstream.Batch) error

func (f sinkFunc) WriteBatches(b []*syncstream.Batch) error { return f(b) }
