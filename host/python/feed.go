package python

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/syncstream/syncstream"
)

// feed is one source that writes to a host.
type feed struct {
	store *Store
	ctx   context.Context
	end   context.CancelCauseFunc

	status syncstream.SourceStatus // guarded by the store's mutex

	mu   sync.Mutex // guards what follows
	held map[syncstream.Stream]string
	done bool
}

// Feed opens a source. The host does not hear of it.
func (s *Store) Feed(source *syncstream.Source) (syncstream.Feed, error) {
	f := &feed{store: s, held: make(map[syncstream.Stream]string)}
	f.ctx, f.end = context.WithCancelCause(context.Background())
	f.status = syncstream.SourceStatus{Source: source, Opened: time.Now()}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		f.end(syncstream.ErrClosed)
		return nil, syncstream.ErrClosed
	}
	s.feeds = append(s.feeds, f)
	if s.open == 0 {
		s.idle = make(chan struct{})
		s.stopped = nil // whether it still stands, watch asks at once
	} else if s.stopped != nil {
		f.askLocked(s.stopped)
	}
	s.open++
	if !s.watched {
		s.watched = true
		s.finished.Go(s.watch)
	}
	return f, nil
}

func (f *feed) Context() context.Context { return f.ctx }

// Append waits while there is no room.
func (f *feed) Append(b *syncstream.Batch) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.done {
		return syncstream.ErrClosed
	}
	delete(f.held, b.Stream())
	switch b.Kind() {
	case syncstream.Warning, syncstream.Error:
		return f.store.out.add(f.store, b.Kind(), strings.ToValidUTF8(string(b.Text()), "\uFFFD"), false)
	case syncstream.Gap:
		return f.store.out.add(f.store, syncstream.Line, fmt.Sprintf("(%d messages are missing here)\n", b.Missing()), false)
	}
	begun := false
	for text := range b.Lines() {
		if err := f.store.out.add(f.store, syncstream.Line, plain(text)+"\n", begun); err != nil {
			return err
		}
		begun = true
	}
	return nil
}

// Hold keeps the text: the host has no place for it.
func (f *feed) Hold(stream syncstream.Stream, text []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.done {
		return syncstream.ErrClosed
	}
	f.held[stream] = string(text)
	return nil
}

func (f *feed) Mark(state syncstream.State) {
	f.store.mu.Lock()
	defer f.store.mu.Unlock()
	now := time.Now()
	s := &f.status
	if s.State.IsOpen() && s.Asked.IsZero() {
		s.State, s.Asked = syncstream.StateAsked, now
	}
	if s.State == syncstream.StateAsked && state == syncstream.StateAcknowledged {
		s.State, s.Heard = state, now
	}
}

func (f *feed) Flush(ctx context.Context) error { return f.store.Flush(ctx) }

// Close makes messages of what is held.
func (f *feed) Close(state syncstream.State, err error) error {
	if !f.finish() {
		return syncstream.ErrClosed
	}
	if state.IsOpen() {
		state = syncstream.StateExited
	}
	s := f.store
	s.mu.Lock()
	defer s.mu.Unlock()
	f.closeLocked(state, err)
	return nil
}

// finish reports whether it was open.
func (f *feed) finish() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.done {
		return false
	}
	f.done = true
	for _, stream := range []syncstream.Stream{syncstream.Stdout, syncstream.Merged, syncstream.Stderr, syncstream.Control} {
		if text := f.held[stream]; text != "" {
			f.store.out.add(f.store, syncstream.Line, plain([]byte(text))+"\n", false)
		}
	}
	return true
}

// closeLocked needs the store's mutex.
func (f *feed) closeLocked(state syncstream.State, err error) {
	s := &f.status
	if !s.State.IsOpen() {
		if s.State == syncstream.StateLost {
			s.State, s.Err = state, err
		}
		return
	}
	if err != nil && f.store.failure == nil && s.Asked.IsZero() && state == syncstream.StateExited {
		f.store.failure = &syncstream.Failure{Source: s.Source, Err: err, Time: time.Now()}
	}
	s.State, s.Closed, s.Err = state, time.Now(), err
	why := syncstream.ErrClosed
	if errors.Is(err, syncstream.ErrAbandoned) {
		why = err
	}
	f.end(why)
	if f.store.open--; f.store.open == 0 {
		close(f.store.idle)
	}
}

// askLocked tells a feed of a stop. It needs the store's mutex.
func (f *feed) askLocked(cause error) {
	if f.status.State == syncstream.StateOpen {
		f.status.State, f.status.Asked = syncstream.StateAsked, time.Now()
		f.end(cause)
	}
}

// statusLocked needs the store's mutex.
func (f *feed) statusLocked() syncstream.SourceStatus {
	s := f.status
	if s.State.IsOpen() {
		s.Why = fmt.Sprintf("open for %v", time.Since(s.Opened).Round(time.Millisecond))
	}
	return s
}

func openOf(all []*feed) (open []*feed) {
	for _, f := range all {
		if f.status.State.IsOpen() {
			open = append(open, f)
		}
	}
	return open
}

// stop tells all feeds, and those to come, to stop.
func (s *Store) stop(cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stops++
	if s.stopped == nil {
		s.stopped = cause
	}
	for _, f := range s.feeds {
		f.askLocked(s.stopped)
	}
}

// watch asks the host whether to stop while a feed is open.
func (s *Store) watch() {
	for {
		s.mu.Lock()
		idle, wait := s.idle, s.config.Poll-time.Since(s.asked)
		if s.open == 0 || s.closed {
			s.watched = false
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
		select {
		case <-time.After(wait):
			s.askStop(s.life)
		case <-idle:
		case <-s.life.Done():
		}
	}
}

// askStop asks the host whether to stop, unless that was just now. A stop that has
// been taken back is forgotten, but for feeds that were asked.
func (s *Store) askStop(ctx context.Context) {
	s.mu.Lock()
	before := s.stops
	wait := time.Since(s.asked) < s.config.Poll
	if !wait {
		s.asked = time.Now()
	}
	s.mu.Unlock()
	if wait {
		return
	}
	data, err := ask(ctx, s.config.Client, s.states+"?state=closed")
	if err != nil {
		return
	}
	switch string(data) {
	case "true":
		s.stop(&syncstream.StopError{Reason: s.String() + " asks all to stop"})
	case "false":
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.stops == before { // none came meanwhile
			s.stopped = nil
		}
	}
}

// signs stand for what Python takes for a line end.
var signs = strings.NewReplacer(
	"\n", "␊", "\r", "␍", "\v", "␋", "\f", "␌", "\x1c", "␜", "\x1d", "␝", "\x1e", "␞",
	"\u0085", "␤", "\u2028", "␤", "\u2029", "␤",
)

// plain returns a line as the host can keep it in one item.
func plain(text []byte) string {
	if bytes.IndexFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) < 0 {
		return string(text)
	}
	s := string(text)
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	return signs.Replace(s)
}
