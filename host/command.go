package host

import (
	"context"
	"net/http"
	"sync"
)

const (
	// maxCommands is how many commands a buffer remembers that have been done.
	maxCommands = 256
	// maxOnce is how many bytes the name of a command may have.
	maxOnce = 64
)

// commands are the commands of clients that have given them names, newest last. A
// client that has got no answer asks again, and a network can bring a request once
// more, much later; but it is done once.
type commands struct {
	mu    sync.Mutex               // guards what follows; not held while anything is done
	begun map[string]chan struct{} // closed when it is done
	names []string
}

// once calls do, unless that name has been used. It returns when it is done, by
// whomever; or with an error when ctx ends before.
func (c *commands) once(ctx context.Context, name string, do func()) error {
	if len(name) > maxOnce {
		return refuse(http.StatusBadRequest, "once %s: it has %d bytes, and may have %d", short(name), len(name), maxOnce)
	}
	if name == "" {
		do()
		return nil
	}
	done, first := c.begin(name)
	if first {
		defer close(done)
		do()
		return nil
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return errGone
	}
}

// begin returns what is closed when the command is done, and whether nobody has
// begun with it.
func (c *commands) begin(name string) (done chan struct{}, first bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if done := c.begun[name]; done != nil {
		return done, false
	}
	if c.begun == nil {
		c.begun = make(map[string]chan struct{})
	}
	if len(c.names) == maxCommands {
		delete(c.begun, c.names[0])
		c.names = append(c.names[:0], c.names[1:]...)
	}
	c.begun[name] = make(chan struct{})
	c.names = append(c.names, name)
	return c.begun[name], true
}
