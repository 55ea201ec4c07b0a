package host

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/host/internal/wire"
)

// maxRefused is how often the host may call a request wrong before it is believed:
// somebody between us may have cut it off.
const maxRefused = 4

// failed does what the items need of which a request brought nothing, or may have.
func failed(items []*item, err error) error {
	for _, it := range items {
		it.unsure = true
		it.holdAgain()
	}
	var refused *refusal
	if !errors.As(err, &refused) {
		return err
	}
	if len(items) == 1 {
		if items[0].handle(refused) {
			return nil
		}
		return err
	}
	if !isWrong(refused.status) {
		return err
	}
	for _, it := range items { // each by itself, to find out which it is
		it.refused++
	}
	return nil
}

// isWrong reports whether a status says that the request is what is wrong.
func isWrong(status int) bool {
	return status == http.StatusBadRequest || status == http.StatusRequestEntityTooLarge || status == http.StatusUnsupportedMediaType
}

// take does what the host's answer wants.
func (it *item) take(a *wire.Answer) error {
	if a.Status < 300 {
		err := it.confirmed(a.Progress)
		if err == nil {
			it.succeed(a.Progress)
			return nil
		}
		return failed([]*item{it}, err)
	}
	it.holdAgain()
	err := &refusal{a.Status, a.Message, a.Progress}
	if a.Status == http.StatusFailedDependency || it.handle(err) {
		return nil
	}
	return err
}

var errNoProgress = errors.New("the answer does not say how far it got")

// confirmed checks that an answer says that the host has the messages: what says yes
// to all requests need not be a host.
func (it *item) confirmed(p *wire.Progress) error {
	switch {
	case p == nil || p.State == "":
		return errNoProgress
	case it.kind == itemChunk && p.Num < it.end-1:
		return fmt.Errorf("the answer says that it got to message %d of %d", p.Num, it.end-1)
	}
	return nil
}

// holdAgain goes back to partial lines that could not be sent, where nothing newer
// has come.
func (it *item) holdAgain() {
	f := it.feed
	f.client.mu.Lock()
	defer f.client.mu.Unlock()
	for _, h := range f.holds {
		it.holds = deleteHold(it.holds, h.stream)
	}
	f.holds, it.holds = append(it.holds, f.holds...), nil
}

// succeed takes note of what the host has.
func (it *item) succeed(p *wire.Progress) {
	f, c := it.feed, it.feed.client
	c.health.succeed(c)
	c.mu.Lock()
	news := !f.known
	f.known, f.tries = true, 0
	f.doneLocked(it)
	c.mu.Unlock()
	if it.kind == itemClose {
		f.end(errSettled)
		return
	}
	if news {
		c.hold()
	}
	f.hear(p)
}

// handle does what an answer of the host wants that is no success. It reports
// false when the same is to be tried again later.
func (it *item) handle(refused *refusal) bool {
	switch refused.status {
	case http.StatusConflict:
		return it.goBack(refused.progress)
	case http.StatusNotFound:
		return it.forget()
	case http.StatusGone:
		it.feed.gone(refused.progress)
		return true
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType:
		if it.refused++; it.refused < maxRefused && refused.status != http.StatusRequestEntityTooLarge {
			return false
		}
		if !it.divide() {
			it.giveUp(refused)
		}
		return true
	case http.StatusInsufficientStorage:
		it.stepAside(refused)
		return true
	}
	return false
}

// gone ends a feed whose source is closed at the host: perhaps by a request that
// brought all there was, and whose answer was lost.
func (f *feed) gone(p *wire.Progress) {
	if p == nil {
		p = new(wire.Progress)
	}
	f.client.mu.Lock()
	if p.Epoch == f.epoch {
		f.client.queue.arrived(f, p.Num)
	}
	f.client.mu.Unlock()
	f.end(closedCause(p.Stop))
}

// closedCause is why nothing more is sent of a source that is closed at the host.
func closedCause(stop string) error {
	if err := wire.ParseError(stop); err != nil {
		return err
	}
	return syncstream.ErrClosed
}

// forget lets go of what a host that does not know the source needs not to be told,
// since it was started again: that the source has come to its end.
func (it *item) forget() bool {
	f, c := it.feed, it.feed.client
	if it.kind != itemMark && it.kind != itemClose {
		return false
	}
	c.health.succeed(c)
	c.mu.Lock()
	f.doneLocked(it)
	c.mu.Unlock()
	if it.kind == itemClose {
		f.end(errSettled)
	}
	return true
}

// stepAside has others go first: the host has no room for one source more.
func (it *item) stepAside(why error) {
	f, c := it.feed, it.feed.client
	c.mu.Lock()
	f.full = true
	f.tries++
	tries := f.tries
	c.mu.Unlock()
	c.start(func() {
		if !c.sleep(backoff(tries)) {
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		f.full = false
		if len(c.queue.items) > 0 {
			c.startLocked()
		}
	})
	if tries == 1 {
		c.say("does not take %s now, which is tried again: %v", f.source, why)
	}
}

// goBack puts a gap before messages that do not follow on what the host has: what
// is missing it had acknowledged, and has forgotten.
func (it *item) goBack(p *wire.Progress) bool {
	f, c := it.feed, it.feed.client
	switch {
	case p == nil:
		return false
	case p.Epoch > f.epoch: // somebody else has opened the source again
		f.end(syncstream.ErrClosed)
		return true
	case it.kind != itemChunk || it.first <= p.Num+1:
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.dead == nil {
		lost := &item{feed: f, kind: itemChunk, chunk: gapChunk(p.Num+1, it.first)}
		c.queue.items = append([]*item{lost}, c.queue.items...)
	}
	return true
}

// divide puts the second half of the messages into an item of their own, behind
// this one: so only what the host does not take is lost. It reports false where
// there is but one message.
func (it *item) divide() bool {
	f, c := it.feed, it.feed.client
	c.mu.Lock()
	defer c.mu.Unlock()
	if it.kind != itemChunk || f.dead != nil {
		return false
	}
	second, ok := it.half()
	if !ok {
		return false
	}
	behind := &item{feed: f, kind: itemChunk, chunk: second, ordered: it.ordered}
	it.ordered, it.refused = f.done, 0
	c.queue.items = slices.Insert(c.queue.items, slices.Index(c.queue.items, it)+1, behind)
	if f.last == it {
		f.last = behind
	}
	return true
}

// giveUp puts a gap in the place of messages that the host will never take. A
// source of which it takes nothing else has ended.
func (it *item) giveUp(why error) {
	f, c := it.feed, it.feed.client
	if it.kind != itemChunk || it.cost == 0 {
		c.say("does not take %s, which is lost: %v", f.source, why)
		f.end(syncstream.ErrClosed)
		return
	}
	c.say("does not take %s of %s, now lost: %v", messages(it.messages()), f.source, why)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queue.cost -= it.cost
	it.chunk, it.refused = gapChunk(it.first, it.end), 0
	c.room.Broadcast()
}

// hear does what an answer says of a source.
func (f *feed) hear(p *wire.Progress) {
	switch s, err := wire.ParseState(p.State); {
	case err == nil && !s.IsOpen():
		f.gone(p)
	case p.Stop != "":
		f.cancel(stopCause(p.Stop))
	}
}
