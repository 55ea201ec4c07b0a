package syncstream

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"sync/atomic"
	"time"
)

func (o *overStore) last(ctx context.Context, n int) ([]Message, error) {
	if err := o.sync(ctx); err != nil {
		return nil, err
	}
	messages, err := o.to.Last(ctx, n)
	for i := range messages {
		o.recognize(&messages[i])
	}
	return messages, err
}

// recognize has a message of our own mirrors share their source.
func (o *overStore) recognize(m *Message) {
	if a := o.account(m.Source); a != nil {
		m.Source = a.source
	}
}

// newest returns the position of the newest message that is kept; with none,
// Oldest, which is then the same place.
func (o *overStore) newest(ctx context.Context) (Position, error) {
	last, err := o.to.Last(ctx, 1)
	if err != nil || len(last) == 0 {
		return Oldest, err
	}
	return last[0].Position, nil
}

// errFollowed ends a follower that has got everything.
var errFollowed = errors.New("syncstream: the buffer is closed")

// follow is the store's, and ends with Close besides.
func (o *overStore) follow(ctx context.Context, after Position, options FollowOption) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		err := o.sync(ctx)
		if err == nil && after == Latest {
			after, err = o.newest(ctx) // a place that can be compared
		}
		if err != nil {
			yield(Message{}, fmt.Errorf("syncstream: follow a buffer: %w", err))
			return
		}
		var at, upTo atomic.Uint64
		at.Store(uint64(after))
		upTo.Store(math.MaxUint64)
		stop := context.AfterFunc(o.done, func() {
			upTo.Store(uint64(o.atClose(ctx)))
			if at.Load() >= upTo.Load() {
				cancel(errFollowed)
			}
		})
		defer stop()
		for m, err := range o.to.Follow(ctx, after, options) {
			if err != nil {
				if context.Cause(ctx) != errFollowed {
					yield(Message{}, fmt.Errorf("syncstream: follow a buffer: %w", err))
				}
				return
			}
			o.recognize(&m)
			if !yield(m, nil) {
				return
			}
			at.Store(max(at.Load(), uint64(m.Position))) // partial lines have none
			if at.Load() >= upTo.Load() {
				return
			}
		}
	}
}

// atClose returns where a follower ends when the buffer has been closed; where the
// store can't tell, it ends with what it has.
func (o *overStore) atClose(ctx context.Context) Position {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	newest, _ := o.newest(ctx)
	return newest
}

// partials are known here for our mirrors, whether the store is told or not.
func (o *overStore) partials() []Message {
	var all []Message
	o.call("read partial lines", func(ctx context.Context) error {
		theirs, err := o.to.Partials(ctx)
		for _, m := range theirs {
			if o.account(m.Source) == nil {
				all = append(all, m)
			}
		}
		return err
	})
	return append(all, o.memory.partials()...)
}

// nameTimeout is how long Wait asks the store who is open when its context has
// ended.
const nameTimeout = time.Second

func (o *overStore) wait(ctx context.Context) error {
	err := o.sync(ctx)
	if err == nil {
		err = o.to.Wait(ctx)
	}
	if ctx.Err() == nil || !errors.Is(err, context.Cause(ctx)) {
		return o.outcome(err)
	}
	asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), nameTimeout)
	defer cancel()
	var open []SourceStatus
	_, all, _ := o.tally(asking)
	for _, s := range all {
		if s.State.IsOpen() {
			open = append(open, s)
		}
	}
	if len(open) > 0 {
		return &WaitError{Open: open, Err: context.Cause(ctx)}
	}
	if again := o.to.Wait(asking); asking.Err() == nil { // there is nobody to name
		err = again
	}
	return o.outcome(err)
}

// outcome says of our own sources and our own stop what the store has no words
// for.
func (o *overStore) outcome(err error) error {
	var failure *Failure
	var stop *StopError
	switch {
	case errors.As(err, &failure):
		if a := o.account(failure.Source); a != nil {
			f := *failure
			f.Source, f.Err = a.source, o.cause(a, f.Err)
			return &f
		}
	case errors.As(err, &stop):
		o.mu.Lock()
		ours := o.stopped
		o.mu.Unlock()
		if ours != nil && textOf(ours) == stop.Reason {
			return ours
		}
	}
	return err
}

// cause returns what a source was closed with; what the store says, if it was not
// here.
func (o *overStore) cause(a *account, there error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if a.err != nil {
		return a.err
	}
	return there
}

// statser is a store that can tell of the totals alone.
type statser interface {
	Stats(context.Context) (Stats, error)
}

func (o *overStore) stats() Stats {
	to, ok := o.to.(statser)
	if !ok {
		stats, _ := o.snapshot()
		return stats
	}
	var stats Stats
	err := o.call("take a snapshot", func(ctx context.Context) (err error) {
		if err = o.sync(ctx); err == nil {
			stats, err = to.Stats(ctx)
		}
		return err
	})
	if err != nil {
		return o.memory.stats()
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	stats.add(o.lost, o.parsed)
	return stats
}

func (o *overStore) numOpen() int { return o.stats().Open }

func (o *overStore) len() int { return int(o.stats().Kept.Messages) }

func (o *overStore) snapshot() (stats Stats, all []SourceStatus) {
	o.call("take a snapshot", func(ctx context.Context) (err error) {
		stats, all, err = o.tally(ctx)
		return err
	})
	return stats, all
}

// tally returns the store's snapshot, with what only this process knows. Where the
// store can't be reached, it tells of our own mirrors, and the error says why.
func (o *overStore) tally(ctx context.Context) (stats Stats, all []SourceStatus, err error) {
	if err = o.sync(ctx); err == nil {
		stats, all, err = o.to.Snapshot(ctx)
	}
	if err != nil {
		stats, all = o.memory.snapshot()
		return stats, all, err
	}
	o.mu.Lock()
	all, doing := o.addOursLocked(&stats, all)
	o.mu.Unlock()
	for i, f := range doing {
		all[i].addDoing(f)
	}
	return stats, all, nil
}

// addOursLocked adds to what the store knows what our mirrors have refused or
// parsed away, and why those that are open still are. What each is doing is to be
// asked without the lock; nil where nobody can see.
func (o *overStore) addOursLocked(stats *Stats, all []SourceStatus) ([]SourceStatus, []func() string) {
	row := make(map[string]int, len(all))
	for i := range all {
		row[all[i].Source.ID] = i
	}
	lost, parsed := o.lost, o.parsed
	stats.add(lost, parsed)
	doing := make([]func() string, len(all))
	for _, a := range o.accounts {
		i, ok := row[a.source.ID]
		if !ok {
			continue
		}
		s := &all[i]
		s.add(a.lost, a.parsed)
		lost.subtract(a.lost)
		parsed.subtract(a.parsed)
		s.Source = a.source
		for j := range s.Tail {
			s.Tail[j].Source = a.source
		}
		if s.Err != nil && a.err != nil {
			s.Err = a.err
		}
		if s.State.IsOpen() && a.state.IsOpen() {
			s.Why, doing[i] = a.why(s, time.Now()), a.doing
		}
	}
	if lost == (Count{}) && parsed == (Count{}) {
		return all, doing
	}
	if len(all) == 0 || all[0].Folded == 0 { // those the store has forgotten
		f := folded{sources: 1}
		all = slices.Insert(all, 0, f.status())
		doing = slices.Insert(doing, 0, nil)
	}
	all[0].add(lost, parsed)
	return all, doing
}

func (s *Stats) add(lost, parsed Count) {
	s.Written.sum(lost)
	s.Written.sum(parsed)
	s.Lost.sum(lost)
	s.Parsed.sum(parsed)
}

func (s *SourceStatus) add(lost, parsed Count) {
	s.Written.sum(lost)
	s.Written.sum(parsed)
	s.Lost.sum(lost)
}

func (c *Count) subtract(other Count) {
	c.Messages -= other.Messages
	c.Bytes -= other.Bytes
}
