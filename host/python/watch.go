package python

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Watch has srv tell the handlers of this package on which connection a request
// comes and when that ends. Without it a connection is known by its remote
// address, and that it has ended only by its silence. Call it before srv begins
// to serve; hooks that srv has are called too.
//
// A worker may be silent for long: the IdleTimeout of srv, or its ReadTimeout, is
// not for connections on which a sender has written, unless it is shorter than a
// second. What keeps a connection alive in the net package tells of a machine
// that has vanished.
func Watch(srv *http.Server) {
	var conns sync.Map // of net.Conn to *conn
	connContext, connState := srv.ConnContext, srv.ConnState
	srv.ConnContext = func(ctx context.Context, nc net.Conn) context.Context {
		if connContext != nil {
			ctx = connContext(ctx, nc)
		}
		c := &conn{}
		c.ctx, c.end = context.WithCancel(context.Background())
		conns.Store(nc, c)
		return context.WithValue(ctx, connKey{}, c)
	}
	srv.ConnState = func(nc net.Conn, state http.ConnState) {
		if connState != nil {
			connState(nc, state)
		}
		if c, ok := conns.Load(nc); ok {
			c.(*conn).change(nc, state)
		}
		if state == http.StateClosed || state == http.StateHijacked {
			conns.Delete(nc)
		}
	}
}

// connKey is the key of a request's *conn in its context.
type connKey struct{}

// conn is one connection to a server that is watched.
type conn struct {
	ctx    context.Context // ends with the connection
	end    context.CancelFunc
	sender atomic.Bool // one has written on it
	idle   atomic.Bool
	lift   *time.Timer // only the connection's goroutine uses it
}

// change takes note of another state of the connection.
func (c *conn) change(nc net.Conn, state http.ConnState) {
	c.idle.Store(state == http.StateIdle && c.sender.Load())
	switch state {
	case http.StateIdle:
		if c.idle.Load() {
			c.liftTimeout(nc)
		}
	case http.StateClosed, http.StateHijacked:
		if c.lift != nil {
			c.lift.Stop()
		}
		c.end()
	}
}

// liftTimeout lets a connection be idle for ever. The server sets its limit when
// this has returned, hence the wait.
func (c *conn) liftTimeout(nc net.Conn) {
	const wait = time.Second
	if c.lift != nil {
		c.lift.Reset(wait)
		return
	}
	c.lift = time.AfterFunc(wait, func() {
		if c.idle.Load() {
			nc.SetReadDeadline(time.Time{})
		}
	})
}

// connOf returns the connection of a request; nil if its server is not watched.
func connOf(r *http.Request) *conn {
	c, _ := r.Context().Value(connKey{}).(*conn)
	return c
}
