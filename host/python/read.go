package python

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/syncstream/syncstream"
)

// Last returns the last n messages. The host's open line is none.
func (s *Store) Last(ctx context.Context, n int) ([]syncstream.Message, error) {
	now, err := s.look(ctx, 0)
	if err != nil {
		return nil, s.failed("read", err)
	}
	return now.last(n), nil
}

func (n *seen) last(most int) []syncstream.Message {
	return n.messages[max(0, len(n.messages)-max(0, most)):]
}

// Partials returns the host's open line, if it is not empty.
func (s *Store) Partials(ctx context.Context) ([]syncstream.Message, error) {
	now, err := s.look(ctx, 0)
	if err != nil {
		return nil, s.failed("read the open line", err)
	}
	if now.open == "" {
		return nil, nil
	}
	return []syncstream.Message{s.partial(now.open)}, nil
}

func (s *Store) partial(text string) syncstream.Message {
	return syncstream.Message{
		Source: s.source, Stream: syncstream.Merged, Kind: syncstream.Partial, Time: time.Now(), Text: text, End: syncstream.EndNone,
	}
}

// Snapshot returns what this Store has seen. What its feeds write counts as the
// host's, from where it comes back.
func (s *Store) Snapshot(ctx context.Context) (syncstream.Stats, []syncstream.SourceStatus, error) {
	now, err := s.look(ctx, 0)
	if err != nil {
		return syncstream.Stats{}, nil, s.failed("ask for the state", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []syncstream.SourceStatus{{
		Source: s.source, State: syncstream.StateExited, Written: now.stats.Written, Tail: now.last(10),
	}}
	for _, f := range s.feeds {
		all = append(all, f.statusLocked())
	}
	now.stats.Open, now.stats.Sources = s.open, len(all)
	return now.stats, all, nil
}

// Follow asks the host again and again. A host that can't be reached is waited
// for. With FollowUntilDone the sequence ends when no feed of this Store is open.
func (s *Store) Follow(ctx context.Context, after syncstream.Position, options ...syncstream.FollowOption) iter.Seq2[syncstream.Message, error] {
	var all syncstream.FollowOption
	for _, o := range options {
		all |= o
	}
	return func(yield func(syncstream.Message, error) bool) {
		f := follower{store: s, after: after, options: all}
		for {
			messages, err := f.next(ctx)
			if errors.Is(err, errDone) {
				return
			}
			if err != nil {
				yield(syncstream.Message{}, s.failed("follow", err))
				return
			}
			for _, m := range messages {
				if !yield(m, nil) {
					return
				}
			}
		}
	}
}

// errDone says that a sequence has ended.
var errDone = errors.New("done")

// follower is one reader on its way.
type follower struct {
	store   *Store
	after   syncstream.Position
	placed  bool // after is no longer Oldest or Latest
	options syncstream.FollowOption
	open    string // the open line that it was given
}

// next waits until there is something to give.
func (f *follower) next(ctx context.Context) ([]syncstream.Message, error) {
	for {
		done := f.options&syncstream.FollowUntilDone != 0 && f.store.isDone(ctx)
		maxAge := f.store.config.Poll
		if done || !f.placed {
			maxAge = 0
		}
		now, err := f.store.look(ctx, maxAge)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil {
			f.store.gone(err)
		} else {
			f.store.back()
			if err := f.place(&now); err != nil {
				return nil, err
			}
			if messages := f.take(&now); len(messages) > 0 {
				return messages, nil
			}
			if done {
				return nil, errDone
			}
		}
		select {
		case <-time.After(f.store.config.Poll):
		case <-ctx.Done():
		}
	}
}

// isDone reports whether no feed is open and the host has what they have written.
func (s *Store) isDone(ctx context.Context) bool {
	s.mu.Lock()
	open := s.open
	s.mu.Unlock()
	return open == 0 && (s.Flush(ctx) == nil || ctx.Err() == nil)
}

// place finds out where f begins, once.
func (f *follower) place(now *seen) error {
	if f.placed {
		return nil
	}
	f.placed = true
	switch {
	case f.after == syncstream.Latest:
		f.after = now.newest
	case f.after == syncstream.Oldest:
		f.after = now.newest - syncstream.Position(len(now.messages))
	case f.after > now.newest:
		return fmt.Errorf("there is no message at position %d; the newest is at %d", f.after, now.newest)
	}
	return nil
}

// take returns what is behind f.after.
func (f *follower) take(now *seen) (all []syncstream.Message) {
	first := now.newest - syncstream.Position(len(now.messages)) // before the oldest
	if f.after < first {
		all = append(all, syncstream.Message{
			Source: ours, Stream: syncstream.Control, Kind: syncstream.Gap, Missing: uint64(first - f.after), Position: first,
			Time: time.Now(), End: syncstream.EndNone,
		})
		f.after = first
	}
	if behind := now.messages[f.after-first:]; len(behind) > 0 {
		all = append(all, behind...)
		f.after, f.open = now.newest, ""
	}
	if f.options&syncstream.FollowPartials != 0 && now.open != f.open {
		all, f.open = append(all, f.store.partial(now.open)), now.open
	}
	return all
}
