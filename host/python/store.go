package python

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/syncstream/syncstream"
)

// What a [StoreConfig] that says nothing gives.
const (
	DefaultPoll     = 250 * time.Millisecond
	DefaultMaxQueue = 16 << 20
)

// maxRequest is how many bytes of text one request brings, unless one line is
// longer.
const maxRequest = 64 << 10

// StoreConfig says how a [Store] speaks to its host. Its zero value is ready to
// use.
type StoreConfig struct {
	// Client sends the requests; if nil, one whose answers must begin within
	// 30 s.
	Client *http.Client
	// Poll is how often the host is asked what is new and whether to stop; if
	// zero, DefaultPoll.
	Poll time.Duration
	// MaxQueue is how many bytes of text wait for the host before writers wait
	// too; if zero, DefaultMaxQueue.
	MaxQueue int
	// Stderr is told once when the host can't be reached, when it can be again,
	// and what it has refused; if nil, os.Stderr.
	Stderr io.Writer
}

// Store is a host of the Python package, a LineHostBuffer, as a buffer's store:
// give it to [syncstream.NewOver]. All its methods may be called by any goroutine
// at any time.
//
// Such a host keeps lines and no more, so some things are not what they are
// elsewhere:
//
//   - It does not know who writes. What is read comes from one source, the host,
//     with positions that count from what this Store has seen first, and the
//     times at which it was seen.
//   - Writers send whole lines only, since the host has one open line for all.
//     Within a line, what Python takes for a line end becomes a visible sign, and
//     bytes that are not UTF-8 become U+FFFD. The pieces of a line over the
//     maximum are items of their own.
//   - Readers ask for everything, again and again, and look for what they have
//     seen. Where that can't be found, a warning says that messages may be
//     missing. Equal lines can't be told apart: of a host that is full of them,
//     nobody can say whether one has come.
//   - A request whose answer is lost is sent again unless the host's items show
//     that it has arrived. Where other lines have driven it out by then, it
//     stands twice for who follows.
//   - It does not know who is open. Wait waits for the feeds of this Store, and
//     returns when they are closed.
//   - Abandon reaches the feeds of this Store only.
type Store struct {
	items, states string // addresses
	name          string // without what is secret
	config        StoreConfig
	source        *syncstream.Source // of all that is read

	life context.Context // ends with Close
	end  context.CancelFunc

	out  outbox
	view view

	telling sync.Mutex // held while Stderr is told; it has one call at a time

	mu       sync.Mutex // guards what follows
	feeds    []*feed    // in the order in which they were opened
	open     int
	idle     chan struct{}       // closed while no feed is open
	watched  bool                // a goroutine asks for a stop
	failure  *syncstream.Failure // the first
	stopped  error               // the cause of a stop
	stops    int                 // how many were heard of
	left     bool                // Abandon left feeds open
	asked    time.Time           // when the host was asked about a stop last
	away     bool                // the host could not be reached
	closed   bool
	finished sync.WaitGroup // goroutines
}

// NewStore returns a store over the host at an address. It asks the host nothing
// yet; see [Probe].
func NewStore(address string, c StoreConfig) (*Store, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("python: open a host: want an address like http://localhost:5000/sync-stream")
	}
	orDefault("Poll", &c.Poll, DefaultPoll)
	orDefault("MaxQueue", &c.MaxQueue, DefaultMaxQueue)
	if c.Client == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.ResponseHeaderTimeout = 30 * time.Second
		c.Client = &http.Client{Transport: t}
	}
	client := *c.Client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse } // a POST would become a GET
	c.Client = &client
	if c.Stderr == nil {
		c.Stderr = os.Stderr
	}
	s := &Store{items: u.String(), states: stateOf(u), name: nameOf(u), config: c, idle: make(chan struct{})}
	close(s.idle)
	s.source = &syncstream.Source{ID: rand.Text(), Name: "python host " + s.name, Host: u.Hostname()}
	s.life, s.end = context.WithCancel(context.Background())
	s.out.changed.L = &s.out.mu
	s.view.lock, s.view.extra = make(chan struct{}, 1), make(map[syncstream.Position]bool)
	return s, nil
}

// stateOf returns the address of a buffer's state.
func stateOf(u *url.URL) string {
	state := *u
	state.Path += "-state"
	if state.RawPath != "" {
		state.RawPath += "-state"
	}
	return state.String()
}

// nameOf returns an address for people, without the token that it may carry.
func nameOf(u *url.URL) string {
	segments := strings.Split(u.EscapedPath(), "/")
	for i := range segments {
		if i > 0 && segments[i-1] == "key" {
			segments[i] = "…"
		}
	}
	return u.Host + strings.Join(segments, "/")
}

// String returns the host's address, without what is secret.
func (s *Store) String() string { return "the Python host at " + s.name }

// Stop has the host tell all mirrors to stop; so do the feeds of this Store.
func (s *Store) Stop(ctx context.Context, cause error) error {
	if cause == nil {
		cause = syncstream.ErrStopped
	}
	if err := s.postState(ctx, true); err != nil {
		return s.failed("stop", err)
	}
	s.stop(cause)
	return nil
}

// Abandon forgets the feeds of this Store: the host knows of none.
func (s *Store) Abandon(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.feeds {
		if f.status.State.IsOpen() {
			s.left = true
			f.closeLocked(syncstream.StateLost, syncstream.ErrAbandoned)
		}
	}
	return nil
}

// Clear removes all items of the host, and its open line.
func (s *Store) Clear(ctx context.Context) error {
	select {
	case s.view.lock <- struct{}{}:
	case <-ctx.Done():
		return s.failed("clear", context.Cause(ctx))
	}
	defer func() { <-s.view.lock }()
	if err := s.request(ctx, http.MethodDelete, s.items, nil); err != nil {
		return s.failed("clear", err)
	}
	s.view.clear()
	return nil
}

// Reset does what Clear does, and takes a stop back.
func (s *Store) Reset(ctx context.Context) error {
	if _, err := s.look(ctx, 0); err != nil { // the host will forget its maxlen
		return s.failed("reset", err)
	}
	if err := s.Clear(ctx); err != nil {
		return err
	}
	if err := s.request(ctx, http.MethodDelete, s.states, nil); err != nil {
		return s.failed("reset", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failure, s.stopped, s.left = nil, nil, false
	s.feeds = openOf(s.feeds)
	return nil
}

// Wait returns when no feed of this Store is open; at once, if none ever was. The
// host does not know of others. When ctx ends, its error wraps ctx's cause.
func (s *Store) Wait(ctx context.Context) error {
	for {
		s.mu.Lock()
		idle, open := s.idle, s.open
		outcome := s.outcomeLocked()
		s.mu.Unlock()
		if open == 0 {
			return outcome
		}
		select {
		case <-idle:
		case <-ctx.Done():
			return s.failed("wait", context.Cause(ctx))
		}
	}
}

func (s *Store) outcomeLocked() error {
	switch {
	case s.failure != nil:
		return s.failure
	case s.stopped != nil:
		return s.stopped
	case s.left:
		return syncstream.ErrAbandoned
	}
	return nil
}

// Close returns when all that came has been brought to the host, or when ctx
// ends; then the error says how much was not.
func (s *Store) Close(ctx context.Context) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	for _, f := range s.feeds {
		f.end(syncstream.ErrClosed)
	}
	s.mu.Unlock()
	s.out.close()
	err := s.Flush(ctx)
	s.end()
	s.finished.Wait()
	return err
}

// failed says what was being done.
func (s *Store) failed(what string, err error) error {
	return fmt.Errorf("python: %s %s: %w", what, s, err)
}
