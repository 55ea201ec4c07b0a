package syncstream_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/syncstream/syncstream"
)

// Promises 4, 6 and 7 as a mirror keeps them: each row is what is done with
// one mirror, and the messages that come of it.
func TestMirror(t *testing.T) {
	bad := errors.New("bad\n\tat main\n")
	for _, tt := range []struct {
		name  string
		lines syncstream.Lines
		do    func(t *testing.T, m *syncstream.Mirror)
		want  string
		why   string
	}{
		{"a line in pieces", 0, func(t *testing.T, m *syncstream.Mirror) {
			write(t, m, "a")
			write(t, m, "")
			write(t, m, "b\nc")
			write(t, m, "d\n")
		}, `m1 "ab"
m2 "cd"`, "where a write ends is no line end"},
		{"a line that was ended early", 0, func(t *testing.T, m *syncstream.Mirror) {
			write(t, m, "a\nb")
			m.EndLine()
			write(t, m, "c\n")
		}, `m1 "a"
m2 "b" none
m3 "c"`, "what EndLine has ended stays apart from what comes in the same moment"},
		{"two streams", 0, func(t *testing.T, m *syncstream.Mirror) {
			write(t, m, "ou")
			write(t, m.Stderr(), "er")
			write(t, m.Stdout(), "t\n")
			write(t, m.Stderr(), "r\n")
		}, `m1 "out"
m2/stderr "err"`, "each stream has its own partial line"},
		{"last words", 0, func(t *testing.T, m *syncstream.Mirror) {
			write(t, m, "a\nout")
			write(t, m.Stderr(), "err")
			m.Close()
		}, `m1 "a"
m2 "out" none
m3/stderr "err" none`, "text without a line end is delivered"},
		{"last words and an error", 0, func(t *testing.T, m *syncstream.Mirror) {
			write(t, m.Stderr(), "err")
			write(t, m, "out")
			m.CloseWithError(bad)
		}, `m1 "out" none
m2/stderr "err" none
m3/control/error "bad\n\tat main"`, "the error stands behind all text, as one message"},
		{"an error in between", 0, func(t *testing.T, m *syncstream.Mirror) {
			write(t, m.Stderr(), "e\n")
			write(t, m, "o\npart")
			m.Error(bad)
			m.Warn(bad)
			m.Warn(nil)
			write(t, m, "ial\n")
		}, `m1/stderr "e"
m2 "o"
m3/control/error "bad\n\tat main"
m4/control/warning "bad\n\tat main"
m5 "partial"`, "an error does not tear the partial line"},
		{"an error without text", 0, func(t *testing.T, m *syncstream.Mirror) {
			m.Error(errors.New(""))
			m.CloseWithError(errors.New("\n"))
		}, `m1/control/error ""
m2/control/error ""`, "an error is a message, whatever it says"},
		{"closed twice", 0, func(t *testing.T, m *syncstream.Mirror) {
			write(t, m, "a")
			if err := m.Close(); err != nil {
				t.Error(err)
			}
			if err := m.CloseWithError(bad); err != syncstream.ErrClosed {
				t.Error(err)
			}
			if err := m.Error(bad); err != syncstream.ErrClosed {
				t.Error(err)
			}
		}, `m1 "a" none`, "a second Close changes nothing"},
		{"overlong", 0, func(t *testing.T, m *syncstream.Mirror) {
			write(t, m, "12345678"+"\n"+"12345678"+"9\n")
			write(t, m, "12345678"+"12345678"+"123")
			write(t, m, "4\r\n5\n")
		}, `m1 "12345678"
m2/first "12345678" none
m3/last "9"
m4/first "12345678" none
m5/middle "12345678" none
m6/last "1234" crlf
m7 "5"`, "a longer line comes in pieces that say so"},
		{"overlong last words", 0, func(t *testing.T, m *syncstream.Mirror) {
			write(t, m, "12345678"+"12345678"+"12345678")
			m.CloseWithError(bad)
		}, `m1/first "12345678" none
m2/middle "12345678" none
m3/last "12345678" none
m4/control/error "bad\n\tat main"`, "a chain of pieces is completed"},
		{"fold", syncstream.Fold, func(t *testing.T, m *syncstream.Mirror) {
			write(t, m, "10 %\r20 %\r")
			write(t, m, "30 %\r")
			write(t, m, "\nx\r\n1\r2")
			m.Close()
		}, `m1 "30 %" crlf
m2 "x" crlf
m3 "2" none`, "a CR starts the text again"},
		{"split", syncstream.Split, func(t *testing.T, m *syncstream.Mirror) {
			write(t, m, "10 %\r20 %\r")
			write(t, m, "\n")
		}, `m1 "10 %" cr
m2 "20 %" crlf`, "a CR ends a line"},
		{"keep", syncstream.Keep, func(t *testing.T, m *syncstream.Mirror) {
			write(t, m, "1\r2\r3\n\r")
			m.Close()
		}, `m1 "1\r2\r3"
m2 "\r" none`, "a CR is text"},
		{"python", syncstream.Python, func(t *testing.T, m *syncstream.Mirror) {
			write(t, m, "a\vb\xe2")
			write(t, m, "\x80\xa8c\n")
		}, `m1 "a" vt
m2 "b" ls
m3 "c"`, "as str.splitlines"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := syncstream.New(syncstream.Config{MaxLine: 8})
			m := b.Mirror(syncstream.MirrorConfig{Source: syncstream.Source{Name: "m"}, Lines: tt.lines})
			tt.do(t, m)
			if got := shorts(all(t, b)); got != tt.want {
				t.Errorf("%s\ngot:\n%s\nwant:\n%s", tt.why, got, tt.want)
			}
			checkStats(t, b)
		})
	}
}

// How often a bar was drawn is counted, since its states are not kept.
func TestRedraws(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	m := open(b, "m")
	write(t, m, "a\n1\r2\r")
	write(t, m, "3\nb\n")
	messages := all(t, b)
	if len(messages) != 3 || messages[0].Redraws != 0 || messages[1].Redraws != 2 || messages[1].Text != "3" || messages[2].Redraws != 0 {
		t.Errorf("%+v", messages)
	}
}

// The states of a bar that was discarded are no one else's.
func TestRedrawsOfDiscarded(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	m := open(b, "m")
	write(t, m, "1\r2\r3")
	m.Discard()
	write(t, m, "a\n")
	if messages := all(t, b); len(messages) != 1 || messages[0].Redraws != 0 || messages[0].Text != "a" {
		t.Errorf("%+v", messages)
	}
}

// Merged names the one pipe for what it is.
func TestMerged(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	m := b.Mirror(syncstream.MirrorConfig{Source: syncstream.Source{Name: "m"}, Merged: true})
	write(t, m, "x\n")
	if got, want := shorts(all(t, b)), `m1/merged "x"`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// The partial lines are a state of their own, never among the messages, and
// in mode Fold the state that a terminal would show.
func TestPartials(t *testing.T) {
	b := syncstream.New(syncstream.Config{MaxLine: 8})
	m := open(b, "m")
	for _, tt := range []struct{ write, want string }{
		{"a", `m0/partial "a"`},
		{"b", `m0/partial "ab"`},
		{"c\nd", `m0/partial "d"`},
		{"\r", `m0/partial "d"`},
		{"e", `m0/partial "e"`},
		{"\r", `m0/partial "e"`},
		{"\n", ``},
		{"123456781234", `m0/partial/last "1234"`},
		{"\n", ``},
	} {
		write(t, m, tt.write)
		if got := shorts(b.Partials()); got != tt.want {
			t.Errorf("after %q: %s, want %s", tt.write, got, tt.want)
		}
	}
	write(t, m, "x")
	write(t, m.Stderr(), "y")
	if got, want := shorts(b.Partials()), "m0/partial \"x\"\nm0/stderr/partial \"y\""; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	m.Close()
	if got := b.Partials(); len(got) != 0 {
		t.Errorf("after Close: %s", shorts(got))
	}
}

// A Write of what is larger than a block is delivered whole, and so is a
// partial line that grows over a block's quarter, from where on it is copied.
func TestLargeWrites(t *testing.T) {
	var lines []string
	for i, n := range []int{10, 40_000, 70_000, 100_000, 300_000, 600_000, 70_000, 65_536, 65_535, 262_144, 10} {
		lines = append(lines, checked("m", i, n))
	}
	text := strings.Join(lines, "\n") + "\n"
	for _, size := range []int{len(text), 300_000, 262_144, 100_000, 65_536, 65_535, 40_000, 1000} {
		b := syncstream.New(syncstream.Config{})
		m := open(b, "m")
		for rest := text; rest != ""; {
			n := min(size, len(rest))
			write(t, m, rest[:n])
			rest = rest[n:]
		}
		messages := all(t, b)
		if len(messages) != len(lines) {
			t.Errorf("writes of %d: %d lines, want %d", size, len(messages), len(lines))
		}
		checkOrder(t, messages)
	}
}

// Write keeps no reference to what it is given, as io.Writer demands.
func TestWriteKeepsNothing(t *testing.T) {
	for _, n := range []int{10, 1000, 70_000, 300_000} {
		b := syncstream.New(syncstream.Config{})
		m := open(b, "m")
		p := []byte(strings.Repeat("x", n) + "\nabc")
		m.Write(p)
		clear(p)
		m.Write([]byte("def\n"))
		messages := all(t, b)
		if len(messages) != 2 || messages[0].Text != strings.Repeat("x", n) || messages[1].Text != "abcdef" {
			t.Errorf("%d bytes: %.100q", n, shorts(messages))
		}
	}
}

// Promises 3 and 4: a Write that Close cuts off has neither lost nor doubled
// the partial line that stood before it. The first line is let in, the piece
// after it waits for a sink, the next is refused.
func TestCloseCutsOffWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := syncstream.New(syncstream.Config{MaxLine: 1000, MaxMessages: 1 << 20})
		g := newGate()
		a := b.Attach(g)
		m := open(b, "m")
		write(t, m, "only once")
		var text strings.Builder
		for range 20_000 { // each a piece of its own, and no room for all
			text.WriteString("\nx\ry")
		}
		done := started(func() {
			if _, err := m.Write([]byte(text.String())); err != syncstream.ErrClosed {
				t.Errorf("Write: %v", err)
			}
		})
		synctest.Wait()
		b.Close()
		<-done
		close(g.pass)
		<-a.Done()
		messages := g.all()
		if messages[0].Text != "only once" {
			t.Errorf("the first message is %q", messages[0].Text)
		}
		for _, m := range messages[1:] {
			if m.Text == "only once" {
				t.Errorf("message %d of %d is the first again", m.Num, len(messages))
			}
		}
		checkStats(t, b)
	})
}
