package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/host/internal/wire"
)

// feed is one source's way to the host.
type feed struct {
	client *Client
	source *syncstream.Source
	epoch  uint64
	ctx    context.Context // ends when the source should, or when nothing is taken
	cancel context.CancelCauseFunc

	// What follows is guarded by the client's mutex.
	last    *item  // the newest with messages
	gap     *item  // the newest that is a gap in place of messages
	holds   []hold // what the host is to show as partial lines, and does not yet
	holding *item  // that brings them; nil: none waits
	next    uint64 // the number that the next message should have; zero before the first
	shift   uint64 // how many messages have been given a number here
	known   bool   // the host knows the source
	full    bool   // the host has no room for it at the moment
	tries   int    // how often it has said so
	mark    syncstream.State
	close   *wire.Close
	closed  bool  // nothing more is taken
	over    bool  // the host has closed it, which the answer to our own request will say
	dead    error // why nothing more is sent
	left    int   // messages that were not sent then

	orders uint64        // counts what was asked for
	done   uint64        // the host has all up to that
	moved  chan struct{} // closed when done has changed; nil while nobody waits
}

// hold is the partial line of a stream.
type hold struct {
	stream syncstream.Stream
	text   []byte
}

func deleteHold(holds []hold, stream syncstream.Stream) []hold {
	return slices.DeleteFunc(holds, func(h hold) bool { return h.stream == stream })
}

func (f *feed) Context() context.Context { return f.ctx }

// orderLocked has an item sent, behind the others.
func (f *feed) orderLocked(kind itemKind) *item {
	f.orders++
	it := &item{feed: f, kind: kind, ordered: f.orders}
	f.client.queue.push(it)
	f.client.startLocked()
	return it
}

// Append queues a batch.
func (f *feed) Append(b *syncstream.Batch) error {
	c := f.client
	cost := len(b.Text()) + batchCost
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.queue.cost > 0 && c.queue.cost+cost > c.config.MaxQueue && !f.closed {
		if c.config.WhenFull == DropOldest && c.queue.dropOldest() {
			continue
		}
		c.room.Wait()
	}
	if f.closed {
		return syncstream.ErrClosed
	}
	return f.appendLocked(b, cost)
}

func (f *feed) appendLocked(b *syncstream.Batch, cost int) error {
	text, first := b.Text(), b.First()+f.shift
	switch {
	case len(text) > maxText:
		return fmt.Errorf("host: a batch of %d bytes; a host takes at most %d at once", len(text), maxText)
	case b.First() == 0:
		first = max(f.next, 1)
		f.shift++
	case first < f.next:
		return fmt.Errorf("host: feed %s: message %d comes behind message %d", f.source, first, f.next-1)
	case f.next > 0 && first > f.next:
		f.orderLocked(itemChunk).chunk = gapChunk(f.next, first)
	}
	add := wire.Batch{
		Stream: b.Stream(), Kind: b.Kind(), Part: b.Part(), Lines: b.LineMode(), First: first, Count: b.Len(),
		Missing: b.Missing(), Redraws: b.Redraws(), Time: b.Time().UnixNano(),
	}
	q := &f.client.queue
	if q.grows(f.last, len(text)) {
		f.orders++
		f.last.ordered = f.orders
	} else {
		last := f.last
		f.last = f.orderLocked(itemChunk)
		f.last.after(last)
	}
	f.last.add(&add, text)
	f.last.cost += cost
	q.cost += cost
	f.next = add.End()
	if takesHold(&add, text) {
		f.holds = deleteHold(f.holds, add.Stream)
	}
	return nil
}

// takesHold reports whether a batch ends the partial line of its stream.
func takesHold(b *wire.Batch, text []byte) bool {
	return b.Kind == syncstream.Line && (b.Stream != syncstream.Control || !bytes.HasSuffix(text, []byte{'\n'}))
}

// Hold keeps the text until its turn comes.
func (f *feed) Hold(stream syncstream.Stream, text []byte) error {
	f.client.mu.Lock()
	defer f.client.mu.Unlock()
	if f.closed {
		return syncstream.ErrClosed
	}
	text = bytes.Clone(text[:min(len(text), chunkSize)])
	f.holds = append(deleteHold(f.holds, stream), hold{stream, text})
	f.holdLocked()
	return nil
}

// holdLocked has the partial lines sent.
func (f *feed) holdLocked() {
	if f.holding == nil {
		f.holding = f.orderLocked(itemHolds)
	}
}

func (f *feed) Mark(state syncstream.State) {
	f.client.mu.Lock()
	defer f.client.mu.Unlock()
	if state > f.mark && state.IsOpen() && !f.closed {
		f.mark = state
		f.orderLocked(itemMark)
	}
}

func (f *feed) Close(state syncstream.State, err error) error {
	f.client.mu.Lock()
	defer f.client.mu.Unlock()
	if f.closed {
		return syncstream.ErrClosed
	}
	if state.IsOpen() {
		state = syncstream.StateExited
	}
	f.closed = true
	f.close = &wire.Close{State: state}
	if err != nil {
		f.close.Error = err.Error()
	}
	if f.next > 0 {
		f.close.Last = f.next - 1
	}
	f.orderLocked(itemClose)
	return nil
}

// Flush returns when the host has acknowledged all that came before.
func (f *feed) Flush(ctx context.Context) error {
	err := f.wait(ctx)
	f.client.mu.Lock()
	left, dead := f.left+f.client.queue.messages(f), f.dead
	f.client.mu.Unlock()
	if err == nil && left > 0 && dead != nil {
		err = dead
	}
	if err != nil {
		return f.client.undelivered(left, err)
	}
	return nil
}

// wait returns when the host has all that was ordered before, or never will, or
// refuses the token.
func (f *feed) wait(ctx context.Context) error {
	mu := &f.client.mu
	mu.Lock()
	defer mu.Unlock()
	sent := f.client.denied.sent
	f.client.hurryLocked()
	for orders := f.orders; f.done < orders && f.dead == nil; {
		if err := f.client.deniedLocked(sent); err != nil {
			return err
		}
		if f.moved == nil {
			f.moved = make(chan struct{})
		}
		moved := f.moved
		mu.Unlock()
		select {
		case <-moved:
			mu.Lock()
		case <-ctx.Done():
			mu.Lock()
			return context.Cause(ctx)
		}
	}
	return nil
}

func (f *feed) wakeLocked() {
	if f.moved != nil {
		close(f.moved)
		f.moved = nil
	}
}

// doneLocked lets go of an item that the host has.
func (f *feed) doneLocked(it *item) {
	f.client.queue.remove(it)
	it.recycle()
	f.client.room.Broadcast()
	f.done = max(f.done, it.ordered)
	f.wakeLocked()
}

// errSettled is why a feed sends nothing more that has been closed at the host.
var errSettled = errors.New("host: the source has been closed")

// end has the feed take and send nothing more.
func (f *feed) end(cause error) {
	c := f.client
	c.mu.Lock()
	if f.dead == nil {
		f.left = c.queue.messages(f)
		f.closed, f.dead = true, cause
		c.queue.forget(f)
		f.wakeLocked()
		delete(c.feeds, f)
		c.room.Broadcast()
	}
	c.mu.Unlock()
	if cause == errSettled {
		cause = syncstream.ErrClosed
	}
	f.cancel(cause)
}
