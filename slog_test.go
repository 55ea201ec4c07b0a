package syncstream_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/slogtest"
	"time"

	"github.com/syncstream/syncstream"
)

// lifted gives all records one level.
type lifted struct {
	slog.Handler
	level slog.Level
}

func (l lifted) Handle(ctx context.Context, r slog.Record) error {
	r.Level = l.level
	return l.Handler.Handle(ctx, r)
}

func (l lifted) WithAttrs(attrs []slog.Attr) slog.Handler {
	return lifted{l.Handler.WithAttrs(attrs), l.level}
}

func (l lifted) WithGroup(name string) slog.Handler {
	return lifted{l.Handler.WithGroup(name), l.level}
}

// The handler keeps the rules of package slog, as a line and as a grouped
// message.
func TestHandlerRules(t *testing.T) {
	for _, tt := range []struct {
		level slog.Level
		kind  syncstream.Kind
	}{
		{slog.LevelInfo, syncstream.Line},
		{slog.LevelWarn, syncstream.Warning},
		{slog.LevelWarn + 1, syncstream.Warning},
		{slog.LevelError, syncstream.Error},
		{slog.LevelError + 4, syncstream.Error},
	} {
		t.Run(tt.level.String(), func(t *testing.T) {
			var b *syncstream.Buffer
			slogtest.Run(t, func(*testing.T) slog.Handler {
				b = syncstream.New(syncstream.Config{})
				return lifted{open(b, "m").Handler(nil), tt.level}
			}, func(t *testing.T) map[string]any {
				return parseRecord(t, one(t, b), tt.kind, tt.level)
			})
		})
	}
}

// one returns the only message of b.
func one(t *testing.T, b *syncstream.Buffer) syncstream.Message {
	t.Helper()
	messages := all(t, b)
	if len(messages) != 1 {
		t.Fatalf("%d messages, want one:\n%s", len(messages), shorts(messages))
	}
	return messages[0]
}

// parseRecord undoes what a handler has done.
func parseRecord(t *testing.T, m syncstream.Message, kind syncstream.Kind, level slog.Level) map[string]any {
	t.Helper()
	if m.Kind != kind || m.Stream != syncstream.Control {
		t.Errorf("%s, want a %s", short(m), kind)
	}
	record := map[string]any{}
	if kind == syncstream.Line {
		for text := m.Text; text != ""; text = strings.TrimPrefix(text, " ") {
			text = parseAttr(t, record, text)
		}
		return record
	}
	lines := strings.Split(m.Text, "\n")
	record[slog.MessageKey] = lines[0]
	if level == slog.LevelWarn || level == slog.LevelError {
		record[slog.LevelKey] = level.String()
	}
	for _, line := range lines[1:] {
		text, indented := strings.CutPrefix(line, "  ")
		if place, ok := strings.CutPrefix(text, "at "); ok {
			record[slog.SourceKey] = place
		} else if rest := parseAttr(t, record, text); rest != "" || !indented {
			t.Errorf("a line %q", line)
		}
	}
	if level != slog.LevelWarn && level != slog.LevelError && record[slog.LevelKey] != level.String() {
		t.Errorf("the level is %v, want %v", record[slog.LevelKey], level)
	}
	return record
}

// parseAttr puts the first key=value of text into record, and returns the rest.
func parseAttr(t *testing.T, record map[string]any, text string) (rest string) {
	t.Helper()
	key, value, ok := strings.Cut(text, "=")
	if !ok {
		t.Fatalf("%q is no attribute", text)
	}
	if strings.HasPrefix(value, `"`) {
		quoted, err := strconv.QuotedPrefix(value)
		if err != nil {
			t.Fatal(err)
		}
		rest = value[len(quoted):]
		value, _ = strconv.Unquote(quoted)
	} else if value, rest, ok = strings.Cut(value, " "); ok {
		rest = " " + rest
	}
	names := strings.Split(key, ".")
	for _, name := range names[:len(names)-1] {
		if record[name] == nil {
			record[name] = map[string]any{}
		}
		record = record[name].(map[string]any)
	}
	record[names[len(names)-1]] = value
	return rest
}

// noTime leaves out what a test can't know.
func noTime(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

func TestHandlerLevels(t *testing.T) {
	for _, tt := range []struct {
		level, least slog.Level
		want         string // none: the record is left out
	}{
		{slog.LevelInfo, slog.LevelInfo, "m1/control \"level=INFO msg=x\""},
		{slog.LevelDebug, slog.LevelInfo, ""},
		{slog.LevelDebug, slog.LevelDebug, "m1/control \"level=DEBUG msg=x\""},
		{-1000, -1000, "m1/control \"level=DEBUG-996 msg=x\""},
		{-1001, -1000, ""},
		{3, 3, "m1/control \"level=INFO+3 msg=x\""},
		{slog.LevelWarn, slog.LevelWarn, "m1/control/warning \"x\""},
		{slog.LevelWarn, slog.LevelError, ""},
		{7, 0, "m1/control/warning \"x\\n  level=WARN+3\""},
		{slog.LevelError, slog.LevelError, "m1/control/error \"x\""},
		{9, 9, "m1/control/error \"x\\n  level=ERROR+1\""},
		{1 << 30, 0, "m1/control/error \"x\\n  level=ERROR+1073741816\""},
		{slog.LevelError, 9, ""},
	} {
		b := syncstream.New(syncstream.Config{})
		h := open(b, "m").Handler(&slog.HandlerOptions{Level: tt.least})
		r := slog.NewRecord(time.Time{}, tt.level, "x", 0)
		if h.Enabled(t.Context(), tt.level) {
			if err := h.Handle(t.Context(), r); err != nil {
				t.Error(err)
			}
		}
		if got := shorts(all(t, b)); got != tt.want {
			t.Errorf("level %v, of %v on: %s, want %s", tt.level, tt.least, got, tt.want)
		}
	}
}

type marshals struct{ error }

func (marshals) MarshalText() ([]byte, error) { return []byte("marshaled"), nil }

// pkgError prints as the errors of github.com/pkg/errors do.
type pkgError struct{}

func (pkgError) Error() string { return "bad" }

func (e pkgError) Format(s fmt.State, verb rune) {
	io.WriteString(s, "bad")
	if s.Flag('+') {
		io.WriteString(s, "\nmain.f\n\tf.go:1")
	}
}

type unprintable struct{}

func (u unprintable) Error() string { panic(u) }

func TestHandlerGrouped(t *testing.T) {
	type attrs = []any
	for _, tt := range []struct {
		name    string
		message string
		attrs   attrs
		want    string
	}{
		{"nothing", "", nil, ""},
		{"line ends", "a\nb\n", nil, "a\nb"},
		{"values", "x", attrs{"a", 1, "b", "two words", "c", time.Second, "d", nil}, "x\n  a=1\n  b=\"two words\"\n  c=1s\n  d=<nil>"},
		{"no value is more than a line", "x", attrs{"a", "b\nc", "k\n", "v"}, "x\n  a=\"b\\nc\"\n  \"k\\n\"=v"},
		{"groups", "x", attrs{slog.Group("g", "a", 1, slog.Group("h", "b", 2), "c", 3)}, "x\n  g.a=1\n  g.h.b=2\n  g.c=3"},
		{"strange keys", "x", attrs{"", 1, slog.Group("a b", "c", 2)}, "x\n  \"\"=1\n  \"a b.c\"=2"},
		{"an attribute named as one of ours", "x", attrs{"msg", 1, "level", 2}, "x\n  msg=1\n  level=2"},
		{"a source that is an attribute", "x", attrs{"a", &slog.Source{File: "f.go", Line: 3}, "b", &slog.Source{}}, "x\n  a=f.go:3"},
		{"error", "x", attrs{"err", io.EOF}, "x\n  err=EOF"},
		{"typed nil", "x", attrs{"err", (*syncstream.Failure)(nil)}, "x\n  err=<nil>"},
		{"an error that panics", "x", attrs{"err", unprintable{}}, "x\n  err=\"syncstream_test.unprintable: PANIC=Error method: a syncstream_test.unprintable that can't be printed\""},
		{"an error that marshals", "x", attrs{"err", marshals{io.EOF}}, "x\n  err=marshaled"},
		{"an error with %+v", "x", attrs{"err", pkgError{}, "a", 1}, "x\n  err=bad\n\n    main.f\n    \tf.go:1\n  a=1"},
		{
			"a panic", "x",
			attrs{"err", &syncstream.PanicError{Value: "oh no", Stack: []byte("goroutine 1:\nmain.f()\n\tf.go:1\n")}, "a", 1},
			"x\n  err=\"panic: oh no\"\n\n    goroutine 1:\n    main.f()\n    \tf.go:1\n  a=1",
		},
		{"long", "x", attrs{"a", strings.Repeat("x", 1<<20)}, "x\n  a=" + strings.Repeat("x", 1<<20-6-35) + "\n(cut: a message has at most 1 MiB)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := syncstream.New(syncstream.Config{})
			r := slog.NewRecord(time.Time{}, slog.LevelError, tt.message, 0)
			r.Add(tt.attrs...)
			if err := open(b, "m").Handler(nil).Handle(t.Context(), r); err != nil {
				t.Error(err)
			}
			if got := one(t, b); got.Text != tt.want || got.Kind != syncstream.Error {
				t.Errorf("%.1000q, want\n%.1000q", got.Text, tt.want)
			}
		})
	}
}

// ReplaceAttr has its say in all that is written.
func TestHandlerReplaceAttr(t *testing.T) {
	var asked []string
	opts := &slog.HandlerOptions{AddSource: true, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		asked = append(asked, strings.Join(append(slices.Clone(groups), a.Key), "."))
		switch a.Key {
		case slog.TimeKey, "secret":
			return slog.Attr{}
		case slog.LevelKey:
			return slog.String("severity", "dire")
		case slog.MessageKey:
			return slog.String("msg", strings.ToUpper(a.Value.String()))
		case slog.SourceKey:
			return slog.String("source", "here")
		case "b":
			return slog.Any("b", valuer{a.Value})
		}
		return a
	}}
	for _, tt := range []struct {
		level slog.Level
		want  string
	}{
		{slog.LevelInfo, "severity=dire source=here msg=HELLO g.a=1 g.h.b.v=2"},
		{slog.LevelError + 1, "HELLO\n  severity=dire\n  g.a=1\n  g.h.b.v=2\n  at here"},
	} {
		b := syncstream.New(syncstream.Config{})
		l := slog.New(open(b, "m").Handler(opts)).WithGroup("g").With("a", 1, "secret", 1)
		asked = nil
		l.Log(t.Context(), tt.level, "hello", slog.Group("h", "b", 2, "secret", 3), slog.Group("empty", "secret", 3))
		if got := one(t, b).Text; got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
		slices.Sort(asked)
		if got := strings.Join(asked, " "); got != "g.empty.secret g.h.b g.h.b.v g.h.secret level msg source time" {
			t.Errorf("ReplaceAttr was asked for %s", got)
		}
	}
}

// valuer tells late that it is a group.
type valuer struct{ v slog.Value }

func (v valuer) LogValue() slog.Value { return slog.GroupValue(slog.Attr{Key: "v", Value: v.v}) }

// The place is what ReplaceAttr makes of it.
func TestHandlerReplaceSource(t *testing.T) {
	for _, tt := range []struct {
		source any
		want   string
	}{
		{nil, "x\n  at <nil>"},
		{&slog.Source{Function: "main.f", File: "f.go", Line: 3}, "x\n  at f.go:3 (main.f)"},
		{&slog.Source{File: "f.go", Line: 3}, "x\n  at f.go:3"},
		{&slog.Source{}, "x"},
		{(*slog.Source)(nil), "x"},
		{"", "x"},
	} {
		b := syncstream.New(syncstream.Config{})
		slog.New(open(b, "m").Handler(&slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if a.Key == slog.SourceKey {
				return slog.Any(a.Key, tt.source)
			}
			return noTime(groups, a)
		}})).Error("x")
		if got := one(t, b).Text; got != tt.want {
			t.Errorf("%#v: %q, want %q", tt.source, got, tt.want)
		}
	}
	b := syncstream.New(syncstream.Config{})
	h := open(b, "m").Handler(&slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.SourceKey {
			t.Errorf("ReplaceAttr was given the place %v of a record without one", a)
		}
		return slog.Attr{}
	}})
	h.Handle(t.Context(), slog.NewRecord(time.Now(), slog.LevelError, "x", 0))
	if got := one(t, b).Text; got != "" {
		t.Errorf("%q is left, want nothing", got)
	}
}

// The place is that of the caller, whether AddSource is set or not.
func TestHandlerSource(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	slog.New(open(b, "m").Handler(nil)).Error("x", "err", io.EOF)
	lines := strings.Split(one(t, b).Text, "\n")
	last := lines[len(lines)-1]
	if len(lines) != 4 || !strings.HasPrefix(last, "  at ") || !strings.Contains(last, "/slog_test.go:") ||
		!strings.HasSuffix(last, " (github.com/syncstream/syncstream_test.TestHandlerSource)") {
		t.Errorf("%q", lines)
	}
}

// A handler that was derived leaves those beside it as they are.
func TestHandlerDerived(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	l := slog.New(open(b, "m").Handler(&slog.HandlerOptions{ReplaceAttr: noTimeOrPlace})).With("a", 1).WithGroup("g").WithGroup("h").WithGroup("i")
	left, right := l.With("l", 1).WithGroup("left"), l.With("r", 1).WithGroup("right")
	left.Warn("left", "x", 1)
	right.Warn("right", "x", 1)
	l.Warn("both", "x", 1)
	want := []string{
		"left\n  a=1\n  g.h.i.l=1\n  g.h.i.left.x=1", "right\n  a=1\n  g.h.i.r=1\n  g.h.i.right.x=1", "both\n  a=1\n  g.h.i.x=1",
	}
	if h := l.Handler(); h.WithGroup("") != h {
		t.Error("a group without a name makes another handler")
	}
	for i, m := range all(t, b) {
		if m.Text != want[i] {
			t.Errorf("%q, want %q", m.Text, want[i])
		}
	}
}

// noTimeOrPlace leaves out what differs between two runs or machines.
func noTimeOrPlace(groups []string, a slog.Attr) slog.Attr {
	if a.Key == slog.SourceKey {
		return slog.Attr{}
	}
	return noTime(groups, a)
}

// Promise 1: a record stands by itself, though the worker's streams have begun
// a line.
func TestHandlerBesidePartialLines(t *testing.T) {
	for _, lines := range []syncstream.Lines{syncstream.Fold, syncstream.Split, syncstream.Keep, syncstream.Python} {
		b := syncstream.New(syncstream.Config{})
		a := b.Attach(sinkFunc(func(batches []*syncstream.Batch) error {
			for _, b := range batches {
				if b.Stream() == syncstream.Control && b.PlainLF() != (b.Kind() == syncstream.Line) {
					t.Errorf("mode %s: %q is no plain line", lines, b.Text())
				}
			}
			return nil
		}))
		m := b.Mirror(syncstream.MirrorConfig{Source: syncstream.Source{Name: "m"}, Lines: lines})
		l := slog.New(m.Handler(&slog.HandlerOptions{ReplaceAttr: noTimeOrPlace}))
		write(t, m, "one ")
		write(t, m.Stderr(), "two ")
		l.Info("a\r\u2028\v\nb")
		l.Info("c")
		l.Warn("d")
		write(t, m, "half\n")
		write(t, m.Stderr(), "half\n")
		want := `m1/control "level=INFO msg=\"a\\r\\u2028\\v\\nb\""
m2/control "level=INFO msg=c"
m3/control/warning "d"
m4 "one half"
m5/stderr "two half"`
		if got := shorts(all(t, b)); got != want {
			t.Errorf("mode %s:\n%s\nwant\n%s", lines, got, want)
		}
		if err := a.Drain(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// Records over MaxLine come in pieces, with nothing between them, however many
// log at a time.
func TestHandlerLongLines(t *testing.T) {
	for _, maxLine := range []int{100, 1 << 10, 100 << 10} {
		b := syncstream.New(syncstream.Config{MaxLine: maxLine, MaxMessages: 1 << 20, MaxBytes: 1 << 30})
		r := &recorder{}
		a := b.Attach(r)
		m := open(b, "m")
		l := slog.New(m.Handler(&slog.HandlerOptions{ReplaceAttr: noTimeOrPlace}))
		var wg sync.WaitGroup
		for _, name := range []string{"u", "v"} {
			wg.Go(func() {
				for i := range 20 {
					l.Info("", "a", checked(name, i, maxLine*i/2))
					l.Warn(name)
					fmt.Fprint(m, "partial")
				}
			})
		}
		wg.Wait()
		if err := a.Drain(t.Context()); err != nil {
			t.Error(err)
		}
		m.Close()
		checkLongRecords(t, all(t, b))
		checkLongRecords(t, r.all())
		checkStats(t, b)
	}
}

// checkLongRecords checks that each record is whole, and its pieces in a row.
func checkLongRecords(t *testing.T, messages []syncstream.Message) {
	t.Helper()
	records, warnings, text := 0, 0, ""
	for _, m := range messages {
		if m.Stream != syncstream.Control {
			continue
		}
		goesOn := m.Part == syncstream.PartMiddle || m.Part == syncstream.PartLast
		if goesOn != (text != "") {
			t.Fatalf("message %d is %s %s, behind a text of %d bytes", m.Num, m.Part, m.Kind, len(text))
		}
		if m.Kind == syncstream.Warning {
			warnings++
			continue
		}
		text += m.Text
		if m.Part == syncstream.PartFirst || m.Part == syncstream.PartMiddle {
			continue
		}
		line, err := strconv.Unquote(strings.TrimPrefix(text, `level=INFO msg="" a=`))
		if err == nil {
			_, _, err = check(line)
		}
		if err != nil {
			t.Fatalf("message %d: %v", m.Num, err)
		}
		records++
		text = ""
	}
	if records != 40 || warnings != 40 {
		t.Errorf("%d records and %d warnings, want 40 of each", records, warnings)
	}
}

// Many goroutines share handlers, and each record is whole and in its order.
func TestHandlerConcurrently(t *testing.T) {
	b := syncstream.New(syncstream.Config{MaxMessages: 1 << 20})
	m := open(b, "m")
	l := slog.New(m.Handler(nil)).WithGroup("f").WithGroup("g").WithGroup("h").With("a", 1)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			own := l.With("own", i)
			for j := range 200 {
				own.Log(t.Context(), slog.Level(j%3*4), "x", "name", i, slog.Group("k", "i", j))
				fmt.Fprint(m, "x")
			}
		})
	}
	wg.Wait()
	next := map[any]int{}
	for _, r := range all(t, b) {
		level := map[syncstream.Kind]slog.Level{syncstream.Warning: slog.LevelWarn, syncstream.Error: slog.LevelError}[r.Kind]
		g := parseRecord(t, r, r.Kind, level)
		for _, name := range []string{"f", "g", "h"} {
			g = g[name].(map[string]any)
		}
		name := g["name"]
		if g["k"].(map[string]any)["i"] != strconv.Itoa(next[name]) || g["own"] != name || g["a"] != "1" || next[name]%3*4 != int(level) {
			t.Fatalf("%s, want i=%d", short(r), next[name])
		}
		next[name]++
	}
	if len(next) != 4 || next["3"] != 200 {
		t.Errorf("%v records came", next)
	}
}

// A record that comes too late is refused, and counted.
func TestHandlerClosed(t *testing.T) {
	for _, what := range []string{"mirror", "buffer"} {
		b := syncstream.New(syncstream.Config{})
		m := open(b, "m")
		h := m.Handler(nil)
		if what == "mirror" {
			m.Close()
		} else {
			b.Close()
		}
		for _, level := range []slog.Level{slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
			if err := h.Handle(t.Context(), slog.NewRecord(time.Now(), level, "x", 0)); !errors.Is(err, syncstream.ErrClosed) {
				t.Errorf("%s of a closed %s: %v", level, what, err)
			}
		}
		if s := b.Stats(); s.Lost.Messages != 3 || s.Kept.Messages != 0 {
			t.Errorf("closed %s: %+v", what, s)
		}
	}
}

// The loggers of package log may write to a mirror, by themselves or through
// slog, and so may a value while it is being logged.
func TestLog(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	m := open(b, "m")
	before, flags := slog.Default(), log.Flags()
	defer func() {
		slog.SetDefault(before)
		log.SetOutput(os.Stderr)
		log.SetFlags(flags)
	}()
	log.SetFlags(0)
	log.SetOutput(m)
	log.Print("one")
	slog.SetDefault(slog.New(m.Handler(&slog.HandlerOptions{ReplaceAttr: noTimeOrPlace})))
	log.Print("two")
	slog.Info("three", "value", talker{m})
	slog.Error("four", "value", talker{m})
	want := "m1 \"one\"\nm2/control \"level=INFO msg=two\"\nm3 \"listen\"\nm4/control \"level=INFO msg=three value=said\"\n" +
		"m5 \"listen\"\nm6/control/error \"four\\n  value=said\""
	if got := shorts(all(t, b)); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

type talker struct{ m *syncstream.Mirror }

func (t talker) LogValue() slog.Value {
	fmt.Fprintln(t.m, "listen")
	return slog.StringValue("said")
}
