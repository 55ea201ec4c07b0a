package host

import (
	"context"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/host/internal/wire"
)

const (
	// defaultRead is how many messages an answer has that nobody said a number
	// for.
	defaultRead = 1000
	// writeSize is how much is written at a time where there is more.
	writeSize = 64 << 10
)

// newest returns the position of the buffer's newest message.
func (s *served) newest() syncstream.Position {
	n := s.buffer.Stats()
	return syncstream.Position(n.Kept.Messages + n.Rotated.Messages + n.Cleared.Messages)
}

// messages sends messages that are kept.
func (h *Handler) messages(s *served, w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	if q.Has("last") {
		n, err := count(r, "last", 0)
		if err != nil {
			return err
		}
		done, err := h.large(s, r, n)
		if err != nil {
			return err
		}
		defer done()
		all, err := s.buffer.Last(r.Context(), n)
		if err != nil {
			return errGone
		}
		return sendMessages(w, all)
	}
	n, err := count(r, "n", defaultRead)
	if err != nil {
		return err
	}
	after, err := s.place(q.Get("after"))
	if err != nil {
		return err
	}
	done, err := h.large(s, r, n)
	if err != nil {
		return err
	}
	defer done()
	all, err := s.read(r.Context(), after, n)
	if err != nil {
		return err
	}
	return sendMessages(w, all)
}

// place returns the position of a place in this buffer; if text is empty, that
// of the oldest.
func (s *served) place(text string) (syncstream.Position, error) {
	if text == "" {
		return syncstream.Oldest, nil
	}
	p, err := wire.ParsePlace(text)
	switch {
	case err != nil:
		return 0, refuse(http.StatusBadRequest, "%v", err)
	case p.Buffer != "" && p.Buffer != s.id:
		return 0, refuse(http.StatusConflict, "the place %s is in another buffer than this one, which is %s", p, s.id)
	case p.Position == syncstream.Latest:
		return p.Position, nil
	}
	if newest := s.newest(); p.Position > newest {
		return 0, refuse(http.StatusConflict, "there is no message at position %d; the newest is at %d", p.Position, newest)
	}
	return p.Position, nil
}

// read returns at most n messages behind after, without waiting.
func (s *served) read(ctx context.Context, after syncstream.Position, n int) ([]syncstream.Message, error) {
	newest := s.newest()
	if after >= newest || n == 0 || after == syncstream.Oldest && s.buffer.Len() == 0 {
		return nil, nil
	}
	var all []syncstream.Message
	for m, err := range s.buffer.Follow(ctx, after) {
		if err != nil {
			return nil, errGone
		}
		if all = append(all, m); len(all) == n || m.Position >= newest {
			break
		}
	}
	return all, nil
}

// partials sends the partial lines.
func (h *Handler) partials(s *served, w http.ResponseWriter, r *http.Request) error {
	done, err := h.large(s, r, math.MaxInt)
	if err != nil {
		return err
	}
	defer done()
	return sendMessages(w, s.buffer.Partials())
}

// sendMessages sends messages, one a line; in one write, if they are few.
func sendMessages(w http.ResponseWriter, all []syncstream.Message) error {
	w.Header().Set("Content-Type", wire.Lines)
	to := &pacedWriter{ResponseWriter: w}
	var out []byte
	for i := range all {
		if len(out) >= writeSize {
			if _, err := to.Write(out); err != nil {
				return errGone
			}
			out = out[:0]
		}
		out = append(wire.AppendMessage(out, &all[i]), '\n')
	}
	to.Write(out)
	return nil
}

// status sends the account of the buffer.
func (h *Handler) status(s *served, w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	status := wire.Status{Buffer: s.id}
	var stats syncstream.Stats
	if q.Get("sources") == "no" {
		stats = s.buffer.Stats()
	} else {
		done, err := h.large(s, r, math.MaxInt)
		if err != nil {
			return err
		}
		defer done()
		var sources []syncstream.SourceStatus
		stats, sources = s.buffer.Snapshot()
		for i := range sources {
			if q.Get("tails") == "no" {
				sources[i].Tail = nil
			}
			status.Sources = append(status.Sources, wire.SourceStatusOf(&sources[i]))
		}
	}
	status.Stats = wire.StatsOf(stats)
	status.Newest = stats.Kept.Messages + stats.Rotated.Messages + stats.Cleared.Messages
	return answer(w, http.StatusOK, status)
}

// count returns a parameter that counts something.
func count(r *http.Request, name string, def int) (int, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return def, nil
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0, refuse(http.StatusBadRequest, "%s %s: want a whole number", name, short(text))
	}
	return int(n), nil
}

// number returns a parameter that is a number.
func number(r *http.Request, name string, def float64) (float64, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return def, nil
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(n) || n < 0 {
		return 0, refuse(http.StatusBadRequest, "%s %s: want a number", name, short(text))
	}
	return n, nil
}

// choice returns a parameter that is one of a few words, or empty.
func choice(r *http.Request, name string, words ...string) (string, error) {
	text := r.URL.Query().Get(name)
	if text == "" || slices.Contains(words, text) {
		return text, nil
	}
	return "", refuse(http.StatusBadRequest, "%s %s: want %s", name, short(text), strings.Join(words, " or "))
}
