// Package view shows the messages of a buffer to people: on a terminal, with
// the partial lines as live rows at its bottom, or in a file or a pipe, byte
// for byte.
package view

import (
	"bytes"
	"context"
	"io"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/cmd/syncstream/internal/mask"
)

// Config says what a [View] shows, and where. What is zero has the default that
// it names.
type Config struct {
	// Stdout and Stderr are where lines go: stdout and merged lines to Stdout,
	// all others to Stderr. An *os.File that is a terminal, and a [Terminal],
	// are shown what a terminal can bear; others get bytes as they are. If nil,
	// they go nowhere.
	Stdout, Stderr io.Writer

	Output     Output     // if zero, Stream
	Prefix     Prefix     // if zero, the worker's name
	Timestamps Timestamps // if zero, none
	// Color has tags in colour, and a worker's style end with each line and
	// come back on its next, which on a terminal they always do.
	Color bool
	// Raw lets all escape sequences through to a terminal.
	Raw bool
	// Dumb says that a terminal understands no escape sequences: it has no live
	// rows.
	Dumb bool

	// Typed names the worker that gets what people type on the terminal: its
	// live row is the first, and the cursor rests behind it. If empty, none
	// does.
	Typed string

	// Workers are those known at the start: tags are padded to the widest of
	// them, and each has a colour by its place here. A source is the worker
	// that has its name.
	Workers []Worker

	// Steps is how often a progress bar that a carriage return redraws has a
	// row of its own where it is not a live row; if zero, never.
	Steps time.Duration

	// Include, if there are any, hides lines that match none of them; Exclude
	// those that match any. Warnings and errors are always shown.
	Include, Exclude []*regexp.Regexp
	// Mask hides secrets in partial lines. In messages the buffer does; see
	// [mask.Mask.Parse]. It may be nil.
	Mask *mask.Mask

	// Failed reports whether a worker that has ended is shown by [Errors]; if
	// nil, one with an error that was not asked to stop.
	Failed func(syncstream.SourceStatus) bool
	// MaxHeld is how many bytes [Group] and [Errors] hold in memory; if zero,
	// 8 MiB. What is more waits in temporary files.
	MaxHeld int
	// TempDir is where these are; if empty, [os.TempDir].
	TempDir string
}

// Worker is what is known of a worker before it runs.
type Worker struct {
	Name    string
	Command string // as people write it
}

// View is a sink that shows messages. Its methods other than those of a sink may
// be called by any goroutine at any time.
type View struct {
	config   Config
	out, err *dest
	live     *dest // the terminal that has the live rows; nil: there is none
	tags     *tagger
	filter   filter

	own own // what we have to say ourselves

	mu      sync.Mutex // held while rows are written, also where that waits; guards what follows
	to      *dest      // where buf goes
	buf     []byte
	into    *held // who holds buf back instead; direct, if nobody does
	direct  held  // of which only the open row is used
	streams map[streamKey]*stream
	hold    hold
	rows    live
	steps   map[streamKey]*step
	late    *time.Timer // breaks a row that keeps the live rows away; nil: none does
	closed  bool
	failed  error // the first of a writer
}

// streamKey names one stream of one source.
type streamKey struct {
	source *syncstream.Source
	stream syncstream.Stream
}

// stream is what a view remembers of a stream from one batch to the next.
type stream struct {
	style  style // that its last line left open
	hidden bool  // its line in pieces is filtered out
}

// row is an unfinished row of the output.
type row struct {
	key  streamKey
	to   *dest
	last time.Time // when its last piece came
}

// New returns a view.
func New(c Config) *View {
	v := &View{
		config: c, out: newDest(c.Stdout, &c), err: newDest(c.Stderr, &c), tags: newTagger(&c),
		filter:  filter{c.Include, c.Exclude},
		streams: make(map[streamKey]*stream), steps: make(map[streamKey]*step),
	}
	if v.out.sameAs(v.err) {
		v.err.open = v.out.open
	}
	if !c.Dumb {
		v.live = liveDest(v.out, v.err)
	}
	v.to, v.into = v.out, &v.direct
	v.err.number = 1
	v.hold.init(c.MaxHeld, c.TempDir)
	if v.config.Failed == nil {
		v.config.Failed = func(s syncstream.SourceStatus) bool { return s.Err != nil && s.Asked.IsZero() }
	}
	return v
}

// String names the sink where a worker waits for it.
func (v *View) String() string { return "output" }

// Prepare appends the rows of a batch that depend on nothing but the batch. It
// is where the time goes.
func (v *View) Prepare(dst []byte, b *syncstream.Batch) []byte {
	to := v.dest(b.Stream())
	if v.config.Output == None || to.styled && bytes.IndexByte(b.Text(), esc) >= 0 {
		return dst
	}
	w := v.tags.of(b.Source())
	var space [maxTag]byte
	tag := w.lines.append(space[:0], &v.tags.time, b.Time())
	copies := v.copies(b, to)
	if tooMuch(b, tag) || copies && len(tag) == 0 {
		return dst
	}
	// The first byte says that there are rows, should there be none.
	dst = append(dst, prepared)
	if copies {
		return appendRows(dst, b, tag)
	}
	var s stream
	for text, end := range b.Lines() {
		dst = v.appendLine(dst, to, &s, tag, text, end)
	}
	return dst
}

// prepared begins what Prepare has made.
const prepared = 1

// WriteBatches shows batches. The error is that of what it writes to.
func (v *View) WriteBatches(batches []*syncstream.Batch) error {
	v.mu.Lock()
	defer v.unlock()
	if v.config.Output == None || v.failed != nil {
		return v.failed
	}
	stale := false
	for _, b := range batches {
		if v.keep(v.add(b)); v.failed != nil {
			return v.failed
		}
		stale = stale || v.rows.has(b.Source())
	}
	if stale {
		v.rows.read()
	}
	v.keep(v.draw())
	return v.failed
}

// CloseSource shows what was held of a source, or forgets it.
func (v *View) CloseSource(s syncstream.SourceStatus) error {
	v.mu.Lock()
	defer v.unlock()
	for _, of := range allStreams {
		key := streamKey{s.Source, of}
		delete(v.streams, key)
		delete(v.steps, key)
	}
	v.tags.forget(s.Source)
	if v.failed != nil {
		return v.failed
	}
	v.keep(v.release(s.Source, v.config.Output == Group || v.config.Failed(s)))
	if v.rows.has(s.Source) {
		v.rows.read()
	}
	v.keep(v.draw())
	return v.failed
}

var allStreams = []syncstream.Stream{syncstream.Stdout, syncstream.Stderr, syncstream.Merged, syncstream.Control}

// Close shows what is still held, and takes the live rows away.
func (v *View) Close() error {
	v.mu.Lock()
	defer v.unlock()
	v.closed = true
	v.say()
	if v.failed != nil {
		return v.failed
	}
	for _, source := range slices.Clone(v.hold.all) {
		v.keep(v.release(source, true))
	}
	v.rows.clear()
	if v.late != nil {
		v.late.Stop()
	}
	v.keep(v.breakRow())
	v.keep(v.draw())
	return v.failed
}

// keep remembers an error for the next call of the sink.
func (v *View) keep(err error) {
	if v.failed == nil {
		v.failed = err
	}
}

// Follow has the view show the partial lines of b: as live rows, or as the steps
// of progress bars. It returns when ctx ends, or when b, or the view, is closed.
// While b is idle, so is it; but for bars it looks from time to time.
func (v *View) Follow(ctx context.Context, b *syncstream.Buffer) {
	if v.live == nil && v.config.Steps == 0 || v.config.Output != Stream {
		return
	}
	v.mu.Lock()
	v.rows.partials = b.Partials
	v.mu.Unlock()
	if v.live == nil {
		v.look(ctx)
		return
	}
	var last time.Time
	for m, err := range b.Follow(ctx, syncstream.Latest, syncstream.FollowPartials) {
		if err != nil {
			return
		}
		// It only says that something has changed, not what: it can be far
		// behind, and must not cost a busy buffer anything.
		if m.Kind != syncstream.Partial && !m.Time.After(last) {
			continue
		}
		wait := redrawAfter - time.Since(last)
		if m.Kind != syncstream.Partial {
			wait = redrawAfter // it is shown by the sink meanwhile, and takes its live row away
		}
		if !sleep(ctx, wait) {
			return
		}
		last = time.Now()
		v.redraw()
	}
}

// redrawAfter is how long the live rows stay as they are, at least.
const redrawAfter = 80 * time.Millisecond

// look shows the steps of progress bars when their time has come. It does not
// follow the buffer, which keeps what a follower has not read yet: steps are rare,
// and the buffer of a run into a pipe is busy.
func (v *View) look(ctx context.Context) {
	tick := time.NewTicker(max(redrawAfter, v.config.Steps/5))
	defer tick.Stop()
	for v.redraw() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// sleep reports false if ctx ended meanwhile.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// redraw looks at the partial lines and shows what is new. It reports false if the
// view is closed.
func (v *View) redraw() bool {
	v.mu.Lock()
	defer v.unlock()
	if v.closed || v.failed != nil {
		return false
	}
	v.rows.read()
	if v.config.Steps > 0 {
		v.keep(v.addSteps())
	}
	v.keep(v.draw())
	return true
}
