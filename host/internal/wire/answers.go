package wire

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/syncstream/syncstream"
)

// Success is the Message of an answer that has nothing else to say.
const Success = "success"

// Problem is the body of every answer whose status is 400 or more, and of those
// that have nothing else to say.
type Problem struct {
	Message string `json:"message"` // what is wrong, for people
	// Of a request to append whose numbers do not follow: how far the host got.
	*Progress
}

// Progress is how far a host got with a source.
type Progress struct {
	Epoch uint64 `json:"epoch"` // the newest one
	Num   uint64 `json:"num"`   // of the last message that it has
	State string `json:"state"` // as [syncstream.State] prints it
	// Stop is why the source should end; empty, if it should not.
	Stop string `json:"stop,omitempty"`
}

// Answers answers a request to append that is for several sources.
type Answers struct {
	Answers []Answer `json:"answers"` // in the order of the request
}

// Answer is what a request for one of them alone would have been answered.
type Answer struct {
	Status  int    `json:"status"`            // of HTTP
	Message string `json:"message,omitempty"` // what is wrong, for people
	*Progress
}

// MarkRequest is the body of a request that tells how far an open source has come.
type MarkRequest struct {
	Source string `json:"source"` // its id
	// State is acknowledged (if empty): it has heard of a stop; or asked: somebody
	// at its end has asked it to stop, so how it ends is no failure.
	State string `json:"state,omitempty"`
}

// CloseRequest is the body of a request to close a source.
type CloseRequest struct {
	Source string `json:"source"`
	State  string `json:"state"`           // exited (if empty), killed or lost
	Error  string `json:"error,omitempty"` // how it ended, if not well
	// Last is the Num of its last message; if more than the host has, the rest
	// is missing for good. Zero says nothing.
	Last uint64 `json:"last,omitempty"`
}

// CommandRequest is the body of a request to stop all sources, or for another
// method of the buffer.
type CommandRequest struct {
	Cause string `json:"cause,omitempty"` // of a stop
	// Once names the command: the host does it once, however often it is asked.
	Once string `json:"once,omitempty"`
}

// HeldRequest is the body of a request that the host keeps until it has
// something to say to one of the sources, or so many seconds have passed; at
// most [MaxHold]. Meanwhile none of the sources is silent.
type HeldRequest struct {
	Sources []HeldSource `json:"sources"`
	Seconds float64      `json:"seconds,omitempty"` // if zero, MaxHold
}

// HeldSource is one of the sources of a [HeldRequest].
type HeldSource struct {
	ID string `json:"id"`
	// Heard says that the source knows that it should stop, and is ending: the
	// host takes note of that, and does not say it again.
	Heard bool `json:"heard,omitempty"`
	// Told says that whoever asks has been told of the stop, so that the host does
	// not say it again; whether the source has heard of it is another question.
	Told bool `json:"told,omitempty"`
}

// HeldAnswer tells the sources to which the host has something to say.
type HeldAnswer struct {
	Sources []HeldTold `json:"sources"`
}

// HeldTold is what a host says to one source.
type HeldTold struct {
	ID    string `json:"id"`
	State string `json:"state"` // [Unknown] where the host has never heard of it
	Stop  string `json:"stop,omitempty"`
}

// Unknown is the State of a source that a host does not know, as after it was
// started again.
const Unknown = "unknown"

// Status is the account of a buffer, all of one moment.
type Status struct {
	Buffer  string         `json:"buffer"` // as in a [Place]
	Newest  uint64         `json:"newest"` // the position of the newest message
	Stats   Stats          `json:"stats"`
	Sources []SourceStatus `json:"sources,omitempty"`
}

// Stats is [syncstream.Stats].
type Stats struct {
	Open    int   `json:"open"`
	Sources int   `json:"sources"`
	Written Count `json:"written"`
	Kept    Count `json:"kept"`
	Rotated Count `json:"rotated"`
	Parsed  Count `json:"parsed"`
	Cleared Count `json:"cleared"`
	Lost    Count `json:"lost"`
}

// Count is [syncstream.Count].
type Count struct {
	Messages uint64 `json:"messages"`
	Bytes    uint64 `json:"bytes"`
}

// SourceStatus is [syncstream.SourceStatus].
type SourceStatus struct {
	Source  Source    `json:"source"`
	State   string    `json:"state"`
	Why     string    `json:"why,omitempty"`
	Opened  time.Time `json:"opened,omitzero"`
	Active  time.Time `json:"active,omitzero"`
	Asked   time.Time `json:"asked,omitzero"`
	Heard   time.Time `json:"heard,omitzero"`
	Closed  time.Time `json:"closed,omitzero"`
	Written Count     `json:"written"`
	Lost    Count     `json:"lost"`
	Error   string    `json:"error,omitempty"`
	Folded  int       `json:"folded,omitempty"`
	Tail    []Message `json:"tail,omitempty"`
}

// Source is [syncstream.Source] as it stands in a message as JSON.
type Source struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Host string `json:"host,omitempty"`
	PID  int    `json:"pid,omitempty"`
	Rank int    `json:"rank,omitempty"`
	Size int    `json:"size,omitempty"`
}

// Outcome is the answer to a request that waits until no source is open.
type Outcome struct {
	// Done says that none is; then at most one of Failure, Stopped and Abandoned
	// says how it all went.
	Done      bool     `json:"done"`
	Failure   *Failure `json:"failure,omitempty"`
	Stopped   string   `json:"stopped,omitempty"` // the cause of the stop
	Abandoned bool     `json:"abandoned,omitempty"`
	// Open is who is open, and why, where not Done.
	Open []SourceStatus `json:"open,omitempty"`
	// Sources is how many were ever open.
	Sources int `json:"sources"`
}

// Failure is [syncstream.Failure].
type Failure struct {
	Source Source    `json:"source"`
	Error  string    `json:"error"`
	Time   time.Time `json:"time"`
}

var stateNames = map[string]syncstream.State{}

func init() {
	for s := syncstream.StateOpen; s <= syncstream.StateLost; s++ {
		stateNames[s.String()] = s
	}
}

// ParseState is the inverse of [syncstream.State.String].
func ParseState(name string) (syncstream.State, error) {
	s, ok := stateNames[name]
	if !ok {
		return 0, fmt.Errorf("state %.60q: want open, asked, acknowledged, exited, killed or lost", name)
	}
	return s, nil
}

// SourceOf returns s for the wire.
func SourceOf(s *syncstream.Source) Source { return Source(*s) }

// Core returns s for the core.
func (s Source) Core() *syncstream.Source {
	c := syncstream.Source(s)
	return &c
}

// StatsOf returns s for the wire.
func StatsOf(s syncstream.Stats) Stats {
	return Stats{
		Open: s.Open, Sources: s.Sources, Written: Count(s.Written), Kept: Count(s.Kept), Rotated: Count(s.Rotated),
		Parsed: Count(s.Parsed), Cleared: Count(s.Cleared), Lost: Count(s.Lost),
	}
}

// Core returns s for the core.
func (s Stats) Core() syncstream.Stats {
	return syncstream.Stats{
		Open: s.Open, Sources: s.Sources, Written: syncstream.Count(s.Written), Kept: syncstream.Count(s.Kept),
		Rotated: syncstream.Count(s.Rotated), Parsed: syncstream.Count(s.Parsed), Cleared: syncstream.Count(s.Cleared),
		Lost: syncstream.Count(s.Lost),
	}
}

// SourceStatusOf returns s for the wire.
func SourceStatusOf(s *syncstream.SourceStatus) SourceStatus {
	w := SourceStatus{
		Source: SourceOf(s.Source), State: s.State.String(), Why: s.Why,
		Opened: s.Opened.UTC(), Active: s.Active.UTC(), Asked: s.Asked.UTC(), Heard: s.Heard.UTC(), Closed: s.Closed.UTC(),
		Written: Count(s.Written), Lost: Count(s.Lost), Folded: s.Folded,
	}
	for _, m := range s.Tail {
		w.Tail = append(w.Tail, Message{m})
	}
	if s.Err != nil {
		w.Error = s.Err.Error()
	}
	return w
}

// Core returns s for the core. Its Err, if there is one, has the text and
// nothing else of what it was, but for [syncstream.ErrAbandoned] and the other
// sentinels.
func (s *SourceStatus) Core() (syncstream.SourceStatus, error) {
	state, err := ParseState(s.State)
	if err != nil {
		return syncstream.SourceStatus{}, err
	}
	source := s.Source.Core()
	var tail []syncstream.Message
	for _, m := range s.Tail {
		m.Source = source
		tail = append(tail, m.Message)
	}
	return syncstream.SourceStatus{
		Source: source, State: state, Why: s.Why,
		Opened: s.Opened, Active: s.Active, Asked: s.Asked, Heard: s.Heard, Closed: s.Closed,
		Written: syncstream.Count(s.Written), Lost: syncstream.Count(s.Lost), Folded: s.Folded, Tail: tail,
		Err: ParseError(s.Error),
	}, nil
}

// remoteError is an error that somebody else had.
type remoteError string

func (e remoteError) Error() string { return string(e) }

var sentinels = []error{
	syncstream.ErrStopped, syncstream.ErrClosed, syncstream.ErrAbandoned, syncstream.ErrKilled, syncstream.ErrDetached,
}

// ParseError returns an error with that text; nil if it is empty, and one of
// the core's own where the text is that one's.
func ParseError(text string) error {
	if text == "" {
		return nil
	}
	for _, err := range sentinels {
		if err.Error() == text {
			return err
		}
	}
	return remoteError(text)
}

// Unmarshal decodes a small body of type [JSON]. The error says what is wrong
// and where, without the names of Go's types.
func Unmarshal(body []byte, into any) error {
	err := json.Unmarshal(body, into)
	switch e := err.(type) {
	case nil:
		return nil
	case *json.SyntaxError:
		return fmt.Errorf("byte %d: %v", e.Offset, e)
	case *json.UnmarshalTypeError:
		if e.Field == "" {
			return fmt.Errorf("byte %d: a JSON %s: want an object", e.Offset, e.Value)
		}
		return fmt.Errorf("byte %d: %s is a JSON %s, which it can't be", e.Offset, e.Field, e.Value)
	}
	return err
}
