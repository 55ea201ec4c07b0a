package python

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/syncstream/syncstream"
)

// Handler serves one buffer to programs that use the Python package. All its
// methods may be called by any goroutine at any time.
//
// Every answer is JSON, of a known length where it has less than 1 MiB. Up to 2 KiB, which every answer but
// those to GET is, it leaves in one write with its header: the Python client does
// not read the others, and would find a rest of them on its connection.
type Handler struct {
	buffer *syncstream.Buffer
	config Config
	cross  http.CrossOriginProtection

	mu      sync.Mutex // guards what follows; taken below that of a sender
	senders map[any]*sender
	orphans map[string][]*sender // by host; their connections have ended
	open    int                  // senders in both
	closed  bool
}

// NewHandler returns a handler that serves b. Close it when b is no longer served.
func NewHandler(b *syncstream.Buffer, c Config) *Handler {
	if c.Open == nil {
		c.Open = func(c syncstream.MirrorConfig) (*syncstream.Mirror, error) { return b.Mirror(c), nil }
	}
	return &Handler{
		buffer: b, config: c.complete(),
		senders: make(map[any]*sender), orphans: make(map[string][]*sender),
	}
}

// ServeHTTP serves the state where the path ends with "-state", and the items
// elsewhere.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, "-state") {
		h.ServeState(w, r)
		return
	}
	h.ServeItems(w, r)
}

// ServeItems serves requests to the buffer's address, whatever their path is.
func (h *Handler) ServeItems(w http.ResponseWriter, r *http.Request) {
	if !h.admit(w, r) {
		return
	}
	switch r.Method {
	case http.MethodGet:
		h.getItems(w, r)
	case http.MethodPost:
		h.postItem(w, r)
	case http.MethodDelete:
		h.clear()
		success(w, http.StatusOK)
	default:
		refuseMethod(w, r)
	}
}

// ServeState serves requests to the address with "-state" behind it, whatever
// their path is.
func (h *Handler) ServeState(w http.ResponseWriter, r *http.Request) {
	if !h.admit(w, r) {
		return
	}
	switch r.Method {
	case http.MethodGet:
		h.getState(w, r)
	case http.MethodPost:
		h.postState(w, r)
	case http.MethodDelete:
		h.resume()
		success(w, http.StatusOK)
	default:
		refuseMethod(w, r)
	}
}

// Close closes all senders; their open lines become messages, for which it waits
// while a sink of the buffer has no room, as [syncstream.Mirror.Close] does. The
// buffer's own Close ends that. Later requests that write are answered with status
// 503.
func (h *Handler) Close() error {
	h.mu.Lock()
	h.closed = true
	all := h.allLocked()
	h.mu.Unlock()
	for _, s := range all {
		s.close(nil)
	}
	return nil
}

// admit refuses what a page of a browser can send, though it is another site's.
func (h *Handler) admit(w http.ResponseWriter, r *http.Request) bool {
	if err := h.cross.Check(r); err != nil {
		refuse(w, http.StatusForbidden, err.Error())
		return false
	}
	if r.Method != http.MethodPost {
		return true
	}
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	switch kind = strings.ToLower(strings.TrimSpace(kind)); kind {
	case "application/x-www-form-urlencoded", "multipart/form-data", "text/plain":
		refuse(w, http.StatusUnsupportedMediaType, fmt.Sprintf("Content-Type %s: want application/json", kind))
		return false
	}
	return true
}

func (h *Handler) getItems(w http.ResponseWriter, r *http.Request) {
	n := int(^uint(0) >> 1)
	if q := r.URL.Query(); q.Has("n") {
		var err error
		if n, err = strconv.Atoi(q.Get("n")); err != nil {
			refuse(w, http.StatusBadRequest, fmt.Sprintf("n %s: want a whole number", short(q.Get("n"))))
			return
		}
	}
	all, err := items(r.Context(), h.buffer, n)
	if err != nil {
		refuse(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	sendItems(w, all)
}

func (h *Handler) postItem(w http.ResponseWriter, r *http.Request) {
	body, ok := h.body(w, r)
	if !ok {
		return
	}
	p, err := decodePost(body)
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	if err := h.take(r, p); err != nil {
		refuse(w, err.status, err.why)
		return
	}
	success(w, http.StatusCreated)
}

// clear removes all items, and the open lines of all senders.
func (h *Handler) clear() {
	for _, s := range h.all() {
		s.discard()
	}
	h.buffer.Clear()
}

func (h *Handler) getState(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	switch state := q.Get("state"); {
	case state == "closed":
		succeed(w, h.stopped(r))
	case state == "maxlen":
		succeed(w, h.config.MaxMessages)
	case state == "curlen":
		succeed(w, h.buffer.Len())
	case q.Has("state"):
		refuse(w, http.StatusBadRequest, fmt.Sprintf("state %s: want closed, maxlen or curlen", short(state)))
	default:
		refuse(w, http.StatusBadRequest, "state missing: want ?state=closed, maxlen or curlen")
	}
}

func (h *Handler) postState(w http.ResponseWriter, r *http.Request) {
	body, ok := h.body(w, r)
	if !ok {
		return
	}
	stop, err := decodeState(body)
	switch {
	case err != nil:
		refuse(w, http.StatusBadRequest, err.Error())
		return
	case stop:
		h.buffer.Stop(fmt.Errorf("%w by the Python program at %s", syncstream.ErrStopped, r.RemoteAddr))
	default:
		h.resume()
	}
	success(w, http.StatusCreated)
}

// resume takes a stop back, also for senders that have heard of it.
func (h *Handler) resume() {
	h.buffer.Resume()
	for _, s := range h.all() {
		s.resume()
	}
}
