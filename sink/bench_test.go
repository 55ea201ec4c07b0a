package sink_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/sink"
)

// lender is a sink that lends what it is given until it is told to return.
type lender struct {
	batches chan []*syncstream.Batch
	enough  chan struct{}
}

func (l *lender) WriteBatches(batches []*syncstream.Batch) error {
	select {
	case l.batches <- batches:
	case <-l.enough:
	}
	<-l.enough
	return nil
}

// BenchmarkJSON writes the lines of one batch, over and over, for nobody. Fair:
// the batch is what a read of a busy pipe brings, and nothing else is measured.
func BenchmarkJSON(b *testing.B) {
	const size = 64 << 10
	for _, c := range []struct{ name, line string }{
		{"bytes=10", strings.Repeat("x", 9) + "\n"},
		{"bytes=100", strings.Repeat("x", 99) + "\n"},
		{"bytes=1000", strings.Repeat("x", 999) + "\n"},
		{"colours", "\x1b[32m" + strings.Repeat("x", 40) + "\x1b[0m \"" + strings.Repeat("y", 47) + "\"\n"},
		{"umlauts", strings.Repeat("grün ", 16) + strings.Repeat("x", 3) + "\n"},
		{"base64", strings.Repeat("x", 98) + "\xff\n"},
	} {
		b.Run(c.name, func(b *testing.B) {
			l := lender{make(chan []*syncstream.Batch), make(chan struct{})}
			buffer := syncstream.New(syncstream.Config{})
			buffer.Attach(&l)
			defer close(l.enough)
			m := buffer.Mirror(syncstream.MirrorConfig{Source: syncstream.Source{Name: "gen", Rank: 1, Size: 4}})
			m.Write(bytes.Repeat([]byte(c.line), size/len(c.line)))
			batches := <-l.batches
			lines := 0
			for _, batch := range batches {
				lines += batch.Len()
			}
			j := sink.NewJSON(io.Discard)
			b.SetBytes(int64(lines * len(c.line)))
			b.ReportAllocs()
			for b.Loop() {
				if err := j.WriteBatches(batches); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(lines*b.N)/b.Elapsed().Seconds(), "lines/s")
		})
	}
}
