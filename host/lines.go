package host

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/syncstream/syncstream"
)

// lines takes lines of text as they come, as long as the request lasts.
func (h *Handler) lines(s *served, w http.ResponseWriter, r *http.Request) error {
	c, stderr, err := linesMirror(r)
	if err != nil {
		return err
	}
	release, err := h.hold(r, 1)
	if err != nil {
		return err
	}
	defer release()
	m, err := s.mirror(c)
	if err != nil {
		return err
	}
	to := m.Stdout()
	if stderr {
		to = m.Stderr()
	}
	err = h.copyLines(m, to, w, r)
	m.CloseWithError(err)
	if err == nil {
		return succeed(w)
	}
	w.Header().Set("Connection", "close") // there may be more, which nobody reads
	switch {
	case errors.Is(err, errShutdown):
		return refuse(http.StatusServiceUnavailable, "%v", err)
	case m.Context().Err() != nil && !errors.Is(err, errCut):
		return refuse(http.StatusGone, "the source should end: %v", err)
	}
	return refuse(http.StatusBadRequest, "%v", err)
}

// linesMirror returns what a request tells of who writes the lines, and whether
// they are of its stderr.
func linesMirror(r *http.Request) (c syncstream.MirrorConfig, stderr bool, err error) {
	q := r.URL.Query()
	c.Source = syncstream.Source{Name: q.Get("name"), Host: q.Get("host"), PID: -1}
	if c.Source.Host == "" {
		c.Source.Host = hostOf(r.RemoteAddr)
	}
	for _, text := range []string{c.Source.Name, c.Source.Host} {
		if len(text) > 256 {
			return c, false, refuse(http.StatusBadRequest, "name and host: want at most 256 bytes")
		}
	}
	if c.Source.Name == "" {
		return c, false, refuse(http.StatusBadRequest, "name missing: want ?name=NAME")
	}
	if coding := r.Header.Get("Content-Encoding"); coding != "" {
		return c, false, refuse(http.StatusUnsupportedMediaType, "Content-Encoding %s: want none", short(coding))
	}
	modes := []string{"fold", "split", "keep", "python"}
	mode, err := choice(r, "lines", modes...)
	if err != nil {
		return c, false, err
	}
	c.Lines = syncstream.Lines(max(0, slices.Index(modes, mode)))
	stream, err := choice(r, "stream", "stdout", "stderr", "merged")
	c.Merged = stream == "merged"
	return c, stream == "stderr", err
}

// errCut is how lines end that do not come to their end.
var errCut = errors.New("the connection was cut off")

// copyLines writes the body of a request to a stream of m. The error says why
// not all of it was.
func (h *Handler) copyLines(m *syncstream.Mirror, to *syncstream.Writer, w http.ResponseWriter, r *http.Request) error {
	rc := http.NewResponseController(w)
	rc.SetReadDeadline(time.Time{}) // lines come as they are written
	interrupt := func() { rc.SetReadDeadline(time.Unix(1, 0)) }
	defer during(h.ctx, interrupt)()
	defer during(m.Context(), interrupt)()
	buf := make([]byte, 32<<10)
	for {
		n, err := r.Body.Read(buf)
		if _, failed := to.Write(buf[:n]); failed != nil {
			return context.Cause(m.Context())
		}
		switch {
		case err == io.EOF:
			return nil
		case err == nil:
		case h.ctx.Err() != nil:
			return errShutdown
		case m.Context().Err() != nil:
			return context.Cause(m.Context())
		default:
			return errCut
		}
	}
}
