package sink_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/sink"
)

// story is what happens to a buffer whose lines are 8 bytes at most.
type story struct {
	*testing.T
	buf  *syncstream.Buffer
	sink *syncstream.Attachment
}

// play plays a story before a sink, in a bubble.
func play(t *testing.T, sink syncstream.Sink, f func(story)) {
	synctest.Test(t, func(t *testing.T) {
		buf := syncstream.New(syncstream.Config{MaxLine: 8})
		s := story{t, buf, buf.Attach(sink)}
		f(s)
		buf.Close()
		<-s.sink.Done()
		if err := s.sink.Err(); err != nil {
			t.Error(err)
		}
	})
}

func (s story) mirror(name string) *syncstream.Mirror {
	return s.buf.Mirror(syncstream.MirrorConfig{Source: syncstream.Source{Name: name}})
}

func (s story) write(w interface{ Write([]byte) (int, error) }, text string) {
	s.Helper()
	if _, err := w.Write([]byte(text)); err != nil {
		s.Error(err)
	}
}

// pause lasts longer than the pieces of a line are waited for.
func (s story) pause() {
	time.Sleep(time.Second)
	synctest.Wait()
}

func TestText(t *testing.T) {
	const long = "a-tag-that-is-longer-than-16-bytes"
	for _, c := range []struct {
		name     string
		play     func(story)
		out, err string
		why      string
	}{
		{
			"lines", func(s story) { s.write(s.mirror("a"), "one\n\ntwo\n") },
			"a | one\na | \na | two\n", "",
			"each line stands under its tag, an empty one too",
		},
		{
			"the last text", func(s story) { s.write(s.mirror("a"), "one\ntwo") },
			"a | one\na | two\n", "",
			"a row ends, also where its line did not",
		},
		{
			"two streams", func(s story) {
				m := s.mirror("a")
				s.write(m, "fine\n")
				s.write(m.Stderr(), "careful\n")
				s.write(m, "fine\n")
			},
			"a | fine\na | fine\n", "a | careful\n",
			"stdout on stdout, stderr on stderr",
		},
		{
			"grouped messages", func(s story) {
				m := s.mirror("a")
				s.write(m, "fine\n")
				m.Warn(errors.New("careful:\n  twice"))
				m.CloseWithError(errors.New("failed\n"))
			},
			"a | fine\n", "a ! careful:\na !   twice\na ! failed\n",
			"what a mirror says stands on stderr, each of its lines marked",
		},
		{
			"a tag over 16 bytes", func(s story) { s.write(s.mirror(long), "1\n\n2\n3") },
			long + " | 1\n" + long + " | \n" + long + " | 2\n" + long + " | 3\n", "",
			"a long tag is not cut",
		},
		{
			"a tag of 16 bytes", func(s story) { s.write(s.mirror("thirteen-long"), "1\n2\n") },
			"thirteen-long | 1\nthirteen-long | 2\n", "",
			"nor is one that fills the block in which tags are copied",
		},
		{
			"a tag of 17 bytes", func(s story) { s.write(s.mirror("fourteen-bytes"), "1\n2\n") },
			"fourteen-bytes | 1\nfourteen-bytes | 2\n", "",
			"nor is the first that does not fit",
		},
		{
			"CRLF", func(s story) { s.write(s.mirror("a"), "one\r\n\r\ntwo\r\n") },
			"a | one\r\na | \r\na | two\r\n", "",
			"the kind of line end comes along",
		},
		{
			"CRLF beside a redrawn line", func(s story) { s.write(s.mirror("a"), "1\r2\r\n") },
			"a | 2\r\n", "",
			"however the line is shown",
		},
		{
			"NUL and bytes that are no text", func(s story) { s.write(s.mirror("a"), "\x00\xff\n\x00") },
			"a | \x00\xff\na | \x00\n", "",
			"bytes are truth",
		},
		{
			"a progress bar", func(s story) { s.write(s.mirror("a"), "10 %\r50 %\rdone\nnext\n") },
			"a | done\na | next\n", "",
			"a bar is its last state",
		},
		{
			"a line in pieces", func(s story) {
				m := s.mirror("a")
				s.write(m, "before\n0123456789abcdefghij")
				s.pause()
				s.write(m, "klm\nafter\n")
			},
			"a | before\na | 0123456789abcdefghijklm\na | after\n", "",
			"the pieces of a line are one row, if nobody else waits",
		},
		{
			"a line in pieces beside another's", func(s story) {
				a, b := s.mirror("a"), s.mirror("b")
				s.write(a, "0123456789")
				s.write(b, "short\n")
				s.write(a, "abcdefghi\n")
			},
			"a | 0123456789abcdefghi\nb | short\n", "",
			"a line that comes at once in pieces lets nobody in",
		},
		{
			"an interruption", func(s story) {
				a, b := s.mirror("a"), s.mirror("b")
				s.write(a, "0123456789")
				s.pause()
				s.write(b, "short\n")
				s.pause()
				s.write(a, "abcdefghi\nnext\n")
			},
			"a | 01234567…\nb | short\na | …89abcdefghi\na | next\n", "",
			"a pause in a long line lets others in; a mark stands where it broke, and where it goes on under its tag",
		},
		{
			"an interruption by an error", func(s story) {
				a, b := s.mirror("a"), s.mirror("b")
				s.write(a, "0123456789")
				s.pause()
				b.CloseWithError(errors.New("failed"))
				s.pause()
				s.write(a, "\n")
			},
			"a | 01234567…\na | …89\n", "b ! failed\n",
			"the broken row ends on its own stream",
		},
		{
			"an interruption by its own stderr", func(s story) {
				a := s.mirror("a")
				s.write(a, "0123456789")
				s.pause()
				s.write(a.Stderr(), "careful\n")
				s.pause()
				s.write(a, "\n")
			},
			"a | 01234567…\na | …89\n", "a | careful\n",
			"two streams of one worker are two lines",
		},
		{
			"a long line on stderr without an end", func(s story) {
				m := s.mirror("a")
				s.write(m.Stderr(), "0123456789")
				m.Close()
			},
			"", "a | 0123456789\n",
			"the last piece ends the row, also where the line did not",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out, err bytes.Buffer
			play(t, sink.NewText(&out, &err), c.play)
			if out.String() != c.out {
				t.Errorf("stdout has %q; want %q: %s", out.String(), c.out, c.why)
			}
			if err.String() != c.err {
				t.Errorf("stderr has %q; want %q: %s", err.String(), c.err, c.why)
			}
		})
	}
}

// TestTextMuch has more than is written at once, in an order that shows.
func TestTextMuch(t *testing.T) {
	var out, want bytes.Buffer
	play(t, sink.NewText(&out, &out), func(s story) {
		m := s.mirror("a")
		for range 30000 {
			s.write(m, "a line\nand one\n")
			want.WriteString("a | a line\na | and one\n")
		}
		s.write(m.Stderr(), "the end\n")
		want.WriteString("a | the end\n")
	})
	if !bytes.Equal(out.Bytes(), want.Bytes()) {
		t.Errorf("%d bytes differ from the %d that were expected", out.Len(), want.Len())
	}
}

// TestViewsEnd checks that a writer's error ends a view with that error.
func TestViewsEnd(t *testing.T) {
	for _, c := range []struct {
		name string
		sink syncstream.Sink
	}{
		{"tagged stdout", sink.NewText(full{}, &bytes.Buffer{})},
		{"json", sink.NewJSON(full{})},
	} {
		t.Run(c.name, func(t *testing.T) {
			buf := syncstream.New(syncstream.Config{})
			a := buf.Attach(c.sink)
			m := buf.Mirror(syncstream.MirrorConfig{})
			m.Write([]byte("text\n"))
			if err := a.Drain(context.Background()); !errors.Is(err, errFull) {
				t.Errorf("the view ends with %v; want %v", err, errFull)
			}
			<-a.Done()
		})
	}
}

var errFull = errors.New("full")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestJSON(t *testing.T) {
	var out bytes.Buffer
	var kept []syncstream.Message
	play(t, sink.NewJSON(&out), func(s story) {
		m := s.mirror("a | b")
		s.write(m, "one\n\nsay \"hi\"\r\n")
		s.write(m, "\x00\xff\n")
		s.write(m.Stderr(), "careful\n10 %\rdone\n")
		s.write(m, "0123456789abcdefghij\nlast")
		m.CloseWithError(errors.New("failed:\n  twice"))
		var err error
		if kept, err = s.buf.Last(context.Background(), 100); err != nil {
			s.Fatal(err)
		}
	})
	lines := strings.SplitAfter(out.String(), "\n")
	if last := lines[len(lines)-1]; last != "" {
		t.Errorf("the output ends in %q; want a line end", last)
	}
	lines = lines[:len(lines)-1]
	if len(lines) != len(kept) || len(kept) != 11 {
		t.Fatalf("%d lines for %d messages; want 11 of each:\n%s", len(lines), len(kept), out.String())
	}
	for i, line := range lines {
		var m syncstream.Message
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Errorf("line %d: %v\n%s", i+1, err, line)
			continue
		}
		want := kept[i]
		if *m.Source != *want.Source || !m.Time.Equal(want.Time) {
			t.Errorf("line %d is of %+v at %v; want %+v at %v", i+1, *m.Source, m.Time, *want.Source, want.Time)
		}
		m.Source, m.Time, m.Position = want.Source, want.Time, want.Position
		if m != want {
			t.Errorf("line %d is %+v; want %+v", i+1, m, want)
		}
	}
}

// Short lines under a long name would take far more memory as rows than as
// lines: they are not prepared, but written in parts, and all of them.
func TestShortLinesUnderLongName(t *testing.T) {
	text := strings.Repeat("\n", 60_000)
	var out largest
	buf := syncstream.New(syncstream.Config{})
	a := buf.Attach(sink.NewText(&out, &out))
	m := buf.Mirror(syncstream.MirrorConfig{Source: syncstream.Source{Name: strings.Repeat("n", 100)}})
	if _, err := m.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := a.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := len(text) * len(strings.Repeat("n", 100)+" | \n"); out.total != want || out.most > 1<<20 {
		t.Errorf("%d bytes of %d were written, %d of them at once", out.total, want, out.most)
	}
}

// largest counts what is written, and the most in one call.
type largest struct{ total, most int }

func (l *largest) Write(p []byte) (int, error) {
	l.total += len(p)
	l.most = max(l.most, len(p))
	return len(p), nil
}
