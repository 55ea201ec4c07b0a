package host

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/host/internal/wire"
	"github.com/syncstream/syncstream/internal/split"
)

// append takes messages of one source.
func (h *Handler) append(s *served, w http.ResponseWriter, r *http.Request) error {
	b, kind, err := h.readBody(w, r, wire.Batches, wire.Lines)
	defer b.release()
	if err != nil {
		return err
	}
	a := &b.append
	if err := decode(a, kind, b.data, r); err != nil {
		return refuse(http.StatusBadRequest, "body: %v", err)
	}
	batches, err := s.check(a)
	if err != nil {
		return err
	}
	m, err := s.remote(&a.Source)
	if err != nil {
		return err
	}
	defer m.sign()()
	ctx, cancel := h.context(r)
	defer cancel()
	if err := m.take(ctx); err != nil {
		return h.ending(ctx)
	}
	defer m.release()
	if err := m.append(a, batches); err != nil {
		return err
	}
	return answer(w, http.StatusOK, m.progress())
}

// ending is why a request that waits has come to its end.
func (h *Handler) ending(ctx context.Context) error {
	if context.Cause(ctx) == errShutdown {
		return refuse(http.StatusServiceUnavailable, "%v", errShutdown)
	}
	return errGone
}

func decode(a *wire.Append, kind string, data []byte, r *http.Request) error {
	if kind == wire.Batches {
		return a.Decode(data)
	}
	a.Epoch = 0
	if text := r.URL.Query().Get("epoch"); text != "" {
		var err error
		if a.Epoch, err = strconv.ParseUint(text, 10, 64); err != nil {
			return fmt.Errorf("epoch %s: want a whole number", short(text))
		}
	}
	return a.DecodeLines(data)
}

// check checks all batches before the first is taken, and returns them for the
// core; nil in the place of a partial line.
func (s *served) check(a *wire.Append) ([]*syncstream.Batch, error) {
	batches := make([]*syncstream.Batch, len(a.Batches))
	for i := range a.Batches {
		b := &a.Batches[i]
		if b.Kind == syncstream.Partial {
			continue // what is too long of it is left out
		}
		if max := s.maxText(b); longest(b, max) > max {
			return nil, refuse(http.StatusRequestEntityTooLarge, "batch %d: a message has more than %d bytes", i+1, max)
		}
		var err error
		if batches[i], err = newBatch(b, 0); err != nil {
			return nil, refuse(http.StatusBadRequest, "body: batch %d: %v", i+1, err)
		}
	}
	return batches, nil
}

// maxGroup is the same as what a mirror of the core sends as one message.
const maxGroup = 1<<20 + 1<<10

// maxText is how many bytes one message of b may have.
func (s *served) maxText(b *wire.Batch) int {
	if b.Kind == syncstream.Line {
		return s.config.Buffer.MaxLine
	}
	return max(maxGroup, s.config.Buffer.MaxLine)
}

// longest returns how many bytes the text of the longest message in b has, but
// looks no closer while none can be over max.
func longest(b *wire.Batch, max int) (n int) {
	data := b.Text
	if len(data) <= max {
		return len(data)
	}
	if b.Kind != syncstream.Line || b.Part == syncstream.PartFirst || b.Part == syncstream.PartMiddle {
		return len(data)
	}
	for len(data) > 0 && n <= max {
		if b.Lines == syncstream.Fold || b.Lines == syncstream.Keep {
			if i := bytes.LastIndexByte(data[:min(len(data), max+1)], '\n'); i >= 0 {
				data = data[i+1:]
				continue
			}
		}
		text, _, size := split.Mode(b.Lines).Cut(data)
		n, data = len(text), data[size:]
	}
	return n
}

// newBatch returns b for the core, with numbers that are higher by shift.
func newBatch(b *wire.Batch, shift uint64) (*syncstream.Batch, error) {
	c := syncstream.BatchConfig{
		Stream: b.Stream, Kind: b.Kind, Part: b.Part, Lines: b.Lines, First: b.First + shift, Count: b.Count,
		Missing: b.Missing, Time: time.Unix(0, b.Time), Redraws: b.Redraws, Text: b.Text,
	}
	return syncstream.NewBatch(c)
}

// append brings what is new in a to the buffer. It needs the turn.
func (m *remote) append(a *wire.Append, batches []*syncstream.Batch) error {
	if err := m.revive(); err != nil {
		return err
	}
	if err := m.renew(a.Epoch); err != nil {
		return err
	}
	first, end := a.Numbers()
	m.mu.Lock()
	p := m.progressLocked()
	state, begun, feed, shift := m.stateLocked(), m.begun, m.feed, m.shift
	m.mu.Unlock()
	switch {
	case !state.IsOpen():
		return problem{http.StatusGone, "the source is closed: " + p.State, &p}
	case first == end: // no messages
		return m.holdAll(feed, a)
	case begun && end-1 <= p.Num:
		return nil // all of it is here
	case begun && a.Epoch < p.Epoch:
		return problem{http.StatusConflict, fmt.Sprintf("epoch %d is over: this one is %d", a.Epoch, p.Epoch), &p}
	case begun && a.Epoch == p.Epoch && first > p.Num+1:
		return problem{
			http.StatusConflict, fmt.Sprintf("the messages begin at %d, and the last that is here is %d", first, p.Num), &p,
		}
	}
	if first > p.Num+1 {
		err := m.miss(feed, p.Num+1+shift, first-p.Num-1)
		if err != nil {
			return m.failed(err)
		}
	}
	m.mu.Lock()
	m.begun, m.epoch, m.num = true, a.Epoch, max(p.Num, first-1)
	m.mu.Unlock()
	for i := range a.Batches {
		if err := m.appendOne(feed, &a.Batches[i], batches[i], p.Num, shift); err != nil {
			return m.failed(err)
		}
	}
	return nil
}

// appendOne brings one batch to the buffer, without the messages up to had.
func (m *remote) appendOne(feed syncstream.Feed, b *wire.Batch, ready *syncstream.Batch, had, shift uint64) error {
	switch {
	case b.Kind == syncstream.Partial:
		return feed.Hold(b.Stream, b.Text)
	case b.End() <= had+1:
		return nil // it is here
	}
	if b.First <= had || shift > 0 {
		rest := without(b, had)
		var err error
		if ready, err = newBatch(&rest, shift); err != nil {
			return err
		}
	}
	if err := feed.Append(ready); err != nil {
		return err
	}
	m.mu.Lock()
	m.num = b.End() - 1
	m.mu.Unlock()
	return nil
}

// without returns b without the messages up to had.
func without(b *wire.Batch, had uint64) wire.Batch {
	rest := *b
	if b.First > had {
		return rest
	}
	n := had + 1 - b.First
	rest.First += n
	if b.Kind == syncstream.Gap {
		rest.Missing -= n
		return rest
	}
	rest.Count -= int(n)
	for range n {
		_, _, size := split.Mode(b.Lines).Cut(rest.Text)
		rest.Text = rest.Text[size:]
	}
	return rest
}

// holdAll takes partial lines that come without messages.
func (m *remote) holdAll(feed syncstream.Feed, a *wire.Append) error {
	for i := range a.Batches {
		if err := feed.Hold(a.Batches[i].Stream, a.Batches[i].Text); err != nil {
			return m.failed(err)
		}
	}
	return nil
}

// miss adds a gap.
func (m *remote) miss(feed syncstream.Feed, first, missing uint64) error {
	b, err := syncstream.NewBatch(syncstream.BatchConfig{
		Stream: syncstream.Control, Kind: syncstream.Gap, First: first, Missing: missing,
	})
	if err != nil {
		return err
	}
	return feed.Append(b)
}

// failed is the answer where the buffer takes nothing.
func (m *remote) failed(err error) error {
	p := m.progress()
	if err == syncstream.ErrClosed {
		return problem{http.StatusGone, "the source has been closed", &p}
	}
	return problem{http.StatusInternalServerError, err.Error(), &p}
}
