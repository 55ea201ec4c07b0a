package syncstream_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/syncstream/syncstream"
)

// Promise 5: a line that never ends, and whose pieces keep coming, does not keep
// the others waiting for ever.
func TestEndlessLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := syncstream.New(syncstream.Config{MaxLine: 10})
		start := time.Now()
		var heard time.Duration
		a := b.Attach(sinkFunc(func(batches []*syncstream.Batch) error {
			for _, batch := range batches {
				if batch.Source().Name == "other" {
					heard = time.Since(start)
				}
			}
			return nil
		}))
		endless, other := open(b, "endless"), open(b, "other")
		write(t, endless, "0123456789a")
		synctest.Wait()
		write(t, other, "tick\n")
		for range 100 {
			time.Sleep(100 * time.Millisecond)
			write(t, endless, "0123456789")
			synctest.Wait()
		}
		if heard < 4*time.Second || heard > 6*time.Second {
			t.Errorf("the other is heard after %v, want about 5 s", heard)
		}
		a.Detach()
	})
}
