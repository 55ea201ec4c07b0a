package syncstream

import (
	"context"
	"fmt"
	"io"
	"iter"
	"math"
	"time"
)

// Position is a place in the one sequence of a buffer's messages: that of a
// message, which is its [Message.Position], 1 for the first. It means nothing
// to another buffer.
type Position uint64

// Where [Buffer.Follow] can begin besides behind a message.
const (
	// Oldest is the place before all messages that are kept.
	Oldest Position = 0
	// Latest is the place behind all that have come.
	Latest Position = math.MaxUint64
)

// FollowOption changes one call of [Buffer.Follow].
type FollowOption uint8

const (
	// FollowUntilDone ends the sequence when no mirror is open and all messages
	// have been given, as [Buffer.Wait] does.
	FollowUntilDone FollowOption = 1 << iota
	// FollowPartials gives partial lines too, as messages of kind [Partial]:
	// when one has changed, and everything before it has been given, but for
	// one mirror no more often than every 50 ms. The next message of the same
	// stream takes its place; an empty text takes it away.
	FollowPartials
)

// Follow returns the messages behind the position after, and goes on with those
// that come, in one sequence without a seam: it waits where there is none. It
// takes nothing out of the buffer, and no writer ever waits for it. One that
// falls so far behind that messages have left the buffer gets a message of kind
// [Gap] in their place, whose Missing counts them, and goes on.
//
// The sequence ends when the buffer is closed and everything has been given.
// When ctx ends, its cause is the last error; an error is always the last pair.
// To go on later, pass the Position of the last message that was given; it is
// an error if the buffer has none there yet.
//
// Any number of goroutines may follow a buffer; each range over the result
// begins at after again.
func (b *Buffer) Follow(ctx context.Context, after Position, options ...FollowOption) iter.Seq2[Message, error] {
	var all FollowOption
	for _, o := range options {
		all |= o
	}
	return b.store.follow(ctx, after, all)
}

func (s *memory) follow(ctx context.Context, after Position, options FollowOption) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		r := reader{after: after, options: options, gap: s.self}
		for {
			switch err := s.read(ctx, &r); {
			case err == io.EOF:
				return
			case err != nil:
				yield(Message{}, fmt.Errorf("syncstream: follow a buffer: %w", err))
				return
			}
			for _, m := range r.messages {
				if !yield(m, nil) {
					return
				}
			}
		}
	}
}

const (
	// readMessages and readBytes are how much a reader takes at a time. It
	// holds a copy, so one that is slow keeps no more than that from other use.
	readMessages = 1024
	readBytes    = 64 << 10
	// partialInterval is how often a follower gets the partial lines of one
	// mirror.
	partialInterval = 50 * time.Millisecond
)

// reader is one follower on its way.
type reader struct {
	after    Position // of the last message that it has got
	placed   bool     // after is no longer Oldest or Latest
	options  FollowOption
	gap      *Source   // whose the gaps are
	messages []Message // what it gets now
	texts    []span    // theirs, in what they are cut from

	// Where the message behind the one at known begins, in the block that holds
	// that one: so nobody has to search for it.
	known Position
	block *block
	off   int

	waiter, watcher waiter
	partials        watched
}

// span is a stretch of bytes.
type span struct{ off, len int }

// read waits for messages behind r.after and puts some into r.messages. The error
// is io.EOF when nothing more will come.
func (s *memory) read(ctx context.Context, r *reader) error {
	r.messages = r.messages[:0]
	s.mu.Lock()
	if err := s.waitLocked(ctx, r); err != nil || len(r.messages) > 0 {
		s.mu.Unlock()
		return err
	}
	var batches [8]Batch
	oldest, n := s.takeLocked(r.after, batches[:])
	s.mu.Unlock()
	r.miss(oldest - 1)
	for i := range batches[:n] {
		r.take(&batches[i])
	}
	return nil
}

// waitLocked waits until there is something behind r.after, or a partial line
// has been put into r.messages.
func (s *memory) waitLocked(ctx context.Context, r *reader) error {
	if err := s.placeLocked(r); err != nil {
		return err
	}
	for ctx.Err() == nil {
		switch {
		case r.after < s.newest || s.partialsLocked(r):
			return nil
		case s.ended || r.options&FollowUntilDone != 0 && s.awaitedLocked() == 0:
			return io.EOF
		}
		s.sleepLocked(ctx, r)
	}
	return context.Cause(ctx)
}

// placeLocked finds out where r begins, once: one that has got nothing but
// partial lines is where it was, and what has left since is missing.
func (s *memory) placeLocked(r *reader) error {
	if r.placed {
		return nil
	}
	r.placed = true
	switch {
	case r.after == Latest:
		r.after = s.newest
	case r.after == Oldest:
		r.after = s.oldestLocked() - 1
	case r.after > s.newest:
		return fmt.Errorf("there is no message at position %d; the newest is at %d", r.after, s.newest)
	}
	return nil
}

// oldestLocked returns the position of the first message that can be read, or
// will be.
func (s *memory) oldestLocked() Position {
	if s.ring.messages == 0 {
		return s.newest + 1
	}
	return s.ring.oldest()
}

// sleepLocked waits until somebody has changed something.
func (s *memory) sleepLocked(ctx context.Context, r *reader) {
	r.rest()
	r.waiter.at = r.after
	s.followers.add(&r.waiter)
	var due <-chan time.Time
	if r.options&FollowPartials != 0 {
		s.watchers.add(&r.watcher)
		if r.partials.seen < s.changes {
			timer := time.NewTimer(time.Until(r.partials.due))
			defer timer.Stop()
			due = timer.C
		}
	}
	s.mu.Unlock()
	select {
	case <-r.waiter.woken:
	case <-due:
	case <-ctx.Done():
	}
	s.mu.Lock()
	r.waiter.remove()
	r.watcher.remove()
	if next := s.followers.first; next != nil && next.at < s.newest {
		s.followers.wakeOne()
	}
}

// rest gives back what a reader that waits does not need.
func (r *reader) rest() {
	if cap(r.messages) > 16 {
		r.messages, r.texts = nil, nil
	}
	if r.waiter.woken == nil {
		r.waiter.woken = make(chan struct{}, 1)
		r.watcher.woken = r.waiter.woken
	}
}

// takeLocked fills batches with those behind after that are kept, and retains
// their blocks. What is missing before the first of them ends at oldest.
func (s *memory) takeLocked(after Position, batches []Batch) (oldest Position, n int) {
	oldest = s.oldestLocked()
	size, count := 0, 0
	for i := s.ring.find(max(after+1, oldest)); i < s.ring.n && n < len(batches); i++ {
		b := s.ring.at(i)
		if b.count == 0 {
			continue
		}
		size += len(b.data)
		count += b.count
		if n > 0 && (size > readBytes || count > readMessages) {
			break
		}
		b.block.retain()
		batches[n] = *b
		n++
	}
	if n == 0 { // the pieces of a line whose first has left can be the newest
		oldest = s.newest + 1
	}
	return oldest, n
}

// miss adds a gap where there are messages up to that position which r has not
// got.
func (r *reader) miss(upTo Position) {
	if upTo <= r.after {
		return
	}
	r.messages = append(r.messages, Message{
		Source: r.gap, Stream: Control, Kind: Gap, Missing: uint64(upTo - r.after), Position: upTo,
		Time: time.Now(), End: EndNone,
	})
	r.after = upTo
}

// take adds some messages of b, which it releases.
func (r *reader) take(b *Batch) {
	defer b.block.release()
	r.miss(b.pos - 1)
	r.partials.overtake(b.key())
	skip := int(r.after + 1 - b.pos)
	m := b.message(skip)
	if b.single() {
		m.Text = string(b.data)
		r.messages, r.after = append(r.messages, m), m.Position
		return
	}
	off := r.offset(b, skip)
	off += r.cut(b, b.data[off:], m)
	r.known, r.block, r.off = r.after, b.block, b.off+off
}

// offset returns where in b's data the message after the first skip begins.
func (r *reader) offset(b *Batch, skip int) int {
	if skip > 0 && r.known == r.after && r.block == b.block {
		return r.off - b.off
	}
	return b.offset(skip)
}

// cut adds messages of data, the first of which is like m, and returns how many
// bytes they take.
func (r *reader) cut(b *Batch, data []byte, m Message) (used int) {
	first := len(r.messages)
	r.texts = r.texts[:0]
	for used < len(data) && used < readBytes && len(r.texts) < readMessages {
		text, end, size := b.lines.Cut(data[used:])
		m.End = End(end)
		r.messages = append(r.messages, m)
		r.texts = append(r.texts, span{used, len(text)})
		used += size
		m.Num++
		m.Position++
	}
	all := string(data[:used]) // one allocation for all messages
	for i, t := range r.texts {
		r.messages[first+i].Text = all[t.off : t.off+t.len]
	}
	r.after = m.Position - 1
	return used
}

// watched is what a reader knows of partial lines.
type watched struct {
	seen  uint64    // the newest change that it knows
	due   time.Time // when it may learn more
	shown map[streamKey]string
}

// overtake takes note of a message that the reader has got of a stream.
func (w *watched) overtake(stream streamKey) { delete(w.shown, stream) }

// partialsLocked puts the partial lines that have changed into r.messages, one
// of each open mirror, and reports whether there are any.
func (s *memory) partialsLocked(r *reader) bool {
	w := &r.partials
	now := time.Now()
	if r.options&FollowPartials == 0 || w.seen == s.changes || now.Before(w.due) {
		return false
	}
	w.seen = s.changes
	shown := make(map[streamKey]string)
	for _, a := range s.accounts {
		if a.mirror != nil && !r.watch(a, shown) {
			w.seen-- // there is more
		}
	}
	for key := range w.shown {
		if key.account.mirror == nil { // closed, and its message was discarded or missed
			r.messages = append(r.messages, Message{
				Source: key.account.source, Stream: key.stream, Kind: Partial, Time: now, End: EndNone,
			})
		}
	}
	w.shown = shown
	if len(r.messages) > 0 {
		w.due = now.Add(partialInterval)
	}
	return len(r.messages) > 0
}

// watch adds a partial line of one mirror that has changed. It reports false if
// there is another. The store's mutex is held.
func (r *reader) watch(a *account, shown map[streamKey]string) (all bool) {
	before := len(r.messages)
	all = true
	for _, w := range a.mirror.writers() {
		if w == &a.mirror.control {
			continue // it has none, and the stream is that of progress
		}
		key := streamKey{a, w.stream}
		m := w.partialLocked()
		switch old := r.partials.shown[key]; {
		case m.Text == old:
		case len(r.messages) > before:
			all, m.Text = false, old
		default:
			r.messages = append(r.messages, m)
		}
		if m.Text != "" {
			shown[key] = m.Text
		}
	}
	return all
}
