package syncstream

import (
	"bytes"
	"context"
	"encoding"
	"fmt"
	"log/slog"
	"slices"
	"strings"
)

// Handler returns a handler that sends what a [slog.Logger] logs to the mirror,
// on the stream [Control]. opts may be nil; its Level, ReplaceAttr and
// AddSource are as for a [slog.TextHandler].
//
// A record under [slog.LevelWarn] becomes a line, as a TextHandler writes it. It
// stands by itself, also while a worker's stream has a partial line. One over
// [Config.MaxLine] comes in pieces.
//
// A record from [slog.LevelWarn] on becomes a warning, one from
// [slog.LevelError] on an error: the record's message, then a line for each
// attribute, and the place in the source, if the record has it:
//
//	can't save
//	  time=2026-02-03T04:05:06.789Z
//	  file.name=model.bin
//	  err="disk full"
//	  at /src/main.go:42 (main.save)
//
// The level is among them if it is none of the two. Behind an attribute that is
// an error stands what [Mirror.Error] would say of it besides its text.
// ReplaceAttr is asked for all of them, for the place under [slog.SourceKey]. An
// attribute of [slog.Logger.With] it gets twice, once for each form.
//
// All goroutines may use the handler, and those derived from it. Its Handle, like
// Write, waits while a sink has no room, whatever becomes of its context, and
// returns [ErrClosed]. A Logger ignores that; the buffer counts the record as
// lost.
func (m *Mirror) Handler(opts *slog.HandlerOptions) slog.Handler {
	h := &logHandler{mirror: m, lines: slog.NewTextHandler(&m.control, opts)}
	if opts != nil {
		h.replace = opts.ReplaceAttr
	}
	return h
}

// logHandler is immutable: those derived from it are copies.
type logHandler struct {
	mirror  *Mirror
	lines   slog.Handler // writes the records that become lines
	replace func([]string, slog.Attr) slog.Attr
	attrs   string   // of WithAttrs, as they stand in a grouped message
	groups  []string // of WithGroup
}

func (h *logHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.lines.Enabled(ctx, level)
}

func (h *logHandler) Handle(ctx context.Context, r slog.Record) error {
	switch {
	case r.Level < slog.LevelWarn:
		return h.lines.Handle(ctx, r)
	case r.Level < slog.LevelError:
		return h.mirror.sayText(Warning, h.grouped(r))
	}
	return h.mirror.sayText(Error, h.grouped(r))
}

func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	d := *h
	d.attrs += h.format(attrs)
	d.lines = h.lines.WithAttrs(attrs)
	return &d
}

func (h *logHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	d := *h
	d.groups = append(slices.Clip(h.groups), name)
	d.lines = h.lines.WithGroup(name)
	return &d
}

// format returns attributes, in the groups that are open, as lines of a grouped
// message.
func (h *logHandler) format(attrs []slog.Attr) string {
	l := attrLines{replace: h.replace}
	for _, a := range attrs {
		l.add(h.groups, a)
	}
	return l.text.String()
}

// grouped returns the text of a grouped message.
func (h *logHandler) grouped(r slog.Record) string {
	l := attrLines{replace: h.replace}
	if message, ok := l.replaced(nil, slog.String(slog.MessageKey, r.Message)); ok {
		l.text.WriteString(strings.TrimRight(valueText(message.Value.Any()), "\n"))
	}
	if !r.Time.IsZero() {
		l.add(nil, slog.Time(slog.TimeKey, r.Time))
	}
	if r.Level != slog.LevelWarn && r.Level != slog.LevelError { // else the kind tells
		l.add(nil, slog.Any(slog.LevelKey, r.Level))
	}
	l.text.WriteString(h.attrs)
	r.Attrs(func(a slog.Attr) bool {
		l.add(h.groups, a)
		return true
	})
	if source := r.Source(); source != nil { // ReplaceAttr may rely on it
		l.addSource(source)
	}
	return cutText(l.text.String())
}

// attrLines writes attributes as lines of a grouped message, by the rules that
// [slog.Handler] states. A line end stands before each.
type attrLines struct {
	text    strings.Builder
	replace func([]string, slog.Attr) slog.Attr
}

// replaced returns what ReplaceAttr makes of a, and whether that is anything.
func (l *attrLines) replaced(groups []string, a slog.Attr) (slog.Attr, bool) {
	a.Value = a.Value.Resolve()
	if l.replace != nil && a.Value.Kind() != slog.KindGroup {
		a = l.replace(groups, a)
		a.Value = a.Value.Resolve()
	}
	return a, !a.Equal(slog.Attr{})
}

func (l *attrLines) add(groups []string, a slog.Attr) {
	a, ok := l.replaced(groups, a)
	switch {
	case !ok:
	case a.Value.Kind() != slog.KindGroup:
		a.Key = strings.Join(append(slices.Clip(groups), a.Key), ".")
		l.addLine(a)
	default:
		if a.Key != "" {
			groups = append(slices.Clip(groups), a.Key)
		}
		for _, member := range a.Value.Group() {
			l.add(groups, member)
		}
	}
}

// addLine writes an attribute that is no group, and what more there is to an
// error.
func (l *attrLines) addLine(a slog.Attr) {
	details := ""
	if err, ok := a.Value.Any().(error); ok {
		text := textOf(err)
		details = errorDetails(err, text)
		// A TextHandler would print %+v, which is to stand on lines of its own.
		if _, ok := err.(encoding.TextMarshaler); !ok {
			a.Value = slog.StringValue(text)
		}
	}
	if text := attrText(a); text != "" {
		l.text.WriteString("\n  " + text + indented(details, "    "))
	}
}

func (l *attrLines) addSource(source *slog.Source) {
	if a, ok := l.replaced(nil, slog.Any(slog.SourceKey, source)); ok {
		if place := placeOf(a.Value); place != "" {
			l.text.WriteString("\n  at " + place)
		}
	}
}

// placeOf returns what stands for a place in the source; nothing, if it says
// nothing. It may be what ReplaceAttr has made of it.
func placeOf(v slog.Value) string {
	s, ok := v.Any().(*slog.Source)
	switch {
	case !ok:
		return valueText(v.Any())
	case s == nil || *s == slog.Source{}:
		return ""
	case s.Function == "":
		return fmt.Sprintf("%s:%d", s.File, s.Line)
	}
	return fmt.Sprintf("%s:%d (%s)", s.File, s.Line, s.Function)
}

// attrText returns "key=value" as a TextHandler writes it; nothing, if it would
// leave it out.
func attrText(a slog.Attr) string {
	var line bytes.Buffer
	var r slog.Record // without time and message
	r.AddAttrs(a)
	slog.NewTextHandler(&line, nil).Handle(context.Background(), r)
	return strings.Trim(strings.TrimPrefix(line.String(), `level=INFO msg=""`), " \n")
}
