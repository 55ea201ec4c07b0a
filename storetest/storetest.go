// Package storetest checks the nine promises of a buffer over any store.
//
// A row is one promise in words, what workers do, and what a reader must get.
// Waiting is for events only, and bounded, so a store that fails a row fails it
// soon; a store may answer late, as one behind a network does.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/syncstream/syncstream"
)

// Open returns a new, empty buffer over the store that is tested.
type Open func(syncstream.Config) (*syncstream.Buffer, error)

// Timeout is how long a row may take. Where a store keeps its promises, none
// waits for it.
const Timeout = 2 * time.Second

// Row is one thing that is promised.
type Row struct {
	// Name is "PROMISE/NAME", the promise being a number and a word.
	Name string
	// Why is the promise, in words.
	Why    string
	Config syncstream.Config
	// Writes are what workers do, one after the other.
	Writes []Step
	// Want is what Last gives afterwards, a message in each element: the source's
	// name, the message's number there, what is not usual about it, and its
	// text as %q prints it.
	Want []string
	// Check is what else must hold afterwards; nil: nothing.
	Check func(*Play) error
}

// Run checks all rows as subtests.
func Run(t *testing.T, open Open) {
	for _, row := range Rows() {
		t.Run(row.Name, func(t *testing.T) {
			t.Parallel()
			if err := row.Run(t.Context(), open, Timeout); err != nil {
				t.Errorf("%s\n%v", row.Why, err)
			}
		})
	}
}

// Run checks the row, and returns what is wrong.
func (r Row) Run(ctx context.Context, open Open, timeout time.Duration) error {
	b, err := open(r.Config)
	if err != nil {
		return err
	}
	defer b.Close()
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	p := &Play{Ctx: ctx, Buffer: b, mirrors: make(map[string]*syncstream.Mirror)}
	for _, step := range r.Writes {
		step(p)
	}
	if p.failed == nil {
		p.failed = p.check(&r)
	}
	if p.failed == nil && ctx.Err() != nil {
		p.failed = errors.New("it took too long")
	}
	return p.failed
}

// Play is a row that is checked.
type Play struct {
	Ctx    context.Context // ends when the row has taken too long
	Buffer *syncstream.Buffer

	mirrors map[string]*syncstream.Mirror
	failed  error // the first thing that went wrong
}

// Mirror returns the mirror of the worker of that name, and opens it first if
// need be.
func (p *Play) Mirror(name string) *syncstream.Mirror { return p.mirror(name, syncstream.Fold) }

func (p *Play) mirror(name string, lines syncstream.Lines) *syncstream.Mirror {
	if p.mirrors[name] == nil {
		p.mirrors[name] = p.Buffer.Mirror(syncstream.MirrorConfig{Source: syncstream.Source{Name: name}, Lines: lines})
	}
	return p.mirrors[name]
}

func (p *Play) check(r *Row) error {
	if r.Want != nil {
		messages, err := p.Buffer.Last(p.Ctx, 1<<20)
		if err != nil {
			return err
		}
		if err := compare(messages, r.Want); err != nil {
			return err
		}
	}
	if r.Check != nil {
		if err := r.Check(p); err != nil {
			return err
		}
	}
	return p.balanced()
}

// balanced checks that every message is accounted for.
func (p *Play) balanced() error {
	s, sources := p.Buffer.Snapshot()
	var sum, written, lost syncstream.Count
	for _, c := range []syncstream.Count{s.Kept, s.Rotated, s.Parsed, s.Cleared, s.Lost} {
		add(&sum, c)
	}
	for _, source := range sources {
		add(&written, source.Written)
		add(&lost, source.Lost)
	}
	if sum != s.Written || written != s.Written || lost != s.Lost {
		return fmt.Errorf("the account does not balance: %+v; the sources wrote %+v and lost %+v", s, written, lost)
	}
	return nil
}

func add(sum *syncstream.Count, c syncstream.Count) {
	sum.Messages += c.Messages
	sum.Bytes += c.Bytes
}

// Step is something that somebody does.
type Step func(*Play)

func (p *Play) try(what string, err error) {
	if err != nil && p.failed == nil {
		p.failed = fmt.Errorf("%s: %w", what, err)
	}
}

func begin(name string) Step { return func(p *Play) { p.Mirror(name) } }

func out(name, text string) Step {
	return func(p *Play) {
		_, err := p.Mirror(name).Write([]byte(text))
		p.try("write", err)
	}
}

func outIn(lines syncstream.Lines, name, text string) Step {
	return func(p *Play) {
		_, err := p.mirror(name, lines).Write([]byte(text))
		p.try("write", err)
	}
}

func stderr(name, text string) Step {
	return func(p *Play) {
		_, err := p.Mirror(name).Stderr().Write([]byte(text))
		p.try("write", err)
	}
}

func warn(name, text string) Step {
	return func(p *Play) { p.try("warn", p.Mirror(name).Warn(errors.New(text))) }
}

func end(name string) Step { return func(p *Play) { p.try("close", p.Mirror(name).Close()) } }

func fail(name, text string) Step {
	return func(p *Play) { p.try("close", p.Mirror(name).CloseWithError(errors.New(text))) }
}

var errEnough = errors.New("enough")

func stop(p *Play)        { p.Buffer.Stop(errEnough) }
func abandon(p *Play)     { p.Buffer.Abandon() }
func closeBuffer(p *Play) { p.try("close the buffer", p.Buffer.Close()) }

// refused writes what must be refused.
func refused(name, text string) Step {
	return func(p *Play) {
		if n, err := p.Mirror(name).Write([]byte(text)); n != 0 || !errors.Is(err, syncstream.ErrClosed) {
			p.try("a late write", fmt.Errorf("%d, %v; want 0 and ErrClosed", n, err))
		}
	}
}

// compare checks messages, each of which stands behind the one before.
func compare(messages []syncstream.Message, want []string) error {
	var got []string
	for i, m := range messages {
		got = append(got, show(m))
		if i > 0 && m.Position <= messages[i-1].Position {
			return fmt.Errorf("position %d comes behind %d", m.Position, messages[i-1].Position)
		}
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		return fmt.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
	return nil
}

func show(m syncstream.Message) string {
	if m.Kind == syncstream.Gap {
		return fmt.Sprintf("%d missing", m.Missing)
	}
	s := fmt.Sprintf("%s%d", m.Source, m.Num)
	if m.Stream != syncstream.Stdout {
		s += " " + m.Stream.String()
	}
	if m.Kind != syncstream.Line {
		s += " " + m.Kind.String()
	}
	if m.Part != syncstream.PartWhole {
		s += " " + m.Part.String()
	}
	if m.Kind == syncstream.Line && m.End != syncstream.EndLF {
		s += " " + m.End.String()
	}
	return fmt.Sprintf("%s %q", s, m.Text)
}

// follow collects n messages.
func (p *Play) follow(n int, after syncstream.Position, options ...syncstream.FollowOption) ([]syncstream.Message, error) {
	var messages []syncstream.Message
	for m, err := range p.Buffer.Follow(p.Ctx, after, options...) {
		if err != nil {
			return messages, fmt.Errorf("after %d messages: %w", len(messages), err)
		}
		if messages = append(messages, m); len(messages) == n {
			break
		}
	}
	return messages, nil
}

// outcome is how something ended that ran in a goroutine.
type outcome struct {
	messages []syncstream.Message
	err      error
}

// start runs f in a goroutine.
func start(f func() ([]syncstream.Message, error)) <-chan outcome {
	c := make(chan outcome, 1)
	go func() {
		messages, err := f()
		c <- outcome{messages, err}
	}()
	return c
}

// end waits for what was started.
func (p *Play) end(what string, c <-chan outcome) (outcome, error) {
	select {
	case o := <-c:
		return o, nil
	case <-time.After(time.Until(p.deadline()) + time.Second): // ctx has ended, and it should have
		return outcome{}, fmt.Errorf("%s does not end", what)
	}
}

func (p *Play) deadline() time.Time {
	t, _ := p.Ctx.Deadline()
	return t
}
