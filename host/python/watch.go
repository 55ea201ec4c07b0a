package python

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"
)

// Watch has srv tell the handlers of this package on which connection a request
// comes and when that ends. Without it a connection is known by its remote
// address, and that it has ended only by its silence. Call it before srv begins
// to serve; hooks that srv has are called too.
//
// A worker may be silent for long. If srv has an IdleTimeout, give it one that is
// longer: a worker whose connection was closed by that is waited for as long as
// [Config.MaxSilence].
func Watch(srv *http.Server) {
	var conns sync.Map // of net.Conn to *conn
	connContext, connState := srv.ConnContext, srv.ConnState
	srv.ConnContext = func(ctx context.Context, nc net.Conn) context.Context {
		if connContext != nil {
			ctx = connContext(ctx, nc)
		}
		c := &conn{}
		c.ctx, c.end = context.WithCancelCause(context.Background())
		conns.Store(nc, c)
		return context.WithValue(ctx, connKey{}, c)
	}
	srv.ConnState = func(nc net.Conn, state http.ConnState) {
		if connState != nil {
			connState(nc, state)
		}
		switch state {
		case http.StateIdle:
			if c, ok := conns.Load(nc); ok {
				c.(*conn).idle = time.Now()
			}
		case http.StateClosed, http.StateHijacked:
			if c, ok := conns.LoadAndDelete(nc); ok {
				c.(*conn).end(c.(*conn).reason(srv))
			}
		}
	}
}

// Why a connection has ended.
var (
	errConnEnded = errors.New("its connection ended")
	errConnIdle  = errors.New("its connection was closed by the server's IdleTimeout")
)

// connKey is the key of a request's *conn in its context.
type connKey struct{}

// conn is one connection to a server that is watched.
type conn struct {
	ctx  context.Context // ends with the connection
	end  context.CancelCauseFunc
	idle time.Time // since when it is; only the connection's goroutine uses it
}

// reason says why a connection of srv, which ends now, does.
func (c *conn) reason(srv *http.Server) error {
	timeout := srv.IdleTimeout
	if timeout == 0 {
		timeout = srv.ReadTimeout
	}
	if timeout > 0 && !c.idle.IsZero() && time.Since(c.idle) >= timeout {
		return errConnIdle
	}
	return errConnEnded
}

// connOf returns the connection of a request; nil if its server is not watched.
func connOf(r *http.Request) *conn {
	c, _ := r.Context().Value(connKey{}).(*conn)
	return c
}
