package host

import (
	"math"
	"net/http"
	"net/url"

	"github.com/syncstream/syncstream/host/internal/wire"
	"github.com/syncstream/syncstream/host/python"
)

// newPython returns what serves a buffer to programs of the Python package.
func (s *served) newPython() *python.Handler {
	return python.NewHandler(s.buffer, python.Config{
		MaxMessages: s.config.Buffer.MaxMessages, MaxBody: s.config.MaxBody, MaxSenders: s.config.MaxOpen,
		Vanished: s.config.Silence, Open: s.mirror,
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
	w.Header().Set(wire.BufferHeader, s.id)
	if r.Method != http.MethodPost {
		if err := skipBody(w, r, h.config.MaxBody); err != nil {
			return err
		}
	}
	if r.Method == http.MethodGet && !t.state {
		done, err := h.large(s, r, math.MaxInt)
		if err != nil {
			return err
		}
		defer done()
	}
	clean := *r // without the token, wherever the path is printed
	clean.URL = &url.URL{Path: "/" + t.buffer, RawQuery: r.URL.RawQuery}
	clean.RequestURI = ""
	if t.state {
		s.python.ServeState(&pacedWriter{ResponseWriter: w}, &clean)
	} else {
		s.python.ServeItems(&pacedWriter{ResponseWriter: w}, &clean)
	}
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
