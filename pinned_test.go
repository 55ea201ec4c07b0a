package syncstream_test

import (
	"strings"
	"testing"

	"github.com/syncstream/syncstream"
)

// Promise 6: small messages that each keep a chunk of memory leave before the
// chunks become more than MaxBytes allows. Here the pieces of a line whose
// beginning has left take the rest of each chunk, and are not kept themselves.
func TestChunksAreCounted(t *testing.T) {
	const maxBytes = 1 << 20
	b := syncstream.New(syncstream.Config{MaxMessages: 20_000, MaxBytes: maxBytes, MaxLine: 32 << 10})
	endless, small := open(b, "endless"), open(b, "small")
	piece := strings.Repeat("x", 60<<10) // is copied
	before := heap()
	for range 500 {
		write(t, endless, piece)
		write(t, small, "y\n")
	}
	if grown := heap() - before; grown > 2*maxBytes+8<<20 {
		t.Errorf("the heap has grown by %d MiB", grown>>20)
	}
	small.Close()
}
