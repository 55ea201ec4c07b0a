package python

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/syncstream/syncstream"
)

// outbox is what is on its way to a host: requests in their order, one in flight.
type outbox struct {
	mu      sync.Mutex // guards what follows
	changed sync.Cond  // when something was sent, or nothing will be
	queue   []*outgoing
	bytes   int  // of text in queue
	running bool // a goroutine sends
	closed  bool
	added   uint64 // messages
	sent    uint64 // of these, or lost
	lost    uint64
	refused error // why the first were lost
	trouble error // why the newest are not sent yet
}

// outgoing is one request: some lines, or one grouped message.
type outgoing struct {
	kind     syncstream.Kind
	text     []byte
	messages int
}

// add queues a line with its line end, or a grouped message. It waits while there
// is no room. What continues a batch that has begun is not refused.
func (o *outbox) add(s *Store, kind syncstream.Kind, text string, begun bool) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.bytes > 0 && o.bytes+len(text) > s.config.MaxQueue && !o.closed {
		o.changed.Wait()
	}
	if o.closed && !begun {
		return syncstream.ErrClosed
	}
	o.bytes += len(text)
	o.added++
	if n := len(o.queue); n > 0 && o.queue[n-1].takes(kind, len(text)) {
		last := o.queue[n-1]
		last.text = append(last.text, text...)
		last.messages++
		return nil
	}
	o.queue = append(o.queue, &outgoing{kind: kind, text: []byte(text), messages: 1})
	if !o.running {
		o.running = true
		s.finished.Go(func() { o.run(s) })
	}
	return nil
}

// takes reports whether another message fits into the request.
func (r *outgoing) takes(kind syncstream.Kind, n int) bool {
	return kind == syncstream.Line && r.kind == kind && len(r.text)+n <= maxRequest
}

// run sends what is queued, and ends when nothing is.
func (o *outbox) run(s *Store) {
	for {
		r := o.next()
		if r == nil {
			return
		}
		s.askStop(s.life)
		err := s.deliver(r)
		if s.life.Err() != nil && err != nil {
			o.mu.Lock()
			o.running = false
			o.changed.Broadcast()
			o.mu.Unlock()
			return
		}
		o.settle(r, err)
	}
}

// next takes the next request out of the queue; nil if there is none.
func (o *outbox) next() *outgoing {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.queue) == 0 {
		o.running, o.queue = false, nil
		return nil
	}
	r := o.queue[0]
	o.queue = o.queue[1:]
	return r
}

// settle takes note of what has become of a request.
func (o *outbox) settle(r *outgoing, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.bytes -= len(r.text)
	o.sent += uint64(r.messages)
	o.trouble = nil
	if err != nil {
		o.lost += uint64(r.messages)
		if o.refused == nil {
			o.refused = err
		}
	}
	o.changed.Broadcast()
}

func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	o.changed.Broadcast()
}

func (o *outbox) troubled(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.trouble = err
}

// Flush returns when the host has what the feeds were given before the call. The
// error says how much it has refused, or has not got.
func (s *Store) Flush(ctx context.Context) error {
	o := &s.out
	defer context.AfterFunc(ctx, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.changed.Broadcast()
	})()
	o.mu.Lock()
	defer o.mu.Unlock()
	upTo := o.added
	for o.sent < upTo && ctx.Err() == nil && s.life.Err() == nil {
		o.changed.Wait()
	}
	switch {
	case o.sent < upTo:
		err := context.Cause(ctx)
		if ctx.Err() == nil {
			err = syncstream.ErrClosed
		}
		if o.trouble != nil {
			err = fmt.Errorf("%w; %w", err, o.trouble)
		}
		return s.failed(fmt.Sprintf("bring %d messages to", upTo-o.sent), err)
	case o.refused != nil:
		return s.failed(fmt.Sprintf("bring %d messages to", o.lost), o.refused)
	}
	return nil
}

// deliver sends a request until the host has it, refuses it, or Close gives up.
func (s *Store) deliver(r *outgoing) error {
	const first, most = 100 * time.Millisecond, 5 * time.Second
	body := r.body()
	for wait := first; ; wait = min(2*wait, most) {
		err := s.request(s.life, http.MethodPost, s.items, body)
		refused, no := errors.AsType[*refusal](err)
		switch {
		case err == nil:
			s.back()
			return nil
		case s.life.Err() != nil:
			return err
		case no && !refused.passing():
			s.say("refuses %d messages: %v", r.messages, err)
			return err
		case !no && !notSent(err) && s.has(r):
			return nil
		}
		s.gone(err)
		select {
		case <-time.After(wait/2 + rand.N(wait/2)):
		case <-s.life.Done():
			return err
		}
	}
}

// gone tells that the host can't be reached, once.
func (s *Store) gone(err error) {
	s.out.troubled(err)
	if s.turn(true) {
		s.say("can't be reached: %v; going on to try", err)
	}
}

// back tells that the host can be reached again.
func (s *Store) back() {
	if s.turn(false) {
		s.say("can be reached again")
	}
}

// turn notes whether the host is away, and reports whether that is news.
func (s *Store) turn(away bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	news := s.away != away
	s.away = away
	return news
}

// say tells people about the host. Only who has something to say waits for them.
func (s *Store) say(format string, args ...any) {
	s.telling.Lock()
	defer s.telling.Unlock()
	fmt.Fprintf(s.config.Stderr, "syncstream: %s %s\n", s, fmt.Sprintf(format, args...))
}

// has reports whether the host keeps what a request brings, whose answer was lost.
func (s *Store) has(r *outgoing) bool {
	data, err := ask(s.life, s.config.Client, s.items)
	if err != nil {
		return false
	}
	all, err := decodeItems(data)
	return err == nil && within(all, r.items())
}

// within reports whether part stands in all, one behind the other. Another
// program's open line may stand before the first.
func within(all, part []hostItem) bool {
	for i := 0; i+len(part) <= len(all); i++ {
		if all[i].kind == part[0].kind && strings.HasSuffix(all[i].text, part[0].text) &&
			slices.Equal(all[i+1:i+len(part)], part[1:]) {
			return true
		}
	}
	return false
}

// items returns what the host is to make of the request.
func (r *outgoing) items() (all []hostItem) {
	if r.kind != syncstream.Line {
		return []hostItem{{r.kind, string(r.text)}}
	}
	for line := range strings.Lines(string(r.text)) {
		all = append(all, hostItem{syncstream.Line, strings.TrimSuffix(line, "\n")})
	}
	return all
}

// body returns the request's JSON.
func (r *outgoing) body() []byte {
	type value struct {
		Value string `json:"value"`
	}
	p := struct {
		Type string `json:"type"`
		Data any    `json:"data"`
	}{"str", value{string(r.text)}}
	if r.kind != syncstream.Line {
		p.Type, p.Data = r.kind.String(), groupedOf(r.kind, string(r.text))
	}
	return encode(p)
}
