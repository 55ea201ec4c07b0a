package syncstream

import (
	"fmt"
	"time"
)

// Count is an amount of messages. Bytes are those of their text and line ends.
type Count struct {
	Messages, Bytes uint64
}

func (c *Count) add(messages, bytes int) {
	c.Messages += uint64(messages)
	c.Bytes += uint64(bytes)
}

func (c *Count) sum(other Count) {
	c.Messages += other.Messages
	c.Bytes += other.Bytes
}

// Stats is the account of a buffer at one moment: Written is the sum of Kept,
// Rotated, Parsed, Cleared and Lost, in messages and in bytes.
type Stats struct {
	Open    int   // mirrors that are open
	Sources int   // mirrors that were ever opened
	Written Count // that came to the buffer
	Kept    Count // that can be read
	Rotated Count // that left, being the oldest, when newer ones came
	Parsed  Count // that Config.Parse took out
	Cleared Count // that Clear or Reset took out
	// Lost are whole lines that came after Close or Abandon, and messages of
	// which only a gap came, without their bytes. The gap is a message by itself.
	Lost Count
}

// State tells how far a source has come.
type State uint8

// The states of a source.
const (
	StateOpen         State = iota
	StateAsked              // to stop
	StateAcknowledged       // it has heard that; see [Mirror.Acknowledge]
	StateExited             // it closed its mirror
	StateKilled             // so did somebody who ended it by force; see [ErrKilled]
	StateLost               // nobody waits for it: Abandon or Buffer.Close closed its mirror
)

var stateNames = []string{"open", "asked", "acknowledged", "exited", "killed", "lost"}

// String returns the state's name, in lower case.
func (s State) String() string { return name("State", stateNames, uint8(s)) }

// IsOpen reports whether the source's mirror is open.
func (s State) IsOpen() bool { return s < StateExited }

// SourceStatus is what a buffer knows of one source at one moment.
type SourceStatus struct {
	Source *Source
	State  State
	// Why says why the source is still open, for people; empty if it is not.
	// What its worker is doing, as [MirrorConfig.Doing] tells, is part of it.
	Why string

	Opened time.Time
	Active time.Time // when its last message came; zero if none did
	Asked  time.Time // when Stop asked it to end; zero if none did
	Heard  time.Time // when it acknowledged that; zero if it did not
	Closed time.Time // zero while it is open

	Written Count // its messages, with those that Parse took out and those that were lost
	Lost    Count // of these
	Err     error // what it was closed with

	// Tail is its last messages, 10 and 64 KiB of text at most, oldest first,
	// also where the buffer keeps them no longer. Of one that is longer it has
	// the end. Clear empties it.
	Tail []Message

	// Folded is zero; but the first row can be the totals of so many sources
	// that were closed long ago. Its Source has a name and nothing else.
	Folded int
}

// account is what a store knows of one source. It outlives the mirror. All but
// source, doing, out and partial, which are immutable, is guarded by the store's mutex.
type account struct {
	source *Source
	doing  func() string // what the worker is doing; may be nil
	out    Feed          // to the store of a buffer over one; else nil
	// partial is MirrorConfig.Partial.
	partial bool
	mirror  *Mirror // nil once nothing can come from it any more

	state                        State
	opened, asked, heard, closed time.Time
	active                       int64  // Unix time in nanoseconds of the last message
	num                          uint64 // the last message's
	written, lost, parsed        Count
	err                          error
	parted                       int // streams that are done with, once it is lost
	folded                       bool

	kept int  // its messages in the ring
	tail tail // its last messages that the ring has let go
	want int  // how many more a snapshot needs

	blocked      *Attachment // the sink that its write waits for
	blockedSince time.Time
}

// status needs the store's mutex. It has no tail.
func (a *account) status(now time.Time) SourceStatus {
	s := SourceStatus{
		Source: a.source, State: a.state, Opened: a.opened, Asked: a.asked, Heard: a.heard, Closed: a.closed,
		Written: a.written, Lost: a.lost, Err: a.err,
	}
	if a.active != 0 {
		s.Active = time.Unix(0, a.active)
	}
	if a.state.IsOpen() {
		s.Why = a.why(&s, now)
	}
	return s
}

func (a *account) why(s *SourceStatus, now time.Time) string {
	ago := func(t time.Time) time.Duration { return max(0, now.Sub(t).Round(time.Millisecond)) }
	switch {
	case a.blocked != nil:
		return fmt.Sprintf("a write has waited %v for the sink %s", ago(a.blockedSince), a.blocked.name())
	case a.state == StateAsked:
		return fmt.Sprintf("asked to stop %v ago, no answer", ago(a.asked))
	case a.state == StateAcknowledged:
		return fmt.Sprintf("it is stopping; it heard so %v ago", ago(a.heard))
	case a.active == 0:
		return fmt.Sprintf("open for %v, nothing written", ago(a.opened))
	}
	return fmt.Sprintf("its last message came %v ago", ago(s.Active))
}

// addDoing adds what the worker is doing. No lock is held: that is not our code.
func (s *SourceStatus) addDoing(doing func() string) {
	if doing == nil || !s.State.IsOpen() {
		return
	}
	text := ""
	value, ok := safely(func() { text = doing() })
	if !ok {
		text = "what it is doing nobody can say: " + newPanicError(value).Error()
	}
	if text != "" {
		s.Why += "; " + text
	}
}

// folded is the totals of sources that were closed long ago.
type folded struct {
	sources       int
	written, lost Count
}

func (f *folded) add(a *account) {
	a.folded = true
	f.sources++
	f.written.sum(a.written)
	f.lost.sum(a.lost)
}

func (f *folded) status() SourceStatus {
	return SourceStatus{
		Source: &Source{Name: fmt.Sprintf("%d earlier sources", f.sources)}, State: StateExited,
		Written: f.written, Lost: f.lost, Folded: f.sources,
	}
}

// snapshot returns the account of everything at one moment.
func (s *memory) snapshot() (Stats, []SourceStatus) {
	s.mu.Lock()
	stats := s.statsLocked()
	now := time.Now()
	all := make([]SourceStatus, 0, len(s.accounts)+1)
	if s.folded.sources > 0 {
		all = append(all, s.folded.status())
	}
	first := len(all)
	var seen []func() string // what each worker does; nil where nobody can see
	for _, a := range s.accounts {
		status := a.status(now)
		status.Tail = a.tail.messages()
		all = append(all, status)
		seen = append(seen, a.doing)
	}
	parts := s.tailsLocked(first)
	s.mu.Unlock()
	for i, doing := range seen {
		all[first+i].addDoing(doing)
	}
	for _, part := range parts {
		status := &all[part.status]
		status.Tail = part.batch.appendTo(status.Tail, part.skip)
		part.batch.block.release()
	}
	for i := range all {
		all[i].Tail = boundTail(all[i].Tail)
	}
	return stats, all
}

func (s *memory) stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.statsLocked()
}

func (s *memory) statsLocked() Stats {
	s.ring.trim()
	return Stats{
		Open: s.open, Sources: s.folded.sources + len(s.accounts), Written: s.written, Lost: s.lost,
		Rotated: s.ring.left, Parsed: s.parsed, Cleared: s.cleared,
		Kept: Count{uint64(s.ring.messages), uint64(s.ring.bytes)},
	}
}
