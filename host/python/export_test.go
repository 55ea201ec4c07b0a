package python

import (
	"fmt"

	"github.com/syncstream/syncstream"
)

// What tests see besides.
var (
	DecodePost  = decodePost
	DecodeState = decodeState
)

// Text returns what a post says.
func (p *post) Text() string { return p.text }

var (
	DecodeAnswer = decodeAnswer
	DecodeItems  = decodeItems
	Common       = common[byte]
)

// Looks is a view that is shown what a host keeps, one look after the other.
type Looks struct{ view view }

// NewLooks returns one for a host of that maxlen.
func NewLooks(maxlen int) *Looks {
	return &Looks{view{maxlen: maxlen, extra: make(map[syncstream.Position]bool)}}
}

// Take shows it lines, and returns the texts that it knows, each with its position.
func (l *Looks) Take(lines ...string) (all []string) {
	var items []hostItem
	for _, line := range lines {
		items = append(items, hostItem{syncstream.Line, line})
	}
	l.view.take(items, &syncstream.Source{Name: "host"})
	for _, m := range l.view.all {
		text := m.Text
		if m.Source == ours {
			text = "(may miss)"
		}
		all = append(all, fmt.Sprint(m.Position, " ", text))
	}
	return all
}

// Text returns an item's text.
func (it hostItem) Text() string { return it.text }

// IsLine reports whether an item is a line.
func (it hostItem) IsLine() bool { return it.kind == syncstream.Line }
