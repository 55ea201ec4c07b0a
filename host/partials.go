package host

import (
	"sync"

	"github.com/syncstream/syncstream"
)

// partials counts the bytes of the partial lines that clients have sent to a
// buffer: a few requests could make a host keep more of them than of messages.
type partials struct {
	max int

	mu   sync.Mutex // guards what follows; taken above that of a remote
	used int
	of   map[*remote]*partialSizes
}

// partialSizes is how many bytes a source has on each of its streams.
type partialSizes [syncstream.Control + 1]int

// take takes note that the partial line on a stream of m has n bytes now. It
// reports false where there is no room for that; then it has none.
func (p *partials) take(m *remote, stream syncstream.Stream, n int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	own := p.of[m]
	switch {
	case own == nil && n == 0:
		return true
	case own == nil:
		own = new(partialSizes)
		p.of[m] = own
	}
	p.used -= own[stream]
	own[stream] = 0
	if p.used+n > p.max {
		p.sweepLocked()
	}
	ok := p.used+n <= p.max
	if ok {
		p.used += n
		own[stream] = n
	}
	if *own == (partialSizes{}) {
		delete(p.of, m)
	}
	return ok
}

// sweepLocked lets go of sources that are not open any more, and so have none.
func (p *partials) sweepLocked() {
	for m, own := range p.of {
		if !m.isOpen() {
			for _, n := range own {
				p.used -= n
			}
			delete(p.of, m)
		}
	}
}

// hold keeps a partial line where readers see it, if there is room. It needs the
// turn.
func (m *remote) hold(feed syncstream.Feed, stream syncstream.Stream, text []byte) error {
	n := min(len(text), m.served.config.Buffer.MaxLine) // the rest is left out
	if !m.served.partials.take(m, stream, n) {
		text = nil
	}
	return feed.Hold(stream, text)
}
