package host

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/host/internal/wire"
)

// maxSources is how many sources a reader remembers, so that the messages of one
// share it.
const maxSources = 10_000

// readerState is what a client knows of what it reads.
type readerState struct {
	mu      sync.Mutex // guards what follows
	sources map[string]*syncstream.Source
	eras    eras
}

// place returns what a position is for the host.
func (c *Client) place(p syncstream.Position) string {
	switch p {
	case syncstream.Oldest:
		return "oldest"
	case syncstream.Latest:
		return "latest"
	}
	c.reader.mu.Lock()
	defer c.reader.mu.Unlock()
	return c.reader.eras.place(p).String()
}

// came makes of a message of that buffer one of ours: with our position, and with
// the source that equal ones share.
func (c *Client) came(m *syncstream.Message, buffer string) {
	r := &c.reader
	r.mu.Lock()
	defer r.mu.Unlock()
	m.Source = r.shareLocked(m.Source)
	m.Position = r.eras.position(buffer, m.Position)
}

// share returns a source that equal ones share.
func (c *Client) share(s *syncstream.Source) *syncstream.Source {
	c.reader.mu.Lock()
	defer c.reader.mu.Unlock()
	return c.reader.shareLocked(s)
}

func (r *readerState) shareLocked(s *syncstream.Source) *syncstream.Source {
	if s == nil {
		return nil
	}
	if known := r.sources[s.ID]; known != nil && *known == *s {
		return known
	}
	if r.sources == nil || len(r.sources) >= maxSources {
		r.sources = make(map[string]*syncstream.Source)
	}
	r.sources[s.ID] = s
	return s
}

// Last returns the last n messages; see [syncstream.Buffer.Last].
func (c *Client) Last(ctx context.Context, n int) ([]syncstream.Message, error) {
	return c.messages(ctx, "read the last messages of", "messages", url.Values{"last": {strconv.Itoa(max(0, n))}})
}

// Partials returns partial lines; see [syncstream.Buffer.Partials].
func (c *Client) Partials(ctx context.Context) ([]syncstream.Message, error) {
	return c.messages(ctx, "read the partial lines of", "partials", nil)
}

// messages returns the messages of an answer.
func (c *Client) messages(ctx context.Context, what, op string, q url.Values) (all []syncstream.Message, err error) {
	err = c.keepTrying(ctx, what, func() error {
		resp, err := c.send(ctx, http.MethodGet, op, q, nil, nil)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		data, err := io.ReadAll(resp.Body)
		if err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		all, err = c.parseMessages(data, resp.Header.Get(wire.BufferHeader))
		return err
	})
	return all, err
}

func (c *Client) parseMessages(data []byte, buffer string) ([]syncstream.Message, error) {
	all := make([]syncstream.Message, 0, bytes.Count(data, []byte{'\n'}))
	var parser wire.Parser
	for n := 1; len(data) > 0; n++ {
		line, rest, _ := bytes.Cut(data, []byte{'\n'})
		m, err := parser.Parse(line)
		if err != nil {
			return nil, fmt.Errorf("message %d of the answer: %w", n, err)
		}
		c.came(&m, buffer)
		all = append(all, m)
		data = rest
	}
	return all, nil
}

// Snapshot returns the account of the buffer; see [syncstream.Buffer.Snapshot].
func (c *Client) Snapshot(ctx context.Context) (syncstream.Stats, []syncstream.SourceStatus, error) {
	var status wire.Status
	err := c.keepTrying(ctx, "read the account of", func() error {
		status = wire.Status{}
		return c.call(ctx, http.MethodGet, "status", nil, "", nil, &status)
	})
	if err != nil {
		return syncstream.Stats{}, nil, err
	}
	all := make([]syncstream.SourceStatus, len(status.Sources))
	for i := range status.Sources {
		s, err := status.Sources[i].Core()
		if err != nil {
			return syncstream.Stats{}, nil, fmt.Errorf("host: read the account of %s: %w", c, err)
		}
		s.Source = c.share(s.Source)
		for j := range s.Tail {
			c.came(&s.Tail[j], status.Buffer)
		}
		all[i] = s
	}
	return status.Stats.Core(), all, nil
}

// Stats returns the totals of the account; see [syncstream.Buffer.Stats].
func (c *Client) Stats(ctx context.Context) (syncstream.Stats, error) {
	var status wire.Status
	err := c.keepTrying(ctx, "read the account of", func() error {
		return c.call(ctx, http.MethodGet, "status", url.Values{"sources": {"no"}}, "", nil, &status)
	})
	return status.Stats.Core(), err
}

// Wait returns when no source is open; see [syncstream.Buffer.Wait].
func (c *Client) Wait(ctx context.Context) error {
	for {
		var o wire.Outcome
		err := c.keepTrying(ctx, "wait for", func() error {
			o = wire.Outcome{}
			held, cancel := context.WithTimeout(ctx, wire.MaxHold+5*time.Second)
			defer cancel()
			return c.call(held, http.MethodGet, "wait", nil, "", nil, &o)
		})
		if err != nil {
			return err
		}
		if o.Done {
			return c.outcome(&o)
		}
	}
}

func (c *Client) outcome(o *wire.Outcome) error {
	switch f := o.Failure; {
	case f != nil:
		return &syncstream.Failure{Source: c.share(f.Source.Core()), Err: wire.ParseError(f.Error), Time: f.Time}
	case o.Stopped != "":
		return stopCause(o.Stopped)
	case o.Abandoned:
		return syncstream.ErrAbandoned
	}
	return nil
}

// Stop asks all sources to end, with the text of cause; see
// [syncstream.Buffer.Stop].
func (c *Client) Stop(ctx context.Context, cause error) error {
	q := wire.CommandRequest{}
	if cause != nil {
		q.Cause = cause.Error()
	}
	return c.command(ctx, "stop", q)
}

// Abandon forgets the sources that are open; see [syncstream.Buffer.Abandon].
func (c *Client) Abandon(ctx context.Context) error {
	return c.command(ctx, "abandon", wire.CommandRequest{})
}

// Clear removes all messages; see [syncstream.Buffer.Clear].
func (c *Client) Clear(ctx context.Context) error {
	return c.command(ctx, "clear", wire.CommandRequest{})
}

// Reset forgets how it went so far; see [syncstream.Buffer.Reset].
func (c *Client) Reset(ctx context.Context) error {
	return c.command(ctx, "reset", wire.CommandRequest{})
}

// command asks until there is an answer. All of it is one command for the host,
// which does not do it once more after an answer that was lost.
func (c *Client) command(ctx context.Context, op string, q wire.CommandRequest) error {
	q.Once = rand.Text()
	return c.keepTrying(ctx, op, func() error { return c.callJSON(ctx, http.MethodPost, op, nil, q, nil) })
}
