package host

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/host/internal/wire"
)

// TokenVariable is the environment variable with the token of a [Client] that is
// given none.
const TokenVariable = "SYNCSTREAM_TOKEN"

// DefaultMaxQueue is how many bytes wait for the network at most, where
// [ClientConfig.MaxQueue] is zero.
const DefaultMaxQueue = 64 << 20

// WhenFull says what becomes of messages for which the queue has no room.
type WhenFull uint8

const (
	// Block has who writes wait.
	Block WhenFull = iota
	// DropOldest drops the oldest messages that wait; a gap stands in their place.
	DropOldest
)

// ClientConfig says where a buffer is, and how its messages get there. Only URL
// must be set; a negative number makes [NewClient] panic.
type ClientConfig struct {
	// URL is that of the buffer, http://HOST:PORT/NAME. A user's password in it,
	// or the path's /key/TOKEN, is the token, and is never shown.
	URL string
	// Token is what the host wants; if empty, that of the URL; if there is none,
	// that of the environment variable SYNCSTREAM_TOKEN.
	Token string
	// MaxQueue is how many bytes of messages may wait for the network, those of
	// all mirrors of the client together; if zero, DefaultMaxQueue.
	MaxQueue int
	// WhenFull says what happens when they are as many; if zero, Block.
	WhenFull WhenFull
	// HTTPClient sends the requests; nil: one of the client's own, which takes
	// no redirects.
	HTTPClient *http.Client
	// Stderr is told when the host is gone, when it is back, and when it takes
	// something for wrong, in one Write at a time; if nil, os.Stderr.
	Stderr io.Writer
}

// Client is a buffer of a host, as a [syncstream.Store]. Messages that it is given
// wait in memory until the host has acknowledged them, whatever happens to
// connections meanwhile: those of one source are brought one request at a time,
// and the next one grows while that is under way.
//
// All methods may be called by any goroutine at any time.
type Client struct {
	config ClientConfig
	base   *url.URL // without a secret
	token  string
	http   *http.Client

	telling sync.Mutex // held while stderr is told; it has one call at a time
	stderr  io.Writer

	ctx    context.Context // ends when nothing more is sent
	cancel context.CancelCauseFunc
	runs   sync.WaitGroup // goroutines, which all end when ctx does
	health health
	reader readerState
	body   []byte // of the request that brings something

	mu      sync.Mutex // guards what follows
	room    sync.Cond  // signalled when there is room in the queue again, or nobody may wait
	queue   queue
	sending bool // a goroutine sends what is in it
	feeds   map[*feed]struct{}
	epoch   uint64 // of the newest feed
	closed  bool
	held    heldState
	denied  deniedState
}

// NewClient returns a client. It sends nothing yet.
func NewClient(config ClientConfig) (*Client, error) {
	switch {
	case config.MaxQueue < 0:
		panic(fmt.Sprintf("host: NewClient: ClientConfig.MaxQueue is %d; want a positive number, or zero for %d", config.MaxQueue, DefaultMaxQueue))
	case config.WhenFull > DropOldest:
		panic(fmt.Sprintf("host: NewClient: ClientConfig.WhenFull is %d; want Block or DropOldest", config.WhenFull))
	case config.MaxQueue == 0:
		config.MaxQueue = DefaultMaxQueue
	}
	base, token, err := parseAddress(config.URL)
	if err != nil {
		return nil, err
	}
	for _, other := range []string{token, os.Getenv(TokenVariable)} {
		if config.Token == "" {
			config.Token = other
		}
	}
	c := &Client{
		config: config, base: base, token: config.Token, http: config.HTTPClient, stderr: config.Stderr,
		feeds: make(map[*feed]struct{}),
	}
	if c.http == nil {
		c.http = newHTTPClient()
	}
	if c.stderr == nil {
		c.stderr = os.Stderr
	}
	c.ctx, c.cancel = context.WithCancelCause(context.Background())
	c.room.L = &c.mu
	c.denied.hurry = make(chan struct{}, 1)
	return c, nil
}

func newHTTPClient() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = 8
	t.WriteBufferSize = 64 << 10
	return &http.Client{
		Transport:     t,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// parseAddress takes the token out of an address.
func parseAddress(address string) (base *url.URL, token string, err error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, "", fmt.Errorf("host: the address %s: want http://HOST:PORT/NAME", Redact(address))
	}
	if u.User != nil {
		token, _ = u.User.Password()
	}
	segments := strings.Split(strings.Trim(u.Path, "/"), "/")
	for i, s := range segments {
		if s == "key" && i+1 < len(segments) {
			token = segments[i+1]
			segments = append(segments[:i:i], segments[i+2:]...)
			break
		}
	}
	if len(segments) == 0 || segments[0] == "" {
		return nil, "", fmt.Errorf("host: the address %s has no name of a buffer: want http://HOST:PORT/NAME", Redact(address))
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/" + strings.Join(segments, "/")}, token, nil
}

// String returns the buffer's address, without a token.
func (c *Client) String() string { return c.base.String() }

// Feed opens a source at the host, as soon as that can be reached. The error is
// [syncstream.ErrClosed] after Close, or says what the host would refuse.
func (c *Client) Feed(source *syncstream.Source) (syncstream.Feed, error) {
	if err := wire.CheckSource(source); err != nil {
		return nil, fmt.Errorf("host: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, syncstream.ErrClosed
	}
	// A source that is opened again begins another epoch, which must be higher.
	c.epoch = max(c.epoch+1, uint64(time.Now().UnixNano()))
	f := &feed{client: c, source: source, epoch: c.epoch}
	f.ctx, f.cancel = context.WithCancelCause(context.Background())
	c.feeds[f] = struct{}{}
	f.orderLocked(itemOpen)
	return f, nil
}

// Flush returns when the host has acknowledged all that the feeds were given. When
// it refuses the token, the error says so at once; what waits is tried again.
func (c *Client) Flush(ctx context.Context) error {
	for _, f := range c.allFeeds() {
		if err := f.wait(ctx); err != nil {
			c.mu.Lock()
			n := c.queue.messages(nil)
			c.mu.Unlock()
			return c.undelivered(n, err)
		}
	}
	return nil
}

func (c *Client) allFeeds() []*feed {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Collect(maps.Keys(c.feeds))
}

// undelivered says how many messages the host does not have.
func (c *Client) undelivered(n int, err error) error {
	what := messages(n) + " were"
	if n == 1 {
		what = messages(n) + " was"
	}
	if reason := c.health.reason(); reason != nil && !isDenied(err) {
		return fmt.Errorf("host: %s not delivered to %s: %w (%v)", what, c, err, reason)
	}
	return fmt.Errorf("host: %s not delivered to %s: %w", what, c, err)
}

// messages says how many there are.
func messages(n int) string {
	if n == 1 {
		return "1 message"
	}
	return fmt.Sprintf("%d messages", n)
}

// Close delivers what the feeds were given, and sends nothing more afterwards:
// a source that is open then is taken for lost by the host after a while. When ctx
// ends first, or the host refuses the token, the error says how many messages were
// not delivered. Nothing of the client runs on afterwards, unless its Stderr takes nothing. What reads goes on
// working.
func (c *Client) Close(ctx context.Context) error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	c.mu.Unlock()
	err := c.Flush(ctx)
	c.mu.Lock()
	c.cancel(syncstream.ErrClosed) // with the mutex, so that no goroutine begins behind it
	c.mu.Unlock()
	for _, f := range c.allFeeds() {
		f.end(syncstream.ErrClosed)
	}
	c.rest(ctx)
	if c.config.HTTPClient == nil {
		c.http.CloseIdleConnections()
	}
	return err
}

// closeGrace is how long Close goes on waiting for goroutines when its context has
// ended. They end at once, but one that tells people waits for them.
const closeGrace = time.Second

// rest waits for the goroutines.
func (c *Client) rest(ctx context.Context) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.runs.Wait()
	}()
	select {
	case <-ended:
		return
	case <-ctx.Done():
	}
	grace := time.NewTimer(closeGrace)
	defer grace.Stop()
	select {
	case <-ended:
	case <-grace.C:
	}
}

// start has a goroutine do f, unless the client is closed.
func (c *Client) start(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx.Err() == nil {
		c.runs.Go(f)
	}
}

// sleep waits so long. It reports false when the client is closed before.
func (c *Client) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.ctx.Done():
		return false
	}
}
