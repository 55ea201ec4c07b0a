package host

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/syncstream/syncstream/host/internal/wire"
)

// gatherTime is how long sources that have just been opened wait for others, so
// that they are told of in one request.
const gatherTime = 50 * time.Millisecond

const (
	// quickHold is how long a request is held at least, if there is no news. Few have
	// news one after the other.
	quickHold  = time.Second
	quickHolds = 3
)

// heldState is the request that the host holds until it has something to say to
// one of our sources. There is one for all of them; it is also the sign that they
// are alive. It is guarded by the client's mutex.
type heldState struct {
	running bool               // a goroutine sends one after the other
	cancel  context.CancelFunc // of the request that is held now; nil: none is
	timer   *time.Timer        // that will end it, since there are other sources
}

// hold has the host hold a request that names all sources that it knows.
func (c *Client) hold() {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := &c.held
	switch {
	case c.ctx.Err() != nil:
	case !h.running:
		h.running = true
		c.runs.Go(c.holdAll)
	case h.cancel != nil && h.timer == nil:
		h.timer = time.AfterFunc(gatherTime, h.cancel)
	}
}

// holdAll has one request held after the other, while there are sources.
func (c *Client) holdAll() {
	quick := 0 // answers that came soon
	for {
		begun := time.Now()
		ctx, feeds, cancel := c.begin()
		if feeds == nil {
			return
		}
		err := c.holdOnce(ctx, feeds)
		again := ctx.Err() != nil && c.ctx.Err() == nil // other sources, or too late an answer
		cancel()
		if err != nil && !again {
			c.health.fail(c, time.Now(), err) // it may have been held for long
			c.health.pause(c.ctx, nil)
			continue
		}
		if again || time.Since(begun) >= quickHold {
			quick = 0
		} else if quick++; quick > quickHolds { // it, or a proxy, does not hold requests
			c.sleep(backoff(quick - quickHolds))
		}
	}
}

// begin returns the sources to name; nil, if there are none.
func (c *Client) begin() (context.Context, []*feed, context.CancelFunc) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := &c.held
	if h.timer != nil {
		h.timer.Stop()
	}
	h.timer, h.cancel = nil, nil
	var feeds []*feed
	for f := range c.feeds {
		if f.known && !f.over {
			feeds = append(feeds, f)
		}
	}
	if feeds == nil || c.ctx.Err() != nil {
		h.running = false
		return nil, nil, nil
	}
	ctx, cancel := context.WithTimeout(c.ctx, wire.MaxHold+5*time.Second)
	h.cancel = cancel
	return ctx, feeds, cancel
}

func (c *Client) holdOnce(ctx context.Context, feeds []*feed) error {
	q := wire.HeldRequest{Sources: make([]wire.HeldSource, len(feeds))}
	byID := make(map[string]*feed, len(feeds))
	for i, f := range feeds {
		q.Sources[i] = f.heldSource()
		byID[f.source.ID] = f
	}
	var told wire.HeldAnswer
	if err := c.callJSON(ctx, http.MethodPost, "held", nil, q, &told); err != nil {
		return err
	}
	c.health.succeed(c)
	for _, t := range told.Sources {
		if f := byID[t.ID]; f != nil {
			f.told(&t)
		}
	}
	if len(told.Sources) > 0 && ctx.Err() != nil {
		return errors.New("the host has answered too late")
	}
	return nil
}

// heldSource names the source. What it was told is not to be said again.
func (f *feed) heldSource() wire.HeldSource {
	return wire.HeldSource{ID: f.source.ID, Told: f.ctx.Err() != nil}
}

// told does what the host says of a source without being asked for anything.
func (f *feed) told(t *wire.HeldTold) {
	s, err := wire.ParseState(t.State)
	switch {
	case t.State == wire.Unknown:
		f.reopen()
	case err == nil && !s.IsOpen():
		f.closedThere(t.Stop)
	case t.Stop != "":
		f.cancel(stopCause(t.Stop))
	}
}

// closedThere ends a feed whose source is closed at the host. Where it was closed here,
// that has arrived, and its answer will tell how much came before it.
func (f *feed) closedThere(stop string) {
	f.client.mu.Lock()
	f.over = f.closed
	over := f.over
	f.client.mu.Unlock()
	if !over {
		f.end(closedCause(stop))
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
