package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/syncstream/syncstream"
)

// toOptions say to which host the workers' lines go as well.
type toOptions struct {
	hostOptions
	to           string
	closeTimeout time.Duration
}

func (o *toOptions) define(f flags) {
	o.closeTimeout = syncstream.DefaultCloseTimeout
	f.add("to", "", "send the lines to the buffer `URL` of a host too, http://HOST:PORT/NAME, whose stop ends the run", text(&o.to))
	o.hostOptions.define(f)
	o.hostOptions.defineQueue(f)
	f.add("close-timeout", "5s", "at the end, wait this `TIME` until the host has all; what it has not then is counted, and the exit status not 0", someTime(&o.closeTimeout))
}

func (o *toOptions) complete(cmd *cobra.Command) error {
	if o.to == "" {
		return nil
	}
	return o.hostOptions.complete(cmd, "--to", o.to)
}

// delivery is the way of a run's lines to a host; nil, if there is none.
type delivery struct {
	over    *syncstream.Buffer
	way     *syncstream.Attachment
	timeout time.Duration
}

// deliver has all that buf gets brought to the host, and c hear of its stop.
func (o *toOptions) deliver(ctx context.Context, buf *syncstream.Buffer, c *course) (*delivery, error) {
	if o.to == "" {
		return nil, nil
	}
	client, err := o.open(ctx, noticeWriter{c})
	if err != nil {
		return nil, err
	}
	over := syncstream.NewOver(hearing{client, func(cause error) {
		c.stop(&stopReason{text: "stopped by the host: " + words(cause.Error()), status: undecided})
	}}, syncstream.Config{CloseTimeout: o.closeTimeout})
	return &delivery{over: over, way: buf.Forward(over), timeout: o.closeTimeout}, nil
}

// close returns when the host has everything; the error says what it has not.
func (d *delivery) close() error {
	if d == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), d.timeout)
	defer cancel()
	if err := d.way.Drain(ctx); err != nil {
		return fmt.Errorf("not all lines were delivered to the host: %w", err)
	}
	return d.over.Close()
}

// hearing is a store that tells of a stop. Buffers over it ask its sources' mirrors
// too.
type hearing struct {
	syncstream.Store
	stopped func(cause error)
}

// Feed opens a source, which hears of a stop.
func (h hearing) Feed(source *syncstream.Source) (syncstream.Feed, error) {
	feed, err := h.Store.Feed(source)
	if err == nil {
		context.AfterFunc(feed.Context(), func() {
			if cause := context.Cause(feed.Context()); errors.Is(cause, syncstream.ErrStopped) {
				h.stopped(cause)
			}
		})
	}
	return feed, err
}

// noticeWriter takes what a client says.
type noticeWriter struct{ course *course }

// Write shows a row, which it does not wait for.
func (w noticeWriter) Write(p []byte) (int, error) {
	w.course.notice(strings.TrimPrefix(strings.TrimSuffix(string(p), "\n"), "syncstream: "))
	return len(p), nil
}
