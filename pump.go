package syncstream

import (
	"context"
	"sync"
	"time"
)

// pump tells a store of partial lines as they grow; see [MirrorConfig.Partial].
// It runs from the first mirror that wants it until the buffer is closed.
type pump struct {
	once   sync.Once
	change chan struct{} // has room for one
	sent   uint64        // the newest change that the store was told of
}

func (p *pump) start(o *overStore) {
	p.once.Do(func() {
		p.change = make(chan struct{}, 1)
		go p.run(o)
	})
}

// wake has the pump look, soon. It needs a start before.
func (p *pump) wake() {
	select {
	case p.change <- struct{}{}:
	default: // it will look
	}
}

func (p *pump) run(o *overStore) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-p.change:
		case <-o.done.Done():
			return
		}
		p.send(o)
		timer.Reset(partialInterval)
		select {
		case <-timer.C:
		case <-o.done.Done():
			return
		}
	}
}

// partialText is what a stream has written since its last line end.
type partialText struct {
	feed   Feed
	stream Stream
	text   string
}

// send brings what has changed behind the messages that came before. What changes
// meanwhile comes with the next call.
func (p *pump) send(o *overStore) {
	texts := p.changed(o)
	ctx, cancel := context.WithTimeout(o.done, callTimeout)
	defer cancel()
	if o.way.Drain(ctx) != nil {
		p.wake() // the store has no room; later
		p.sent = 0
		return
	}
	for _, t := range texts {
		t.feed.Hold(t.stream, []byte(t.text)) // one that is closed needs no more
	}
}

func (p *pump) changed(o *overStore) []partialText {
	o.mu.Lock()
	defer o.mu.Unlock()
	var texts []partialText
	for _, a := range o.accounts {
		if a.mirror == nil || !a.partial {
			continue
		}
		for _, w := range a.mirror.writers() {
			if w.change > p.sent && w != &a.mirror.control {
				texts = append(texts, partialText{a.out, w.stream, w.partialLocked().Text})
			}
		}
	}
	p.sent = o.changes
	return texts
}
