package host

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/host/internal/wire"
)

const (
	// flushSize is how much a follower gets at a time while there is more.
	flushSize = 32 << 10
	// lastWriteTimeout is writeTimeout when the host is shutting down.
	lastWriteTimeout = time.Second
)

// follow sends messages as events, and goes on with those that come.
func (h *Handler) follow(s *served, w http.ResponseWriter, r *http.Request) error {
	f, err := s.follower(r)
	if err != nil {
		return err
	}
	release, err := h.hold(r, 1)
	if err != nil {
		return err
	}
	defer release()
	ctx, cancel := h.context(r)
	defer cancel()
	e := &events{w: w, rc: http.NewResponseController(w)}
	defer e.stop()
	defer during(h.ctx, e.hurry)()
	e.start()
	return f.run(ctx, s, e)
}

// follower is one request to follow.
type follower struct {
	after   syncstream.Position
	options []syncstream.FollowOption
	tells   bool   // the client is told where the stream begins, which it does not know
	end     string // why the stream ends, when it does by itself
	anew    string // the place was in another buffer
}

func (s *served) follower(r *http.Request) (*follower, error) {
	f := &follower{end: "closed"}
	partials, err := choice(r, "partials", "yes", "no")
	if err != nil {
		return nil, err
	}
	if partials == "yes" {
		f.options = append(f.options, syncstream.FollowPartials)
	}
	until, err := choice(r, "until", "done")
	if err != nil {
		return nil, err
	}
	if until != "" {
		f.options, f.end = append(f.options, syncstream.FollowUntilDone), "done"
	}
	return f, s.begin(r, f)
}

// begin finds out where f begins.
func (s *served) begin(r *http.Request, f *follower) error {
	q := r.URL.Query()
	text := r.Header.Get("Last-Event-ID")
	if text == "" && q.Has("last") {
		n, err := count(r, "last", 0)
		if err != nil {
			return err
		}
		f.after, err = s.behindAllBut(r.Context(), n)
		f.tells = true
		return err
	}
	if text == "" {
		text = q.Get("after")
	}
	p, err := wire.ParsePlace(text)
	if err == nil && p.Buffer != "" && p.Buffer != s.id {
		f.anew = fmt.Sprintf("the place %s is in another buffer than this one, which is %s", p, s.id)
		return nil
	}
	f.after, err = s.place(text)
	if f.after == syncstream.Latest {
		f.after, f.tells = s.newest(), true
	}
	return err
}

// behindAllBut returns the position before the last n messages.
func (s *served) behindAllBut(ctx context.Context, n int) (syncstream.Position, error) {
	newest := s.newest() // before Last, so that nothing falls between
	all, err := s.buffer.Last(ctx, n)
	if err != nil {
		return 0, errGone
	}
	if len(all) == 0 {
		return newest, nil
	}
	return all[0].Position - 1, nil
}

// run sends events until the request, the buffer or the host comes to its end.
func (f *follower) run(ctx context.Context, s *served, e *events) error {
	if f.anew != "" {
		e.other(wire.EventAnew, wire.Problem{Message: f.anew})
	}
	if f.tells {
		e.begin(wire.Place{Buffer: s.id, Position: f.after})
	}
	newest := syncstream.Position(0) // at least
	for m, err := range s.buffer.Follow(ctx, f.after, f.options...) {
		if err != nil {
			if context.Cause(ctx) == errShutdown {
				e.other(wire.EventEnd, wire.End{Reason: "shutdown"})
			}
			return nil
		}
		if m.Position >= newest {
			newest = s.newest()
		}
		if !e.message(s.id, &m, m.Kind != syncstream.Partial && m.Position < newest) {
			return nil
		}
	}
	e.other(wire.EventEnd, wire.End{Reason: f.end})
	return nil
}

// events is a stream of server-sent events.
type events struct {
	w       http.ResponseWriter
	rc      *http.ResponseController
	hurried atomic.Bool // the host is shutting down

	mu   sync.Mutex // held for a whole write; guards what follows
	out  []byte
	beat *time.Timer
	err  error
	done bool
}

// start sends the header.
func (e *events) start() {
	e.w.Header().Set("Content-Type", wire.Events)
	e.w.Header().Set("X-Accel-Buffering", "no") // of nginx
	e.w.WriteHeader(http.StatusOK)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.beat = time.AfterFunc(wire.Heartbeat, e.heartbeat)
	e.flushLocked()
}

// stop ends the heartbeats.
func (e *events) stop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.done = true
	e.beat.Stop()
}

// hurry ends soon a write that is under way, or about to be.
func (e *events) hurry() {
	e.hurried.Store(true)
	e.limit(lastWriteTimeout)
}

// limit has what is written fail after timeout, where the server can.
func (e *events) limit(timeout time.Duration) { e.rc.SetWriteDeadline(time.Now().Add(timeout)) }

func (e *events) heartbeat() {
	if !e.mu.TryLock() {
		return // something is being written
	}
	defer e.mu.Unlock()
	if e.done {
		return
	}
	e.out = append(e.out, ":\n\n"...)
	e.flushLocked()
}

// begin sends the place behind which the stream begins: who loses the connection
// before the first message goes on there.
func (e *events) begin(p wire.Place) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.out = wire.AppendID(e.out, p)
	e.flushLocked()
}

// message sends m, at once if there is no more. It reports false when the client
// has gone.
func (e *events) message(buffer string, m *syncstream.Message, more bool) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.out = wire.AppendEvent(e.out, buffer, m)
	if !more || len(e.out) >= flushSize {
		e.flushLocked()
	}
	return e.err == nil
}

// other sends an event that is no message.
func (e *events) other(event string, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // our own types have no error
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.out = wire.AppendOther(e.out, event, data)
	e.flushLocked()
}

func (e *events) flushLocked() {
	e.beat.Reset(wire.Heartbeat)
	if e.err != nil {
		return
	}
	e.limit(writeTimeout)
	if e.hurried.Load() { // looked at behind it, lest that takes the place of hurry's
		e.limit(lastWriteTimeout)
	}
	_, e.err = e.w.Write(e.out)
	if e.err == nil {
		e.err = e.rc.Flush()
	}
	if e.out = e.out[:0]; cap(e.out) > 2*flushSize {
		e.out = nil // an idle follower costs next to nothing
	}
}
