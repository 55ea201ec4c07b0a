package host

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/host/internal/wire"
)

const (
	// sendTimeout is how long one request may take; the host may be waiting for
	// room.
	sendTimeout = 15 * time.Second
	// maxRefused is how often the host may call a request wrong before it is
	// believed: somebody between us may have cut it off.
	maxRefused = 4
)

// startLocked has somebody send what waits.
func (c *Client) startLocked() {
	if !c.sending && c.ctx.Err() == nil {
		c.sending = true
		c.runs.Go(c.sendAll)
	}
}

// sendAll sends one item after the other until none waits. One at a time, so that
// all comes in its order, and what comes meanwhile is sent together.
func (c *Client) sendAll() {
	for it := c.nextItem(); it != nil; it = c.nextItem() {
		sent := time.Now()
		err := it.send()
		if err != nil && !it.handle(err) {
			c.health.fail(c, sent, err)
			c.health.pause(c.ctx)
		}
	}
}

// nextItem returns the oldest that may be sent now; nil, if there is none.
func (c *Client) nextItem() *item {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx.Err() == nil {
		for _, it := range c.queue.items {
			if it.feed.full {
				continue
			}
			if it.kind == itemChunk && !it.under && time.Since(it.since) > lateAfter {
				c.queue.gather(it)
			}
			it.under = true
			return it
		}
	}
	c.sending = false
	return nil
}

func (it *item) send() error {
	ctx, cancel := context.WithTimeout(it.feed.client.ctx, sendTimeout)
	defer cancel()
	switch it.kind {
	case itemMark:
		return it.sendMark(ctx)
	case itemClose:
		return it.sendClose(ctx)
	}
	if it.unsure && it.kind == itemChunk {
		if here, err := it.isHere(ctx); err != nil || here {
			return err
		}
	}
	return it.sendAppend(ctx)
}

// sendAppend sends messages or partial lines. With neither it tells the host of
// the source.
func (it *item) sendAppend(ctx context.Context) error {
	f, c := it.feed, it.feed.client
	var holds []hold
	if it.kind == itemHolds {
		c.mu.Lock()
		holds, f.holds, f.holding = f.holds, nil, nil
		c.mu.Unlock()
	}
	c.body = wire.AppendHead(c.body[:0], f.source, f.epoch)
	c.body = it.append(c.body)
	for _, h := range holds {
		c.body = wire.AppendBatch(c.body, &wire.Batch{
			Stream: h.stream, Kind: syncstream.Partial, Time: time.Now().UnixNano(), Text: h.text,
		})
	}
	var p wire.Progress
	err := c.call(ctx, http.MethodPost, "append", nil, wire.Batches, c.body, &p)
	if cap(c.body) > 2*chunkSize {
		c.body = nil
	}
	it.unsure = err != nil
	if err != nil {
		f.holdAgain(holds)
		return err
	}
	it.succeed(&p)
	return nil
}

// isHere reports whether the host has the messages, though its answer has not
// come.
func (it *item) isHere(ctx context.Context) (bool, error) {
	var p wire.Progress
	q := url.Values{"source": {it.feed.source.ID}}
	err := it.feed.client.call(ctx, http.MethodGet, "progress", q, "", nil, &p)
	if err != nil && !isStatus(err, http.StatusNotFound) {
		return false, err
	}
	here := err == nil && p.Epoch == it.feed.epoch && p.Num >= it.end-1
	if here {
		it.succeed(&p)
	}
	return here, nil
}

// holdAgain goes back to what could not be sent, where nothing newer has come.
func (f *feed) holdAgain(holds []hold) {
	if len(holds) == 0 {
		return
	}
	f.client.mu.Lock()
	defer f.client.mu.Unlock()
	for _, h := range f.holds {
		holds = deleteHold(holds, h.stream)
	}
	f.holds = append(holds, f.holds...)
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
	if news {
		c.hold()
	}
	f.hear(p.State, p.Stop)
}

func (it *item) sendMark(ctx context.Context) error {
	f, c := it.feed, it.feed.client
	c.mu.Lock()
	q := wire.MarkRequest{Source: f.source.ID, State: f.mark.String()}
	c.mu.Unlock()
	return it.command(ctx, "acknowledge", q)
}

func (it *item) sendClose(ctx context.Context) error {
	err := it.command(ctx, "close", it.feed.close)
	if err == nil {
		it.feed.end(errSettled)
	}
	return err
}

// command sends what the host answers in few words. A host that does not know the
// source was started again, and needs not to be told.
func (it *item) command(ctx context.Context, op string, q any) error {
	c := it.feed.client
	err := c.callJSON(ctx, http.MethodPost, op, nil, q, nil)
	if err != nil && !isStatus(err, http.StatusNotFound) {
		return err
	}
	c.health.succeed(c)
	c.mu.Lock()
	defer c.mu.Unlock()
	it.feed.doneLocked(it)
	return nil
}

// handle does what an answer of the host wants that is no success. It reports
// false when the same is to be tried again later.
func (it *item) handle(err error) bool {
	var refused *refusal
	if !errors.As(err, &refused) {
		return false
	}
	switch refused.status {
	case http.StatusConflict:
		return it.goBack(refused.progress)
	case http.StatusGone:
		cause := error(syncstream.ErrClosed)
		if p := refused.progress; p != nil && p.Stop != "" {
			cause = wire.ParseError(p.Stop)
		}
		it.feed.end(cause)
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

// stepAside has others go first: the host has no room for one source more.
func (it *item) stepAside(why error) {
	f, c := it.feed, it.feed.client
	c.mu.Lock()
	f.full = true
	f.tries++
	first := f.tries == 1
	time.AfterFunc(backoff(f.tries), func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		f.full = false
		if len(c.queue.items) > 0 {
			c.startLocked()
		}
	})
	c.mu.Unlock()
	if first {
		c.say("does not take %s now, which is tried again: %v", f.source, why)
	}
}

// goBack puts a gap before messages that do not follow on what the host has: what
// is missing it had acknowledged, and has forgotten.
func (it *item) goBack(p *wire.Progress) bool {
	f, c := it.feed, it.feed.client
	switch {
	case p == nil || it.kind != itemChunk:
		return false
	case p.Epoch > f.epoch: // somebody else has opened the source again
		f.end(syncstream.ErrClosed)
		return true
	case it.first <= p.Num+1:
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
	c.say("does not take %d messages of %s, which are lost: %v", it.messages(), f.source, why)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queue.cost -= it.cost
	it.chunk, it.refused = gapChunk(it.first, it.end), 0
	c.room.Broadcast()
}

// hear does what the host says of a source.
func (f *feed) hear(state, stop string) {
	s, err := wire.ParseState(state)
	switch {
	case state == wire.Unknown:
		f.reopen()
	case err == nil && !s.IsOpen():
		cause := wire.ParseError(stop)
		if cause == nil {
			cause = syncstream.ErrClosed
		}
		f.end(cause)
	case stop != "":
		f.cancel(stopCause(stop))
	}
}

// reopen has the host told of the source again, which it has forgotten.
func (f *feed) reopen() {
	f.client.mu.Lock()
	defer f.client.mu.Unlock()
	if f.known && f.dead == nil {
		f.known = false
		f.orderLocked(itemOpen)
	}
}
