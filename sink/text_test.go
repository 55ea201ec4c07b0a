package sink_test

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/sink"
)

// batchOf returns a batch of the given text, as a sink is lent it.
func withBatch(b *testing.B, text string, f func([]*syncstream.Batch)) {
	buf := syncstream.New(syncstream.Config{})
	att := buf.Attach(sinkFunc(func(batches []*syncstream.Batch) error {
		f(batches)
		return nil
	}))
	m := buf.Mirror(syncstream.MirrorConfig{Source: syncstream.Source{Name: "gen-0"}})
	io.Copy(m, strings.NewReader(text))
	m.Write([]byte(text))
	m.Close()
	att.Drain(context.Background())
}

type sinkFunc func([]*syncstream.Batch) error

func (f sinkFunc) WriteBatches(b []*syncstream.Batch) error { return f(b) }

func BenchmarkText(b *testing.B) {
	line := strings.Repeat("x", 99) + "\n"
	done := false
	withBatch(b, strings.Repeat(line, 2600), func(batches []*syncstream.Batch) {
		if batches[0].Len() < 2000 || done {
			return
		}
		done = true
		one := batches[:1]
		t := sink.NewText(io.Discard, io.Discard)
		b.SetBytes(int64(len(one[0].Text())))
		b.ReportMetric(0, "ns/op")
		for b.Loop() {
			t.WriteBatches(one)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(one[0].Len()), "ns/line")
	})
}
