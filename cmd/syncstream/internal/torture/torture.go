// Package torture holds stories that are hard on whoever brings the output of
// many workers together: half lines, long lines, sudden deaths. Each is a
// [Row]; [Run] plays it before any [Tool] that takes shell commands, and says
// what went wrong: a line lost, torn, doubled, out of order, or under the wrong
// name.
//
// Workers are played by the program itself, started again with a role in its
// environment; see [Play]. They wait for events, never for a time: for what
// another worker has told, or for a line that stands in the output.
package torture

import (
	"errors"
	"os"
	"os/exec"
)

// Row is one story.
type Row struct {
	Name    string
	Why     string // the promise at stake, in words
	Workers []Worker
	// Slow has the tool's output read in small pieces of all sizes, and not at
	// all before this event; nil: read at once.
	Slow Event
	// Gate lets workers that are scripts go on.
	Gate Event
	// Empty is how many empty lines the workers write.
	Empty int
	// Status is the exit status that the tool shall have.
	Status int
	// Check looks for what is particular to the story. That all lines are
	// whole, there, and in order, is checked in every story.
	Check func(*Output) error
}

// Worker is one worker of a story: its steps in order, or a script.
type Worker struct {
	Steps  []Step
	Stderr bool // it writes there
	// Script returns commands for the shell, for a worker that shall be light,
	// and Lines says how many numbered lines they write.
	Script func(worker int) string
	Lines  int
}

// want returns how many numbered lines the worker writes; but for Until.
func (w *Worker) want() int {
	n := w.Lines
	for _, s := range w.Steps {
		n += s.lines
	}
	return n
}

// Step is something that a worker does.
type Step struct {
	lines int // numbered lines that it writes
	play  func(*player) error
}

// Lines writes n lines, in writes of all sizes that end anywhere.
func Lines(n int) Step {
	return Step{n, func(p *player) error {
		for range n {
			p.add(line(p.worker, p.next(), p.noise()))
		}
		return p.flushUneven()
	}}
}

// Until writes lines, one a write, until e has happened.
func Until(e Event) Step {
	return Step{0, func(p *player) error {
		done := make(chan error, 1)
		go func() { done <- p.await(e) }()
		for n := 0; ; n++ {
			select {
			case err := <-done:
				if err != nil {
					return err
				}
				return p.ask(request{Verb: "wrote", Worker: p.worker, N: n})
			default:
				p.add(line(p.worker, p.next(), p.noise()))
				if err := p.flush(); err != nil {
					return err
				}
			}
		}
	}}
}

// Long writes one line of n bytes in one write.
func Long(n int) Step {
	return Step{1, func(p *player) error {
		p.add(line(p.worker, p.next(), string(filler(n))))
		return p.flush()
	}}
}

// Pieces writes one line in several writes, with Tells and Events between them.
// What stands before Sum is the line's text; what stands behind it is written
// as it is. Without Sum, the line ends in LF.
func Pieces(parts ...Part) Step {
	return Step{1, func(p *player) error {
		text := head(p.worker, p.next())
		p.add(text)
		summed := false
		for _, part := range parts {
			switch part := part.(type) {
			case Text:
				p.add(string(part))
				if !summed {
					text += string(part)
				}
			case sum:
				p.add(tail(text))
				summed = true
			case pause:
				if err := p.flush(); err != nil {
					return err
				}
				if err := p.ask(part.request()); err != nil {
					return err
				}
			}
		}
		if !summed {
			p.add(tail(text) + "\n")
		}
		return p.flush()
	}}
}

// Raw writes text as it is, in one write.
func Raw(text string) Step {
	return Step{0, func(p *player) error {
		p.add(text)
		return p.flush()
	}}
}

// Other has what follows go to the other one of stdout and stderr.
func Other() Step {
	return Step{0, func(p *player) error {
		if p.out == os.Stdout {
			p.out = os.Stderr
		} else {
			p.out = os.Stdout
		}
		return nil
	}}
}

// CloseOutput closes stdout and stderr.
func CloseOutput() Step {
	return Step{0, func(*player) error { return errors.Join(os.Stdout.Close(), os.Stderr.Close()) }}
}

// Leave starts a process that keeps stdout and stderr, and does nothing.
func Leave() Step {
	return Step{0, func(*player) error {
		cmd := exec.Command("sleep", "1000")
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		return cmd.Start()
	}}
}

// Tell makes an event for those who wait for [Told].
func Tell(name string) Step {
	return Step{0, func(p *player) error { return p.ask(Tells(name).request()) }}
}

// Await waits for an event.
func Await(e Event) Step {
	return Step{0, func(p *player) error { return p.await(e) }}
}

// Exit ends the worker with a status.
func Exit(status int) Step {
	return Step{0, func(*player) error { return exit(status) }}
}

// Die ends the worker as if by SIGKILL out of nowhere.
func Die() Step {
	return Step{0, func(*player) error { return die() }}
}

// Part is a piece of a line: Text, Sum, Tells or an Event.
type Part interface{ part() }

// pause is a part for which the line waits in the middle.
type pause interface {
	Part
	request() request
}

// Text is a piece of a line's text.
type Text string

// Tells is [Tell] in the middle of a line.
type Tells string

type sum struct{}

// Sum stands where a line's checksum is written.
var Sum sum

// Event is something for which workers wait.
type Event interface {
	pause
	event()
}

// Seen is when the tool's output has shown a worker's line whole.
type Seen struct{ Worker, Line int }

// SeenAll is when the output has shown the first line of so many workers.
type SeenAll int

// Told is when somebody has told it.
type Told string

func (Text) part()    {}
func (sum) part()     {}
func (Tells) part()   {}
func (Seen) part()    {}
func (SeenAll) part() {}
func (Told) part()    {}

func (e Tells) request() request   { return request{Verb: "tell", Name: string(e)} }
func (e Seen) request() request    { return request{Verb: "seen", Worker: e.Worker, N: e.Line} }
func (e SeenAll) request() request { return request{Verb: "seenall", N: int(e)} }
func (e Told) request() request    { return request{Verb: "told", Name: string(e)} }

func (Seen) event()    {}
func (SeenAll) event() {}
func (Told) event()    {}
