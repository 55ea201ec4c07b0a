package host

import (
	"net/http"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/host/internal/wire"
)

// stop asks all sources to end.
func (h *Handler) stop(s *served, w http.ResponseWriter, r *http.Request) error {
	var q wire.StopRequest
	if err := h.readJSON(w, r, &q); err != nil {
		return err
	}
	s.buffer.Stop(stopCause(q.Cause))
	return succeed(w)
}

// stopCause returns the cause of a stop that a client asks for, in its words.
func stopCause(text string) error {
	if text == "" || text == syncstream.ErrStopped.Error() {
		return syncstream.ErrStopped
	}
	return &syncstream.StopError{Reason: text}
}

func (h *Handler) clear(s *served, w http.ResponseWriter, r *http.Request) error {
	return h.command(w, r, s.buffer.Clear)
}

func (h *Handler) reset(s *served, w http.ResponseWriter, r *http.Request) error {
	return h.command(w, r, s.buffer.Reset)
}

func (h *Handler) abandon(s *served, w http.ResponseWriter, r *http.Request) error {
	return h.command(w, r, s.buffer.Abandon)
}

// command does what needs no words: the body is an object that nobody looks at.
func (h *Handler) command(w http.ResponseWriter, r *http.Request, do func()) error {
	var q struct{}
	if err := h.readJSON(w, r, &q); err != nil {
		return err
	}
	do()
	return succeed(w)
}
