package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/syncstream/syncstream"
)

// verdictOptions say how the verdict is told.
type verdictOptions struct {
	tail int
	file string
}

func (o *verdictOptions) define(f flags) {
	o.tail = 10
	f.add("tail", "10", "the verdict, which comes last on stderr if all is not well, has the last `N` lines of the worker that failed first", count(&o.tail, 0))
	f.add("verdict", "", "write the verdict to `FILE` too, as JSON (its form is in docs/protocol.md)", newFile(&o.file))
}

// How a worker came out.
const (
	workerOK        = "ok"
	workerFailed    = "failed"
	workerStopped   = "stopped" // by us, which is no failure
	workerUnstarted = "unstarted"
)

// verdict is how a run went. Its JSON is described in docs/protocol.md.
type verdict struct {
	Version int             `json:"v"`
	Status  int             `json:"status"`           // the exit status
	Reason  string          `json:"reason,omitempty"` // why the workers were stopped
	Line    *foundLine      `json:"line,omitempty"`
	Started string          `json:"started"`
	Seconds seconds         `json:"seconds"`
	Workers []workerVerdict `json:"workers"` // in their order
	Failed  []int           `json:"failed"`  // those that failed, by their index, the first one first
	Totals  totals          `json:"totals"`

	reason *stopReason
	until  *match // that was looked for
}

// foundLine is the line that --until or --fail-on found.
type foundLine struct {
	Flag   string `json:"flag"`
	Worker string `json:"worker"`
	Text   string `json:"text"`
}

// workerVerdict is how one worker went.
type workerVerdict struct {
	Name string `json:"name"`
	Rank int    `json:"rank"`
	ID   string `json:"id,omitempty"` // of the source that its messages have
	PID  int    `json:"pid,omitempty"`
	ended
	Lines uint64   `json:"lines"`
	Bytes uint64   `json:"bytes"`
	Lost  uint64   `json:"lost"`
	Cause *cause   `json:"cause,omitempty"` // of one that failed
	Tail  []string `json:"tail,omitempty"`  // of one that failed

	at time.Time // when it ended
}

// totals sum up the workers.
type totals struct {
	OK        int    `json:"ok"`
	Failed    int    `json:"failed"`
	Stopped   int    `json:"stopped"`
	Unstarted int    `json:"unstarted"`
	Lines     uint64 `json:"lines"`
	Bytes     uint64 `json:"bytes"`
	Lost      uint64 `json:"lost"`
}

// seconds is a time span as JSON has it: to the millisecond.
type seconds float64

func secondsOf(d time.Duration) seconds { return seconds(d.Seconds()) }

// MarshalJSON returns the seconds as a number.
func (s seconds) MarshalJSON() ([]byte, error) { return fmt.Appendf(nil, "%.3f", float64(s)), nil }

func (s seconds) duration() time.Duration { return time.Duration(float64(s) * float64(time.Second)) }

// timeFormat is that of times in messages.
const timeFormat = "2006-01-02T15:04:05.000000000Z07:00"

// lastWords keeps what the workers that failed first had printed, before others
// push it out of the buffer.
type lastWords struct {
	mu  sync.Mutex
	all map[*syncstream.Source][]syncstream.Message
}

// mostLastWords is of how many workers last words are kept: nobody reads more.
const mostLastWords = 4

// keep is called when a worker has failed.
func (l *lastWords) keep(b *syncstream.Buffer, source *syncstream.Source) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.all) >= mostLastWords {
		return
	}
	if l.all == nil {
		l.all = make(map[*syncstream.Source][]syncstream.Message)
	}
	messages, _ := b.Last(context.Background(), syncstream.DefaultMaxMessages)
	l.all[source] = slices.DeleteFunc(messages, func(m syncstream.Message) bool { return m.Source != source })
}

// of returns a source's last messages: the buffer always knows ten.
func (l *lastWords) of(s syncstream.SourceStatus) []syncstream.Message {
	l.mu.Lock()
	defer l.mu.Unlock()
	if kept := l.all[s.Source]; len(kept) > len(s.Tail) {
		return kept
	}
	return s.Tail
}

// judge returns the verdict when all workers have ended.
func (o *runOptions) judge(out outcome, b *syncstream.Buffer, words *lastWords, started time.Time) *verdict {
	v := &verdict{
		Version: 1, Status: o.status(out), Started: started.UTC().Format(timeFormat), Seconds: secondsOf(time.Since(started)),
		Failed: failures(out.results), reason: out.reason, until: o.until,
	}
	if out.reason != nil {
		v.Reason = out.reason.text
	}
	if out.hit != nil {
		v.Line = &foundLine{Flag: out.hit.flag(), Worker: out.hit.source.Name, Text: out.hit.line}
	}
	sources := make(map[*syncstream.Source]syncstream.SourceStatus)
	for _, s := range b.Sources() {
		sources[s.Source] = s
	}
	for i, r := range out.results {
		w := workerVerdict{Name: o.workers[i].name, Rank: i, ended: ended{Outcome: workerUnstarted}}
		if status, ok := sources[r.Source]; ok {
			w.ID, w.PID, w.at, w.ended = r.Source.ID, r.Source.PID, r.Ended, endOf(r, out.stopped, o.mask)
			w.count(status, out.asides.count(r.Source))
			if w.Outcome == workerFailed {
				lines := texts(words.of(status))
				w.Tail = lines[max(0, len(lines)-o.tail):]
				w.Cause = findCause(crashLines(words.of(status)))
			}
		}
		v.Workers = append(v.Workers, w)
		v.Totals.add(&w)
	}
	return v
}

// count fills in what a worker has printed: all that came, but for what its
// mirror had to say.
func (w *workerVerdict) count(s syncstream.SourceStatus, aside syncstream.Count) {
	w.Lines, w.Bytes, w.Lost = s.Written.Messages-aside.Messages, s.Written.Bytes-aside.Bytes, s.Lost.Messages
}

func (t *totals) add(w *workerVerdict) {
	switch w.Outcome {
	case workerOK:
		t.OK++
	case workerFailed:
		t.Failed++
	case workerStopped:
		t.Stopped++
	default:
		t.Unstarted++
	}
	t.Lines += w.Lines
	t.Bytes += w.Bytes
	t.Lost += w.Lost
}

// texts returns a worker's own lines.
func texts(messages []syncstream.Message) (lines []string) {
	for _, m := range messages {
		if m.Stream != syncstream.Control {
			lines = append(lines, m.Text)
		}
	}
	return lines
}

// crashLines returns the lines that a crash would be in: those of stderr, if
// there are any, without what stdout has in between.
func crashLines(messages []syncstream.Message) []string {
	crash := slices.DeleteFunc(slices.Clone(messages), func(m syncstream.Message) bool { return m.Stream == syncstream.Stdout })
	if lines := texts(crash); len(lines) > 0 {
		return lines
	}
	return texts(messages)
}

// signalName returns what JSON calls a signal.
func signalName(sig syscall.Signal) string { return orElse(signalText(sig), fmt.Sprint(int(sig))) }

// writeFile writes the verdict as JSON. It waits for nobody who may come to read
// it.
func (v *verdict) writeFile(path string) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("write the verdict: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|syscall.O_NONBLOCK, 0o644)
	if errors.Is(err, syscall.ENXIO) { // a FIFO
		return fmt.Errorf("write the verdict: nobody reads %s", path)
	}
	if err == nil {
		_, err = f.Write(append(text, '\n'))
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return fmt.Errorf("write the verdict: %w", err)
	}
	return nil
}
