package host

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/host/internal/wire"
)

// remote is a source that a client elsewhere brings.
type remote struct {
	served *served
	source *syncstream.Source
	// turn has room for one: who holds it brings messages, or closes.
	turn chan struct{}

	mu       sync.Mutex // guards what follows; not held while anything waits
	feed     syncstream.Feed
	epoch    uint64 // the newest
	num      uint64 // of the last message that the client has sent
	shift    uint64 // how many messages between them are the host's own
	begun    bool   // there is an epoch
	opened   uint64 // the newest epoch that has asked for anything
	state    syncstream.State
	silent   time.Time   // since when it is taken for lost; zero if it is not
	ended    time.Time   // when it was closed; zero if it was not
	signs    int         // requests of it that are being served
	lastSign time.Time   // when the last of them began or ended
	silence  *time.Timer // runs while there are none
}

// remote returns the source, which is opened if it is not known.
func (s *served) remote(source *syncstream.Source) (*remote, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.remotes[source.ID]; m != nil {
		return m, nil
	}
	own := *source
	feed, err := s.feedLocked(&own)
	if err != nil {
		return nil, err
	}
	s.sweepLocked()
	m := &remote{served: s, source: &own, turn: make(chan struct{}, 1), feed: feed, lastSign: time.Now()}
	m.silence = time.AfterFunc(s.config.Silence, m.silenced)
	s.remotes[own.ID] = m
	return m, nil
}

// roomLocked says why there can't be one more open source. Whoever then opens one
// does so before the lock is given up.
func (s *served) roomLocked() error {
	if s.remotes == nil {
		return refuse(http.StatusServiceUnavailable, "%v", errShutdown)
	}
	if open := s.buffer.NumOpen(); open >= s.config.MaxOpen {
		return refuse(http.StatusInsufficientStorage, "the buffer has %d open sources, and may have no more", open)
	}
	return nil
}

// feedLocked opens a source whose messages come numbered.
func (s *served) feedLocked(source *syncstream.Source) (syncstream.Feed, error) {
	if err := s.roomLocked(); err != nil {
		return nil, err
	}
	feed, err := s.buffer.Feed(source)
	if err != nil {
		return nil, refuse(http.StatusServiceUnavailable, "%v", err)
	}
	return feed, nil
}

// feed is feedLocked for who has no lock.
func (s *served) feed(source *syncstream.Source) (syncstream.Feed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.feedLocked(source)
}

// mirror opens a source whose lines are cut here.
func (s *served) mirror(c syncstream.MirrorConfig) (*syncstream.Mirror, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.roomLocked(); err != nil {
		return nil, err
	}
	return s.buffer.Mirror(c), nil
}

// known returns the source of that id; nil, if there is none.
func (s *served) known(id string) *remote {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.remotes[id]
}

// sweepLocked forgets sources that have ended, or are lost, when there are many:
// those of which it heard longest ago, since one that comes back would be another
// source, and what it sends once more would be there twice.
func (s *served) sweepLocked() {
	if len(s.remotes) < s.sweepAt {
		return
	}
	type old struct {
		id    string
		heard time.Time
	}
	var ended []old
	for id, m := range s.remotes {
		if heard, ok := m.hasEnded(); ok {
			ended = append(ended, old{id, heard})
		}
	}
	slices.SortFunc(ended, func(a, b old) int { return a.heard.Compare(b.heard) })
	for _, o := range ended[:len(ended)/2] {
		delete(s.remotes, o.id)
	}
	s.sweepAt = len(s.remotes) + 1000
}

// isClosed reports whether the source was closed or abandoned, not only lost.
func (m *remote) isClosed() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.silent.IsZero() && !m.stateLocked().IsOpen()
}

// hasEnded reports whether the source is not open, and when it was heard of last.
func (m *remote) hasEnded() (heard time.Time, ended bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.lastSign, m.signs == 0 && !m.stateLocked().IsOpen()
}

// stateLocked returns how far the source has come.
func (m *remote) stateLocked() syncstream.State {
	if !m.ended.IsZero() || !m.silent.IsZero() {
		return m.state
	}
	switch cause := context.Cause(m.feed.Context()); cause {
	case nil:
		return syncstream.StateOpen
	case syncstream.ErrClosed, syncstream.ErrAbandoned:
		return syncstream.StateLost
	}
	return max(syncstream.StateAsked, m.state)
}

// progress returns how far the host got.
func (m *remote) progress() wire.Progress {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.progressLocked()
}

func (m *remote) progressLocked() wire.Progress {
	state := m.stateLocked()
	p := wire.Progress{Epoch: m.epoch, Num: m.num, State: state.String()}
	if cause := context.Cause(m.feed.Context()); cause != nil && m.ended.IsZero() && m.silent.IsZero() {
		p.Stop = cause.Error()
	}
	return p
}

// sign notes that a request of the source is being served, until the function
// that it returns is called: a sign of life.
func (m *remote) sign() func() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.signs++
	m.lastSign = time.Now()
	m.silence.Stop()
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.lastSign = time.Now()
		if m.signs--; m.signs == 0 && m.ended.IsZero() && m.silent.IsZero() {
			m.silence.Reset(m.served.config.Silence)
		}
	}
}

// take waits for the source's turn.
func (m *remote) take(ctx context.Context) error {
	select {
	case m.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (m *remote) release() { <-m.turn }

// errSilent is how a source ended of which nothing was heard.
var errSilent = errors.New("no sign of it")

// silenced closes a source that has given no sign. It goes on if it comes back.
func (m *remote) silenced() {
	select {
	case m.turn <- struct{}{}:
	default:
		return // it has just come back
	}
	defer m.release()
	m.mu.Lock()
	if m.signs > 0 || !m.ended.IsZero() || !m.silent.IsZero() || !m.stateLocked().IsOpen() {
		m.mu.Unlock()
		return
	}
	m.silent, m.state = time.Now(), syncstream.StateLost
	feed := m.feed
	m.mu.Unlock()
	err := fmt.Errorf("%w for %v: it is taken for lost", errSilent, m.served.config.Silence)
	m.lastWords(feed)
	m.say(feed, syncstream.BatchConfig{Stream: syncstream.Control, Kind: syncstream.Error, Text: []byte(err.Error())})
	feed.Close(syncstream.StateLost, err)
}

// revive has a source go on that was taken for lost, also where there is no room
// for others: it has had its place. It needs the turn.
func (m *remote) revive() error {
	m.mu.Lock()
	silent := m.silent
	m.mu.Unlock()
	if silent.IsZero() {
		return nil
	}
	feed, err := m.served.buffer.Feed(m.source)
	if err != nil {
		return refuse(http.StatusServiceUnavailable, "%v", err)
	}
	m.mu.Lock()
	m.feed, m.silent, m.state = feed, time.Time{}, syncstream.StateOpen
	away := time.Since(silent) + m.served.config.Silence
	m.mu.Unlock()
	m.say(feed, syncstream.BatchConfig{
		Stream: syncstream.Control, Kind: syncstream.Warning,
		Text: fmt.Appendf(nil, "it is back, after %v without a sign", away.Round(time.Second)),
	})
	return nil
}

// renew opens a source again that has ended, for a later epoch: whoever brings it
// has opened it again. What still comes of those before is late. It needs the
// turn.
func (m *remote) renew(epoch uint64) error {
	m.mu.Lock()
	later := epoch > m.opened
	again := later && !m.stateLocked().IsOpen()
	if !again {
		m.opened = max(m.opened, epoch)
	}
	m.mu.Unlock()
	if !again {
		return nil
	}
	feed, err := m.served.feed(m.source)
	if err != nil {
		return err // the epoch asks again
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.feed, m.ended, m.state, m.opened = feed, time.Time{}, syncstream.StateOpen, epoch
	return nil
}

// say adds what the host has to say to the messages of the source. It needs the
// turn.
func (m *remote) say(feed syncstream.Feed, c syncstream.BatchConfig) {
	m.mu.Lock()
	c.First = m.num + m.shift + 1
	m.mu.Unlock()
	b, err := syncstream.NewBatch(c)
	if err != nil || feed.Append(b) != nil {
		return // the buffer is closed
	}
	m.mu.Lock()
	m.shift += uint64(b.Len())
	m.mu.Unlock()
}

// close closes the source, as its client says. Of one that is lost the buffer
// takes note how it ended after all. It needs the turn.
func (m *remote) close(state syncstream.State, err error) {
	m.mu.Lock()
	if !m.ended.IsZero() {
		m.mu.Unlock()
		return
	}
	m.ended, m.silent, m.state = time.Now(), time.Time{}, state // it won't be back
	m.silence.Stop()
	feed := m.feed
	m.mu.Unlock()
	feed.Close(state, err)
}

// forget stops what runs for the source.
func (m *remote) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ended.IsZero() {
		m.ended, m.state = time.Now(), syncstream.StateLost
	}
	m.silence.Stop()
}
