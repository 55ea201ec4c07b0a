package host

import "net/http"

// deniedState is whether the host lets us write. A refused token may be accepted
// later, by a host that is started again, so it is tried again; but nobody waits
// for that. It is guarded by the client's mutex.
type deniedState struct {
	sent  int           // counts the requests that are to bring something
	at    int           // the last of them that was answered
	err   error         // of that one; nil, if it was not about the token
	hurry chan struct{} // immutable; has a value when somebody waits for the next one
}

// isDenied reports whether the host does not accept the token for this.
func isDenied(err error) bool {
	return isStatus(err, http.StatusUnauthorized) || isStatus(err, http.StatusForbidden)
}

// setDenied takes note of how a request went, and tells those who wait if the token
// was refused.
func (c *Client) setDenied(err error) {
	if !isDenied(err) {
		err = nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.denied.err, c.denied.at = err, c.denied.sent
	if err != nil {
		for f := range c.feeds {
			f.wakeLocked()
		}
	}
}

// hurryLocked has what was refused be tried again now, since somebody waits.
func (c *Client) hurryLocked() {
	if c.denied.err == nil {
		return
	}
	select {
	case c.denied.hurry <- struct{}{}:
	default: // it will be
	}
}

// deniedLocked returns why the token was refused of a request that came after the
// one that is counted so.
func (c *Client) deniedLocked(sent int) error {
	if c.denied.at <= sent {
		return nil
	}
	return c.denied.err
}
