package view_test

import (
	"errors"
	"io"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/cmd/syncstream/internal/mask"
	"github.com/syncstream/syncstream/cmd/syncstream/internal/view"
)

// output is a file or a pipe.
type output struct {
	mu   sync.Mutex
	text []byte
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text = append(o.text, p...)
	return len(p), nil
}

// take returns what was written since the last call.
func (o *output) take() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	text := string(o.text)
	o.text = nil
	return text
}

// terminal is a terminal with a window of that size; if zero, of 80 by 24.
type terminal struct {
	output
	columns, rows int
}

func (t *terminal) Size() (int, int) { return t.columns, t.rows }

func prefix(t testing.TB, s string) view.Prefix {
	t.Helper()
	p, err := view.ParsePrefix(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func timestamps(t testing.TB, s string) view.Timestamps {
	t.Helper()
	f, err := view.ParseTimestamps(s)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func regexps(all ...string) (compiled []*regexp.Regexp) {
	for _, s := range all {
		compiled = append(compiled, regexp.MustCompile(s))
	}
	return compiled
}

// story is what happens to a buffer, of which a view shows the messages.
type story struct {
	*testing.T
	buf  *syncstream.Buffer
	view *view.View
	sink *syncstream.Attachment
}

// play plays a story, in a bubble; lines are maxLine bytes at most.
func play(t *testing.T, c view.Config, maxLine int, f func(*story)) {
	synctest.Test(t, func(t *testing.T) {
		s := &story{T: t, view: view.New(c)}
		s.buf = syncstream.New(syncstream.Config{MaxLine: maxLine, Parse: c.Mask.Parse})
		s.sink = s.buf.Attach(s.view)
		go s.view.Follow(t.Context(), s.buf)
		synctest.Wait()
		f(s)
		s.buf.Close()
		<-s.sink.Done()
		if err := s.sink.Err(); err != nil {
			t.Error(err)
		}
	})
}

func (s *story) mirror(name string) *syncstream.Mirror {
	return s.buf.Mirror(syncstream.MirrorConfig{Source: syncstream.Source{Name: name, PID: 77}})
}

func (s *story) write(w interface{ Write([]byte) (int, error) }, texts ...string) {
	s.Helper()
	for _, text := range texts {
		if _, err := w.Write([]byte(text)); err != nil {
			s.Error(err)
		}
	}
	synctest.Wait()
}

// pause lasts longer than the view and the queue wait for anything but steps.
func (s *story) pause() {
	time.Sleep(time.Second)
	synctest.Wait()
}

// Into a file or a pipe.
func TestViewFile(t *testing.T) {
	const red, reset = "\x1b[31m", "\x1b[0m"
	workers := []view.Worker{{Name: "web", Command: "npm  start"}, {Name: "database"}}
	for _, c := range []struct {
		name     string
		config   view.Config
		play     func(*story)
		out, err string
		why      string
	}{
		{
			"lines",
			view.Config{},
			func(s *story) { s.write(s.mirror("a"), "one\n\ntwo\nthree") },
			"a | one\na | \na | two\na | three\n", "",
			"each line stands under its tag, an empty one too; a row ends, also where its line did not",
		},
		{
			"two streams",
			view.Config{},
			func(s *story) {
				m := s.mirror("a")
				s.write(m, "fine\n")
				s.write(m.Stderr(), "careful\n")
				m.Warn(errors.New("twice:\n  careful"))
				m.CloseWithError(errors.New("failed"))
			},
			"a | fine\n", "a | careful\na ! twice:\na !   careful\na ! failed\n",
			"stdout on stdout, stderr and what mirrors say on stderr, marked",
		},
		{
			"as they are",
			view.Config{Prefix: prefix(t, "none")},
			func(s *story) { s.write(s.mirror("a"), "one\r\n\x1b[2J\x9b\xff\x00\n") },
			"one\r\n\x1b[2J\x9b\xff\x00\n", "",
			"without a prefix the bytes are the worker's",
		},
		{
			"no end",
			view.Config{Prefix: prefix(t, "none")},
			func(s *story) {
				a, b := s.mirror("a"), s.mirror("b")
				s.write(a, "one")
				a.Close()
				s.write(b.Stderr(), "two\n")
				s.write(b, "three\n", "four\n", "five")
			},
			"one\nthree\nfour\nfive", "two\n",
			"nor is a line end added, but where another line follows",
		},
		{
			"padded",
			view.Config{Workers: workers},
			func(s *story) {
				s.write(s.mirror("web"), "1\n")
				s.write(s.mirror("database"), "2\n")
				s.write(s.mirror("longer than all"), "3\n")
			},
			"web      | 1\ndatabase | 2\nlonger than all | 3\n", "",
			"tags are as wide as the widest worker that is known",
		},
		{
			"template",
			view.Config{Workers: workers, Prefix: prefix(t, "{{{index} {name}:{pid} {command}} ")},
			func(s *story) { s.write(s.mirror("web"), "1\n"); s.mirror("web").Error(errors.New("no")) },
			"{0 web     :77 npm start} 1\n", "{0 web     :77 npm start} ! no\n",
			"a template stands as it is, its fields padded",
		},
		{
			"time",
			view.Config{Timestamps: timestamps(t, "%Y-%m-%dT%H:%M:%S.%L"), Prefix: prefix(t, "{time}/{name}>")},
			func(s *story) {
				time.Local = time.UTC
				s.write(s.mirror("a"), "1\n2\n")
				s.pause()
				s.write(s.mirror("b"), "3\n")
			},
			"2000-01-01T00:00:00.000 2000-01-01T00:00:00.000/a>1\n2000-01-01T00:00:00.000 2000-01-01T00:00:00.000/a>2\n" +
				"2000-01-01T00:00:01.000 2000-01-01T00:00:01.000/b>3\n", "",
			"the time is that of the line, before the tag and where the template has it",
		},
		{
			"colours",
			view.Config{Color: true, Workers: workers},
			func(s *story) {
				s.write(s.mirror("database"), "1\n")
				s.write(s.mirror("web"), "2\n")
				s.write(s.mirror("web"), "3\n")
			},
			"\x1b[33mdatabase | \x1b[0m1\n\x1b[36mweb      | \x1b[0m2\n\x1b[36mweb      | \x1b[0m3\n", "",
			"a worker has one colour, also when it runs again",
		},
		{
			"a style over lines",
			view.Config{Color: true, Prefix: prefix(t, "none")},
			func(s *story) {
				a, b := s.mirror("a"), s.mirror("b")
				s.write(a, red+"one\n")
				s.write(b, "plain\n")
				s.write(a, "two\n", "three"+reset+"\n", "four\n")
			},
			red + "one" + reset + "\nplain\n" + red + "two" + reset + "\n" + red + "three" + reset + "\nfour\n", "",
			"a style ends with its line, and comes back on the worker's next",
		},
		{
			"no colours",
			view.Config{Prefix: prefix(t, "none")},
			func(s *story) { s.write(s.mirror("a"), red+"one\ntwo\n") },
			red + "one\ntwo\n", "",
			"where colours are off, a file gets the bytes as they are",
		},
		{
			"a progress bar",
			view.Config{},
			func(s *story) {
				m := s.mirror("a")
				for range 10 {
					s.write(m, "\r10%", "\r20%")
					s.pause()
				}
				s.write(m, "\rdone\n")
			},
			"a | done\n", "",
			"a bar is its last state",
		},
		{
			"steps",
			view.Config{Steps: 2400 * time.Millisecond},
			func(s *story) {
				a, b := s.mirror("a"), s.mirror("b")
				s.write(b, "what is your name? ")
				for i := range 10 {
					s.write(a, "\r"+string(rune('0'+i))+"0%")
					s.pause()
				}
				s.write(a, "\rdone\n")
				s.write(b, "Eve\n")
			},
			"a | 20%\na | 50%\na | 70%\na | done\nb | what is your name? Eve\n", "",
			"between, it has a row when 2.4 s have passed; a line that only grows has none",
		},
		{
			"pieces",
			view.Config{},
			func(s *story) {
				s.write(s.mirror("a"), "12345678abcdefghxy\n")
			},
			"a | 12345678abcdefghxy\n", "",
			"a line in pieces is one row",
		},
		{
			"interrupted pieces",
			view.Config{},
			func(s *story) {
				a := s.mirror("a")
				s.write(a, "12345678abcdefghx")
				s.write(s.mirror("b"), "other\n")
				s.pause()
				s.write(a, "y\n")
			},
			"a | 12345678abcdefgh…\nb | other\na | …xy\n", "",
			"where others interrupt it, it says so",
		},
		{
			"filtered, also pieces",
			view.Config{Include: regexps("a", "b"), Exclude: regexps("bb")},
			func(s *story) {
				m := s.mirror("m")
				s.write(m, "a\nb\nc\nbb\nabb\n", "12a45678abcd\n", "12345678abcd\n")
				m.Warn(errors.New("warned"))
			},
			"m | a\nm | b\nm | 12a45678abcd\n", "m ! warned\n",
			"lines that are not wanted are not shown; the first piece decides for the rest; what mirrors say always is",
		},
		{
			"a notice between pieces",
			view.Config{},
			func(s *story) {
				m := s.mirror("m")
				s.write(m, "12345678abc")
				s.view.Notice("one\ntwo")
				s.view.SetStatus("not shown")
				s.write(m, "\n")
			},
			"m | 12345678…\nm | …abc\n", "one\ntwo\n",
			"a notice stands between lines; a status has no place in a file",
		},
		{
			"a mask",
			view.Config{Mask: newMask(t, "secret")},
			func(s *story) {
				s.write(s.mirror("m"), "my sec", "ret\n")
			},
			"m | my ***\n", "",
			"a secret is hidden, also when it came in two writes",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out, err output
			c.config.Stdout, c.config.Stderr = &out, &err
			maxLine := 40
			if strings.Contains(c.name, "pieces") {
				maxLine = 8
			}
			play(t, c.config, maxLine, c.play)
			if got := out.take(); got != c.out {
				t.Errorf("stdout:\n%q\nwant\n%q\nsince %s", got, c.out, c.why)
			}
			if got := err.take(); got != c.err {
				t.Errorf("stderr:\n%q\nwant\n%q\nsince %s", got, c.err, c.why)
			}
		})
	}
}

func newMask(t testing.TB, patterns ...string) *mask.Mask {
	t.Helper()
	m, err := mask.New(patterns...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// What Prepare makes of large batches is what would be made of small ones.
func TestViewLarge(t *testing.T) {
	line := strings.Repeat("x", 30) + "\n"
	for _, c := range []struct {
		name, odd string // a line among the others
		config    view.Config
	}{
		{"plain", "", view.Config{}},
		{"a style that stays open", "\x1b[1mbold", view.Config{Color: true}},
		{"a style, and no tag", "\x1b[1mbold", view.Config{Color: true, Prefix: prefix(t, "none")}},
		{"held back", "", view.Config{Output: view.Group}},
		{"a filter", "hide me", view.Config{Exclude: regexps("hide")}},
		{"a filter that hides all", "", view.Config{Exclude: regexps("x")}},
		{"a long tag", "", view.Config{Prefix: prefix(t, "{name}"+strings.Repeat("-", 80))}},
		{"a time", "", view.Config{Timestamps: timestamps(t, "unix"), Color: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Repeat(line, 3000) + c.odd + "\n" + strings.Repeat(line, 9000)
			var large, small output
			c.config.Stdout = &large
			play(t, c.config, 1000, func(s *story) { s.readFrom(s.mirror("m"), text) })
			c.config.Stdout = &small
			play(t, c.config, 1000, func(s *story) {
				m := s.mirror("m")
				for part := range strings.Lines(text) {
					m.Write([]byte(part))
				}
			})
			if l, s := large.take(), small.take(); l != s {
				t.Errorf("large batches give %d bytes, small ones %d", len(l), len(s))
			}
		})
	}
}

// readFrom brings text through a pipe, in large blocks.
func (s *story) readFrom(m *syncstream.Mirror, text string) {
	s.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		s.Fatal(err)
	}
	defer r.Close()
	go func() {
		io.WriteString(w, text)
		w.Close()
	}()
	if _, err := m.ReadFrom(r); err != nil {
		s.Error(err)
	}
}

// On a terminal.
func TestViewTerminal(t *testing.T) {
	for _, c := range []struct{ name, text, want, why string }{
		{"text", "a\tb ä 世界\n", "a\tb ä 世界\n", "text is text"},
		{"style", "\x1b[1;31mred\x1b[m\n", "\x1b[1;31mred\x1b[m\n", "colour and style go through"},
		{"open style", "\x1b[7mone\ntwo\n", "\x1b[7mone\x1b[0m\n\x1b[7mtwo\x1b[0m\n", "and end with the line"},
		{"erase", "\x1b[2J\x1b[Hgone\n", "␛[2J␛[Hgone\n", "what moves the cursor is shown"},
		{"title", "\x1b]0;title\x07\n", "␛]0;title␇\n", "so is what sets the window's title"},
		{"link", "\x1b]8;;http://x\x1b\\x\n", "␛]8;;http://x␛\\x\n", "and a link"},
		{"keyboard", "\x1b[>4;2m\x1b[?4m\n", "␛[>4;2m␛[?4m\n", "what only looks like a style"},
		{"a cut sequence", "\x1b[3\n1m\x1b\n", "␛[3\n1m␛\n", "a sequence can't go on in the next line"},
		{"C1", "\u009b2J\x9b2J\n", `\u009b2J\x9b2J` + "\n", "C1 controls, in UTF-8 and not"},
		{"C0", "\x00\x08\x0e\x7f\n", "␀␈␎␡\n", "bells, backspaces, other alphabets"},
		{"not UTF-8", "\xff\xe4\xb8\n", `\xff\xe4\xb8` + "\n", "bytes that are no text"},
		{"direction", "a\u202eb\u2066\n", `a\u202eb\u2066` + "\n", "what turns the text around"},
		{"CRLF", "a\r\n", "a\r\n", "a line end is one"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, large := range []int{1, 10_000} { // so that Prepare does it
				var out terminal
				play(t, view.Config{Stdout: &out, Prefix: prefix(t, "none")}, 100, func(s *story) {
					m := s.mirror("m")
					s.readFrom(m, strings.Repeat("x\n", 40_000*(large/10_000))+c.text)
				})
				if got := strings.TrimLeft(out.take(), "x\n"); got != c.want {
					t.Errorf("%q\nwant %q, since %s", got, c.want, c.why)
				}
			}
			var raw terminal
			play(t, view.Config{Stdout: &raw, Raw: true, Prefix: prefix(t, "none")}, 100, func(s *story) {
				s.write(s.mirror("m"), c.text)
			})
			if got := raw.take(); got != c.text && c.name != "open style" {
				t.Errorf("raw: %q", got)
			}
		})
	}
}

func TestLiveRows(t *testing.T) {
	const begin, end, erase = "\x1b[?2026h", "\x1b[?2026l", "\r\x1b[K \x1b[J\r"
	out := &terminal{columns: 20, rows: 5}
	config := view.Config{Stdout: out, Stderr: out, Workers: []view.Worker{{Name: "a"}, {Name: "b"}}}
	play(t, config, 40, func(s *story) {
		want := func(want, why string) {
			t.Helper()
			s.pause()
			if got := out.take(); got != want {
				t.Errorf("%q\nwant\n%q: %s", got, want, why)
			}
		}
		a, b := s.mirror("a"), s.mirror("b")
		s.write(a, "10%")
		want("a | 10%\r", "a partial line is a live row, and the cursor at its beginning")
		s.write(a, "\r20%")
		want(begin+erase+"a | 20%\r"+end, "it is erased and drawn again")
		s.write(b.Stderr(), "50% of everything there is")
		want(begin+erase+"a | 20%\r\nb | 50% of everythi\r\x1b[1A"+end, "each worker has one, cut to the window")
		want("", "what has not changed is not drawn")
		s.write(b, "line\n")
		want(begin+erase+"b | line\na | 20%\r\nb | 50% of everythi\r\x1b[1A"+end, "a line stands above")
		s.view.Notice("notice")
		want(begin+erase+"notice\na | 20%\r\nb | 50% of everythi\r\x1b[1A"+end, "so does a notice")
		s.view.Suspend()
		s.write(b, "line\n")
		want(begin+erase+end+"b | line\n", "suspended, there are no live rows, and lines all the same")
		s.view.Resume()
		want("a | 20%\r\nb | 50% of everythi\r\x1b[1A", "resumed, they are there again")
		s.view.SetStatus("waiting\x1b[2J")
		want(begin+erase+"a | 20%\r\nb | 50% of everythi\r\nwaiting␛[2J\r\x1b[2A"+end, "the status is the last")
		out.columns, out.rows = 10, 3
		s.view.Resize()
		want(begin+erase+"… 2 more\r\nwaiting␛[\r\x1b[1A"+end, "a low window has room for some")
		s.view.SetStatus("")
		want(begin+erase+"a | 20%\r\nb | 50% o\r\x1b[1A"+end, "the status goes")
		s.write(a, "\rdone\n")
		want(begin+erase+"a | done\nb | 50% o\r"+end, "a row goes when its line is done")
		s.write(a, "12345678901234567890123456789012345678901234567890")
		want(begin+erase+"a | 1234567890123456789012345678901234567890"+end+"…\na | 12345\r\nb | 50% o\r\x1b[1A", "an unfinished row ends, when the live ones have waited")
		b.Close()
		want(begin+erase+"b | 50% of everything there is\na | 12345\r"+end, "a last text is a line")
		c := s.mirror("c")
		s.write(c, "5%")
		out.take()
		c.Discard()
		c.Close()
		synctest.Wait()
		if got, want := out.take(), begin+erase+"a | 12345\r"+end; got != want {
			t.Errorf("%q\nwant\n%q: a row goes at once with its worker", got, want)
		}
		a.Discard()
		want(begin+erase+"a | …1234567890\n"+end, "a line in pieces ends")
	})
	if got := out.take(); got != "" {
		t.Errorf("at the end: %q", got)
	}
}

// An unfinished row waits for the rest of its line while nobody else has a row.
func TestUnfinishedRow(t *testing.T) {
	out := &terminal{}
	play(t, view.Config{Stdout: out}, 8, func(s *story) {
		m := s.mirror("m")
		s.write(m, "12345678abc")
		s.pause()
		s.write(m, "defgh")
		s.pause()
		s.view.SetStatus("waiting")
		s.pause()
		s.view.SetStatus("")
		s.write(m, "!\n")
	})
	got, want := out.take(), "m | 12345678…\nm | abcdefgh\r\nwaiting\r\x1b[1A"
	if !strings.HasPrefix(got, want) {
		t.Errorf("%q\nwant first %q", got, want)
	}
}

// Where one of the two is a terminal, live rows are those of its own stream, and
// nothing of them gets to the other.
func TestOneTerminal(t *testing.T) {
	out, err := &output{}, &terminal{}
	play(t, view.Config{Stdout: out, Stderr: err}, 40, func(s *story) {
		m := s.mirror("m")
		s.write(m, "stdout 1%")
		s.write(m.Stderr(), "stderr 1%")
		s.pause()
		s.write(m, "\rdone\n")
	})
	if got, want := out.take(), "m | done\n"; got != want {
		t.Errorf("stdout: %q; want %q", got, want)
	}
	if got, want := err.take(), "m | stderr 1%\r\x1b[?2026h\r\x1b[K \x1b[J\rm | stderr 1%\n\x1b[?2026l"; got != want {
		t.Errorf("stderr: %q; want %q", got, want)
	}
	dumb := &terminal{}
	play(t, view.Config{Stdout: dumb, Dumb: true}, 40, func(s *story) {
		m := s.mirror("m")
		s.write(m, "1%")
		s.pause()
		s.view.SetStatus("waiting")
		s.write(m, "\rdone\x1b[2J\n")
	})
	if got, want := dumb.take(), "m | done␛[2J\n"; got != want {
		t.Errorf("dumb: %q; want %q", got, want)
	}
}

// A secret is hidden in a live row before it is one.
func TestLiveMask(t *testing.T) {
	out := &terminal{}
	play(t, view.Config{Stdout: out, Mask: newMask(t, "token-[0-9]+")}, 40, func(s *story) {
		m := s.mirror("m")
		for _, text := range []string{"my tok", "en-", "1234"} {
			s.write(m, text)
			s.pause()
			got := out.take()
			if !strings.Contains(got, "m | my ***\r") && got != "" {
				t.Errorf("%q", got)
			}
		}
		s.write(m, "!\n")
		if got := out.take(); !strings.Contains(got, "m | my ***!\n") {
			t.Errorf("%q", got)
		}
	})
	// One that began in a piece of the line, too.
	play(t, view.Config{Stdout: out, Mask: newMask(t, "token-[0-9]+")}, 8, func(s *story) {
		m := s.mirror("m")
		s.write(m, "a token-", "1234")
		s.pause()
		s.view.SetStatus("waiting")
		s.pause()
		if got := out.take(); strings.Contains(got, "1234") || !strings.Contains(got, "m | ***") {
			t.Errorf("in pieces: %q", got)
		}
	})
}

func TestOutput(t *testing.T) {
	failed := errors.New("exit status 1")
	tell := func(s *story) {
		a, b := s.mirror("a"), s.mirror("b")
		s.write(a, "a1\n")
		s.write(b, "b1\n", "123456789")
		s.write(a.Stderr(), "a2\n")
		s.write(a, "a3\n")
		s.view.Notice("notice")
		s.write(b, "\n")
		b.CloseWithError(failed)
		s.write(a, "a4\n")
		a.Close()
		synctest.Wait()
		s.buf.Stop(nil)
		c := s.mirror("c")
		c.Write([]byte("c1\n"))
		c.CloseWithError(failed)
		d := s.mirror("d")
		d.Write([]byte("d1\n"))
	}
	const a, b = "a | a1\na | a2\na | a3\na | a4\n", "b | b1\nb | 123456789\nb ! exit status 1\n"
	for _, c := range []struct {
		name   string
		output view.Output
		want   string
		why    string
	}{
		{"group", view.Group, "notice\n" + b + a + "c | c1\nc ! exit status 1\nd | d1\n", "the lines of a worker stand together when it ends"},
		{"errors", view.Errors, "notice\n" + b, "only those of one that failed, and not by a stop"},
		{"none", view.None, "notice\n", "nothing but our own"},
	} {
		for _, held := range []int{0, 1} { // a byte: all goes to disk
			t.Run(c.name, func(t *testing.T) {
				var out output
				config := view.Config{Stdout: &out, Stderr: &out, Output: c.output, MaxHeld: held, TempDir: t.TempDir()}
				play(t, config, 8, tell)
				if got := out.take(); got != c.want {
					t.Errorf("%.900s\nwant\n%s\nsince %s", got, c.want, c.why)
				}
			})
		}
	}
	t.Run("no disk", func(t *testing.T) {
		var out output
		play(t, view.Config{Stdout: &out, Stderr: &out, Output: view.Group, MaxHeld: 10_000, TempDir: t.TempDir() + "/none"}, 8, func(s *story) {
			m, other := s.mirror("m"), s.mirror("other")
			s.write(other, "waits\n")
			for range 2500 {
				m.Write([]byte("x\n"))
			}
			s.pause()
			got := out.take()
			if !strings.Contains(got, "the lines of m can't be held back") || strings.Count(got, "m | x\n") != 2500 || strings.Contains(got, "waits") {
				t.Errorf("%d bytes: %.200q", len(got), got)
			}
			s.write(m, "more\n")
			if got := out.take(); got != "m | more\n" {
				t.Errorf("%.200q", got)
			}
		})
		if got := out.take(); got != "other | waits\n" {
			t.Errorf("%.200q", got)
		}
	})
}

// A terminal that is gone ends the attachment.
func TestWriteError(t *testing.T) {
	broken := errors.New("broken")
	synctest.Test(t, func(t *testing.T) {
		buf := syncstream.New(syncstream.Config{})
		v := view.New(view.Config{Stdout: writerFunc(func([]byte) (int, error) { return 0, broken })})
		a := buf.Attach(v)
		buf.Mirror(syncstream.MirrorConfig{}).Write([]byte("one\n"))
		<-a.Done()
		if !errors.Is(a.Err(), broken) {
			t.Errorf("%v", a.Err())
		}
	})
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// A row without an end is ended on the same file, whichever of the two it was
// written to.
func TestOneFile(t *testing.T) {
	var both output
	play(t, view.Config{Stdout: &both, Stderr: &both, Prefix: prefix(t, "none")}, 40, func(s *story) {
		m := s.mirror("m")
		s.write(m, "one")
		m.CloseWithError(errors.New("failed"))
	})
	if got, want := both.take(), "one\nm ! failed\n"; got != want {
		t.Errorf("%q; want %q", got, want)
	}
}

// Who says something of our own does not wait for an output that nobody takes;
// it is shown when somebody does.
func TestNoticeDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var shown output
		stuck := make(chan struct{})
		v := view.New(view.Config{Stderr: &shown, Stdout: writerFunc(func(p []byte) (int, error) {
			<-stuck
			return len(p), nil
		})})
		buf := syncstream.New(syncstream.Config{})
		a := buf.Attach(v)
		buf.Mirror(syncstream.MirrorConfig{}).Write([]byte("one\n"))
		synctest.Wait()
		v.Notice("stopping")
		v.SetStatus("waiting")
		if got := shown.take(); got != "" {
			t.Errorf("%q", got)
		}
		close(stuck)
		synctest.Wait()
		if got := shown.take(); got != "stopping\n" {
			t.Errorf("%q", got)
		}
		buf.Close()
		<-a.Done()
	})
}

// Suspend and Resume return while nobody takes the output; once somebody does,
// the last of them counts. (In no bubble: who waits for a mutex lets no time pass
// there.)
func TestSuspendWhileBlocked(t *testing.T) {
	out := &terminal{}
	entered, stuck := make(chan struct{}), make(chan struct{})
	v := view.New(view.Config{Stderr: out, Stdout: writerFunc(func(p []byte) (int, error) {
		close(entered)
		<-stuck
		return len(p), nil
	})})
	v.SetStatus("waiting")
	if got, want := out.take(), "waiting\r"; got != want {
		t.Fatalf("%q; want %q", got, want)
	}
	buf := syncstream.New(syncstream.Config{})
	a := buf.Attach(v)
	go buf.Mirror(syncstream.MirrorConfig{}).Write([]byte("one\n"))
	<-entered
	v.Suspend()
	v.Resume()
	v.Suspend()
	if got := out.take(); got != "" {
		t.Errorf("while it is blocked: %q", got)
	}
	close(stuck)
	if err := a.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	v.Suspend() // which waits for those that still draw
	if got, want := out.take(), "\x1b[?2026h\r\x1b[K \x1b[J\r\x1b[?2026l"; got != want {
		t.Errorf("%q; want %q", got, want)
	}
	buf.Close()
	<-a.Done()
}

// Where stdout is a pipe, its reader may have a row begun on the terminal that
// stderr is: a notice erases nothing there.
func TestNoticeBesidePipe(t *testing.T) {
	err := &terminal{}
	play(t, view.Config{Stdout: &strings.Builder{}, Stderr: err}, 40, func(s *story) { s.view.Notice("notice") })
	if got := err.take(); got != "notice\n" {
		t.Errorf("%q", got)
	}
}

// When all is over, a notice still has a row, and a status none: nobody would
// take it away.
func TestNoticeAtTheEnd(t *testing.T) {
	out := &terminal{}
	var v *view.View
	play(t, view.Config{Stdout: out, Stderr: out}, 40, func(s *story) { v = s.view })
	v.Notice("verdict")
	v.SetStatus("waiting")
	if got := out.take(); got != "\r\x1b[Kverdict\n" {
		t.Errorf("%q", got)
	}
}
