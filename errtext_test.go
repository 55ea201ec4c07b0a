package syncstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// hiding is an error that does not show its causes.
type hiding struct {
	text   string
	causes []error
}

func (h hiding) Error() string   { return h.text }
func (h hiding) Unwrap() []error { return h.causes }

func hide(text string, causes ...error) error { return hiding{text, causes} }

// over is an error that hides one cause.
type over struct {
	text  string
	cause error
}

func (o *over) Error() string { return o.text }
func (o *over) Unwrap() error { return o.cause }

// traced is an error with a stack, as github.com/go-errors/errors makes them.
type traced struct {
	error
	stack string
}

func (t traced) Stack() []byte { return []byte(t.stack) }
func (t traced) Unwrap() error { return t.error }

// pkgError prints as those of github.com/pkg/errors do.
type pkgError struct{ text, plus string }

func (e pkgError) Error() string { return e.text }

func (e pkgError) Format(s fmt.State, verb rune) {
	if s.Flag('+') {
		io.WriteString(s, e.plus)
	} else {
		io.WriteString(s, e.text)
	}
}

// pkgWrapped is one of them that wraps another.
type pkgWrapped struct {
	pkgError
	cause error
}

func (e pkgWrapped) Unwrap() error { return e.cause }

// Each method of these panics, or leads nowhere.
type (
	bomb    struct{ value any }
	endless struct{ n int }
	broken  struct{ error }
)

func (b bomb) Error() string                { panic(b.value) }
func (e endless) Error() string             { return fmt.Sprint("error ", e.n) }
func (e endless) Unwrap() error             { return endless{e.n + 1} }
func (b broken) Unwrap() error              { panic("no") }
func (b broken) Stack() []byte              { panic("no") }
func (b broken) Format(s fmt.State, _ rune) { panic("no") }

// unwrapping is a bomb with a cause.
type unwrapping struct{ cause error }

func (u *unwrapping) Error() string { panic("no") }
func (u *unwrapping) Unwrap() error { return u.cause }

// selfBomb panics with itself, which fmt does not stand.
type selfBomb struct{}

func (b selfBomb) Error() string { panic(b) }

func TestErrorText(t *testing.T) {
	a, b := errors.New("a fails"), errors.New("b fails")
	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{"plain", a, "a fails"},
		{"line ends", errors.New("a\nb\n\n"), "a\nb"},
		{"empty", errors.New(""), ""},
		{"wrapped", fmt.Errorf("open: %w", a), "open: a fails"},
		{"joined", errors.Join(a, b), "a fails\nb fails"},
		{"joined and wrapped", fmt.Errorf("x: %w, %w", a, b), "x: a fails, b fails"},
		{"hidden", &over{"top", a}, "top\ncaused by: a fails"},
		{"hidden twice", &over{"top", &over{"middle", a}}, "top\ncaused by: middle\ncaused by: a fails"},
		{"hidden below a shown one", fmt.Errorf("x: %w", &over{"top", a}), "x: top\ncaused by: a fails"},
		{"shown below a hidden one", &over{"top", fmt.Errorf("x: %w", a)}, "top\ncaused by: x: a fails"},
		{"reworded", &over{"can't start x: a fails", fmt.Errorf("exec: x: %w", a)}, "can't start x: a fails"},
		{"reworded twice", &over{"x: a fails", fmt.Errorf("1: %w", fmt.Errorf("2: %w", a))}, "x: a fails"},
		{"not reworded", &over{"a fails first", fmt.Errorf("x: %w", a)}, "a fails first\ncaused by: x: a fails"},
		{"not reworded but chosen", &over{"x: a fails", hide("many", a, b)}, "x: a fails\ncaused by: many\n  caused by: b fails"},
		{"not reworded but empty", &over{"top", &over{"middle", errors.New("")}}, "top\ncaused by: middle"},
		{"many lines", &over{"top", errors.Join(a, b)}, "top\ncaused by: a fails\n  b fails"},
		{"branches", hide("top", a, b), "top\n  caused by: a fails\n  caused by: b fails"},
		{
			"tree",
			hide("top", hide("left", a, b), &over{"right", b}),
			"top\n  caused by: left\n    caused by: a fails\n    caused by: b fails\n  caused by: right\n  caused by: b fails",
		},
		{"same branch twice", hide("top", a, a), "top\n  caused by: a fails\n  caused by: a fails"},
		{"nil branches", hide("top", nil, a, nil), "top\n  caused by: a fails"},
		{"nil cause", &over{"top", nil}, "top"},
		{"typed nil", (*over)(nil), "<nil>"},
		{"typed nil below", &over{"top", (*over)(nil)}, "top\ncaused by: <nil>"},
		{"typed nil of ours", &over{"top", (*PanicError)(nil)}, "top\ncaused by: <nil>"},
		{"Error panics", bomb{"oh no"}, "syncstream.bomb: PANIC=Error method: oh no"},
		{"Error panics below", &over{"top", bomb{a}}, "top\ncaused by: syncstream.bomb: PANIC=Error method: a fails"},
		{"Error panics with what panics", selfBomb{}, "syncstream.selfBomb: PANIC=Error method: a syncstream.selfBomb that can't be printed"},
		{"other methods panic", broken{a}, "a fails"},
		{"a stack", traced{a, "main.f()\n\tf.go:1\n"}, "a fails\n\nmain.f()\n\tf.go:1"},
		{"a stack below", fmt.Errorf("x: %w", traced{a, "main.f()"}), "x: a fails\n\nmain.f()"},
		{
			"stacks of branches", errors.Join(traced{a, "main.f()"}, traced{b, "main.g()"}, traced{b, "main.g()"}),
			"a fails\nb fails\nb fails\n\nmain.f()\n\nmain.g()",
		},
		{"causes before stacks", &over{"top", traced{a, "main.f()"}}, "top\ncaused by: a fails\n\nmain.f()"},
		{"a stack in the text", traced{errors.New("a: main.f()"), "main.f()"}, "a: main.f()"},
		{"pkg/errors", pkgError{"a", "a\nmain.f\n\tf.go:1"}, "a\n\nmain.f\n\tf.go:1"},
		{"a Formatter without more", pkgError{"a", "a"}, "a"},
		{"a Formatter with less", pkgError{"a fails", "a!"}, "a fails"},
		{
			"pkg/errors wrapped",
			pkgWrapped{pkgError{"x: a", "a\nmain.f\nx\nmain.g"}, pkgError{"a", "a\nmain.f"}},
			"x: a\n\na\nmain.f\nx\nmain.g",
		},
		{"PanicError", &over{"top", &PanicError{Value: a, Stack: []byte("main.f()\n")}}, "top\ncaused by: panic: a fails\n\nmain.f()"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := errorText(tt.err); got != tt.want {
				t.Errorf("%q, want\n%q", got, tt.want)
			}
		})
	}
}

// No error makes a text without end, or work without end.
func TestErrorTextIsBounded(t *testing.T) {
	cycle := &over{text: "cycle"}
	cycle.cause = cycle
	two := &over{"one", &over{text: "two"}}
	two.cause.(*over).cause = two
	panics := &unwrapping{}
	panics.cause = panics
	joined := make([]error, 1e5)
	deep := error(&over{"leaf", nil})
	bush := deep
	for i := range joined {
		joined[i] = fmt.Errorf("worker %d failed", i)
		deep = &over{fmt.Sprint("level ", i), deep}
	}
	for range 60 { // 2 to the power of 60 ways to the leaf
		bush = hide("bush", bush, bush)
	}
	const left = "\n(more causes are left out)"
	for _, tt := range []struct {
		name        string
		err         error
		first, last string
	}{
		{"cycle", cycle, "cycle" + left, left},
		{"cycle of two", two, "one" + left, left},
		{"cycle that panics", panics, "*syncstream.unwrapping: PANIC=Error method: no" + left, left},
		{"endless", endless{}, "error 0\ncaused by: error 1\n", left},
		{"deep", deep, "level 99999\ncaused by: level 99998\n", left},
		{"bush", bush, "bush", left},
		{"joined", errors.Join(joined...), "worker 0 failed\nworker 1 failed\n", "is cut below"},
		{"joined, with short texts", errors.Join(slices.Repeat([]error{io.EOF}, 1e5)...), "EOF\nEOF\n", "\nEOF" + left},
		{"joined and hidden", hide("top", joined...), "top\n  caused by: worker 0 failed\n", "\n  caused by: worker 999 failed" + left},
		{"a branch without end", hide("top", endless{}, io.EOF), "top\n  caused by: error 0\n", "\n  caused by: EOF" + left},
		{"long text", errors.New(strings.Repeat("ü", maxText)), "üü", "is cut below"},
		{"long cause", &over{"top", errors.New(strings.Repeat("ü", maxText))}, "top\ncaused by: üü", "is cut below"},
		{"long stack", traced{io.EOF, strings.Repeat("ü", maxText)}, "EOF\n\nüü", "is cut below"},
		{"just short enough", errors.New(strings.Repeat("x", maxText)), "xx", "xx"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := errorText(tt.err)
			if tt.last == "is cut below" {
				tt.last = "\n(cut: a message has at most 1 MiB)"
			}
			if !strings.HasPrefix(got, tt.first) || !strings.HasSuffix(got, tt.last) {
				t.Errorf("%.100q ... %q, want %q ... %q", got, got[max(0, len(got)-100):], tt.first, tt.last)
			}
			if len(got) > maxText || !utf8.ValidString(got) {
				t.Errorf("%d bytes, valid UTF-8: %t", len(got), utf8.ValidString(got))
			}
		})
	}
}

// Where there is no room for more text, none is asked for.
func TestErrorTextStopsWhenFull(t *testing.T) {
	asked := 0
	errorText(hide("top", slices.Repeat([]error{costly{&asked}}, 100)...))
	if asked < 2 || asked > 4 {
		t.Errorf("%d texts of half a MiB were asked for, want no more than there is room for", asked)
	}
}

type costly struct{ asked *int }

func (c costly) Error() string {
	*c.asked++
	return strings.Repeat("x", maxText/2)
}

// An error may write to the mirror that it is sent to: its methods are called
// without a lock.
func TestErrorWrites(t *testing.T) {
	b := New(Config{})
	m := b.Mirror(MirrorConfig{})
	talks := func() error { return talking{m} }
	done := make(chan struct{})
	go func() {
		defer close(done)
		m.Warn(talks())
		m.CloseWithError(talks())
	}()
	<-done
	messages, err := b.Last(context.Background(), 10)
	if err != nil || len(messages) != 4 || messages[3].Text != "said" {
		t.Errorf("%+v, %v", messages, err)
	}
}

type talking struct{ m *Mirror }

func (t talking) Error() string {
	fmt.Fprintln(t.m, "listen")
	return "said"
}

// FuzzErrorText grows a tree from bytes, and looks for a crash, a text that is
// too long, and a cause that is not named.
func FuzzErrorText(f *testing.F) {
	for _, seed := range []string{"", "a", "owa", "jabc", "hhabjcde", "onpb", "wtFjba", strings.Repeat("h", 200), strings.Repeat("j", 200)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed string) {
		if len(seed) > 300 {
			return // errors.Join in Join copies all texts at each level
		}
		g := grower{seed: seed}
		err := g.grow()
		text := errorText(err)
		if len(text) > maxText {
			t.Errorf("%d bytes", len(text))
		}
		if strings.Contains(text, "left out") {
			return
		}
		for _, leaf := range g.leaves {
			if !strings.Contains(text, leaf) {
				t.Errorf("%q is not named in %q", leaf, text)
			}
		}
	})
}

// grower makes a tree of errors: each byte is one.
type grower struct {
	seed   string
	leaves []string // their texts
}

func (g *grower) grow() error {
	if g.seed == "" {
		return g.leaf()
	}
	c := g.seed[0]
	g.seed = g.seed[1:]
	switch c {
	case 'o':
		return &over{"over", g.grow()}
	case 'w':
		return fmt.Errorf("wrap: %w", g.grow())
	case 'h':
		return hide("hide", g.grow(), g.grow())
	case 'j':
		return errors.Join(g.grow(), nil, g.grow())
	case 't':
		return traced{g.grow(), "stack"}
	case 'F':
		return pkgError{"pkg", "pkg and more"}
	case 'p':
		return &over{"over", &PanicError{Value: g.grow()}}
	case 'n':
		return hide("hide", nil, (*over)(nil), g.grow())
	case 'b':
		return bomb{"no"}
	}
	return g.leaf()
}

func (g *grower) leaf() error {
	text := fmt.Sprintf("leaf <%d>", len(g.leaves))
	g.leaves = append(g.leaves, text)
	return errors.New(text)
}

func TestTrimStack(t *testing.T) {
	for _, tt := range []struct{ stack, want, why string }{
		{
			"goroutine 7 [running]:|debug.Stack()|\ta|deferred()|\tb|panic({0x1})|\tc|main.f()|\td|main.g()|\te|",
			"goroutine 7 [running]:|main.f()|\td|main.g()|\te|",
			"it begins where the panic was",
		},
		{"h|deferred()|\tb|runtime.Goexit()|\tc|main.f()|\td|", "h|main.f()|\td|", "or where Goexit was called"},
		{
			"h|deferred()|\tb|panic({0x1})|\tc|main.f.func1()|\td|panic({0x2})|\te|main.f()|\tf|",
			"h|main.f.func1()|\td|panic({0x2})|\te|main.f()|\tf|",
			"a panic while another one is under way stands on top",
		},
		{
			"h|deferred()|\tb|panic({0x1})|\tc|runtime.panicmem()|\td|internal/runtime/maps.(*Map).X()|\te|main.f()|\tf|",
			"h|main.f()|\tf|",
			"GOTRACEBACK=system has the runtime's functions",
		},
		{"h|main.f()|\ta|main.g()|\tb|", "h|main.f()|\ta|main.g()|\tb|", "there was no panic: all stays"},
		{"h|panic({0x1})|\ta|", "h|panic({0x1})|\ta|", "nothing but a panic: all stays"},
		{"h|a", "h|a", "no stack at all"},
		{"", "", "nothing"},
	} {
		stack := strings.ReplaceAll(tt.stack, "|", "\n")
		got := strings.ReplaceAll(string(trimStack([]byte(stack))), "\n", "|")
		if got != tt.want {
			t.Errorf("%q becomes %q, want %q: %s", tt.stack, got, tt.want, tt.why)
		}
	}
}

// A value that can't be printed ends nobody who prints the error.
func TestPanicErrorText(t *testing.T) {
	err := &PanicError{Value: selfBomb{}}
	if want := "panic: a syncstream.selfBomb that can't be printed"; err.Error() != want {
		t.Errorf("%q, want %q", err, want)
	}
}
