package host

import (
	"net/http"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/host/internal/wire"
)

// stop asks all sources to end.
func (h *Handler) stop(s *served, w http.ResponseWriter, r *http.Request) error {
	return h.command(s, w, r, func(cause string) { s.buffer.Stop(stopCause(cause)) })
}

// stopCause returns the cause of a stop that a client asks for, in its words.
func stopCause(text string) error {
	if text == "" || text == syncstream.ErrStopped.Error() {
		return syncstream.ErrStopped
	}
	return &syncstream.StopError{Reason: text}
}

func (h *Handler) clear(s *served, w http.ResponseWriter, r *http.Request) error {
	return h.command(s, w, r, func(string) { s.buffer.Clear() })
}

func (h *Handler) reset(s *served, w http.ResponseWriter, r *http.Request) error {
	return h.command(s, w, r, func(string) { s.buffer.Reset() })
}

func (h *Handler) abandon(s *served, w http.ResponseWriter, r *http.Request) error {
	return h.command(s, w, r, func(string) { s.buffer.Abandon() })
}

// command does what a client asks for, with the cause that it gives, once.
func (h *Handler) command(s *served, w http.ResponseWriter, r *http.Request, do func(cause string)) error {
	var q wire.CommandRequest
	if err := h.readJSON(w, r, &q); err != nil {
		return err
	}
	if err := s.commands.once(r.Context(), q.Once, func() { do(q.Cause) }); err != nil {
		return err
	}
	return succeed(w)
}
