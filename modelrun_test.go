package syncstream_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/syncstream/syncstream"
)

// TestModel does random things to a buffer and to a model of it, and compares
// them after each. A sequence that fails is shrunk and printed; put its bytes
// into testdata/fuzz/FuzzModel.
func TestModel(t *testing.T) {
	for seed := range uint64(40) {
		data := make([]byte, 1+3*80)
		random := rand.New(rand.NewPCG(seed, 0))
		for i := range data {
			data[i] = byte(random.Uint32())
		}
		data[0] = byte(seed)
		checkSteps(t, data)
		if t.Failed() {
			t.Fatalf("that was seed %d", seed)
		}
	}
}

func FuzzModel(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x00\x01\x00\x00\x07\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) { checkSteps(t, data[:min(len(data), 1+3*200)]) })
}

func checkSteps(t *testing.T, data []byte) {
	_, err := runModel(t, data)
	if err == nil {
		return
	}
	for i := 1; i < len(data); { // leave out what is not needed to fail
		less := slices.Delete(slices.Clone(data), i, min(i+3, len(data)))
		if _, e := runModel(t, less); e != nil {
			data = less
		} else {
			i += 3
		}
	}
	lines, err := runModel(t, data)
	t.Errorf("after\n\t%s\n%v\n[]byte(%q)", strings.Join(lines, "\n\t"), err, data)
}

// runModel takes the buffer's limits from the first byte and a step from each
// three that follow.
func runModel(t *testing.T, data []byte) (lines []string, err error) {
	if len(data) == 0 {
		return nil, nil
	}
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v) // such as that goroutines are left
		}
	}()
	synctest.Test(t, func(*testing.T) {
		r := newModelRun(int(data[0]))
		defer r.end()
		for rest := data[1:]; len(rest) >= 3 && err == nil; rest = rest[3:] {
			err = r.step(int(rest[0]), int(rest[1]), int(rest[2]))
			lines = r.lines
		}
	})
	return lines, err
}

// modelRun is a buffer beside its model.
type modelRun struct {
	b     *syncstream.Buffer
	model bufferModel
	lines []string // what was done

	mirrors   []*mirrorModel
	worker    *mirrorModel // that Go runs
	release   chan error   // ends the worker
	waits     []*call
	drains    []*call
	followers []*followerModel
	sinks     []*sinkModel
	pieces    bool // have come since everything was last given to the sinks
	unsettled bool // partial lines may have changed since a follower was told
}

// mirrorModel is a mirror beside its model.
type mirrorModel struct {
	*syncstream.Mirror
	name   string
	source *sourceModel
}

// call is one that may wait.
type call struct {
	name   string
	cancel context.CancelCauseFunc
	ended  error // what cancel was given
	done   <-chan struct{}
	err    error
	sink   *sinkModel // that a Drain is for
	upTo   int        // the events that it has to get
}

func (c *call) returned() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// followerModel is one call of Follow, beside what it is to do.
type followerModel struct {
	name      string
	untilDone bool
	after     syncstream.Position
	cancel    context.CancelCauseFunc
	ended     error // what cancel was given
	wrong     bool  // it began where there is no message
	over      bool  // its sequence is to have ended

	mu       sync.Mutex // guards what follows
	got      []syncstream.Message
	err      error
	partials map[string]string // that it shows
	ended1   bool
	pause    chan struct{} // not nil: closed when it may go on
}

// sinkModel is a sink that can be held up and can fail, beside what it is to get.
type sinkModel struct {
	name       string
	attachment *syncstream.Attachment
	first      int // of the events that it is to get
	upTo       int // that it has got
	held       bool
	armed      bool
	called     bool // something has come since it is held
	queued     bool // and more after that, which it has not been given
	detached   bool
	until      int  // the events before it was detached or failed
	dropped    bool // some of these it did not get
	failed     error

	mu     sync.Mutex // guards what follows
	got    []syncstream.Message
	ends   []syncstream.SourceStatus
	behind []int // how many messages had come before each end
	gate   chan struct{}
	fail   error
	closed int
}

func (s *sinkModel) pass() error {
	s.mu.Lock()
	gate := s.gate
	s.mu.Unlock()
	if gate != nil {
		<-gate
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fail
}

func (s *sinkModel) WriteBatches(batches []*syncstream.Batch) error {
	if err := s.pass(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range batches {
		s.got = slices.AppendSeq(s.got, b.All())
	}
	return nil
}

func (s *sinkModel) CloseSource(status syncstream.SourceStatus) error {
	if err := s.pass(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ends = append(s.ends, status)
	s.behind = append(s.behind, len(s.got))
	return nil
}

func (s *sinkModel) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed++
	return nil
}

func newModelRun(c int) *modelRun {
	config := syncstream.Config{MaxMessages: []int{3, 12, 1000}[c%3], MaxLine: 8}
	if c/3%2 == 1 {
		config.MaxBytes = 60
	}
	if c/6%2 == 1 {
		config.MaxSources = 3
	}
	if c/12%2 == 1 {
		config.Parse = func(m *syncstream.Message) bool { return !strings.HasPrefix(m.Text, "drop") }
	}
	r := &modelRun{b: syncstream.New(config)}
	r.model = bufferModel{maxMessages: config.MaxMessages, maxBytes: 60, maxLine: 8, maxSources: 3, parses: config.Parse != nil}
	if config.MaxBytes == 0 {
		r.model.maxBytes = 1 << 30
	}
	if config.MaxSources == 0 {
		r.model.maxSources = 1 << 30
	}
	r.say("b := New(%d messages, %d bytes, %d sources, Parse %t)", config.MaxMessages, config.MaxBytes, config.MaxSources, config.Parse != nil)
	return r
}

// end lets go of all that may still wait.
func (r *modelRun) end() {
	for _, f := range r.followers {
		f.cancel(nil)
		f.goOn()
	}
	for _, s := range r.sinks {
		s.open()
	}
	for _, c := range slices.Concat(r.waits, r.drains) {
		c.cancel(nil)
	}
	if r.worker != nil {
		close(r.release)
	}
	r.b.Close()
	for _, s := range r.sinks {
		<-s.attachment.Done()
	}
}

func (r *modelRun) say(format string, args ...any) {
	r.lines = append(r.lines, fmt.Sprintf(format, args...))
}

// modelTexts are what is written. None begins with a CR, since how many bytes
// several CR in a row count depends on how they come.

var modelTexts = []string{
	"a\n", "b", "\n", "c\r\n", "d\r", "5%\r10%\r", "1\n2\n3\n", "drop\n", "long, longer, longest\n", "eight ch", "8bytes..\n",
	"drop this long line\n", "no end: xxxxxxxxxxxx", "", "drop\nx\ndrop\ny", "q\nr\ns\nt\nu\nv\nw\nx\n", "ctrl\x00\xff\n", "\nz",
	"v\vf\fs\x1cg\x1dr\x1e", "sep\u2028a\u2029", "\xe2\x80", "nel\u0085x", "seven: é\n", "6: 😀😀😀\n",
}

var (
	errBroken = errors.New("broken")
	errCause  = errors.New("enough\nof it")
	errOver   = errors.New("no more time")
	errSink   = errors.New("disk full")

	modelErrors = []error{
		nil, errBroken, errors.New("drop it"), fmt.Errorf("w: %w", syncstream.ErrKilled), syncstream.ErrStopped,
		errCause, context.Canceled,
	}
	modelCauses = []error{nil, errCause, errBroken}
)

// modelSteps are what can be done, the frequent more than once.
var modelSteps = []func(r *modelRun, x, y int) error{
	(*modelRun).mirror, (*modelRun).mirror, (*modelRun).mirror, (*modelRun).mirror,
	(*modelRun).write, (*modelRun).write, (*modelRun).write, (*modelRun).write,
	(*modelRun).write, (*modelRun).write, (*modelRun).write, (*modelRun).write,
	(*modelRun).together, (*modelRun).together,
	(*modelRun).endLine, (*modelRun).discard, (*modelRun).warn, (*modelRun).log, (*modelRun).close, (*modelRun).close, (*modelRun).close,
	(*modelRun).acknowledge, (*modelRun).stop, (*modelRun).abandon, (*modelRun).clear, (*modelRun).reset,
	(*modelRun).closeBuffer, (*modelRun).goWorker, (*modelRun).endWorker,
	(*modelRun).wait, (*modelRun).wait, (*modelRun).cancel,
	(*modelRun).follow, (*modelRun).follow, (*modelRun).pause,
	(*modelRun).attach, (*modelRun).attach, (*modelRun).detach, (*modelRun).drain, (*modelRun).drain, (*modelRun).hold, (*modelRun).arm,
	(*modelRun).sleep,
}

func (r *modelRun) step(op, x, y int) error {
	before := len(r.model.log)
	r.unsettled = true
	if err := modelSteps[op%len(modelSteps)](r, x, y); err != nil {
		return err
	}
	synctest.Wait()
	r.react()
	for _, s := range r.sinks {
		if s.held && len(r.model.log) > max(before, s.first) {
			s.called, s.queued = true, s.called
		}
	}
	for _, e := range r.model.log[before:] {
		r.pieces = r.pieces || e.m.Part != syncstream.PartWhole
	}
	return errors.Join(r.compareState(), r.compareMirrors(), r.compareCalls(), r.compareFollowers(), r.compareSinks())
}

// pick returns one of the mirrors; nil if there is none.
func (r *modelRun) pick(x int) *mirrorModel {
	if len(r.mirrors) == 0 {
		return nil
	}
	return r.mirrors[x%len(r.mirrors)]
}

func differ(what string, got, want any) error {
	if reflect.DeepEqual(got, want) {
		return nil
	}
	return fmt.Errorf("%s: %+v, want %+v", what, got, want)
}

func (r *modelRun) mirror(x, y int) error {
	name := fmt.Sprint("m", len(r.mirrors))
	lines, first := syncstream.Fold, syncstream.Stdout
	if y >= 128 { // else the most usual
		lines = syncstream.Lines(y % 4)
	}
	if x%4 == 0 {
		first = syncstream.Merged
	}
	r.say("%s := b.Mirror(%s, %s)", name, lines, first)
	m := r.b.Mirror(syncstream.MirrorConfig{
		Source: syncstream.Source{Name: name}, Lines: lines, Merged: first == syncstream.Merged,
	})
	r.mirrors = append(r.mirrors, &mirrorModel{m, name, r.model.open(m.Source(), lines, first)})
	return nil
}

func (r *modelRun) write(x, y int) error {
	m := r.pick(x)
	if m == nil {
		return nil
	}
	text := modelTexts[y%len(modelTexts)]
	stream, w, by := m.source.first, m.Stdout(), ""
	if x >= 128 {
		stream, w, by = syncstream.Stderr, m.Stderr(), ".Stderr()"
	}
	r.say("%s%s.Write(%q)", m.name, by, text)
	n, err := w.Write([]byte(text))
	wantN, wantErr := r.model.write(m.source, stream, text)
	return errors.Join(differ("Write", n, wantN), differ("Write", err, wantErr))
}

// together has several goroutines write whole lines at a time. The model learns
// their order from a sink.
func (r *modelRun) together(x, y int) error {
	if len(r.mirrors) < 2 {
		return nil
	}
	var witness recorder
	a := r.b.Attach(&witness)
	n := 2 + y%2
	r.say("m%d... write at the same time, %d of them", x%len(r.mirrors), n)
	type result struct {
		n   int
		err error
	}
	results := make([]result, n)
	chosen := make([]*mirrorModel, 0, n)
	var wg sync.WaitGroup
	for i := range n {
		m := r.pick(x + i)
		if slices.Contains(chosen, m) || !m.source.streams[0].between() {
			continue // one writer for each, and what it writes is whole lines
		}
		chosen = append(chosen, m)
		wg.Go(func() {
			w, err := m.Write([]byte("at the\nsame\n"))
			results[i] = result{w, err}
		})
	}
	wg.Wait()
	if err := a.Drain(context.Background()); err != nil {
		return fmt.Errorf("the witness: %w", err)
	}
	a.Detach()
	for _, g := range witness.all() {
		i := slices.IndexFunc(chosen, func(m *mirrorModel) bool { return m.Source() == g.Source })
		if i < 0 {
			return fmt.Errorf("a message of nobody: %s", short(g))
		}
		s := chosen[i].source
		if !s.isOpen() {
			return fmt.Errorf("a message of a closed mirror: %s", short(g))
		}
		r.model.write(s, s.first, g.Text+"\n")
	}
	for _, m := range chosen {
		if !m.source.isOpen() {
			r.model.write(m.source, m.source.first, "at the\nsame\n")
		}
	}
	return nil
}

func (r *modelRun) endLine(x, _ int) error {
	m := r.pick(x)
	if m == nil {
		return nil
	}
	r.say("%s.EndLine()", m.name)
	return differ("EndLine", m.EndLine(), r.model.endLine(m.source))
}

func (r *modelRun) discard(x, _ int) error {
	m := r.pick(x)
	if m == nil {
		return nil
	}
	r.say("%s.Discard()", m.name)
	return differ("Discard", m.Discard(), r.model.discard(m.source))
}

func (r *modelRun) warn(x, y int) error {
	m := r.pick(x)
	if m == nil {
		return nil
	}
	err := modelErrors[1+y%(len(modelErrors)-1)]
	if y >= 128 {
		r.say("%s.Error(%q)", m.name, err)
		return differ("Error", m.Error(err), r.model.say(m.source, syncstream.Error, err))
	}
	r.say("%s.Warn(%q)", m.name, err)
	return differ("Warn", m.Warn(err), r.model.say(m.source, syncstream.Warning, err))
}

// log sends a record through a mirror's handler.
func (r *modelRun) log(x, y int) error {
	m := r.pick(x)
	if m == nil {
		return nil
	}
	level := []slog.Level{slog.LevelInfo, slog.LevelWarn, slog.LevelError}[y%3]
	text := []string{"a", "longer", "drop"}[y/3%3]
	r.say("%s.Handler(): %s %q", m.name, level, text)
	h := m.Handler(&slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.LevelKey {
			return slog.Attr{}
		}
		return a
	}})
	err := h.Handle(context.Background(), slog.NewRecord(time.Time{}, level, text, 0))
	var want error
	switch level {
	case slog.LevelInfo:
		_, want = r.model.write(m.source, syncstream.Control, "msg="+text+"\n")
	case slog.LevelWarn:
		want = r.model.say(m.source, syncstream.Warning, errors.New(text))
	default:
		want = r.model.say(m.source, syncstream.Error, errors.New(text))
	}
	return differ("Handle", err, want)
}

// close closes a mirror, one time in four from two goroutines at once.
func (r *modelRun) close(x, y int) error {
	m := r.pick(x)
	if m == nil {
		return nil
	}
	err := modelErrors[y%len(modelErrors)]
	r.say("%s.CloseWithError(%v)", m.name, err)
	want := r.model.close(m.source, err)
	if y < 192 {
		return differ("CloseWithError", m.CloseWithError(err), want)
	}
	r.say("\tfrom two goroutines")
	r.model.close(m.source, err)
	var other error
	done := started(func() { other = m.CloseWithError(err) })
	mine := m.CloseWithError(err)
	<-done
	if want == nil && mine == nil {
		mine, other = other, mine
	}
	return errors.Join(differ("a CloseWithError", mine, syncstream.ErrClosed), differ("the other", other, want))
}

func (r *modelRun) acknowledge(x, _ int) error {
	m := r.pick(x)
	if m == nil {
		return nil
	}
	r.say("%s.Acknowledge()", m.name)
	m.Acknowledge()
	m.source.acknowledge()
	return nil
}

func (r *modelRun) stop(_, y int) error {
	cause := modelCauses[y%len(modelCauses)]
	r.say("b.Stop(%v)", cause)
	if y >= 128 {
		r.say("\tfrom two goroutines")
		defer func(done <-chan struct{}) { <-done }(started(func() { r.b.Stop(cause) }))
	}
	r.b.Stop(cause)
	r.model.stop(cause)
	return nil
}

func (r *modelRun) abandon(_, y int) error {
	if y%3 > 0 {
		return nil
	}
	r.say("b.Abandon()")
	r.b.Abandon()
	r.model.abandon()
	return nil
}

func (r *modelRun) clear(_, _ int) error {
	r.say("b.Clear()")
	r.b.Clear()
	r.model.clear()
	return nil
}

func (r *modelRun) reset(_, _ int) error {
	r.say("b.Reset()")
	r.b.Reset()
	r.model.reset()
	return nil
}

// closeBuffer closes the buffer, or else there would be little to see behind
// it.
func (r *modelRun) closeBuffer(_, y int) error {
	if y%4 > 0 {
		return nil
	}
	r.say("b.Close()")
	r.model.closeBuffer()
	return differ("Close", r.b.Close(), error(nil))
}

// goWorker has Go run a worker, which ends when it is told to, by whomever.
func (r *modelRun) goWorker(_, _ int) error {
	if r.worker != nil {
		return nil
	}
	r.say("b.Go(worker)")
	r.release = make(chan error)
	release, began := r.release, make(chan *syncstream.Mirror)
	r.b.Go("worker", func(ctx context.Context, m *syncstream.Mirror) error {
		began <- m
		select {
		case err := <-release:
			if err == errBroken {
				panic("worker")
			}
			return err
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
	m := <-began
	r.worker = &mirrorModel{m, "worker", r.model.open(m.Source(), syncstream.Fold, syncstream.Stdout)}
	return nil
}

// react is what the worker does when its context ends.
func (r *modelRun) react() {
	if w := r.worker; w != nil && w.source.cause != nil {
		r.model.close(w.source, w.source.cause)
		r.worker = nil
	}
}

func (r *modelRun) endWorker(_, y int) error {
	err := modelErrors[y%len(modelErrors)]
	w := r.worker
	if w == nil {
		return nil
	}
	r.say("the worker returns %v, or panics where that is broken", err)
	r.release <- err
	r.worker = nil
	if err != errBroken {
		r.model.close(w.source, err)
		return nil
	}
	synctest.Wait()
	sources := r.b.Sources() // only they know the stack
	i := slices.IndexFunc(sources, func(s syncstream.SourceStatus) bool { return s.Source == w.Source() })
	panicked, ok := errors.AsType[*syncstream.PanicError](sources[i].Err)
	if !ok || panicked.Value != "worker" || len(panicked.Stack) == 0 {
		return fmt.Errorf("a worker has panicked, and ended with %v", sources[i].Err)
	}
	r.model.close(w.source, panicked)
	return nil
}

func (r *modelRun) wait(x, _ int) error {
	ctx, cancel := context.WithCancelCause(context.Background())
	c := &call{name: fmt.Sprint("wait", len(r.waits)), cancel: cancel}
	r.say("go %s: b.Wait()", c.name)
	c.done = started(func() { c.err = r.b.Wait(ctx) })
	r.waits = append(r.waits, c)
	return nil
}

// cancel ends the context of a call or a follower.
func (r *modelRun) cancel(x, y int) error {
	calls := slices.Concat(r.waits, r.drains)
	if n := len(calls); n > 0 && (y < 128 || len(r.followers) == 0) {
		c := calls[x%n]
		r.say("cancel(%s)", c.name)
		c.cancel(errOver)
		c.ended = errOver
		return nil
	}
	if n := len(r.followers); n > 0 {
		f := r.followers[x%n]
		r.say("cancel(%s)", f.name)
		f.cancel(errOver)
		f.ended = errOver
	}
	return nil
}

func (r *modelRun) follow(x, y int) error {
	if len(r.followers) > 5 {
		return nil
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	f := &followerModel{name: fmt.Sprint("f", len(r.followers)), untilDone: x%2 == 0, cancel: cancel, partials: map[string]string{}}
	newest := r.model.newest
	after := []syncstream.Position{syncstream.Oldest, syncstream.Latest, syncstream.Position(y) % (newest + 2)}[y%3]
	options := []syncstream.FollowOption{syncstream.FollowPartials}
	if f.untilDone {
		options = append(options, syncstream.FollowUntilDone)
	}
	switch {
	case after == syncstream.Latest:
		f.after = newest
	case after > newest:
		f.wrong = true
	case after == syncstream.Oldest && len(r.model.kept) > 0:
		f.after = r.model.kept[0].m.Position - 1
	case after == syncstream.Oldest:
		f.after = newest
	default:
		f.after = after
	}
	r.say("go %s: b.Follow(after %d, until done %t)", f.name, after, f.untilDone)
	go func() {
		for m, err := range r.b.Follow(ctx, after, options...) {
			f.take(m, err)
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		f.ended1 = true
	}()
	r.followers = append(r.followers, f)
	return nil
}

func (f *followerModel) take(m syncstream.Message, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.pause != nil && err == nil {
		pause := f.pause
		f.mu.Unlock()
		<-pause
		f.mu.Lock()
	}
	key := m.Stream.String()
	if m.Source != nil {
		key += m.Source.ID
	}
	switch {
	case err != nil:
		f.err = err
	case m.Kind == syncstream.Partial && m.Text != "":
		f.partials[key] = m.Text
	default:
		delete(f.partials, key)
		if m.Kind != syncstream.Partial {
			f.got = append(f.got, m)
		}
	}
}

// pause makes a follower slow, or quick again.
func (r *modelRun) pause(x, _ int) error {
	if len(r.followers) == 0 {
		return nil
	}
	f := r.followers[x%len(r.followers)]
	if f.goOn() {
		r.say("%s goes on", f.name)
		return nil
	}
	r.say("%s pauses", f.name)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pause = make(chan struct{})
	return nil
}

func (f *followerModel) goOn() (paused bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.pause == nil {
		return false
	}
	close(f.pause)
	f.pause = nil
	return true
}

func (r *modelRun) attach(_, _ int) error {
	if len(r.sinks) > 5 {
		return nil
	}
	s := &sinkModel{name: fmt.Sprint("s", len(r.sinks)), first: len(r.model.log), upTo: len(r.model.log)}
	r.say("%s := b.Attach()", s.name)
	s.attachment = r.b.Attach(s)
	r.sinks = append(r.sinks, s)
	return nil
}

// sink returns one of the sinks. What waits behind a line in pieces has been
// given to it.
func (r *modelRun) sink(x int) *sinkModel {
	if len(r.sinks) == 0 {
		return nil
	}
	r.settle()
	return r.sinks[x%len(r.sinks)]
}

// settle lets so much time go by that sinks wait for no piece of a line.
func (r *modelRun) settle() {
	time.Sleep(time.Minute)
	synctest.Wait()
	for _, s := range r.sinks {
		r.expect(s)
	}
	r.pieces, r.unsettled = false, false
}

func (r *modelRun) sleep(_, _ int) error {
	r.say("time.Sleep(time.Minute)")
	r.settle()
	return nil
}

// over reports whether the sink is not called any more.
func (s *sinkModel) over(m *bufferModel) bool {
	return (s.detached || s.failed != nil || m.closed) && (!s.held || s.upTo == s.limit(m))
}

// limit is before which event a sink has got all that it will ever get.
func (s *sinkModel) limit(m *bufferModel) int {
	if s.detached || s.failed != nil {
		return s.until
	}
	return len(m.log)
}

// expect finds out what a sink is to have got now.
func (r *modelRun) expect(s *sinkModel) {
	limit := s.limit(&r.model)
	if s.held || s.failed != nil || s.upTo == limit {
		return
	}
	if s.armed {
		s.failed, s.until = errSink, s.upTo
		return
	}
	s.upTo = limit
}

func (r *modelRun) detach(x, y int) error {
	s := r.sink(x)
	if s == nil || y%2 > 0 {
		return nil
	}
	r.say("%s.Detach()", s.name)
	s.attachment.Detach()
	if !s.detached && s.failed == nil {
		s.detached, s.until, s.dropped = true, len(r.model.log), s.queued
	}
	return nil
}

func (r *modelRun) drain(x, _ int) error {
	s := r.sink(x)
	if s == nil {
		return nil
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	c := &call{name: fmt.Sprint("drain", len(r.drains)), cancel: cancel, sink: s, upTo: len(r.model.log)}
	r.say("go %s: %s.Drain()", c.name, s.name)
	c.done = started(func() { c.err = s.attachment.Drain(ctx) })
	r.drains = append(r.drains, c)
	return nil
}

// hold makes a sink wait, or lets it go on.
func (r *modelRun) hold(x, _ int) error {
	s := r.sink(x)
	if s == nil {
		return nil
	}
	if !s.held {
		r.say("%s waits", s.name)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.held, s.gate = true, make(chan struct{})
		return nil
	}
	r.say("%s goes on", s.name)
	s.open()
	time.Sleep(time.Minute)
	synctest.Wait()
	s.held, s.called, s.queued = false, false, false
	if err := s.adopt(); err != nil {
		return err
	}
	r.settle()
	return nil
}

// adopt learns how much a sink that was detached while it was called had been
// given: nobody can know that before.
func (s *sinkModel) adopt() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.detached || s.armed || s.upTo == s.until {
		return nil
	}
	got, all := len(s.got)+len(s.ends), s.until-s.first
	if got <= s.upTo-s.first || got > all {
		return fmt.Errorf("%s was detached while it was called, and has got %d of %d", s.name, got, all)
	}
	s.dropped = got < all
	s.upTo = s.first + got
	s.until = s.upTo
	return nil
}

func (s *sinkModel) open() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gate != nil {
		close(s.gate)
		s.gate = nil
	}
}

// arm makes a sink's next call fail.
func (r *modelRun) arm(x, y int) error {
	s := r.sink(x)
	if s == nil || y%2 > 0 || s.armed {
		return nil
	}
	r.say("%s fails from now on", s.name)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.armed, s.fail = true, errSink
	return nil
}

func (r *modelRun) compareState() error {
	m := &r.model
	want := m.messages()
	last, err := r.b.Last(context.Background(), 1<<30)
	two, _ := r.b.Last(context.Background(), 2)
	stats, sources := r.b.Snapshot()
	partials := r.b.Partials()
	for i := range partials {
		partials[i].Time = time.Time{}
	}
	wantSources := statuses(m.wantSources())
	w := stats.Kept.Messages + stats.Rotated.Messages + stats.Parsed.Messages + stats.Cleared.Messages + stats.Lost.Messages
	return errors.Join(
		err, differMessages("Last", last, want), differMessages("Last(2)", two, want[max(0, len(want)-2):]),
		differ("Len", r.b.Len(), len(want)), differ("NumOpen", r.b.NumOpen(), len(m.opened())),
		differ("Snapshot", stats, m.wantStats()), differ("Stats", r.b.Stats(), m.wantStats()),
		differ("the sum of Kept and those that are not", w, stats.Written.Messages),
		differ("Sources", statuses(r.b.Sources()), wantSources),
		differ("Snapshot's sources", statuses(sources), wantSources),
		differMessages("Partials", partials, m.partials()),
	)
}

func differMessages(what string, got, want []syncstream.Message) error {
	if slices.Equal(got, want) {
		return nil
	}
	return fmt.Errorf("%s:\n%s\nwant\n%s", what, shorts(got), shorts(want))
}

// statuses are what sources tell, one a line.
func statuses(all []syncstream.SourceStatus) string {
	var s strings.Builder
	for _, a := range all {
		name := "folded"
		if a.Folded == 0 {
			name = a.Source.Name
		}
		fmt.Fprintf(&s, "\n%s %d %v %v written %d lost %d", name, a.Folded, a.State, a.Err, a.Written, a.Lost)
		for _, t := range []time.Time{a.Opened, a.Active, a.Asked, a.Heard, a.Closed} {
			if t.IsZero() {
				fmt.Fprint(&s, " never")
			} else {
				fmt.Fprintf(&s, " %d", t.UnixNano())
			}
		}
		for _, m := range a.Tail {
			fmt.Fprintf(&s, "\n\t%d %+v", m.Position, short(m))
		}
	}
	return s.String()
}

func (r *modelRun) compareMirrors() error {
	var errs []error
	for _, m := range r.mirrors {
		errs = append(errs, differ(m.name+"'s cause", context.Cause(m.Context()), m.source.cause),
			differ(m.name+"'s context has ended", m.Context().Err() != nil, m.source.cause != nil))
	}
	for _, s := range r.b.Sources() {
		errs = append(errs, differ("it says why it is open", s.Why != "", s.State.IsOpen()))
	}
	return errors.Join(errs...)
}

// compareCalls looks at the calls of Wait and Drain that wait.
func (r *modelRun) compareCalls() error {
	var errs []error
	r.waits = slices.DeleteFunc(r.waits, func(c *call) bool {
		open := len(r.model.opened())
		errs = append(errs, differ(c.name+" has returned", c.returned(), open == 0 || c.ended != nil))
		if !c.returned() {
			return false
		}
		if open == 0 {
			errs = append(errs, differOutcome(c.err, r.model.outcome()))
			return true
		}
		w, ok := errors.AsType[*syncstream.WaitError](c.err)
		if !ok || !errors.Is(c.err, errOver) || len(w.Open) != open {
			errs = append(errs, fmt.Errorf("%s: %v; want a WaitError with %d open", c.name, c.err, open))
		}
		return true
	})
	r.drains = slices.DeleteFunc(r.drains, func(c *call) bool {
		if r.pieces {
			return c.ended != nil && c.returned()
		}
		r.expect(c.sink)
		done, err := r.drained(c)
		if done == maybe {
			return c.returned()
		}
		errs = append(errs, differ(c.name+" has returned", c.returned(), done == yes))
		if c.returned() && !errors.Is(c.err, err) {
			errs = append(errs, fmt.Errorf("%s: %v, want %v", c.name, c.err, err))
		}
		return c.returned()
	})
	return errors.Join(errs...)
}

func differOutcome(got, want error) error {
	f, ok := errors.AsType[*syncstream.Failure](got)
	w, wok := errors.AsType[*syncstream.Failure](want)
	if !wok || !ok {
		return differ("Wait", got, want)
	}
	return errors.Join(differ("the failure's source", f.Source, w.Source), differ("its error", f.Err, w.Err),
		differ("its time", f.Time.UnixNano(), w.Time.UnixNano()))
}

type certainty uint8

const (
	no certainty = iota
	maybe
	yes
)

// drained returns what a Drain is to return, and whether it is to have done so.
func (r *modelRun) drained(c *call) (certainty, error) {
	s := c.sink
	switch {
	case s.failed != nil:
		return yes, s.failed
	case s.dropped:
		return yes, syncstream.ErrDetached
	case s.upTo >= min(c.upTo, s.limit(&r.model)):
		return yes, nil
	case s.detached:
		return maybe, nil // it is being called, with what nobody knows
	case c.ended != nil:
		return yes, c.ended
	}
	return no, nil
}

func (r *modelRun) compareFollowers() error {
	var errs []error
	for _, f := range r.followers {
		if err := r.compareFollower(f); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", f.name, err))
		}
	}
	return errors.Join(errs...)
}

func (r *modelRun) compareFollower(f *followerModel) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.over {
		return nil
	}
	got := f.got
	f.got = nil
	var err error
	if f.after, err = r.model.follow(f.after, got); err != nil {
		return err
	}
	mayEnd := f.wrong || f.ended != nil || r.model.closed || f.untilDone && len(r.model.opened()) == 0
	if f.pause != nil && !f.ended1 {
		return nil
	}
	if err := differ("it has ended", f.ended1, mayEnd); err != nil {
		return err
	}
	f.over = f.ended1
	switch {
	case f.wrong && f.err == nil:
		return errors.New("no error for a position that is not there yet")
	case f.wrong:
		return nil
	case f.ended != nil && f.ended1:
		if f.err != nil && !errors.Is(f.err, f.ended) {
			return fmt.Errorf("it ended with %v", f.err)
		}
		return nil
	}
	err = errors.Join(differ("its error", f.err, error(nil)), differ("it has got all up to", f.after, r.model.newest))
	if f.over || err != nil || r.unsettled {
		return err
	}
	return differ("the partial lines that it shows", f.partials, r.wantPartials())
}

func (r *modelRun) wantPartials() map[string]string {
	want := map[string]string{}
	for _, m := range r.model.partials() {
		want[m.Stream.String()+m.Source.ID] = m.Text
	}
	return want
}

func (r *modelRun) compareSinks() error {
	var errs []error
	for _, s := range r.sinks {
		if r.pieces {
			continue
		}
		r.expect(s)
		if err := r.compareSink(s); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", s.name, err))
		}
	}
	return errors.Join(errs...)
}

func (r *modelRun) compareSink(s *sinkModel) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	over := s.over(&r.model)
	done := false
	select {
	case <-s.attachment.Done():
		done = true
	default:
	}
	closed := 0
	if over {
		closed = 1
	}
	errs := []error{
		differ("done", done, over), differ("closed", s.closed, closed), differ("Err", s.attachment.Err(), s.failed),
	}
	var want []syncstream.Message
	var ends []*event
	inPieces := map[modelKey]bool{}
	for _, e := range r.model.log[s.first:s.upTo] {
		if e.ending {
			ends = append(ends, e)
			continue
		}
		want = append(want, e.m)
		if e.m.Part != syncstream.PartWhole {
			inPieces[e.key()] = true
		}
	}
	got := slices.Clone(s.got)
	if len(inPieces) > 0 { // these come together, before what came between them
		byNum := func(a, b syncstream.Message) int { return int(a.Position) - int(b.Position) }
		slices.SortStableFunc(got, byNum)
	}
	errs = append(errs, differMessages("it has got", got, want), differ("how many sources have ended", len(s.ends), len(ends)))
	for i := range min(len(s.ends), len(ends)) {
		errs = append(errs, r.compareEnd(s, i, ends[i]))
	}
	return errors.Join(errs...)
}

// compareEnd looks at the end of a source as a sink saw it.
func (r *modelRun) compareEnd(s *sinkModel, i int, e *event) error {
	end := s.ends[i]
	for _, m := range s.got[s.behind[i]:] {
		if m.Source == end.Source {
			return fmt.Errorf("%s has ended, and then comes %s", end.Source, short(m))
		}
	}
	if end.Source.Name == "worker" { // it hears of an Abandon while that works
		return differ("the end of", end.Source, e.status.Source)
	}
	return differ("the end", statuses([]syncstream.SourceStatus{end}), statuses([]syncstream.SourceStatus{e.status}))
}
