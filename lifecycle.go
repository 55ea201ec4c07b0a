package syncstream

import (
	"context"
	"slices"
	"time"
)

// openMirror registers m. The error says why its worker should end already.
func (s *memory) openMirror(m *Mirror) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := m.account
	a.opened = time.Now()
	s.accounts = append(s.accounts, a)
	s.foldLocked()
	if s.closed || m.ctx.Err() != nil {
		a.state, a.closed = StateLost, a.opened
		return ErrClosed
	}
	if s.stopped != nil {
		s.askLocked(a)
	}
	if s.awaitedLocked() == 0 {
		s.idle = make(chan struct{})
	}
	s.open++
	a.mirror = m
	for _, attached := range s.sinks {
		attached.pushOpen(m)
	}
	return s.stopped
}

// foldLocked makes room for the newest account.
func (s *memory) foldLocked() {
	old := len(s.accounts) - 1
	for i := 0; i < old && len(s.accounts) > s.maxSources; {
		if s.accounts[i].mirror != nil {
			i++
			continue
		}
		s.folded.add(s.accounts[i])
		s.accounts = slices.Delete(s.accounts, i, i+1)
		old--
	}
}

func (s *memory) isClosed(a *account) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !a.state.IsOpen()
}

// closeMirror notes that a source has ended, for the reason err if it is not
// nil. Of a source that is lost it only notes how it ended after all.
func (s *memory) closeMirror(a *account, state State, err error) {
	abandoned := state == StateLost && is(err, ErrAbandoned) // before the lock: err has methods
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case a.state == StateLost:
		a.state, a.err = state, err
	case a.state.IsOpen():
		switch {
		case abandoned:
			s.left = true // elsewhere, but nobody waits for it here either
		case err != nil && s.failure == nil && a.asked.IsZero() && state != StateKilled:
			s.failure = &Failure{Source: a.source, Err: err, Time: time.Now()}
		}
		s.endLocked(a, state, err)
		s.partedLocked(a)
	}
}

// endLocked takes an open source out of those that are waited for.
func (s *memory) endLocked(a *account, state State, err error) {
	a.state, a.closed, a.err = state, time.Now(), err
	s.open--
	s.room.Broadcast()
	s.idleLocked()
}

// awaitedLocked is how many mirrors Wait and others still wait for.
func (s *memory) awaitedLocked() int { return s.open + s.leaving }

// idleLocked wakes who waits for mirrors, if there are none left.
func (s *memory) idleLocked() {
	if s.awaitedLocked() == 0 {
		close(s.idle)
		s.followers.wakeAll()
		s.watchers.wakeAll()
	}
}

// partedLocked tells the sinks that nothing more comes from a source.
func (s *memory) partedLocked(a *account) {
	a.mirror = nil
	status := a.status(time.Now())
	for _, attached := range s.sinks {
		attached.pushEnd(a, status)
	}
}

func (s *memory) part(a *account) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.parted++; a.parted == len(a.mirror.writers()) {
		s.partedLocked(a)
	}
}

// stop asks all mirrors that are open, and those that will be opened, to end.
func (s *memory) stop(cause error) {
	s.mu.Lock()
	if s.stopped != nil {
		s.mu.Unlock()
		return
	}
	s.stopped = cause
	open := s.openLocked()
	for _, m := range open {
		s.askLocked(m.account)
	}
	s.mu.Unlock()
	for _, m := range open {
		m.stop(cause)
	}
}

// stoppedBy returns the cause of the stop, nil if there is none.
func (s *memory) stoppedBy() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopped
}

// resume takes a stop back for mirrors that are not open yet.
func (s *memory) resume() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = nil
}

func (s *memory) ask(a *account) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.state != StateOpen {
		return false
	}
	s.askLocked(a)
	return true
}

// askLocked asks a source to end, once: what one has answered stays, also when
// a Reset has let another Stop come.
func (s *memory) askLocked(a *account) {
	if a.asked.IsZero() {
		a.state, a.asked = StateAsked, time.Now()
	}
}

func (s *memory) acknowledge(a *account) {
	s.mu.Lock()
	news := a.state == StateAsked
	if news {
		a.state, a.heard = StateAcknowledged, time.Now()
	}
	sinks := s.sinks
	s.mu.Unlock()
	for _, attached := range sinks {
		if news && attached.opens != nil {
			attached.opens.acknowledge(a.source)
		}
	}
}

// abandon closes all mirrors that are open, and waits for none of them: not for
// a Write that waits for a sink either. Such a one gets in what it has. Who
// waits for the mirrors finds their partial lines among the messages.
func (s *memory) abandon() {
	s.mu.Lock()
	open := s.openLocked()
	for _, m := range open {
		s.left = true
		s.leaving++
		m.abandoned.Store(true) // a Write that is under way still gets in what it has
		s.endLocked(m.account, StateLost, ErrAbandoned)
	}
	s.mu.Unlock()
	for _, m := range open {
		m.abandon()
		s.mu.Lock()
		s.leaving--
		s.idleLocked()
		s.mu.Unlock()
	}
}

// close takes no more, and returns the mirrors that are open, and whether this
// is the first call.
func (s *memory) close() (open []*Mirror, first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, false
	}
	s.closed = true
	s.room.Broadcast()
	return s.openLocked(), true
}

// end lets sinks and followers end with what they have.
func (s *memory) end() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	for _, a := range s.sinks {
		a.more.Broadcast()
	}
	s.followers.wakeAll()
	s.watchers.wakeAll()
	return nil
}

func (s *memory) openLocked() []*Mirror {
	var open []*Mirror
	for _, a := range s.accounts {
		if a.state.IsOpen() {
			open = append(open, a.mirror)
		}
	}
	return open
}

// clear removes all messages.
func (s *memory) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clearLocked()
}

func (s *memory) clearLocked() {
	s.cleared.sum(s.ring.clear())
	for _, a := range s.accounts {
		a.tail = nil
	}
}

// reset removes all messages and forgets what has ended, and why.
func (s *memory) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clearLocked()
	s.failure, s.stopped, s.left = nil, nil, false
	var open []*account
	for _, a := range s.accounts {
		if a.mirror != nil {
			open = append(open, a)
			continue
		}
		s.folded.add(a)
	}
	s.accounts = open
}

// wait returns when no mirror is open, or ctx ends.
func (s *memory) wait(ctx context.Context) error {
	for {
		s.mu.Lock()
		idle, awaited, outcome := s.idle, s.awaitedLocked(), s.outcomeLocked()
		s.mu.Unlock()
		if awaited == 0 {
			return outcome
		}
		select {
		case <-idle:
		case <-ctx.Done():
			if open := s.openSources(); len(open) > 0 {
				return &WaitError{Open: open, Err: context.Cause(ctx)}
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.outcomeLocked() // there is nobody to name
		}
	}
}

// outcomeLocked is how it all went, once no mirror is open.
func (s *memory) outcomeLocked() error {
	switch {
	case s.failure != nil:
		return s.failure
	case s.stopped != nil:
		return s.stopped
	case s.left:
		return ErrAbandoned
	}
	return nil
}

func (s *memory) openSources() []SourceStatus {
	_, all := s.snapshot()
	var open []SourceStatus
	for _, status := range all {
		if status.State.IsOpen() {
			open = append(open, status)
		}
	}
	return open
}
