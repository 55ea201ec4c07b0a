package host

import (
	"context"
	"errors"
	"fmt"
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
	// maxItems is how much of what the sources want one request brings.
	maxItems = 512
	// askSize is how much a request must have brought for the question to be worth
	// its way whether it arrived, before it is sent again.
	askSize = 16 << 10
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

// sendAll sends what waits until nothing does. One request at a time, so that all
// comes in its order, and what comes meanwhile is sent together.
func (c *Client) sendAll() {
	for items := c.nextItems(nil); len(items) > 0; items = c.nextItems(items[:0]) {
		sent := time.Now()
		err := c.sendItems(items)
		c.setDenied(err)
		if err != nil {
			c.health.fail(c, sent, err)
			c.health.pause(c.ctx, c.denied.hurry)
		}
	}
}

// nextItems puts the oldest items that may be sent now, as many as one request
// brings, into all. There is none when nothing waits.
func (c *Client) nextItems(all []*item) []*item {
	c.mu.Lock()
	defer c.mu.Unlock()
	size, batches := 0, 0
	for _, it := range c.queue.items {
		if it.feed.full {
			continue
		}
		size += len(it.text)
		batches += len(it.batches)
		if len(all) > 0 && (it.isApart() || len(all) == maxItems || size > chunkSize || batches > chunkBatches) {
			break
		}
		it.under = true
		all = append(all, it)
		if it.isApart() || c.ctx.Err() != nil {
			break
		}
	}
	if c.ctx.Err() != nil {
		all = nil
	}
	if c.sending = len(all) > 0; c.sending {
		c.denied.sent++
	}
	return all
}

// isApart reports whether nothing else goes with the item: it may be what the host
// takes for wrong, or have arrived already.
func (it *item) isApart() bool { return it.refused > 0 || it.asks() }

// asks reports whether the host is asked first whether the item has arrived.
func (it *item) asks() bool { return it.unsure && len(it.text) > askSize }

// sendItems sends one request, and does what its answer wants. After an error the
// items that are left are to be tried again later.
func (c *Client) sendItems(items []*item) error {
	ctx, cancel := context.WithTimeout(c.ctx, sendTimeout)
	defer cancel()
	if it := items[0]; it.asks() {
		if here, err := it.isHere(ctx); err != nil || here {
			return err
		}
	}
	body := c.body[:0]
	for _, it := range items {
		body = it.encode(body)
	}
	if c.body = body; cap(body) > 2*chunkSize {
		c.body = nil
	}
	answers, err := c.append(ctx, body, len(items))
	if err != nil {
		return failed(items, err)
	}
	for i, it := range items {
		if err2 := it.take(&answers[i]); err2 != nil {
			err = err2
		}
	}
	return err
}

// append sends a request to append something of n sources.
func (c *Client) append(ctx context.Context, body []byte, n int) ([]wire.Answer, error) {
	if n == 1 {
		one := wire.Answer{Status: http.StatusOK, Progress: new(wire.Progress)}
		err := c.call(ctx, http.MethodPost, "append", nil, wire.Batches, body, one.Progress)
		return []wire.Answer{one}, err
	}
	var all wire.Answers
	err := c.call(ctx, http.MethodPost, "append", nil, wire.Batches, body, &all)
	if err == nil && len(all.Answers) != n {
		err = errNoProgress
	}
	return all.Answers, err
}

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

// encode appends to the body of a request what the item brings.
func (it *item) encode(body []byte) []byte {
	f, c := it.feed, it.feed.client
	body = wire.AppendHead(body, f.source, f.epoch)
	switch it.kind {
	case itemChunk:
		return it.append(body)
	case itemClose:
		return wire.AppendClose(body, f.close)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch it.kind {
	case itemMark:
		return wire.AppendMark(body, f.mark)
	case itemHolds:
		it.holds, f.holds, f.holding = f.holds, nil, nil
		for _, h := range it.holds {
			body = wire.AppendBatch(body, &wire.Batch{
				Stream: h.stream, Kind: syncstream.Partial, Time: time.Now().UnixNano(), Text: h.text,
			})
		}
	}
	return body
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
