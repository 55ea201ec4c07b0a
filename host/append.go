package host

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/host/internal/wire"
	"github.com/syncstream/syncstream/internal/split"
)

// append takes what a client brings of some sources.
func (h *Handler) append(s *served, w http.ResponseWriter, r *http.Request) error {
	b, kind, err := h.readBody(w, r, wire.Batches, wire.Lines)
	defer b.release()
	if err != nil {
		return err
	}
	if err := b.decode(kind, r); err != nil {
		return refuse(http.StatusBadRequest, "body: %v", err)
	}
	checked, err := s.checkAll(b.appends)
	if err != nil {
		return err
	}
	ctx, cancel := h.context(r)
	defer cancel()
	if len(checked) == 1 {
		p, err := h.bring(ctx, s, &b.appends[0], checked[0])
		if err != nil {
			return err
		}
		return answer(w, http.StatusOK, p)
	}
	answers := wire.Answers{Answers: make([]wire.Answer, len(checked))}
	var refused []string // ids
	for i := range checked {
		a := &b.appends[i]
		p, err := wire.Progress{}, error(nil)
		if slices.Contains(refused, a.Source.ID) {
			err = refuse(http.StatusFailedDependency, "what comes before it of the same source was refused")
		} else {
			p, err = h.bring(ctx, s, a, checked[i])
		}
		if err == errGone {
			return err
		}
		if answers.Answers[i] = answerOf(p, err); err != nil {
			refused = append(refused, a.Source.ID)
		}
	}
	return answer(w, http.StatusOK, answers)
}

// answerOf is one of several answers.
func answerOf(p wire.Progress, err error) wire.Answer {
	if err == nil {
		return wire.Answer{Status: http.StatusOK, Progress: &p}
	}
	problem := problemOf(err)
	return wire.Answer{Status: problem.status, Message: problem.text, Progress: problem.progress}
}

// bring takes what a client brings of one source, and returns how far that is now.
func (h *Handler) bring(ctx context.Context, s *served, a *wire.Append, batches []*syncstream.Batch) (wire.Progress, error) {
	m, err := s.bringer(a)
	if err != nil {
		return wire.Progress{}, err
	}
	defer m.sign()()
	if err := m.take(ctx); err != nil {
		return wire.Progress{}, h.ending(ctx)
	}
	defer m.release()
	if !a.Tells() {
		if err := m.append(a, batches); err != nil {
			return wire.Progress{}, err
		}
	} else if p := m.progress(); a.Epoch < p.Epoch {
		return wire.Progress{}, over(a, p)
	}
	m.mark(a.Mark)
	if c := a.Close; c != nil {
		if err := m.end(c.State, c.Last, c.Error); err != nil {
			return wire.Progress{}, err
		}
	}
	return m.progress(), nil
}

// bringer returns the source that a is of. One that the host does not know is not
// opened to be told that it has ended.
func (s *served) bringer(a *wire.Append) (*remote, error) {
	if a.Tells() {
		return s.named(a.Source.ID)
	}
	return s.remote(&a.Source)
}

// ending is why a request that waits has come to its end.
func (h *Handler) ending(ctx context.Context) error {
	if context.Cause(ctx) == errShutdown {
		return refuse(http.StatusServiceUnavailable, "%v", errShutdown)
	}
	return errGone
}

// decode takes apart a body to append.
func (b *body) decode(kind string, r *http.Request) (err error) {
	if kind == wire.Batches {
		b.appends, err = wire.DecodeBatches(b.appends, b.data)
		return err
	}
	if len(b.appends) == 0 {
		b.appends = append(b.appends, wire.Append{})
	}
	b.appends = b.appends[:1]
	a := &b.appends[0]
	a.Epoch, a.Mark, a.Close = 0, syncstream.StateOpen, nil
	if text := r.URL.Query().Get("epoch"); text != "" {
		if a.Epoch, err = strconv.ParseUint(text, 10, 64); err != nil {
			return fmt.Errorf("epoch %s: want a whole number", short(text))
		}
	}
	return a.DecodeLines(b.data)
}

// checkAll checks all batches before the first is taken, and returns them for the
// core.
func (s *served) checkAll(all []wire.Append) (checked [][]*syncstream.Batch, err error) {
	checked = make([][]*syncstream.Batch, len(all))
	for i := range all {
		if checked[i], err = s.check(&all[i]); err != nil {
			p := problemOf(err)
			if len(all) > 1 {
				p.text = fmt.Sprintf("source %d: %s", i+1, p.text)
			}
			p.text = "body: " + p.text
			return nil, p
		}
	}
	return checked, nil
}

// check checks the batches of one source. What it returns is nil in the place of a
// partial line.
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
			return nil, refuse(http.StatusBadRequest, "batch %d: %v", i+1, err)
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
	case first < end && begun && end-1 <= p.Num:
		return nil // all of it is here, though the source may have been closed since
	case !state.IsOpen():
		return problem{http.StatusGone, "the source is closed: " + p.State, &p}
	case first == end: // no messages
		return m.holdAll(feed, a)
	case begun && a.Epoch < p.Epoch:
		return over(a, p)
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

// over says that a later epoch has brought messages.
func over(a *wire.Append, p wire.Progress) error {
	return problem{http.StatusConflict, fmt.Sprintf("epoch %d is over: this one is %d", a.Epoch, p.Epoch), &p}
}

// appendOne brings one batch to the buffer, without the messages up to had.
func (m *remote) appendOne(feed syncstream.Feed, b *wire.Batch, ready *syncstream.Batch, had, shift uint64) error {
	switch {
	case b.Kind == syncstream.Partial:
		return m.hold(feed, b.Stream, b.Text)
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
	m.served.partials.taken(m, b)
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
		if err := m.hold(feed, a.Batches[i].Stream, a.Batches[i].Text); err != nil {
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
