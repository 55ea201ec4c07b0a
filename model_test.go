package syncstream_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/syncstream/syncstream"
)

// bufferModel is what a buffer should be: a plain, slow account of everything that
// was done to it. It looks at one byte at a time and forgets nothing.
type bufferModel struct {
	maxMessages, maxBytes, maxLine, maxSources int
	parses                                     bool // texts that begin with "drop" are not kept

	log    []*event // all that sinks are to get
	kept   []*event
	chains map[modelKey]bool // lines whose first piece is kept and whose last has not come
	newest syncstream.Position

	stats   syncstream.Stats // but for Open, Sources and Kept
	sources []*sourceModel   // that Sources lists one by one
	folded  []*sourceModel

	failure *syncstream.Failure
	stopped error
	left    bool
	closed  bool
}

// event is a message, or the end of a source.
type event struct {
	source *sourceModel
	m      syncstream.Message
	bytes  int
	gone   bool // nobody can read it any more
	ending bool
	status syncstream.SourceStatus // of the source that ends
}

func (e *event) key() modelKey { return modelKey{e.source, e.m.Stream} }

type modelKey struct {
	source *sourceModel
	stream syncstream.Stream
}

// sourceModel is what a model knows of one source and its mirror.
type sourceModel struct {
	status  syncstream.SourceStatus
	streams [3]streamModel // the first, stderr and control
	first   syncstream.Stream
	num     uint64
	stopped bool  // what writes to the mirror returns ErrStopped
	cause   error // why its context has ended
	all     []syncstream.Message
}

func (s *sourceModel) isOpen() bool { return s.status.State.IsOpen() }

// stream returns what is known of one of its streams.
func (s *sourceModel) stream(of syncstream.Stream) *streamModel {
	switch of {
	case syncstream.Stderr:
		return &s.streams[1]
	case syncstream.Control:
		return &s.streams[2]
	}
	return &s.streams[0]
}

// names are its streams, in the order of streams.
func (s *sourceModel) names() []syncstream.Stream {
	return []syncstream.Stream{s.first, syncstream.Stderr, syncstream.Control}
}

func now() time.Time { return time.Unix(0, time.Now().UnixNano()) }

func (m *bufferModel) open(source *syncstream.Source, lines syncstream.Lines, first syncstream.Stream) *sourceModel {
	s := &sourceModel{status: syncstream.SourceStatus{Source: source, Opened: now()}, first: first}
	s.streams[0].lines, s.streams[1].lines, s.streams[2].lines = lines, lines, syncstream.Keep
	m.sources = append(m.sources, s)
	for i := 0; i < len(m.sources)-1 && len(m.sources) > m.maxSources; {
		if m.sources[i].isOpen() {
			i++
			continue
		}
		m.folded = append(m.folded, m.sources[i])
		m.sources = slices.Delete(m.sources, i, i+1)
	}
	switch {
	case m.closed:
		s.status.State, s.status.Closed, s.cause = syncstream.StateLost, now(), syncstream.ErrClosed
	case m.stopped != nil:
		s.ask(m.stopped)
	}
	return s
}

func (s *sourceModel) ask(cause error) {
	if s.stopped {
		return // it has been asked, and knows why
	}
	s.status.State, s.status.Asked = syncstream.StateAsked, now()
	s.stopped, s.cause = true, cause
}

func (s *sourceModel) acknowledge() {
	if s.status.State == syncstream.StateAsked {
		s.status.State, s.status.Heard = syncstream.StateAcknowledged, now()
	}
}

// answer is what a method that writes returns, if it wrote.
func (s *sourceModel) answer() error {
	if !s.stopped {
		return nil
	}
	s.acknowledge()
	return syncstream.ErrStopped
}

func (m *bufferModel) write(s *sourceModel, stream syncstream.Stream, text string) (int, error) {
	lines := *s.stream(stream)
	events := lines.write(text, m.maxLine)
	if s.isOpen() {
		*s.stream(stream) = lines
		m.putAll(s, stream, events)
		return len(text), s.answer()
	}
	if text == "" {
		return 0, s.answer()
	}
	for _, e := range events {
		m.lose(s, e)
	}
	return 0, syncstream.ErrClosed
}

func (m *bufferModel) lose(s *sourceModel, e *event) {
	for _, c := range []*syncstream.Count{&m.stats.Written, &m.stats.Lost, &s.status.Written, &s.status.Lost} {
		add(c, e.bytes)
	}
}

func add(c *syncstream.Count, bytes int) {
	c.Messages++
	c.Bytes += uint64(bytes)
}

func (m *bufferModel) endLine(s *sourceModel) error {
	m.finish(s)
	return s.answer()
}

func (m *bufferModel) finish(s *sourceModel) {
	for _, stream := range s.names() {
		m.putAll(s, stream, s.stream(stream).finish(m.maxLine))
	}
}

func (m *bufferModel) discard(s *sourceModel) error {
	for _, stream := range s.names() {
		l := s.stream(stream)
		if l.chain {
			m.putAll(s, stream, l.finish(m.maxLine))
		}
		l.text, l.rest, l.redraws = "", "", 0
	}
	return s.answer()
}

func (m *bufferModel) say(s *sourceModel, kind syncstream.Kind, err error) error {
	e := &event{bytes: len(err.Error()), m: syncstream.Message{Kind: kind, Text: err.Error(), End: syncstream.EndNone}}
	if !s.isOpen() {
		m.lose(s, e)
		return syncstream.ErrClosed
	}
	m.put(s, syncstream.Control, e)
	return s.answer()
}

func (m *bufferModel) close(s *sourceModel, err error) error {
	state := syncstream.StateExited
	if errors.Is(err, syncstream.ErrKilled) {
		state = syncstream.StateKilled
	}
	if !s.isOpen() {
		if s.status.State == syncstream.StateLost {
			s.status.State, s.status.Err = state, err
		}
		return syncstream.ErrClosed
	}
	m.finish(s)
	killed := state == syncstream.StateKilled // which is no failure, and no news
	news := !s.stopped || !errors.Is(err, syncstream.ErrStopped) && !errors.Is(err, s.cause) && !errors.Is(err, context.Canceled)
	if err != nil && news && !killed {
		text := errorText(err)
		m.put(s, syncstream.Control, &event{
			bytes: len(text), m: syncstream.Message{Kind: syncstream.Error, Text: text, End: syncstream.EndNone},
		})
	}
	if err != nil && m.failure == nil && s.status.Asked.IsZero() && !killed {
		m.failure = &syncstream.Failure{Source: s.status.Source, Err: err, Time: now()}
	}
	m.end(s, state, err, syncstream.ErrClosed)
	m.log = append(m.log, &event{source: s, ending: true, status: s.status})
	return nil
}

// errorText is what an error message says of err: its text, and of a panic the
// stack too.
func errorText(err error) string {
	if p, ok := errors.AsType[*syncstream.PanicError](err); ok {
		return err.Error() + "\n\n" + strings.TrimRight(string(p.Stack), "\n")
	}
	return err.Error()
}

func (m *bufferModel) end(s *sourceModel, state syncstream.State, err, cause error) {
	s.status.State, s.status.Err, s.status.Closed = state, err, now()
	if s.cause == nil {
		s.cause = cause
	}
}

func (m *bufferModel) opened() []*sourceModel {
	return slices.Collect(func(yield func(*sourceModel) bool) {
		for _, s := range m.sources {
			if s.isOpen() && !yield(s) {
				return
			}
		}
	})
}

func (m *bufferModel) stop(cause error) {
	if cause == nil {
		cause = syncstream.ErrStopped
	}
	if m.stopped != nil {
		return
	}
	m.stopped = cause
	for _, s := range m.opened() {
		s.ask(cause)
	}
}

func (m *bufferModel) abandon() {
	for _, s := range m.opened() {
		m.left = true
		m.finish(s)
		m.end(s, syncstream.StateLost, syncstream.ErrAbandoned, syncstream.ErrAbandoned)
		m.log = append(m.log, &event{source: s, ending: true, status: s.status})
	}
}

func (m *bufferModel) clear() {
	for _, e := range m.kept {
		e.gone = true
		add(&m.stats.Cleared, e.bytes)
	}
	m.kept, m.chains = nil, nil
	for _, s := range m.sources {
		s.all = nil
	}
}

func (m *bufferModel) reset() {
	m.clear()
	m.failure, m.stopped, m.left = nil, nil, false
	for _, s := range m.sources {
		if !s.isOpen() {
			m.folded = append(m.folded, s)
		}
	}
	m.sources = m.opened()
}

func (m *bufferModel) closeBuffer() {
	if m.closed {
		return
	}
	m.closed = true
	for _, s := range m.opened() {
		m.finish(s)
		m.end(s, syncstream.StateLost, nil, syncstream.ErrClosed)
		m.log = append(m.log, &event{source: s, ending: true, status: s.status})
	}
}

// outcome is what Wait returns once no mirror is open.
func (m *bufferModel) outcome() error {
	switch {
	case m.failure != nil:
		return m.failure
	case m.stopped != nil:
		return m.stopped
	case m.left:
		return syncstream.ErrAbandoned
	}
	return nil
}

func (m *bufferModel) putAll(s *sourceModel, stream syncstream.Stream, events []*event) {
	for _, e := range events {
		m.put(s, stream, e)
	}
}

// put is one message on its way into the buffer.
func (m *bufferModel) put(s *sourceModel, stream syncstream.Stream, e *event) {
	add(&m.stats.Written, e.bytes)
	add(&s.status.Written, e.bytes)
	if m.dropped(s, stream, e) {
		add(&m.stats.Parsed, e.bytes)
		return
	}
	s.num++
	m.newest++
	e.source = s
	e.m.Source, e.m.Stream, e.m.Num, e.m.Position, e.m.Time = s.status.Source, stream, s.num, m.newest, now()
	s.status.Active = e.m.Time
	m.log = append(m.log, e)
	s.all = append(s.all, e.m)
	m.kept = append(m.kept, e)
	if e.m.Part == syncstream.PartFirst {
		if m.chains == nil {
			m.chains = map[modelKey]bool{}
		}
		m.chains[e.key()] = true
	} else if e.m.Part != syncstream.PartWhole && !m.chains[e.key()] {
		m.rotate(len(m.kept) - 1) // the rest of a line whose first piece has left
	}
	if e.m.Part == syncstream.PartLast {
		delete(m.chains, e.key())
	}
	for len(m.kept) > m.maxMessages || m.keptBytes() > m.maxBytes {
		m.rotateOldest()
	}
}

// dropped is what Config.Parse does; of a line in pieces the first decides.
func (m *bufferModel) dropped(s *sourceModel, stream syncstream.Stream, e *event) bool {
	drop := m.parses && strings.HasPrefix(e.m.Text, "drop")
	if e.m.Part == syncstream.PartWhole {
		return drop
	}
	if e.m.Part == syncstream.PartFirst {
		s.stream(stream).dropping = drop
	}
	return s.stream(stream).dropping
}

func (m *bufferModel) keptBytes() (n int) {
	for _, e := range m.kept {
		n += e.bytes
	}
	return n
}

func (m *bufferModel) rotate(i int) {
	m.kept[i].gone = true
	add(&m.stats.Rotated, m.kept[i].bytes)
	m.kept = slices.Delete(m.kept, i, i+1)
}

// rotateOldest lets the oldest message go, and with the first piece of a line
// all others.
func (m *bufferModel) rotateOldest() {
	first := m.kept[0]
	m.rotate(0)
	if first.m.Part != syncstream.PartFirst {
		return
	}
	for i := 0; i < len(m.kept); {
		e := m.kept[i]
		if e.key() != first.key() {
			i++
			continue
		}
		m.rotate(i)
		if e.m.Part == syncstream.PartLast {
			return
		}
	}
	delete(m.chains, first.key())
}

func (m *bufferModel) messages() []syncstream.Message {
	messages := []syncstream.Message{}
	for _, e := range m.kept {
		messages = append(messages, e.m)
	}
	return messages
}

func (m *bufferModel) partials() (all []syncstream.Message) {
	for _, s := range m.opened() {
		for _, stream := range s.names() {
			l := s.stream(stream)
			if text := l.text + strings.TrimSuffix(l.rest, "\r"); text != "" {
				part := syncstream.PartWhole
				if l.chain {
					part = syncstream.PartLast
				}
				all = append(all, syncstream.Message{
					Source: s.status.Source, Stream: stream, Kind: syncstream.Partial, Part: part, Text: text, End: syncstream.EndNone,
				})
			}
		}
	}
	return all
}

func (m *bufferModel) wantStats() syncstream.Stats {
	stats := m.stats
	stats.Open, stats.Sources = len(m.opened()), len(m.sources)+len(m.folded)
	stats.Kept = syncstream.Count{Messages: uint64(len(m.kept)), Bytes: uint64(m.keptBytes())}
	return stats
}

func (m *bufferModel) wantSources() (all []syncstream.SourceStatus) {
	if n := len(m.folded); n > 0 {
		row := syncstream.SourceStatus{State: syncstream.StateExited, Folded: n}
		for _, s := range m.folded {
			row.Written.Messages += s.status.Written.Messages
			row.Written.Bytes += s.status.Written.Bytes
			row.Lost.Messages += s.status.Lost.Messages
			row.Lost.Bytes += s.status.Lost.Bytes
		}
		all = append(all, row)
	}
	for _, s := range m.sources {
		status := s.status
		status.Tail = s.all[max(0, len(s.all)-10):]
		all = append(all, status)
	}
	return all
}

// follow checks what a follower got that had got all up to after, and returns
// how far it is now. Only what has left may be missing.
func (m *bufferModel) follow(after syncstream.Position, got []syncstream.Message) (syncstream.Position, error) {
	if len(got) == 0 {
		return after, nil
	}
	byPosition := maps.Collect(func(yield func(syncstream.Position, *event) bool) {
		for _, e := range m.log {
			if !e.ending && !yield(e.m.Position, e) {
				return
			}
		}
	})
	for _, g := range got {
		if g.Kind != syncstream.Gap {
			if e := byPosition[after+1]; e == nil || e.m != g {
				return after, errors.New("a follower got " + short(g) + ", which does not come next")
			}
			after++
			continue
		}
		for range g.Missing {
			after++
			if e := byPosition[after]; e == nil || !e.gone {
				return after, errors.New("a follower got a gap where nothing is missing")
			}
		}
		if after != g.Position {
			return after, errors.New("a gap stands at the wrong position")
		}
	}
	return after, nil
}

// streamModel cuts a stream into lines.
type streamModel struct {
	lines    syncstream.Lines
	text     string // since the last line end, or the last CR that started it again
	rest     string // behind it: what may be a line end, or half of one
	redraws  int
	chain    bool // pieces have been given
	dropping bool // the pieces of this line are not kept
}

// modelEnds are what ends a line. The longer of two that begin alike comes first.
var modelEnds = map[syncstream.Lines][]syncstream.End{
	syncstream.Fold:  {syncstream.EndCRLF, syncstream.EndLF},
	syncstream.Split: {syncstream.EndCRLF, syncstream.EndLF, syncstream.EndCR},
	syncstream.Keep:  {syncstream.EndCRLF, syncstream.EndLF},
	syncstream.Python: {
		syncstream.EndCRLF, syncstream.EndLF, syncstream.EndCR, syncstream.EndVT, syncstream.EndFF, syncstream.EndFS,
		syncstream.EndGS, syncstream.EndRS, syncstream.EndNEL, syncstream.EndLS, syncstream.EndPS,
	},
}

// between reports whether no line has begun.
func (l *streamModel) between() bool {
	return l.text == "" && l.rest == "" && l.redraws == 0 && !l.chain
}

func (l *streamModel) write(text string, maxLine int) []*event {
	l.rest += text
	return l.cut(maxLine, false)
}

// cut takes from rest what is certain.
func (l *streamModel) cut(maxLine int, final bool) (events []*event) {
	for l.rest != "" {
		end, ok := l.end(final)
		switch {
		case !ok:
			return events
		case end != syncstream.EndNone:
			events = append(events, l.line(end))
		case l.lines == syncstream.Fold && l.rest[0] == '\r':
			l.text, l.rest = "", l.rest[1:]
			l.redraws++
		default:
			if len(l.text) == maxLine {
				events = append(events, l.piece())
			}
			l.text, l.rest = l.text+l.rest[:1], l.rest[1:]
		}
	}
	return events
}

// end returns which line end rest begins with, or EndNone; unless the next bytes
// decide.
func (l *streamModel) end(final bool) (end syncstream.End, ok bool) {
	if l.lines == syncstream.Fold && l.rest == "\r" { // the text stands, or starts again
		return syncstream.EndCR, final
	}
	for _, end := range modelEnds[l.lines] {
		if strings.HasPrefix(l.rest, end.Bytes()) {
			return end, final || l.rest != "\r"
		}
		if strings.HasPrefix(end.Bytes(), l.rest) && !final {
			return 0, false
		}
	}
	return syncstream.EndNone, true
}

// piece is all of the text, but for a character that has only begun.
func (l *streamModel) piece() *event {
	n := len(l.text)
	for i := n - 1; i > 0 && i > n-utf8.UTFMax; i-- {
		if utf8.RuneStart(l.text[i]) {
			if !utf8.FullRuneInString(l.text[i:]) {
				n = i
			}
			break
		}
	}
	part := syncstream.PartMiddle
	if !l.chain {
		part, l.chain = syncstream.PartFirst, true
	}
	e := &event{bytes: n, m: syncstream.Message{Text: l.text[:n], Part: part, End: syncstream.EndNone}}
	l.text = l.text[n:]
	return e
}

func (l *streamModel) line(end syncstream.End) *event {
	e := &event{bytes: len(l.text) + len(end.Bytes()), m: syncstream.Message{Text: l.text, End: end, Redraws: l.redraws}}
	if l.chain {
		e.m.Part = syncstream.PartLast
	}
	l.text, l.rest, l.redraws, l.chain = "", strings.TrimPrefix(l.rest, end.Bytes()), 0, false
	return e
}

func (l *streamModel) finish(maxLine int) []*event {
	events := l.cut(maxLine, true)
	if l.text != "" {
		events = append(events, l.line(syncstream.EndNone))
	}
	return events
}
