package syncstream_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/syncstream/syncstream"
)

// Parse drops, changes and keeps; what is left is numbered without a hole, and
// the account knows the rest.
func TestParse(t *testing.T) {
	for _, tt := range []struct {
		name  string
		parse func(*syncstream.Message) bool
		lines syncstream.Lines
		write string
		want  string
		away  syncstream.Count
	}{
		{
			"keeps all", func(*syncstream.Message) bool { return true }, syncstream.Fold,
			"a\r\nb\nlast", "m1 \"a\" crlf\nm2 \"b\"\nm3 \"last\" none",
			syncstream.Count{},
		},
		{
			"drops some", func(m *syncstream.Message) bool { return m.Text != "b" }, syncstream.Fold,
			"b\na\nb\nb\nc\r\nb", "m1 \"a\"\nm2 \"c\" crlf",
			syncstream.Count{Messages: 4, Bytes: 7},
		},
		{
			"drops all", func(m *syncstream.Message) bool { return false }, syncstream.Split,
			"a\rb\n\nc", "",
			syncstream.Count{Messages: 4, Bytes: 6},
		},
		{
			"changes text", func(m *syncstream.Message) bool { m.Text = strings.ToUpper(m.Text); return true }, syncstream.Fold,
			"a\nB\nc\r\nd", "m1 \"A\"\nm2 \"B\"\nm3 \"C\" crlf\nm4 \"D\" none",
			syncstream.Count{},
		},
		{
			"makes two lines of one", func(m *syncstream.Message) bool {
				m.Text = strings.ReplaceAll(m.Text, ",", "\n")
				return true
			}, syncstream.Fold, "a,b\nc\n", "m1 \"a\"\nm2 \"b\"\nm3 \"c\"", syncstream.Count{},
		},
		{
			"a text that ends like a line end stays apart from the next", func(m *syncstream.Message) bool {
				m.Text = strings.ReplaceAll(m.Text, "x", "\r")
				return true
			}, syncstream.Fold, "ax\nb\n", "m1 \"a\" crlf\nm2 \"b\"", syncstream.Count{},
		},
		{
			"makes a warning of a line", func(m *syncstream.Message) bool {
				if m.Text == "careful" {
					m.Kind = syncstream.Warning
				}
				return true
			}, syncstream.Fold, "a\ncareful\nb\n", "m1 \"a\"\nm2/warning \"careful\"\nm3 \"b\"", syncstream.Count{},
		},
		{
			"a last text of which nothing is left is dropped", func(m *syncstream.Message) bool { m.Text = ""; return true },
			syncstream.Fold, "a\nb", "m1 \"\"",
			syncstream.Count{Messages: 1, Bytes: 1},
		},
		{
			"may not change who said it", func(m *syncstream.Message) bool {
				m.Source, m.Stream, m.Num, m.Position, m.End = nil, syncstream.Stderr, 99, 99, syncstream.EndCR
				return true
			}, syncstream.Fold, "a\n", "m1 \"a\"", syncstream.Count{},
		},
		{
			"drops a line in pieces whole", func(m *syncstream.Message) bool { return m.Text != "12345678" }, syncstream.Fold,
			"123456789\na\n234567890\n", "m1 \"a\"\nm2/first \"23456789\" none\nm3/last \"0\"",
			syncstream.Count{Messages: 2, Bytes: 10},
		},
		{
			"sees each piece, and can't drop the others", func(m *syncstream.Message) bool {
				m.Text = strings.ToUpper(m.Text)
				return m.Part == syncstream.PartFirst
			}, syncstream.Fold, "abcdefghij\n", "m1/first \"ABCDEFGH\" none\nm2/last \"IJ\"", syncstream.Count{},
		},
		{
			"leaves the states of a progress bar", func(m *syncstream.Message) bool { return m.Redraws == 0 }, syncstream.Fold,
			"1%\r2%\r3%\ndone\n", "m1 \"done\"",
			syncstream.Count{Messages: 1, Bytes: 3},
		},
	} {
		b := syncstream.New(syncstream.Config{Parse: tt.parse, MaxLine: 8})
		m := b.Mirror(syncstream.MirrorConfig{Source: syncstream.Source{Name: "m"}, Lines: tt.lines})
		attached := b.Attach(&counter{})
		write(t, m, tt.write)
		m.Close()
		if err := attached.Drain(t.Context()); err != nil {
			t.Error(err)
		}
		if got := shorts(all(t, b)); got != tt.want {
			t.Errorf("%s:\n%s\nwant:\n%s", tt.name, got, tt.want)
		}
		if got := b.Stats().Parsed; got != tt.away {
			t.Errorf("%s: parsed away %+v, want %+v", tt.name, got, tt.away)
		}
		checkStats(t, b)
	}
}

// The same for what takes over a block, in which the rest stays where it is.
func TestParseOfLargeWrites(t *testing.T) {
	b := syncstream.New(syncstream.Config{
		MaxMessages: 1 << 20,
		Parse:       func(m *syncstream.Message) bool { return len(m.Text)%3 != 0 },
	})
	m := open(b, "m")
	var text strings.Builder
	var want []string
	for i := 0; text.Len() < 1<<20; i++ {
		line := checked("m", i, 20+i%40)
		text.WriteString(line + "\n")
		if len(line)%3 != 0 {
			want = append(want, line)
		}
	}
	write(t, m, text.String())
	got := all(t, b)
	if len(got) != len(want) {
		t.Fatalf("%d messages, want %d", len(got), len(want))
	}
	for i := range got {
		if got[i].Text != want[i] || got[i].Num != uint64(i)+1 {
			t.Fatalf("message %d: %+v, want %q", i, got[i], want[i])
		}
	}
	checkStats(t, b)
}

// A panic harms one message only: it stays as it was, and what went wrong
// stands behind it.
func TestParsePanics(t *testing.T) {
	b := syncstream.New(syncstream.Config{Parse: func(m *syncstream.Message) bool {
		if m.Text == "bad" {
			m.Text = "half done"
			panic("no such number")
		}
		return true
	}})
	m := open(b, "m")
	write(t, m, "a\nbad\nb\n")
	messages := all(t, b)
	if len(messages) != 4 || messages[1].Text != "bad" || messages[3].Text != "b" ||
		messages[2].Kind != syncstream.Error || !strings.Contains(messages[2].Text, "no such number") {
		t.Errorf("%s", shorts(messages))
	}
	checkStats(t, b)
}

// One call at a time, whoever writes, in the order of each stream.
func TestParseOneAtATime(t *testing.T) {
	const writers, lines = 4, 2000
	calls := 0 // for the race detector, too
	seen := make(map[string]int)
	b := syncstream.New(syncstream.Config{Parse: func(m *syncstream.Message) bool {
		calls++
		name, i, err := check(m.Text)
		if err != nil || i != seen[name] {
			t.Errorf("%q comes after %d", m.Text, seen[name])
		}
		seen[name]++
		return i%2 == 0
	}})
	var wg sync.WaitGroup
	for i := range writers {
		m := open(b, fmt.Sprint("w", i))
		wg.Go(func() {
			for i := range lines {
				write(t, m, checked(m.Source().Name, i, 40)+"\n")
			}
			m.CloseWithError(errors.New(checked(m.Source().Name, lines, 40)))
		})
	}
	wg.Wait()
	if calls != writers*(lines+1) {
		t.Errorf("%d calls, want %d", calls, writers*(lines+1))
	}
	checkStats(t, b)
}

// What comes after Close is refused and lost, also where Parse would not have
// kept it: nobody is asked.
func TestParseAfterClose(t *testing.T) {
	b := syncstream.New(syncstream.Config{Parse: func(*syncstream.Message) bool { return false }})
	m := open(b, "m")
	m.Close()
	n, err := m.Write([]byte("a\nb\n"))
	if n != 0 || err != syncstream.ErrClosed {
		t.Errorf("Write: %d, %v", n, err)
	}
	if err := m.Warn(errors.New("c")); err != syncstream.ErrClosed {
		t.Errorf("Warn: %v", err)
	}
	if s := b.Stats(); s.Lost.Messages != 3 || s.Parsed.Messages != 0 {
		t.Errorf("%+v; want three messages lost and none parsed", s)
	}
}
