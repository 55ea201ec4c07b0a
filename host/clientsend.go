package host

import (
	"context"
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
	var again []*feed // what else is of them waits for what failed
	for i, it := range items {
		if slices.Contains(again, it.feed) {
			failed([]*item{it}, errNoProgress)
		} else if err2 := it.take(&answers[i]); err2 != nil {
			err, again = err2, append(again, it.feed)
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
