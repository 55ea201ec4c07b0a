package syncstream_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/syncstream/syncstream"
)

// feedOf opens a source of that name.
func feedOf(t testing.TB, b *syncstream.Buffer, name string) syncstream.Feed {
	t.Helper()
	f, err := b.Feed(&syncstream.Source{ID: name, Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func batch(t testing.TB, c syncstream.BatchConfig) *syncstream.Batch {
	t.Helper()
	b, err := syncstream.NewBatch(c)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// lines is a batch of whole lines.
func lines(t testing.TB, first uint64, text string) *syncstream.Batch {
	t.Helper()
	return batch(t, syncstream.BatchConfig{First: first, Text: []byte(text)})
}

// What is fed keeps its numbers, times and all; what is missing is a gap where it
// was, and is counted as lost.
func TestFeed(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	at := time.Date(2026, 2, 3, 4, 5, 6, 7, time.UTC)
	f := feedOf(t, b, "f")
	for _, c := range []syncstream.BatchConfig{
		{First: 4, Count: 2, Time: at, Text: []byte("4\n5\r\n")},
		{First: 6, Kind: syncstream.Warning, Stream: syncstream.Control, Text: []byte("many\nlines")},
		{First: 9, Redraws: 3, Text: []byte("9\n")},
		{First: 10, Part: syncstream.PartFirst, Stream: syncstream.Stderr, Text: []byte("10")},
		{First: 11, Part: syncstream.PartLast, Stream: syncstream.Stderr, Text: []byte("11\n")},
		{First: 12, Kind: syncstream.Gap, Missing: 5, Stream: syncstream.Control},
		{Text: []byte("without a number\n")},
		{First: 17, Lines: syncstream.Split, Text: []byte("17\r")},
	} {
		if err := f.Append(batch(t, c)); err != nil {
			t.Fatal(err)
		}
	}
	want := strings.Join([]string{
		`f4 "4"`, `f5 "5" crlf`, `f6/control/warning "many\nlines"`, `f7/control/gap ""`, `f9 "9"`,
		`f10/stderr/first "10" none`, `f11/stderr/last "11"`, `f12/control/gap ""`, `f17 "without a number"`, `f18 "17" cr`,
	}, "\n")
	messages := all(t, b)
	if got := shorts(messages); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if m := messages[0]; !m.Time.Equal(at) {
		t.Errorf("the first message's time is %v, want %v", m.Time, at)
	}
	if a, b := messages[3].Missing, messages[7].Missing; a != 2 || b != 5 {
		t.Errorf("%d and %d are missing, want 2 and 5", a, b)
	}
	if m := messages[4]; m.Redraws != 3 {
		t.Errorf("%d redraws, want 3", m.Redraws)
	}
	s := b.Stats()
	if s.Lost != (syncstream.Count{Messages: 7}) || s.Written.Messages != 10+7 {
		t.Errorf("the account is %+v", s)
	}
	checkStats(t, b)
}

// What goes backwards is refused, and harms nothing.
func TestFeedBackwards(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	f := feedOf(t, b, "f")
	f.Append(lines(t, 1, "1\n2\n"))
	err := f.Append(lines(t, 2, "2\n3\n"))
	if want := "syncstream: feed f: message 2 comes behind message 2"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	if err := f.Append(lines(t, 3, "3\n")); err != nil {
		t.Error(err)
	}
	if got, want := shorts(all(t, b)), "f1 \"1\"\nf2 \"2\"\nf3 \"3\""; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// What is held is a partial line until the stream's next batch, and a message
// when the source ends.
func TestFeedHold(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	f := feedOf(t, b, "f")
	partials := func(want string) {
		t.Helper()
		var got []string
		for _, m := range b.Partials() {
			got = append(got, fmt.Sprint(m.Stream, " ", m.Text))
		}
		if s := strings.Join(got, ", "); s != want {
			t.Errorf("the partial lines are %q, want %q", s, want)
		}
	}
	f.Append(lines(t, 1, "1\n"))
	f.Hold(syncstream.Merged, []byte("tw"))
	f.Hold(syncstream.Stderr, []byte("err"))
	f.Hold(syncstream.Control, []byte("50 %"))
	partials("merged tw, stderr err, control 50 %")
	f.Append(batch(t, syncstream.BatchConfig{First: 2, Stream: syncstream.Merged, Text: []byte("two\n")}))
	f.Append(batch(t, syncstream.BatchConfig{First: 3, Stream: syncstream.Control, Text: []byte("a log line\n")}))
	f.Append(batch(t, syncstream.BatchConfig{First: 4, Kind: syncstream.Error, Stream: syncstream.Stderr, Text: []byte("oh")}))
	partials("stderr err, control 50 %")
	f.Hold(syncstream.Control, nil)
	f.Hold(syncstream.Merged, []byte("last"))
	partials("merged last, stderr err")
	f.Close(syncstream.StateLost, errors.New("gone"))
	partials("")
	want := "f1 \"1\"\nf2/merged \"two\"\nf3/control \"a log line\"\nf4/stderr/error \"oh\"\nf5/merged \"last\" none\nf6/stderr \"err\" none"
	if got := shorts(all(t, b)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if err := f.Hold(syncstream.Stdout, []byte("late")); err != syncstream.ErrClosed {
		t.Errorf("Hold after Close: %v", err)
	}
}

// A feed hears of a stop, of Abandon and of Close, and its source's answers are
// known.
func TestFeedEnds(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	stopped, abandoned, closed := feedOf(t, b, "stopped"), feedOf(t, b, "abandoned"), feedOf(t, b, "closed")
	states := func(want string) {
		t.Helper()
		var got []string
		for _, s := range b.Sources() {
			got = append(got, fmt.Sprint(s.Source, " ", s.State))
		}
		if s := strings.Join(got, ", "); s != want {
			t.Errorf("the states are %s, want %s", s, want)
		}
	}
	if err := closed.Close(syncstream.StateExited, nil); err != nil {
		t.Error(err)
	}
	if err := closed.Close(syncstream.StateExited, nil); err != syncstream.ErrClosed {
		t.Errorf("the second Close: %v", err)
	}
	why := errors.New("enough")
	b.Stop(why)
	if cause := context.Cause(stopped.Context()); cause != why {
		t.Errorf("the cause is %v", cause)
	}
	stopped.Mark(syncstream.StateAcknowledged)
	states("stopped acknowledged, abandoned asked, closed exited")
	stopped.Close(syncstream.StateExited, errors.New("interrupted"))
	b.Abandon()
	states("stopped exited, abandoned lost, closed exited")
	if err := abandoned.Append(lines(t, 1, "1\n")); err != syncstream.ErrClosed {
		t.Errorf("Append after Abandon: %v", err)
	}
	if s := b.Stats(); s.Written != (syncstream.Count{}) {
		t.Errorf("what was refused is counted: %+v", s)
	}
	if err := b.Wait(t.Context()); err != why {
		t.Errorf("Wait: %v", err)
	}
	b.Close()
	if _, err := b.Feed(&syncstream.Source{ID: "late"}); err != syncstream.ErrClosed {
		t.Errorf("Feed after Close: %v", err)
	}
	if _, err := b.Feed(&syncstream.Source{Name: "nobody"}); err == nil {
		t.Error("a source without an ID was taken")
	}
}

// A source whose capturer abandoned it has not failed; nobody waits for it.
func TestFeedAbandoned(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	f := feedOf(t, b, "f")
	f.Close(syncstream.StateLost, fmt.Errorf("there: %w", syncstream.ErrAbandoned))
	if err := b.Wait(t.Context()); err != syncstream.ErrAbandoned {
		t.Errorf("Wait: %v", err)
	}
}

// With a parser the numbers are the buffer's own: what it takes out is no loss.
func TestFeedParsed(t *testing.T) {
	b := syncstream.New(syncstream.Config{Parse: func(m *syncstream.Message) bool { return m.Text != "no" }})
	f := feedOf(t, b, "f")
	f.Append(lines(t, 1, "1\nno\n2\n"))
	f.Append(lines(t, 4, "3\n"))
	f.Append(lines(t, 7, "4\n"))
	if got, want := shorts(all(t, b)), "f1 \"1\"\nf2 \"2\"\nf3 \"3\"\nf5/control/gap \"\"\nf7 \"4\""; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	checkStats(t, b)
}

func TestNewBatch(t *testing.T) {
	text := func(s string) []byte { return []byte(s) }
	for _, tt := range []struct {
		c    syncstream.BatchConfig
		want string // the number of messages, or the error
	}{
		{syncstream.BatchConfig{Text: text("1\n2\n")}, "2"},
		{syncstream.BatchConfig{Text: text("1\r\n2\n"), Count: 2}, "2"},
		{syncstream.BatchConfig{Text: text("last")}, "1"},
		{syncstream.BatchConfig{Text: text("1\r2\r\n"), Lines: syncstream.Split}, "2"},
		{syncstream.BatchConfig{Text: text("1\v2\u20283\n"), Lines: syncstream.Python}, "3"},
		{syncstream.BatchConfig{Text: text("1\n2\n"), Part: syncstream.PartMiddle}, "1"},
		{syncstream.BatchConfig{Kind: syncstream.Error}, "1"},
		{syncstream.BatchConfig{Kind: syncstream.Gap, First: 1, Missing: 3}, "1"},
		{syncstream.BatchConfig{Text: text("1\n"), Redraws: 1}, "1"},

		{syncstream.BatchConfig{}, "text is empty; want a line"},
		{syncstream.BatchConfig{Text: text("1\n2")}, "text has no line end behind the last of its 2 lines"},
		{syncstream.BatchConfig{Text: text("1\n"), Count: 2}, "count is 2, but text holds 1 messages"},
		{syncstream.BatchConfig{Text: text("1\n"), Count: -1}, "count is -1; want a positive number, or 0 for as many as are in text"},
		{syncstream.BatchConfig{Text: text("1\n2\n"), Part: syncstream.PartLast}, "text is several lines, and part is last; want one line"},
		{syncstream.BatchConfig{Text: text("1\n"), Stream: 4}, "stream is Stream(4); want stdout, stderr, merged or control"},
		{syncstream.BatchConfig{Text: text("1\n"), Kind: syncstream.Partial}, "kind is partial; want line, warning, error or gap"},
		{syncstream.BatchConfig{Text: text("1\n"), Part: 4}, "part is Part(4); want whole, first, middle or last"},
		{syncstream.BatchConfig{Text: text("1\n"), Lines: 4}, "lines is Lines(4); want fold, split, keep or python"},
		{syncstream.BatchConfig{Kind: syncstream.Error, Part: syncstream.PartLast}, "part is last for a message of kind error; want whole"},
		{syncstream.BatchConfig{Text: text("1\n2\n"), Redraws: 1}, "redraws is 1 for 2 messages of kind line; want 0, or one line"},
		{syncstream.BatchConfig{Text: text("1\n"), Redraws: -1}, "redraws is -1; want 0 to 2147483647"},
		{syncstream.BatchConfig{Text: text("1\n"), Missing: 1}, "missing is 1 for a message of kind line; want 0"},
		{syncstream.BatchConfig{Kind: syncstream.Gap, First: 1}, "a gap has missing 0, first 1 and 0 bytes of text; want two positive numbers and none"},
		{syncstream.BatchConfig{Text: text("1\n"), First: 1 << 63}, "first is 9223372036854775808 and missing 0; want at most 4611686018427387904"},
		{
			syncstream.BatchConfig{Text: text("1\n"), Time: time.Date(3000, 1, 2, 3, 4, 5, 0, time.UTC)},
			"time is 3000-01-02T03:04:05Z; want a year from 1678 to 2261",
		},
	} {
		b, err := syncstream.NewBatch(tt.c)
		got := ""
		if err != nil {
			got = strings.TrimPrefix(err.Error(), "syncstream: new batch: ")
		} else {
			got = fmt.Sprint(b.Len())
		}
		if got != tt.want {
			t.Errorf("%+v: %s\nwant %s", tt.c, got, tt.want)
		}
	}
}

// What NewBatch takes has as many messages as it says, and they are all of its
// bytes; so every reader can rely on that.
func FuzzNewBatch(f *testing.F) {
	f.Add([]byte("1\n2\r\n"), uint8(0), uint8(0), uint8(0), uint8(0), 0, uint64(1))
	f.Add([]byte("1\v2\r3\u2028"), uint8(1), uint8(0), uint8(0), uint8(3), 3, uint64(7))
	f.Add([]byte("a\r\r\n"), uint8(2), uint8(0), uint8(3), uint8(1), 1, uint64(0))
	f.Add([]byte("many\nlines"), uint8(3), uint8(2), uint8(0), uint8(2), 0, uint64(1<<62))
	f.Fuzz(func(t *testing.T, text []byte, stream, kind, part, mode uint8, count int, first uint64) {
		batch, err := syncstream.NewBatch(syncstream.BatchConfig{
			Stream: syncstream.Stream(stream), Kind: syncstream.Kind(kind), Part: syncstream.Part(part),
			Lines: syncstream.Lines(mode), First: first, Count: count, Text: text,
		})
		if err != nil {
			return
		}
		b := syncstream.New(syncstream.Config{MaxMessages: 2, MaxBytes: 16})
		if err := feedOf(t, b, "f").Append(batch); err != nil {
			t.Fatal(err)
		}
		checkStats(t, b)
		n, size := 0, 0
		for text, end := range batch.Lines() {
			n++
			size += len(text) + len(end.Bytes())
		}
		folded := syncstream.Lines(mode) == syncstream.Fold && strings.Contains(string(text), "\r")
		if n != batch.Len() || size != len(text) && !folded {
			t.Errorf("%d messages of %d bytes, want %d of %d", n, size, batch.Len(), len(text))
		}
	})
}
