package host

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// tellAfter is how long the host may be away before people are told.
const tellAfter = time.Second

// health is whether the host can be reached.
type health struct {
	mu    sync.Mutex    // guards what follows
	since time.Time     // when the first request that failed was sent; zero while all goes well
	tries int           // that have failed since
	err   error         // of the last one
	told  bool          // people know
	back  chan struct{} // closed when the host is back
}

// fail takes note of a request that was sent at that time.
func (h *health) fail(c *Client, sent time.Time, err error) {
	h.mu.Lock()
	h.tries++
	h.err = err
	first := h.since.IsZero() && c.ctx.Err() == nil
	if first {
		h.since, h.back = sent, make(chan struct{})
	}
	back := h.back
	h.mu.Unlock()
	if first {
		c.start(func() { h.tellGone(c, tellAfter-time.Since(sent), back) })
	}
}

// tellGone tells people after that time, unless the host is back by then, or
// nobody tries to reach it any more.
func (h *health) tellGone(c *Client, after time.Duration, back <-chan struct{}) {
	timer := time.NewTimer(after)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-back:
	case <-c.ctx.Done():
	}
	h.mu.Lock()
	err := h.err
	gone := h.back == back && !h.since.IsZero() && c.ctx.Err() == nil
	h.told = h.told || gone
	h.mu.Unlock()
	if !gone {
		return
	}
	how := "can't be reached"
	if r, refused := errors.AsType[*refusal](err); refused && !isAway(r.status) {
		how = "refuses"
	}
	c.say("%s, and is tried again: %v", how, err)
}

func (h *health) succeed(c *Client) {
	h.mu.Lock()
	if h.since.IsZero() {
		h.mu.Unlock()
		return
	}
	away, told := time.Since(h.since), h.told
	close(h.back)
	h.since, h.tries, h.err, h.told = time.Time{}, 0, nil, false
	h.mu.Unlock()
	if told {
		c.say("is back after %v", away.Round(100*time.Millisecond))
	}
}

// reason is why the host can't be reached; nil, if it can.
func (h *health) reason() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.err
}

// pause waits before the next try: longer each time, and for less when somebody
// else has reached the host, or there is a value in hurry.
func (h *health) pause(ctx context.Context, hurry <-chan struct{}) {
	h.mu.Lock()
	back, tries := h.back, h.tries
	h.mu.Unlock()
	timer := time.NewTimer(backoff(tries))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-back:
	case <-hurry:
	case <-ctx.Done():
	}
}

// isAway reports whether a status is that of a proxy that finds no host, or of a
// host that is ending.
func isAway(status int) bool {
	return status == http.StatusBadGateway || status == http.StatusServiceUnavailable || status == http.StatusGatewayTimeout
}

// say tells people about the host.
func (c *Client) say(format string, args ...any) {
	c.telling.Lock()
	defer c.telling.Unlock()
	fmt.Fprintf(c.stderr, "syncstream: the host of %s %s\n", c, fmt.Sprintf(format, args...))
}
