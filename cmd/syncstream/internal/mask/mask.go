// Package mask hides secrets in what workers write.
package mask

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/syncstream/syncstream"
)

// Hidden stands where a secret was.
const Hidden = "***"

// stars stands for a secret of n bytes, and tells no more of n than that.
func stars(n int) string { return Hidden[:min(n, len(Hidden))] }

// maxContext is how much of a line in pieces is kept for the next piece, since
// a match may have begun there.
const maxContext = 64 << 10

// Mask replaces what its patterns match. A nil one replaces nothing. Its String
// and Unfinished may be called by many goroutines.
type Mask struct {
	patterns []pattern
	chains   map[chainKey]*chain // Parse's
}

type pattern struct {
	whole *regexp.Regexp
	prog  *syntax.Prog // the same, for what has not ended yet
}

// chainKey names the stream of a line in pieces.
type chainKey struct {
	source *syncstream.Source
	stream syncstream.Stream
}

// chain is what the pieces of a line so far mean for the next.
type chain struct {
	context string // the end of the text so far, in which a match may have begun
	all     bool   // that was too long; what follows is hidden
}

// New returns a mask for patterns in the syntax of package regexp; nil, if there
// are none.
func New(patterns ...string) (*Mask, error) {
	if len(patterns) == 0 {
		return nil, nil
	}
	m := &Mask{chains: make(map[chainKey]*chain)}
	for _, p := range patterns {
		whole, err := regexp.Compile(p)
		if err != nil {
			return nil, err
		}
		if whole.MatchString("") {
			return nil, fmt.Errorf("%q matches where there is nothing; want a pattern for the secret only", p)
		}
		tree, err := syntax.Parse(p, syntax.Perl)
		if err != nil {
			return nil, err
		}
		prog, err := syntax.Compile(tree.Simplify())
		if err != nil {
			return nil, err
		}
		m.patterns = append(m.patterns, pattern{whole, prog})
	}
	return m, nil
}

// String returns text with its secrets hidden.
func (m *Mask) String(text string) string {
	if m == nil {
		return text
	}
	return replace(text, 0, m.matches(text))
}

// Unfinished is String for a text that may go on: what may be the beginning of a
// secret is hidden too.
func (m *Mask) Unfinished(text string) string {
	if m == nil {
		return text
	}
	return replace(text, 0, append(m.matches(text), span{m.begun(text), len(text)}))
}

// Parse hides secrets in a message, as a [syncstream.Config.Parse]: what is
// kept, shown or sent on has none. A line that came in many writes is one
// message by then.
//
// So are the pieces of an overlong line not, and a secret may lie over the
// border of two. Therefore what may be its beginning is hidden at the end of a
// piece, whether it becomes one or not.
func (m *Mask) Parse(msg *syncstream.Message) bool {
	if m == nil {
		return true
	}
	if msg.Part == syncstream.PartWhole {
		msg.Text = m.String(msg.Text)
		return true
	}
	key := chainKey{msg.Source, msg.Stream}
	c := m.chains[key]
	if c == nil || msg.Part == syncstream.PartFirst {
		c = &chain{}
		m.chains[key] = c
	}
	if msg.Part == syncstream.PartLast {
		delete(m.chains, key)
	}
	msg.Text = m.piece(c, msg.Text, msg.Part == syncstream.PartLast)
	return true
}

// piece hides secrets in the next piece of a line.
func (m *Mask) piece(c *chain, text string, last bool) string {
	if c.all {
		return stars(len(text))
	}
	all := c.context + text
	matches := m.matches(all)
	if !last {
		begun := m.begun(all)
		matches = append(matches, span{begun, len(all)})
		defer func() { c.keep(all, begun) }()
	}
	return replace(all, len(c.context), matches)
}

// keep keeps what begins at that place, and a character before it, which
// matters to \b and the like.
func (c *chain) keep(text string, begun int) {
	switch {
	case begun == len(text):
		c.context = ""
	case len(text)-begun > maxContext:
		c.context, c.all = "", true
	default:
		c.context = strings.Clone(text[max(0, begun-1):])
	}
}

// span is a stretch of text.
type span struct{ start, end int }

// matches returns what the patterns match.
func (m *Mask) matches(text string) []span {
	var all []span
	for _, p := range m.patterns {
		for _, loc := range p.whole.FindAllStringIndex(text, -1) {
			all = append(all, span{loc[0], loc[1]})
		}
	}
	return all
}

// replace returns text from that place on with the spans hidden. It is no longer
// than it was there: the buffer would not take that of a piece.
func replace(text string, from int, spans []span) string {
	slices.SortFunc(spans, func(a, b span) int { return a.start - b.start })
	var b strings.Builder
	for _, s := range spans {
		s.start = max(s.start, from)
		if s.end <= s.start {
			continue
		}
		b.WriteString(text[from:s.start])
		b.WriteString(stars(s.end - s.start))
		from = s.end
	}
	if b.Len() == 0 {
		return text[from:]
	}
	b.WriteString(text[from:])
	return b.String()
}
