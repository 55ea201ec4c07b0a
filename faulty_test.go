package syncstream

import (
	"bytes"
	"context"
	"iter"
	"time"
)

// Fault is a way in which a store can be broken.
type Fault string

// The faults.
const (
	Drops          Fault = "drops a line"
	Doubles        Fault = "doubles a line"
	Reorders       Fault = "reorders two lines"
	Tears          Fault = "tears a line"
	Mixes          Fault = "gives a line to another worker"
	ChangesBytes   Fault = "changes bytes that are no text"
	FoldsEnds      Fault = "forgets the kind of line end"
	LosesLastWords Fault = "loses what has no line end"
	WakesNoReader  Fault = "forgets to wake readers"
	WakesNoWaiter  Fault = "forgets to wake Wait"
	Miscounts      Fault = "forgets to count what rotated"
	HidesGaps      Fault = "says nothing of a gap"
	IsUnbounded    Fault = "keeps too much"
	StopsNobody    Fault = "tells nobody of a stop"
	BlamesAnother  Fault = "names the last failure"
	BlamesStopped  Fault = "takes a stop's end for a failure"
)

// NewFaulty returns a buffer over a store with a fault.
func NewFaulty(fault Fault, c Config) *Buffer {
	b := New(c)
	f := &faulty{memory: b.store.(*memory), fault: fault}
	if fault == IsUnbounded {
		f.ring.maxMessages, f.ring.maxBytes = 1<<30, 1<<30
	}
	b.store = f
	return b
}

// faulty breaks one thing of a store that works.
type faulty struct {
	*memory
	fault  Fault
	n      int    // batches that came
	held   *Batch // that is to come later
	latest *Failure
}

func (f *faulty) append(b *Batch) error {
	f.n++
	switch f.fault {
	case Drops:
		if f.n == 2 {
			return nil
		}
	case Doubles:
		if f.n == 2 {
			f.memory.append(f.copyOf(b))
		}
	case Reorders:
		if f.n == 2 && b.entry == untilClosed {
			f.held = f.copyOf(b)
			return nil
		}
		if held := f.held; held != nil {
			f.held = nil
			defer f.memory.append(held)
		}
	case Tears:
		if half := len(b.data) / 2; f.n == 2 && b.count == 1 && half > 0 {
			first, rest := f.copyOf(b), f.copyOf(b)
			first.data = append(first.data[:half:half], '\n')
			rest.data, rest.takesHeld = rest.data[half:], false
			f.memory.append(first)
			return f.memory.append(rest)
		}
	case Mixes:
		if f.n == 2 {
			c := f.copyOf(b)
			c.account, c.takesHeld = &account{source: &Source{Name: "nobody"}, state: StateOpen}, false
			return f.memory.append(c)
		}
	case ChangesBytes:
		c := f.copyOf(b)
		c.data = bytes.ToValidUTF8(c.data, []byte("?"))
		return f.memory.append(c)
	case FoldsEnds:
		c := f.copyOf(b)
		c.data = bytes.ReplaceAll(c.data, []byte("\r\n"), []byte("\n"))
		return f.memory.append(c)
	case LosesLastWords:
		if b.entry != untilClosed && b.kind == Line {
			return nil
		}
	case WakesNoReader:
		f.mu.Lock()
		asleep := f.followers
		f.followers = waiters{}
		f.mu.Unlock()
		err := f.memory.append(b)
		f.mu.Lock()
		f.followers = asleep
		f.mu.Unlock()
		return err
	}
	return f.memory.append(b)
}

// copyOf returns a batch with bytes of its own.
func (f *faulty) copyOf(b *Batch) *Batch {
	c := *b
	c.data, c.block, c.lent = bytes.Clone(b.data), nil, false
	return &c
}

func (f *faulty) closeMirror(a *account, state State, err error) {
	switch {
	case f.fault == WakesNoWaiter:
		f.mu.Lock()
		if f.open > 0 {
			f.idle = make(chan struct{}) // nobody waits for this one
		}
		f.mu.Unlock()
	case f.fault == BlamesStopped:
		f.mu.Lock()
		a.asked = time.Time{}
		f.mu.Unlock()
	case err != nil:
		f.latest = &Failure{Source: a.source, Err: err}
	}
	f.memory.closeMirror(a, state, err)
}

func (f *faulty) wait(ctx context.Context) error {
	err := f.memory.wait(ctx)
	if f.fault == BlamesAnother && f.latest != nil {
		return f.latest
	}
	return err
}

func (f *faulty) stats() Stats {
	s := f.memory.stats()
	if f.fault == Miscounts {
		s.Rotated = Count{}
	}
	return s
}

func (f *faulty) snapshot() (Stats, []SourceStatus) {
	s, all := f.memory.snapshot()
	if f.fault == Miscounts {
		s.Rotated = Count{}
	}
	return s, all
}

func (f *faulty) follow(ctx context.Context, after Position, options FollowOption) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		for m, err := range f.memory.follow(ctx, after, options) {
			if f.fault == HidesGaps && m.Kind == Gap {
				continue
			}
			if !yield(m, err) {
				return
			}
		}
	}
}

func (f *faulty) stop(cause error) {
	if f.fault != StopsNobody {
		f.memory.stop(cause)
	}
}
