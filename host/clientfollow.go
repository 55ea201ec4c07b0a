package host

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/host/internal/wire"
)

const (
	// maxEvent is how many bytes one event may have: the longest message, written
	// with escapes.
	maxEvent = 64 << 20
	// deafTime is how long a stream may say nothing, not even that it is there.
	deafTime = 3 * wire.Heartbeat
)

var (
	// errDeaf ends a stream that has said nothing for too long.
	errDeaf = errors.New("nothing has come for some time")
	// errFollowed says that there is nothing more to follow.
	errFollowed = errors.New("the stream has come to its end")
)

// Follow gives messages as they come; see [syncstream.Buffer.Follow]. When the
// connection breaks, or the host is away for a while, it goes on behind the last
// message that was given; what has left the buffer meanwhile is a gap. A host that
// was started again has another buffer: then a gap says so, whose Missing is zero
// since nobody knows, and what follows begins at the oldest message there. The
// positions that the client gives of it go on behind those of the buffer before,
// which stay places in that one.
func (c *Client) Follow(ctx context.Context, after syncstream.Position, options ...syncstream.FollowOption) iter.Seq2[syncstream.Message, error] {
	return func(yield func(syncstream.Message, error) bool) {
		f := &longFollow{client: c, yield: yield, q: url.Values{"after": {c.place(after)}}}
		for _, o := range options {
			if o&syncstream.FollowPartials != 0 {
				f.q.Set("partials", "yes")
			}
			if o&syncstream.FollowUntilDone != 0 {
				f.q.Set("until", "done")
			}
		}
		err := f.run(ctx)
		if err != nil && err != errFollowed {
			yield(syncstream.Message{}, fmt.Errorf("host: follow %s: %w", c, err))
		}
	}
}

// longFollow is one who follows, over any number of connections.
type longFollow struct {
	client *Client
	yield  func(syncstream.Message, error) bool
	q      url.Values
	id     string // of the last event
	buffer string // that the events come from
	tries  int    // that have failed since something came
	parser wire.Parser
}

// run goes on until there is nothing more to follow, ctx ends, or it is no use.
func (f *longFollow) run(ctx context.Context) error {
	for {
		err := f.connection(ctx)
		switch {
		case ctx.Err() != nil && err != errFollowed:
			return context.Cause(ctx)
		case err == errFollowed || lasting(err):
			return err
		}
		f.client.health.fail(f.client, time.Now(), err)
		f.tries++
		timer := time.NewTimer(backoff(f.tries))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
	}
}

// connection follows over one connection.
func (f *longFollow) connection(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	deaf := time.AfterFunc(deafTime, func() { cancel(errDeaf) })
	defer deaf.Stop()
	header := http.Header{"Accept": {wire.Events}}
	if f.id != "" {
		header.Set("Last-Event-Id", f.id)
	}
	resp, err := f.client.send(ctx, http.MethodGet, "follow", f.q, header, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	f.client.health.succeed(f.client)
	f.buffer = resp.Header.Get(wire.BufferHeader)
	events := wire.NewEventReader(resp.Body, maxEvent)
	sign := func() { deaf.Reset(deafTime) }
	for {
		e, err := events.Next(sign)
		if err == io.EOF {
			err = io.ErrUnexpectedEOF // a stream says when it ends
		}
		if err != nil {
			f.id = cmp.Or(events.LastID(), f.id) // the host may have told where it began, and no more
			return err
		}
		sign()
		f.tries = 0
		if err := f.take(&e); err != nil {
			return err
		}
	}
}

// take gives what an event tells.
func (f *longFollow) take(e *wire.Event) error {
	switch e.Type {
	case "", "message":
		m, err := f.parser.Parse(e.Data)
		if err != nil {
			return fmt.Errorf("an event: %w", err)
		}
		f.client.came(&m, f.buffer)
		return f.give(m, e.ID)
	case wire.EventAnew:
		f.q.Set("after", f.client.place(syncstream.Oldest)) // where the stream goes on, though it may break now
		return f.give(syncstream.Message{
			Source: f.client.share(&syncstream.Source{ID: "host", Name: "host"}), Stream: syncstream.Control,
			Kind: syncstream.Gap, Time: time.Now(), End: syncstream.EndNone,
			Text: "the host was started again, or has another buffer there: nobody knows how much is missing here",
		}, "")
	case wire.EventEnd:
		var end wire.End
		if json.Unmarshal(e.Data, &end); end.Reason != "shutdown" {
			return errFollowed
		}
		return errors.New("the host has ended")
	}
	return nil // of a later version
}

// give gives a message; the next connection begins behind it.
func (f *longFollow) give(m syncstream.Message, id string) error {
	if !f.yield(m, nil) {
		return errFollowed
	}
	f.id = id
	return nil
}
