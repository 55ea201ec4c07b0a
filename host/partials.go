package host

import (
	"bytes"
	"sync"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/host/internal/wire"
)

// partials is the partial lines that clients have sent to a buffer. They are
// counted, since a few requests could make a host keep more of them than of
// messages; and kept, since those of a source that is lost become messages, which
// have numbers.
type partials struct {
	max int // bytes

	mu   sync.Mutex // guards what follows; taken above that of a remote
	used int
	of   map[*remote]*partialLines
}

// partialLines is what a source shows: at most one line of stdout or merged, of
// stderr, and of control.
type partialLines [3]partialLine

type partialLine struct {
	stream syncstream.Stream
	text   []byte
}

// on returns the line that stands on a stream.
func (l *partialLines) on(stream syncstream.Stream) *partialLine {
	switch stream {
	case syncstream.Stderr:
		return &l[1]
	case syncstream.Control:
		return &l[2]
	}
	return &l[0]
}

// take keeps a copy of the partial line on a stream of m, in the place of the one
// before. It reports false where there is no room for it; then there is none.
func (p *partials) take(m *remote, stream syncstream.Stream, text []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.of[m]
	switch {
	case all == nil && len(text) == 0:
		return true
	case all == nil:
		all = new(partialLines)
		p.of[m] = all
	}
	line := all.on(stream)
	p.used -= len(line.text)
	*line = partialLine{}
	if p.used+len(text) > p.max {
		p.sweepLocked()
	}
	ok := p.used+len(text) <= p.max
	if ok && len(text) > 0 {
		p.used += len(text)
		*line = partialLine{stream, bytes.Clone(text)}
	}
	for i := range all {
		if len(all[i].text) > 0 {
			return ok
		}
	}
	delete(p.of, m)
	return ok
}

// taken takes note that a batch has come: a line takes the partial one's place; but
// what a source is at, on control, stays when it says something.
func (p *partials) taken(m *remote, b *wire.Batch) {
	if b.Kind == syncstream.Line && (b.Stream != syncstream.Control || !bytes.HasSuffix(b.Text, []byte{'\n'})) {
		p.take(m, b.Stream, nil)
	}
}

// leave returns the partial lines of m, and keeps them no more.
func (p *partials) leave(m *remote) (all partialLines) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if lines := p.of[m]; lines != nil {
		all = *lines
		p.dropLocked(m)
	}
	return all
}

// sweepLocked lets go of sources that were closed. One that is lost has its own
// goroutine for that.
func (p *partials) sweepLocked() {
	for m := range p.of {
		if m.isClosed() {
			p.dropLocked(m)
		}
	}
}

func (p *partials) dropLocked(m *remote) {
	for _, line := range p.of[m] {
		p.used -= len(line.text)
	}
	delete(p.of, m)
}

// hold keeps a partial line where readers see it, if there is room. It needs the
// turn.
func (m *remote) hold(feed syncstream.Feed, stream syncstream.Stream, text []byte) error {
	text = text[:min(len(text), m.served.config.Buffer.MaxLine)]
	if !m.served.partials.take(m, stream, text) {
		text = nil
	}
	return feed.Hold(stream, text)
}

// lastWords makes messages of the partial lines of a source that is lost. The
// buffer would, too, but their numbers would be those of messages that come when
// it is back. It needs the turn.
func (m *remote) lastWords(feed syncstream.Feed) {
	for _, line := range m.served.partials.leave(m) {
		if len(line.text) == 0 {
			continue
		}
		if feed.Hold(line.stream, nil) != nil {
			return // the buffer is closed
		}
		whole := bytes.LastIndexByte(line.text, '\n') + 1 // nearly always 0
		for _, text := range [][]byte{line.text[:whole], line.text[whole:]} {
			if len(text) > 0 {
				m.say(feed, syncstream.BatchConfig{Stream: line.stream, Lines: syncstream.Keep, Text: text})
			}
		}
	}
}
