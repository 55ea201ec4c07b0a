package python

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/syncstream/syncstream"
)

// sender is a Python program that writes, as far as its connection tells: the one
// connection that it has now. Where that ends it is an orphan, until another
// connection from its host goes on in its place or nobody waits for it any more.
type sender struct {
	handler *Handler
	name    string // the remote address of its first connection
	host    string

	// What follows is guarded by the handler's mutex.
	key     any         // in Handler.senders; nil: it is an orphan
	forget  func() bool // its connection's end is not waited for
	expiry  *time.Timer // calls expire; nil while its connection is watched
	vanish  error       // why, when that is called
	removed bool

	mu     sync.Mutex // held for a whole request, also while it waits for a sink; guards what follows
	mirror *syncstream.Mirror
	wrote  time.Time
	line   *time.Timer // calls endLine
	closed bool
}

// problem is why a request is refused.
type problem struct {
	status int
	why    string
}

// take does what a POST says.
func (h *Handler) take(r *http.Request, p post) *problem {
	if p.close {
		if s := h.find(r); s != nil {
			s.close(nil)
		}
		return nil
	}
	for {
		s, refused := h.sender(r)
		if refused != nil {
			return refused
		}
		if done, refused := s.take(p); done {
			// Nobody will tell that the connection ends, or nothing tells it from others.
			if connOf(r) == nil && (r.Close || hostOf(r) == r.RemoteAddr) {
				h.disconnected(s, keyOf(r))
			}
			return refused
		}
	}
}

// find returns the sender of a request; nil if it has none.
func (h *Handler) find(r *http.Request) *sender {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.senders[keyOf(r)]; s != nil {
		return s
	}
	return h.adoptLocked(r)
}

// sender returns the sender of a request, a new one if need be.
func (h *Handler) sender(r *http.Request) (*sender, *problem) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.senders[keyOf(r)]
	switch {
	case h.closed:
		return nil, &problem{http.StatusServiceUnavailable, "the host takes no more"}
	case s != nil:
		h.restLocked(s)
		return s, nil
	}
	if s = h.adoptLocked(r); s != nil {
		return s, nil
	}
	if h.open >= h.config.MaxSenders {
		return nil, &problem{http.StatusInsufficientStorage, fmt.Sprintf("%d senders are open, which is the most", h.open)}
	}
	h.open++
	s = &sender{handler: h, name: r.RemoteAddr, host: hostOf(r)}
	h.connectLocked(s, r)
	return s, nil
}

// adoptLocked returns the sender of r's host whose connection ended last, which
// goes on by that of r; nil if there is none.
func (h *Handler) adoptLocked(r *http.Request) *sender {
	all := h.orphans[hostOf(r)]
	if len(all) == 0 {
		return nil
	}
	s := all[len(all)-1]
	h.dropOrphanLocked(s)
	h.connectLocked(s, r)
	return s
}

// connectLocked makes the connection of r that of s.
func (h *Handler) connectLocked(s *sender, r *http.Request) {
	s.key = keyOf(r)
	h.senders[s.key] = s
	if s.expiry != nil {
		s.expiry.Stop()
	}
	s.expiry, s.vanish = nil, nil
	if c := connOf(r); c != nil {
		c.sender.Store(true)
		s.forget = context.AfterFunc(c.ctx, func() { h.disconnected(s, c) })
		return
	}
	s.vanish = fmt.Errorf("no request came for %v, and it did not say that it ends", h.config.MaxSilence)
	s.expiry = time.AfterFunc(h.config.MaxSilence, s.expire)
}

// restLocked takes note of a request of a sender whose server is not watched.
func (h *Handler) restLocked(s *sender) {
	if s.expiry != nil {
		s.expiry.Reset(h.config.MaxSilence)
	}
}

// disconnected makes s an orphan, as the connection key has ended.
func (h *Handler) disconnected(s *sender, key any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endLineLocked()
	h.mu.Lock()
	defer h.mu.Unlock()
	if s.removed || s.key != key {
		return
	}
	delete(h.senders, key)
	s.key, s.forget = nil, nil
	h.orphans[s.host] = append(h.orphans[s.host], s)
	s.vanish = fmt.Errorf("its connection ended %v ago, and it did not say that it ends", h.config.Vanished)
	s.expiry = time.AfterFunc(h.config.Vanished, s.expire)
}

// remove takes s out of those that are open.
func (h *Handler) remove(s *sender) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.removeLocked(s)
}

func (h *Handler) removeLocked(s *sender) {
	if s.removed {
		return
	}
	s.removed = true
	h.open--
	if s.key == nil {
		h.dropOrphanLocked(s)
	}
	delete(h.senders, s.key)
	if s.forget != nil {
		s.forget()
	}
	if s.expiry != nil {
		s.expiry.Stop()
	}
}

func (h *Handler) dropOrphanLocked(s *sender) {
	all := h.orphans[s.host]
	if i := slices.Index(all, s); i >= 0 {
		all = slices.Delete(all, i, i+1)
	}
	if h.orphans[s.host] = all; len(all) == 0 {
		delete(h.orphans, s.host)
	}
}

func (h *Handler) all() []*sender {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.allLocked()
}

func (h *Handler) allLocked() []*sender {
	all := make([]*sender, 0, h.open)
	for _, s := range h.senders {
		all = append(all, s)
	}
	for _, orphans := range h.orphans {
		all = append(all, orphans...)
	}
	return all
}

// stopped reports whether who sent r is to stop.
func (h *Handler) stopped(r *http.Request) bool {
	h.mu.Lock()
	s := h.senders[keyOf(r)]
	if s != nil {
		h.restLocked(s)
	}
	h.mu.Unlock()
	return s != nil && s.hears() || h.buffer.Stopped() != nil
}

// take does what p says, which is not to close. It is not done where s has been
// closed meanwhile.
func (s *sender) take(p post) (done bool, refused *problem) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false, nil
	}
	if err := s.openLocked(); err != nil {
		return true, &problem{http.StatusInsufficientStorage, err.Error()}
	}
	var err error
	switch p.kind {
	case syncstream.Line:
		_, err = io.WriteString(s.mirror, p.text)
		s.waitLocked()
	case syncstream.Warning:
		s.endLineLocked()
		err = s.mirror.Send(syncstream.Warning, p.text)
	case syncstream.Error:
		s.endLineLocked()
		err = s.closeLocked(errors.New(p.text))
	}
	if err != nil && !errors.Is(err, syncstream.ErrStopped) {
		return true, &problem{http.StatusServiceUnavailable, err.Error()}
	}
	return true, nil
}

// openLocked opens a mirror, if s has none or Abandon has forgotten it.
func (s *sender) openLocked() error {
	if s.mirror != nil && !errors.Is(context.Cause(s.mirror.Context()), syncstream.ErrAbandoned) {
		return nil
	}
	m, err := s.handler.config.Open(syncstream.MirrorConfig{
		Source: syncstream.Source{Name: "python " + s.name, Host: s.host, PID: -1}, Lines: syncstream.Python,
	})
	if err == nil {
		s.mirror = m
	}
	return err
}

// waitLocked has the open line end after a while.
func (s *sender) waitLocked() {
	s.wrote = time.Now()
	silence := s.handler.config.LineSilence
	if s.line == nil {
		s.line = time.AfterFunc(silence, s.endLine)
		return
	}
	s.line.Reset(silence)
}

// endLine ends the open line, unless there was a write just now.
func (s *sender) endLine() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.wrote) >= s.handler.config.LineSilence {
		s.endLineLocked()
	}
}

func (s *sender) endLineLocked() {
	if s.mirror != nil && !s.closed {
		s.mirror.EndLine()
	}
}

func (s *sender) discard() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mirror != nil && !s.closed {
		s.mirror.Discard()
	}
}

// hears reports whether the sender was asked to stop, which it knows then.
func (s *sender) hears() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mirror == nil || s.closed {
		return false
	}
	s.mirror.Acknowledge()
	return s.mirror.Context().Err() != nil
}

// resume has a sender that was asked to stop begin anew: its source stays one that
// was.
func (s *sender) resume() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mirror != nil && !s.closed && s.mirror.Context().Err() != nil {
		s.mirror.Close()
		s.mirror = nil
	}
}

// expire closes a sender that is not there any more.
func (s *sender) expire() {
	h := s.handler
	h.mu.Lock()
	err := s.vanish
	if s.removed || err == nil {
		h.mu.Unlock()
		return
	}
	h.removeLocked(s)
	h.mu.Unlock()
	s.close(err)
}

// close closes the source of a sender, with an error if that is not nil.
func (s *sender) close(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closeLocked(err)
}

func (s *sender) closeLocked(err error) error {
	s.handler.remove(s)
	if s.closed {
		return nil
	}
	s.closed = true
	if s.line != nil {
		s.line.Stop()
	}
	if s.mirror == nil {
		return nil
	}
	return s.mirror.CloseWithError(err)
}

// keyOf returns what tells the connection of a request from others.
func keyOf(r *http.Request) any {
	if c := connOf(r); c != nil {
		return c
	}
	return r.RemoteAddr
}

func hostOf(r *http.Request) string {
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		return host
	}
	return r.RemoteAddr
}
