package host

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/syncstream/syncstream/host/internal/wire"
)

const (
	// bodySize is what most bodies fit in, maxPooled what is kept for the next, and
	// maxPooledBatches room for how many batches.
	bodySize         = 256<<10 + 4<<10
	maxPooled        = 1 << 20
	maxPooledBatches = 1 << 12
	// maxLargeBodies is how many bodies may have come in part that are longer than
	// bodySize: packed ones of a few bytes can be as long as MaxBody.
	maxLargeBodies = 16
)

// errCrowded is why a large body is not read.
var errCrowded = errors.New("too many large bodies come at the same time")

// body is the body of one request, with what it takes to read one.
type body struct {
	data    []byte
	appends []wire.Append // what it says, if it is one to append
	gzip    *gzip.Reader
	turns   chan struct{} // nil, unless it is large and has a turn there
}

var bodies = sync.Pool{New: func() any { return new(body) }}

// release lets go of the body; who has something that refers to its data may
// not use that any more.
func (b *body) release() {
	if b.turns != nil {
		<-b.turns
		b.turns = nil
	}
	if cap(b.data) > maxPooled {
		return
	}
	room := 0
	for _, a := range b.appends[:cap(b.appends)] {
		room += cap(a.Batches)
	}
	if room > maxPooledBatches {
		b.appends = nil // else each place could come to have room for the most
	}
	bodies.Put(b)
}

// limitBody gives the body of a request, if it has one, so much time to come. That
// is for those too that nobody here reads, since the server does. It takes the
// limit back when all has come.
func limitBody(w http.ResponseWriter, r *http.Request, timeout time.Duration) {
	if r.Body != nil && r.Body != http.NoBody {
		http.NewResponseController(w).SetReadDeadline(time.Now().Add(timeout)) // not every server can; then it is its own business
	}
}

const (
	// restTime is how long the rest of a body that is refused may take, and restSize
	// how many bytes it may have; else the connection ends.
	restTime = time.Second
	restSize = 256 << 10
)

// finishBody reads what is left of a body that is refused, before the answer: who
// still sends may not hear it. It reports whether there is no more.
func finishBody(w http.ResponseWriter, r *http.Request) bool {
	switch {
	case r.Body == nil || r.Body == http.NoBody:
		return true
	case r.Header.Get("Expect") != "":
		return false // it may not be on its way yet, and need not come
	}
	limitBody(w, r, restTime)
	_, err := io.CopyN(io.Discard, r.Body, restSize)
	return err == io.EOF
}

// skipBody reads what a request brings that has nothing to say, before something
// is waited for.
func skipBody(w http.ResponseWriter, r *http.Request, max int) error {
	if r.Body == nil {
		return nil
	}
	if _, err := io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, int64(max))); err != nil {
		return bodyProblem(w, err, max)
	}
	return nil
}

// readBody reads the body of a request whose media type is one of types, and
// returns which. The caller releases the body, whatever the error is.
func (h *Handler) readBody(w http.ResponseWriter, r *http.Request, types ...string) (*body, string, error) {
	b := bodies.Get().(*body)
	kind, err := mediaType(r, types)
	if err == nil {
		err = h.read(b, w, r)
	}
	return b, kind, err
}

// readJSON reads a body of type JSON.
func (h *Handler) readJSON(w http.ResponseWriter, r *http.Request, into any) error {
	b, _, err := h.readBody(w, r, wire.JSON)
	defer b.release()
	if err != nil {
		return err
	}
	if err := wire.Unmarshal(b.data, into); err != nil {
		return refuse(http.StatusBadRequest, "body: %v", err)
	}
	return nil
}

// mediaType returns the media type of a request's body. It must be named, since
// forms of other web sites can send what has none.
func mediaType(r *http.Request, types []string) (string, error) {
	header := r.Header.Get("Content-Type")
	kind, _, err := mime.ParseMediaType(header)
	if err == nil && slices.Contains(types, kind) {
		return kind, nil
	}
	want := strings.Join(types, " or ")
	if header == "" {
		return "", refuse(http.StatusUnsupportedMediaType, "Content-Type missing: want %s", want)
	}
	return "", refuse(http.StatusUnsupportedMediaType, "Content-Type %s: want %s", short(header), want)
}

func (h *Handler) read(b *body, w http.ResponseWriter, r *http.Request) error {
	max := h.config.MaxBody
	b.data = b.data[:0]
	if r.ContentLength > int64(max) {
		w.Header().Set("Connection", "close") // nobody reads it
		return refuse(http.StatusRequestEntityTooLarge, "the body has %d bytes: want at most %d", r.ContentLength, max)
	}
	src := io.Reader(http.MaxBytesReader(w, r.Body, int64(max)))
	switch coding := r.Header.Get("Content-Encoding"); coding {
	case "", "identity":
	case "gzip":
		var err error
		if src, err = b.unpack(src); err != nil {
			return bodyProblem(w, err, max)
		}
	default:
		return refuse(http.StatusUnsupportedMediaType, "Content-Encoding %s: want gzip, or none", short(coding))
	}
	if err := b.fill(src, int(r.ContentLength), max, func() error { return h.turn(b, w, r) }); err != nil {
		return bodyProblem(w, err, max)
	}
	return nil
}

// turn waits until b may become large.
func (h *Handler) turn(b *body, w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := h.context(r)
	defer cancel()
	timer := time.NewTimer(h.config.BodyTimeout)
	defer timer.Stop()
	select {
	case h.bodyTurns <- struct{}{}:
		b.turns = h.bodyTurns
		limitBody(w, r, h.config.BodyTimeout) // anew
		return nil
	case <-timer.C:
		return errCrowded
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (b *body) unpack(src io.Reader) (io.Reader, error) {
	if b.gzip == nil {
		b.gzip = new(gzip.Reader)
	}
	return b.gzip, b.gzip.Reset(src)
}

// fill reads src to its end. length is what it is said to have; that is no
// reason to believe it. large is called when it is more than bodySize.
func (b *body) fill(src io.Reader, length, max int, large func() error) error {
	if b.data == nil {
		size := 4 << 10
		if length > size {
			size = bodySize
		}
		b.data = make([]byte, 0, size)
	}
	for {
		if len(b.data) > max {
			return &http.MaxBytesError{Limit: int64(max)}
		}
		if len(b.data) >= bodySize && b.turns == nil {
			if err := large(); err != nil {
				return err
			}
		}
		if len(b.data) == cap(b.data) {
			b.data = append(b.data, 0)[:len(b.data)]
		}
		n, err := src.Read(b.data[len(b.data):cap(b.data)])
		b.data = b.data[:len(b.data)+n]
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func bodyProblem(w http.ResponseWriter, err error, max int) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		w.Header().Set("Connection", "close")
		return refuse(http.StatusRequestEntityTooLarge, "the body is too long: want at most %d bytes, unpacked", max)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		w.Header().Set("Connection", "close")
		return refuse(http.StatusRequestTimeout, "the body came too slowly")
	}
	if err == errCrowded || err == errShutdown {
		w.Header().Set("Connection", "close")
		return refuse(http.StatusServiceUnavailable, "%v", err)
	}
	return refuse(http.StatusBadRequest, "body: %v", err)
}
