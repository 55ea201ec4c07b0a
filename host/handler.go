package host

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/host/internal/wire"
	"github.com/syncstream/syncstream/host/python"
)

// Handler serves named buffers over HTTP. All its methods may be called by any
// goroutine at any time.
type Handler struct {
	config Config
	tokens []hashed
	cross  http.CrossOriginProtection

	// ctx ends when Shutdown begins: requests that wait end with it.
	ctx         context.Context
	cancel      context.CancelCauseFunc
	answerTurns chan struct{} // has room for as many large answers as may be under way
	bodyTurns   chan struct{} // has room for as many large bodies as may come

	mu       sync.Mutex // guards what follows
	buffers  map[string]*served
	waiting  map[string]int // requests that wait, by address
	requests int            // that are being served
	idle     chan struct{}  // closed when there are none, once Shutdown has begun
	closed   bool
}

// errShutdown is why requests that wait come to their end.
var errShutdown = errors.New("the host is shutting down")

// NewHandler returns a host without buffers.
func NewHandler(c Config) *Handler {
	h := &Handler{
		config: c.complete(), tokens: hashTokens(c.Tokens),
		buffers: make(map[string]*served), waiting: make(map[string]int), idle: make(chan struct{}),
		answerTurns: make(chan struct{}, maxLarge), bodyTurns: make(chan struct{}, maxLargeBodies),
	}
	h.config.Tokens = nil // their hashes are enough
	h.ctx, h.cancel = context.WithCancelCause(context.Background())
	return h
}

// served is one buffer.
type served struct {
	name   string
	id     string // of this buffer; one that is made later under that name has another
	buffer *syncstream.Buffer
	python *python.Handler // serves it to programs of the Python package
	config *Config

	commands commands
	partials partials

	mu      sync.Mutex // guards what follows
	remotes map[string]*remote
	sweepAt int // how many there are when it is time to forget those that have ended
}

// op is what a request can ask for.
type op struct {
	method string
	need   Access
	serve  func(*Handler, *served, http.ResponseWriter, *http.Request) error
}

var ops = map[string]op{
	"append":      {http.MethodPost, Write, (*Handler).append},
	"lines":       {http.MethodPut, Write, (*Handler).lines},
	"progress":    {http.MethodGet, Write, (*Handler).progress},
	"held":        {http.MethodPost, Write, (*Handler).held},
	"acknowledge": {http.MethodPost, Write, (*Handler).acknowledge},
	"close":       {http.MethodPost, Write, (*Handler).closeSource},
	"messages":    {http.MethodGet, Read, (*Handler).messages},
	"follow":      {http.MethodGet, Read, (*Handler).follow},
	"partials":    {http.MethodGet, Read, (*Handler).partials},
	"status":      {http.MethodGet, Read, (*Handler).status},
	"wait":        {http.MethodGet, Read, (*Handler).wait},
	"stop":        {http.MethodPost, Full, (*Handler).stop},
	"clear":       {http.MethodPost, Full, (*Handler).clear},
	"reset":       {http.MethodPost, Full, (*Handler).reset},
	"abandon":     {http.MethodPost, Full, (*Handler).abandon},
	"health":      {http.MethodGet, 0, (*Handler).health},
}

// ServeHTTP serves one request. Nothing of it is logged.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	limitBody(w, r, h.config.BodyTimeout)
	if !h.enter() {
		header.Set("Connection", "close")
		answerProblem(w, refuse(http.StatusServiceUnavailable, "%v", errShutdown))
		return
	}
	defer h.leave()
	if err := h.serve(w, r); err != nil && err != errGone {
		if header.Get("Connection") != "close" && !finishBody(w, r) {
			header.Set("Connection", "close")
		}
		answerProblem(w, err)
	}
}

// enter counts a request, unless Shutdown has begun.
func (h *Handler) enter() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closed {
		h.requests++
	}
	return !h.closed
}

func (h *Handler) leave() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.requests--; h.closed && h.requests == 0 {
		close(h.idle)
	}
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request) error {
	if err := checkConnections(w, r); err != nil {
		return err
	}
	if err := h.checkSite(r); err != nil {
		return err
	}
	t, err := parsePath(r.URL.Path)
	if err != nil {
		return err
	}
	if t.op == "" {
		return h.servePython(w, r, t)
	}
	o, ok := ops[t.op]
	if !ok {
		return refuse(http.StatusNotFound, "there is no v1/%s", strings.Trim(short(t.op), `"`))
	}
	if err := h.authorize(r, "", o.need); err != nil {
		return err
	}
	if r.Method != o.method {
		w.Header().Set("Allow", o.method)
		return refuse(http.StatusMethodNotAllowed, "method %s: want %s", short(r.Method), o.method)
	}
	if o.method == http.MethodGet {
		if err := skipBody(w, r, h.config.MaxBody); err != nil {
			return err
		}
	}
	if o.need == 0 {
		return o.serve(h, nil, w, r)
	}
	s, err := h.served(t.buffer)
	if err != nil {
		return err
	}
	w.Header().Set(wire.BufferHeader, s.id)
	return o.serve(h, s, w, r)
}

// Buffer returns the buffer of that name, such as "train" or "jobs/train"; a new
// one, if there is none. The error says why there can't be one. The host closes
// the buffer.
func (h *Handler) Buffer(name string) (*syncstream.Buffer, error) {
	t, err := parsePath("/" + name)
	if err == nil && (t.state || t.token != "" || t.op != "") {
		err = errors.New("not the name of a buffer")
	}
	if err != nil {
		return nil, errors.New("host: " + short(name) + ": " + err.Error())
	}
	s, err := h.served(name)
	if err != nil {
		return nil, errors.New("host: " + short(name) + ": " + err.Error())
	}
	return s.buffer, nil
}

// served returns the buffer of that name, which is made if there is none.
func (h *Handler) served(name string) (*served, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.buffers[name]; s != nil {
		return s, nil
	}
	if h.closed {
		return nil, refuse(http.StatusServiceUnavailable, "%v", errShutdown)
	}
	if len(h.buffers) >= h.config.MaxBuffers {
		return nil, refuse(http.StatusInsufficientStorage, "the host has %d buffers, and may have no more", len(h.buffers))
	}
	s := &served{
		name: name, id: strings.ToLower(rand.Text()[:8]), buffer: syncstream.New(h.config.Buffer), config: &h.config,
		partials: partials{max: h.config.Buffer.MaxBytes, of: make(map[*remote]*partialLines)},
		remotes:  make(map[string]*remote), sweepAt: 1000,
	}
	s.python = s.newPython()
	h.buffers[name] = s
	return s, nil
}

// heldCount is how many sources one of the requests that wait is for; one for more
// counts as several.
const heldCount = 100

// hold counts a request that waits for something to happen to so many sources,
// until the function it returns is called.
func (h *Handler) hold(r *http.Request, sources int) (func(), error) {
	n := max(1, sources/heldCount)
	address := hostOf(r.RemoteAddr)
	h.mu.Lock()
	defer h.mu.Unlock()
	if waiting := h.waiting[address]; waiting > 0 && waiting+n > h.config.MaxWaiting { // one alone may be for any number
		return nil, refuse(http.StatusTooManyRequests, "%d requests of this address are waiting, and there may be no more", h.config.MaxWaiting)
	}
	h.waiting[address] += n
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.waiting[address] -= n; h.waiting[address] == 0 {
			delete(h.waiting, address)
		}
	}, nil
}

// context returns a context that ends with the request, and when Shutdown
// begins. Call the function when it is not used any more.
func (h *Handler) context(r *http.Request) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(r.Context())
	stop := context.AfterFunc(h.ctx, func() { cancel(errShutdown) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

// during calls f when ctx ends, in a goroutine of its own, unless the function that
// it returns has been called. That waits for f: what touches an answer may not run
// once the request has been served.
func during(ctx context.Context, f func()) func() {
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(done)
		f()
	})
	return func() {
		if !stop() {
			<-done
		}
	}
}

// Shutdown takes no new requests, ends those that wait, and returns when all have
// been answered; then the buffers are closed, which can still be read by who has
// them. When ctx ends first, they are closed at once, so that no request waits
// for room in one, and the error is ctx's cause. A second call does the same.
func (h *Handler) Shutdown(ctx context.Context) error {
	h.mu.Lock()
	if !h.closed {
		h.closed = true
		if h.requests == 0 {
			close(h.idle)
		}
	}
	h.mu.Unlock()
	h.cancel(errShutdown)
	var err error
	select {
	case <-h.idle:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	h.mu.Lock()
	all := slices.Collect(maps.Values(h.buffers)) // there will be no more
	h.mu.Unlock()
	if err != nil { // requests may wait for room, and a Python program's has its source locked
		for _, s := range all {
			s.buffer.Close()
		}
	}
	for _, s := range all {
		s.close() // calls Parse, which may want something of the host
	}
	return err
}

func (s *served) close() {
	s.mu.Lock()
	remotes := s.remotes
	s.remotes = nil
	s.mu.Unlock()
	for _, m := range remotes {
		m.forget()
	}
	s.python.Close()
	s.buffer.Close()
}

func (h *Handler) health(_ *served, w http.ResponseWriter, _ *http.Request) error {
	return answer(w, http.StatusOK, wire.Problem{Message: "ok"})
}
