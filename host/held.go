package host

import (
	"context"
	"net/http"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/host/internal/wire"
)

// progress tells how far the host got with a source.
func (h *Handler) progress(s *served, w http.ResponseWriter, r *http.Request) error {
	m, err := s.named(r.URL.Query().Get("source"))
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, m.progress())
}

// named returns the source of that id.
func (s *served) named(id string) (*remote, error) {
	if id == "" {
		return nil, refuse(http.StatusBadRequest, "source missing")
	}
	m := s.known(id)
	if m == nil {
		return nil, refuse(http.StatusNotFound, "the host does not know the source %s", short(id))
	}
	return m, nil
}

// acknowledge takes note that a source has heard of a stop.
func (h *Handler) acknowledge(s *served, w http.ResponseWriter, r *http.Request) error {
	q := wire.MarkRequest{State: syncstream.StateAcknowledged.String()}
	if err := h.readJSON(w, r, &q); err != nil {
		return err
	}
	state, err := wire.ParseState(q.State)
	if err != nil || state == syncstream.StateOpen || !state.IsOpen() {
		return refuse(http.StatusBadRequest, "body: state %s: want acknowledged or asked", short(q.State))
	}
	m, err := s.named(q.Source)
	if err != nil {
		return err
	}
	defer m.sign()()
	m.mark(state)
	return answer(w, http.StatusOK, m.progress())
}

// mark takes note of how far the source has come; StateOpen says nothing.
func (m *remote) mark(state syncstream.State) {
	switch state {
	case syncstream.StateAsked:
		m.asked()
	case syncstream.StateAcknowledged:
		m.heard()
	}
}

// heard takes note that the source knows that it should stop.
func (m *remote) heard() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stateLocked() == syncstream.StateAsked {
		m.state = syncstream.StateAcknowledged
		m.feed.Mark(syncstream.StateAcknowledged)
	}
}

// asked takes note that somebody at its own end has asked the source to stop.
func (m *remote) asked() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.feed.Mark(syncstream.StateAsked)
}

// closeSource closes a source.
func (h *Handler) closeSource(s *served, w http.ResponseWriter, r *http.Request) error {
	q := wire.CloseRequest{State: syncstream.StateExited.String()}
	if err := h.readJSON(w, r, &q); err != nil {
		return err
	}
	state, err := wire.ParseState(q.State)
	if err != nil || state.IsOpen() {
		return refuse(http.StatusBadRequest, "body: state %s: want exited, killed or lost", short(q.State))
	}
	if q.Last > wire.MaxNum {
		return refuse(http.StatusBadRequest, "body: last %d: want at most 2^61", q.Last)
	}
	m, err := s.named(q.Source)
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
	if err := m.end(state, q.Last, q.Error); err != nil {
		return err
	}
	return answer(w, http.StatusOK, m.progress())
}

// end closes the source behind its last message. It needs the turn.
func (m *remote) end(state syncstream.State, last uint64, why string) error {
	if err := m.missRest(last); err != nil {
		return err
	}
	m.close(state, wire.ParseError(why))
	return nil
}

// missRest adds a gap for messages that will not come. A source that is taken for
// lost is opened for that. It needs the turn.
func (m *remote) missRest(last uint64) error {
	m.mu.Lock()
	num, more := m.num, m.ended.IsZero() && last > m.num
	m.mu.Unlock()
	if !more {
		return nil
	}
	if err := m.revive(); err != nil {
		return err
	}
	m.mu.Lock()
	feed, shift, open := m.feed, m.shift, m.stateLocked().IsOpen()
	m.mu.Unlock()
	if !open {
		return nil
	}
	if err := m.miss(feed, num+1+shift, last-num); err != nil {
		return m.failed(err)
	}
	m.mu.Lock()
	m.num = last
	m.mu.Unlock()
	return nil
}

// held keeps a request until there is something to say to one of its sources.
func (h *Handler) held(s *served, w http.ResponseWriter, r *http.Request) error {
	var q wire.HeldRequest
	if err := h.readJSON(w, r, &q); err != nil {
		return err
	}
	release, err := h.hold(r, len(q.Sources))
	if err != nil {
		return err
	}
	defer release()
	all, err := s.signs(r.Context(), onceEach(q.Sources))
	defer all.end()
	if err != nil {
		return err
	}
	ctx, cancel := h.context(r)
	defer cancel()
	timeout := time.NewTimer(holdTime(q.Seconds))
	defer timeout.Stop()
	for {
		told := all.told()
		if len(told) > 0 {
			return answer(w, http.StatusOK, wire.HeldAnswer{Sources: told})
		}
		select {
		case <-all.news:
		case <-timeout.C:
			return answer(w, http.StatusOK, wire.HeldAnswer{Sources: []wire.HeldTold{}})
		case <-ctx.Done():
			return h.ending(ctx)
		}
	}
}

// onceEach puts together what names the same source, so that what a request keeps is
// bounded by the sources that the host knows: there may be more than are open.
func onceEach(all []wire.HeldSource) []wire.HeldSource {
	at := make(map[string]int, len(all))
	once := all[:0]
	for _, q := range all {
		i, twice := at[q.ID]
		if !twice {
			at[q.ID] = len(once)
			once = append(once, q)
			continue
		}
		once[i].Heard = once[i].Heard || q.Heard
		once[i].Told = once[i].Told && q.Told
	}
	return once
}

// holdTime is how long a request waits that asks for so many seconds.
func holdTime(seconds float64) time.Duration {
	if seconds <= 0 || seconds > wire.MaxHold.Seconds() {
		return wire.MaxHold
	}
	return time.Duration(seconds * float64(time.Second))
}

// signs is the sources of one request that is held.
type signs struct {
	asked []wire.HeldSource
	known []*remote // nil where the host does not know it
	news  chan struct{}
	ends  []func()
}

// signs notes a sign of life of all those sources.
func (s *served) signs(ctx context.Context, asked []wire.HeldSource) (*signs, error) {
	all := &signs{asked: asked, news: make(chan struct{}, 1)}
	for _, q := range asked {
		m := s.known(q.ID)
		all.known = append(all.known, m)
		if m == nil {
			continue
		}
		all.ends = append(all.ends, m.sign())
		if err := m.comeBack(ctx); err != nil {
			return all, err
		}
		if q.Heard {
			m.heard()
		}
		m.mu.Lock()
		stop := context.AfterFunc(m.feed.Context(), all.wake)
		m.mu.Unlock()
		all.ends = append(all.ends, func() { stop() })
	}
	return all, nil
}

// comeBack has a source go on that was taken for lost.
func (m *remote) comeBack(ctx context.Context) error {
	m.mu.Lock()
	silent := !m.silent.IsZero()
	m.mu.Unlock()
	if !silent {
		return nil
	}
	if m.take(ctx) != nil {
		return errGone
	}
	defer m.release()
	return m.revive()
}

func (s *signs) wake() {
	select {
	case s.news <- struct{}{}:
	default:
	}
}

func (s *signs) end() {
	for _, end := range s.ends {
		end()
	}
}

// told returns what there is to say.
func (s *signs) told() (all []wire.HeldTold) {
	for i, m := range s.known {
		if m == nil {
			all = append(all, wire.HeldTold{ID: s.asked[i].ID, State: wire.Unknown})
			continue
		}
		p := m.progress()
		state, err := wire.ParseState(p.State)
		if err == nil && (!state.IsOpen() || p.Stop != "" && !s.asked[i].Heard && !s.asked[i].Told) {
			all = append(all, wire.HeldTold{ID: s.asked[i].ID, State: p.State, Stop: p.Stop})
		}
	}
	return all
}
