package cli

import (
	"sync"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/cmd/syncstream/internal/view"
)

// asides counts what came on the stream control: what mirrors have said, and no
// worker has printed.
type asides struct {
	mu sync.Mutex // guards what follows
	of map[*syncstream.Source]syncstream.Count
}

// note counts those among batches. A sink that gets everything calls it.
func (a *asides) note(batches []*syncstream.Batch) {
	for _, b := range batches {
		if b.Stream() == syncstream.Control {
			a.add(b)
		}
	}
}

func (a *asides) add(b *syncstream.Batch) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.of == nil {
		a.of = make(map[*syncstream.Source]syncstream.Count)
	}
	c := a.of[b.Source()]
	c.Messages += uint64(b.Len())
	c.Bytes += uint64(len(b.Text()))
	a.of[b.Source()] = c
}

// count returns how much of a source's messages they are.
func (a *asides) count(source *syncstream.Source) syncstream.Count {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.of[source]
}

// countedView is a view that counts them.
type countedView struct {
	*view.View
	asides *asides
}

// WriteBatches shows batches.
func (v countedView) WriteBatches(batches []*syncstream.Batch) error {
	v.asides.note(batches)
	return v.View.WriteBatches(batches)
}
