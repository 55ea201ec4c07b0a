package host

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/syncstream/syncstream/host/python"
)

// Limits of a [ServerConfig] that are used where it says nothing.
const (
	DefaultMaxConnections = 4096
	DefaultMaxHeader      = 16 << 10
	DefaultHeaderTimeout  = 10 * time.Second
)

const (
	// moreHeader is what net/http takes of headers besides what it is told.
	moreHeader  = 4 << 10
	idleTimeout = 5 * time.Minute
)

// ServerConfig are the limits of a server that [NewServer] makes. The zero value
// is ready to use; a negative number panics.
type ServerConfig struct {
	// MaxConnections is how many connections one address may have; if zero,
	// DefaultMaxConnections. More are refused (429).
	MaxConnections int
	// MaxHeader is how many bytes the headers of a request may have; if zero,
	// DefaultMaxHeader. 4 KiB are always taken; more than it are refused (431).
	MaxHeader int
	// HeaderTimeout is how long they may take; if zero, DefaultHeaderTimeout. Then
	// the connection is closed.
	HeaderTimeout time.Duration
}

// NewServer returns a server for h at that address, which does not wait for who
// is slow. A connection may be idle for 5 minutes, unless a Python program has
// written on it. Bodies have the limits of h's [Config]. The server has no limit for
// the time of an answer, since followers have none.
func NewServer(address string, h http.Handler, config ServerConfig) *http.Server {
	orDefault("NewServer: ServerConfig.MaxConnections", &config.MaxConnections, DefaultMaxConnections)
	orDefault("NewServer: ServerConfig.MaxHeader", &config.MaxHeader, DefaultMaxHeader)
	orDefault("NewServer: ServerConfig.HeaderTimeout", &config.HeaderTimeout, DefaultHeaderTimeout)
	c := &connections{max: config.MaxConnections, open: make(map[string]int)}
	srv := &http.Server{
		Addr: address, Handler: h, MaxHeaderBytes: max(1, config.MaxHeader-moreHeader), ReadHeaderTimeout: config.HeaderTimeout,
		IdleTimeout: idleTimeout, ConnContext: c.begin, ConnState: c.change,
	}
	python.Watch(srv)
	return srv
}

// connections counts the connections of each address.
type connections struct {
	max int

	mu   sync.Mutex // guards what follows
	open map[string]int
}

// tooMany is the key of a request's context that has a value when its connection
// is one too many.
type tooMany struct{}

func (c *connections) begin(ctx context.Context, conn net.Conn) context.Context {
	address := hostOf(conn.RemoteAddr().String())
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open[address]++
	switch n := c.open[address]; {
	case n > 2*c.max:
		conn.Close() // it does not even get an answer
	case n > c.max:
		return context.WithValue(ctx, tooMany{}, c.max)
	}
	return ctx
}

func (c *connections) change(conn net.Conn, state http.ConnState) {
	if state != http.StateClosed && state != http.StateHijacked {
		return
	}
	address := hostOf(conn.RemoteAddr().String())
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open[address]--; c.open[address] <= 0 {
		delete(c.open, address)
	}
}

// hostOf returns an address without its port.
func hostOf(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return address
}

// checkConnections refuses a request whose connection is one too many.
func checkConnections(w http.ResponseWriter, r *http.Request) error {
	n, ok := r.Context().Value(tooMany{}).(int)
	if !ok {
		return nil
	}
	w.Header().Set("Connection", "close")
	return refuse(http.StatusTooManyRequests, "this address has %d connections, and may have no more", n)
}
