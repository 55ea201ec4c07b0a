package host

import (
	"net/http"
	"time"

	"github.com/syncstream/syncstream/host/python"
)

// newPython returns what serves a buffer to programs of the Python package.
func (s *served) newPython() *python.Handler {
	return python.NewHandler(s.buffer, python.Config{
		MaxMessages: s.config.Buffer.MaxMessages, MaxBody: s.config.MaxBody, MaxSenders: s.config.MaxOpen,
	})
}

// servePython serves the wire of the Python package.
func (h *Handler) servePython(w http.ResponseWriter, r *http.Request, t target) error {
	if err := h.authorizePython(r, t); err != nil {
		return err
	}
	s, err := h.served(t.buffer)
	if err != nil {
		return err
	}
	rc := http.NewResponseController(w)
	rc.SetReadDeadline(time.Now().Add(h.config.BodyTimeout)) // not every server can
	limitWrite(w)
	if t.state {
		s.python.ServeState(w, r)
	} else {
		s.python.ServeItems(w, r)
	}
	rc.SetReadDeadline(time.Time{})
	return nil
}

// authorizePython checks that a request may do what it asks for. A mirror asks
// for the state before it writes, so it may, and a reader too.
func (h *Handler) authorizePython(r *http.Request, t target) error {
	need := Full
	switch {
	case r.Method == http.MethodGet && t.state:
		if h.authorize(r, t.token, Write) == nil {
			return nil
		}
		need = Read
	case r.Method == http.MethodGet:
		need = Read
	case r.Method == http.MethodPost && !t.state:
		need = Write
	}
	return h.authorize(r, t.token, need)
}
