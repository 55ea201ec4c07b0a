package syncstream_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/storetest"
)

// memoryStore is a store that is a buffer of the same process, as a host keeps
// it.
type memoryStore struct{ b *syncstream.Buffer }

func (s memoryStore) Feed(source *syncstream.Source) (syncstream.Feed, error) {
	return s.b.Feed(source)
}
func (s memoryStore) Flush(context.Context) error    { return nil }
func (s memoryStore) Wait(ctx context.Context) error { return s.b.Wait(ctx) }
func (s memoryStore) Close(context.Context) error    { return nil }

func (s memoryStore) Last(ctx context.Context, n int) ([]syncstream.Message, error) {
	return s.b.Last(ctx, n)
}

func (s memoryStore) Follow(ctx context.Context, after syncstream.Position, options ...syncstream.FollowOption) iter.Seq2[syncstream.Message, error] {
	return s.b.Follow(ctx, after, options...)
}

func (s memoryStore) Partials(context.Context) ([]syncstream.Message, error) {
	return s.b.Partials(), nil
}

func (s memoryStore) Snapshot(context.Context) (syncstream.Stats, []syncstream.SourceStatus, error) {
	stats, all := s.b.Snapshot()
	return stats, all, nil
}

func (s memoryStore) Stop(_ context.Context, cause error) error {
	s.b.Stop(cause)
	return nil
}

func (s memoryStore) Abandon(context.Context) error { s.b.Abandon(); return nil }
func (s memoryStore) Clear(context.Context) error   { s.b.Clear(); return nil }
func (s memoryStore) Reset(context.Context) error   { s.b.Reset(); return nil }

// lateStore is one where all that feeds are given takes its time, as it does
// behind a network.
type lateStore struct {
	memoryStore
	work chan func()
}

func newLateStore(c syncstream.Config) *lateStore {
	s := &lateStore{memoryStore{kept(c)}, make(chan func(), 1000)}
	go func() {
		for do := range s.work {
			runtime.Gosched() // to be overtaken
			do()
		}
	}()
	return s
}

func (s *lateStore) Feed(source *syncstream.Source) (syncstream.Feed, error) {
	f := &lateFeed{store: s}
	f.ctx, f.cancel = context.WithCancelCause(context.Background())
	s.work <- func() {
		feed, err := s.b.Feed(source)
		if err != nil {
			f.cancel(err)
			return
		}
		f.to = feed
		context.AfterFunc(feed.Context(), func() { f.cancel(context.Cause(feed.Context())) })
	}
	return f, nil
}

func (s *lateStore) Flush(ctx context.Context) error {
	done := make(chan struct{})
	s.work <- func() { close(done) }
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *lateStore) Close(ctx context.Context) error { return s.Flush(ctx) }

type lateFeed struct {
	store  *lateStore
	to     syncstream.Feed
	ctx    context.Context
	cancel context.CancelCauseFunc
}

func (f *lateFeed) Context() context.Context        { return f.ctx }
func (f *lateFeed) Flush(ctx context.Context) error { return f.store.Flush(ctx) }
func (f *lateFeed) Mark(state syncstream.State)     { f.store.work <- func() { f.to.Mark(state) } }

func (f *lateFeed) Append(b *syncstream.Batch) error {
	copied, err := syncstream.NewBatch(syncstream.BatchConfig{
		Stream: b.Stream(), Kind: b.Kind(), Part: b.Part(), Lines: b.LineMode(), First: b.First(), Count: b.Len(),
		Missing: b.Missing(), Time: b.Time(), Redraws: b.Redraws(), Text: slices.Clone(b.Text()),
	})
	if err == nil {
		f.store.work <- func() { f.to.Append(copied) }
	}
	return err
}

func (f *lateFeed) Hold(stream syncstream.Stream, text []byte) error {
	text = slices.Clone(text)
	f.store.work <- func() { f.to.Hold(stream, text) }
	return nil
}

func (f *lateFeed) Close(state syncstream.State, err error) error {
	f.store.work <- func() { f.to.Close(state, err) }
	return nil
}

// A buffer over a store keeps the nine promises, though the store gets everything
// late.
func TestOverKeepsPromises(t *testing.T) {
	t.Run("at once", func(t *testing.T) {
		storetest.Run(t, func(c syncstream.Config) (*syncstream.Buffer, error) {
			return syncstream.NewOver(memoryStore{kept(c)}, c), nil
		})
	})
	t.Run("late", func(t *testing.T) {
		storetest.Run(t, func(c syncstream.Config) (*syncstream.Buffer, error) {
			return syncstream.NewOver(newLateStore(c), c), nil
		})
	})
}

// kept returns the buffer that keeps what a store is given; messages are parsed
// before.
func kept(c syncstream.Config) *syncstream.Buffer {
	c.Parse = nil
	return syncstream.New(c)
}

// over returns a buffer over a store, and the one that the store keeps.
func over(c syncstream.Config) (b, there *syncstream.Buffer) {
	there = syncstream.New(syncstream.Config{})
	return syncstream.NewOver(memoryStore{there}, c), there
}

// What is done to a store from elsewhere reaches the mirrors of this process.
func TestOverHears(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		why := errors.New("enough")
		for _, tt := range []struct {
			name  string
			do    func(there *syncstream.Buffer)
			cause error
			write error
		}{
			{"stop", func(there *syncstream.Buffer) { there.Stop(why) }, why, syncstream.ErrStopped},
			{"abandon", (*syncstream.Buffer).Abandon, syncstream.ErrAbandoned, syncstream.ErrClosed},
			{"close", func(there *syncstream.Buffer) { there.Close() }, syncstream.ErrClosed, syncstream.ErrClosed},
		} {
			b, there := over(syncstream.Config{})
			m := open(b, "m")
			write(t, m, "one\n")
			if err := m.Flush(t.Context()); err != nil {
				t.Error(err)
			}
			tt.do(there)
			synctest.Wait()
			if cause := context.Cause(m.Context()); !errors.Is(cause, tt.cause) {
				t.Errorf("%s: the mirror's context ended with %v, want %v", tt.name, cause, tt.cause)
			}
			if _, err := m.Write([]byte("two\n")); !errors.Is(err, tt.write) {
				t.Errorf("%s: Write returned %v, want %v", tt.name, err, tt.write)
			}
			b.Close()
		}
	})
}

// A source that was asked to stop by whom captures it is asked in the store too,
// and how it ends is no failure there.
func TestOverAsks(t *testing.T) {
	b, there := over(syncstream.Config{})
	m := open(b, "m")
	m.Stop(nil)
	if got := there.Sources()[0].State; got != syncstream.StateAsked {
		t.Errorf("the source is %s there", got)
	}
	m.CloseWithError(errors.New("interrupted"))
	if err := there.Wait(t.Context()); err != nil {
		t.Errorf("Wait: %v", err)
	}
}

// What failed here is told with the error itself, and its own source.
func TestOverFailure(t *testing.T) {
	b, _ := over(syncstream.Config{})
	m := open(b, "m")
	why := errors.New("broke")
	m.CloseWithError(why)
	var f *syncstream.Failure
	if err := b.Wait(t.Context()); !errors.As(err, &f) || f.Source != m.Source() || f.Err != why {
		t.Errorf("Wait: %v", err)
	}
	if s := b.Sources(); len(s) != 1 || s[0].Err != why || s[0].Source != m.Source() {
		t.Errorf("Sources: %+v", s)
	}
}

// What is kept can be followed after Close, up to its end.
func TestOverFollowClosed(t *testing.T) {
	b, _ := over(syncstream.Config{})
	write(t, open(b, "m"), "one\ntwo\n")
	b.Close()
	for _, after := range []syncstream.Position{syncstream.Oldest, 1, syncstream.Latest} {
		var got []syncstream.Message
		for m, err := range b.Follow(t.Context(), after) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, m)
		}
		want := map[syncstream.Position]string{syncstream.Oldest: "m1 \"one\"\nm2 \"two\"", 1: "m2 \"two\""}[after]
		if s := shorts(got); s != want {
			t.Errorf("after %d: %q, want %q", after, s, want)
		}
	}
}

// A sink of a buffer over a store gets what comes, from whomever; what the store
// has let go before it came to that is one gap.
func TestOverSink(t *testing.T) {
	b, there := over(syncstream.Config{})
	elsewhere := open(there, "elsewhere")
	write(t, elsewhere, "before\n")
	sink := &recorder{}
	a := b.Attach(sink)
	m := open(b, "here")
	write(t, elsewhere, "one\r\n")
	write(t, m, "two\n10%\r20%\nlast")
	m.Warn(errors.New("many\nlines"))
	m.Close()
	if err := a.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := shorts(all(t, b)[1:])
	if got := shorts(sink.messages); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	b.Close()
	<-a.Done()
	if err := a.Err(); err != nil {
		t.Error(err)
	}
}

// A slow sink holds up nobody, and is told how much it has missed.
func TestOverSlowSink(t *testing.T) {
	there := syncstream.New(syncstream.Config{MaxMessages: 10})
	b := syncstream.NewOver(memoryStore{there}, syncstream.Config{})
	gate := make(chan struct{})
	sink := &recorder{}
	a := b.Attach(gated{sink, gate})
	m := open(there, "m")
	const lines, size = 100, 1 << 20 // more than waits for a sink
	line := strings.Repeat("x", size-1) + "\n"
	for range lines {
		write(t, m, line)
	}
	close(gate)
	if err := a.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, missing := 0, uint64(0)
	for _, m := range sink.messages {
		if m.Kind == syncstream.Gap {
			missing += m.Missing
		} else {
			got++
		}
	}
	if missing == 0 || uint64(got)+missing != lines {
		t.Errorf("it got %d and missed %d of %d", got, missing, lines)
	}
	b.Close()
}

type gated struct {
	syncstream.Sink
	gate chan struct{}
}

func (g gated) WriteBatches(batches []*syncstream.Batch) error {
	<-g.gate
	return g.Sink.WriteBatches(batches)
}

// A sink that wants to know is told of sources that have ended, wherever they
// were.
func TestOverSinkHearsOfEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, there := over(syncstream.Config{})
		sink := &endingNotes{}
		b.Attach(sink)
		m := open(there, "m")
		write(t, m, "one\n")
		m.CloseWithError(errors.New("broke"))
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := fmt.Sprint(sink.got); got != "[one broke m exited broke]" {
			t.Errorf("the sink got %s", got)
		}
		b.Close()
		synctest.Wait()
	})
}

type endingNotes struct{ got []string }

func (e *endingNotes) WriteBatches(batches []*syncstream.Batch) error {
	for _, b := range batches {
		for m := range b.All() {
			e.got = append(e.got, m.Text)
		}
	}
	return nil
}

func (e *endingNotes) CloseSource(s syncstream.SourceStatus) error {
	e.got = append(e.got, fmt.Sprint(s.Source, " ", s.State, " ", s.Err))
	return nil
}

// Partial lines reach the store where a mirror says so, and stand behind the
// lines before them.
func TestOverPartials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, there := over(syncstream.Config{})
		told := b.Mirror(syncstream.MirrorConfig{Source: syncstream.Source{Name: "told"}, Partial: true, Merged: true})
		quiet := open(b, "quiet")
		check := func(b *syncstream.Buffer, want string) {
			t.Helper()
			time.Sleep(time.Second)
			synctest.Wait()
			var got []string
			for _, m := range b.Partials() {
				got = append(got, fmt.Sprint(m.Source, " ", m.Stream, " ", m.Text))
			}
			if s := strings.Join(got, ", "); s != want {
				t.Errorf("the partial lines are %q, want %q", s, want)
			}
		}
		write(t, told, "one\ntw")
		told.Progress("50 %")
		write(t, quiet, "tw")
		check(there, "told merged tw, told control 50 %")
		check(b, "told merged tw, told control 50 %, quiet stdout tw")
		write(t, told, "o\n")
		check(there, "told control 50 %")
		write(t, told, "thr")
		told.Discard()
		told.Progress("")
		check(there, "")
		write(t, told, "last")
		told.Close()
		quiet.Close()
		if got, want := shorts(all(t, there)), "told1/merged \"one\"\ntold2/merged \"two\"\ntold3/merged \"last\" none\nquiet1 \"tw\" none"; got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
		b.Close()
	})
}

// A store that does not answer holds nothing up for ever, and what it has not got
// is told.
func TestOverCloseTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &deafStore{memoryStore{syncstream.New(syncstream.Config{})}}
		b := syncstream.NewOver(s, syncstream.Config{CloseTimeout: time.Minute})
		m := open(b, "m")
		write(t, m, "one\n")
		began := time.Now()
		if err := m.Close(); err == nil || !strings.Contains(err.Error(), "deaf") {
			t.Errorf("the mirror's Close returned %v", err)
		}
		if d := time.Since(began); d != time.Minute {
			t.Errorf("it took %v", d)
		}
		if err := b.Close(); err == nil || !strings.Contains(err.Error(), "deaf") {
			t.Errorf("the buffer's Close returned %v", err)
		}
		if d := time.Since(began); d != 2*time.Minute {
			t.Errorf("both took %v", d)
		}
	})
}

// Wait ends a second after its context at most, however long the store says
// nothing, and names the mirrors of this process that are open. What it asked in
// vain is no error of Close.
func TestOverWaitTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &deafStore{memoryStore{syncstream.New(syncstream.Config{})}}
		b := syncstream.NewOver(s, syncstream.Config{CloseTimeout: time.Second})
		wait := func() error {
			t.Helper()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			began := time.Now()
			err := b.Wait(ctx)
			if d := time.Since(began); d != time.Minute+time.Second {
				t.Errorf("Wait took %v", d)
			}
			return err
		}
		if err := wait(); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "deaf") {
			t.Errorf("with nobody open, Wait returned %v", err)
		}
		m := open(b, "m")
		w, ok := errors.AsType[*syncstream.WaitError](wait())
		if !ok || len(w.Open) != 1 || w.Open[0].Source != m.Source() {
			t.Errorf("with one open, Wait returned %v", w)
		}
		if err := b.Close(); err == nil || strings.Contains(err.Error(), "snapshot") {
			t.Errorf("Close returned %v", err)
		}
	})
}

// deafStore never acknowledges anything.
type deafStore struct{ memoryStore }

func (s *deafStore) Feed(source *syncstream.Source) (syncstream.Feed, error) {
	f, err := s.memoryStore.Feed(source)
	return deafFeed{f}, err
}

func (s *deafStore) Close(ctx context.Context) error { return s.Flush(ctx) }

func (s *deafStore) Flush(ctx context.Context) error {
	<-ctx.Done()
	return fmt.Errorf("a deaf store: %w", context.Cause(ctx))
}

type deafFeed struct{ syncstream.Feed }

func (f deafFeed) Flush(ctx context.Context) error { return (&deafStore{}).Flush(ctx) }

func init() {
	syncstream.Register("test", func(_ context.Context, u *url.URL) (syncstream.Store, error) {
		if u.Host == "broken" {
			return nil, errors.New("broken")
		}
		return memoryStore{syncstream.New(syncstream.Config{})}, nil
	})
}

// No error of Open has the URL in it, which can hold a secret.
func TestOpen(t *testing.T) {
	for _, tt := range []struct{ url, want string }{
		{"nothing://x", `syncstream: open: the scheme "nothing" is unknown; known are test; for http and https, import github.com/syncstream/syncstream/host`},
		{"http://me:secret/x@host/", "syncstream: open: the address is not a URL"},
		{"test://broken/", "syncstream: open: broken"},
	} {
		_, err := syncstream.Open(t.Context(), tt.url)
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s: %v\nwant %s", tt.url, err, tt.want)
		}
	}
	b, err := syncstream.Open(t.Context(), "test://good/")
	if err != nil || b.Store() == nil {
		t.Fatal(err)
	}
	write(t, open(b, "m"), "one\n")
	if got := shorts(all(t, b)); got != `m1 "one"` {
		t.Error(got)
	}
}
