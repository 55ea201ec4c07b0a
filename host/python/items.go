package python

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/syncstream/syncstream"
)

// grouped is a grouped message as the Python package writes it. A line is a
// string.
type grouped struct {
	Is    bool     `json:"/is_syncsdata"`
	Class string   `json:"/type"`
	Type  string   `json:"type"`
	Data  []string `json:"data"`
}

const groupedClass = "GroupedMessage"

// items returns the last n items of a buffer, oldest first: its messages, and
// behind them the open lines that are not empty. A line that was too long for one
// message is one item.
func items(ctx context.Context, b *syncstream.Buffer, n int) ([]any, error) {
	if n <= 0 {
		return []any{}, nil
	}
	for most := n; ; most *= 2 {
		messages, partials, err := read(ctx, b, most)
		if err != nil {
			return nil, err
		}
		all, torn := join(messages, partials)
		if len(all) >= n && !torn || len(messages) < most || most > math.MaxInt/2 {
			return all[max(0, len(all)-n):], nil
		}
	}
}

// read returns the last n messages of a buffer and its partial lines. They are of
// the same moment, unless messages come faster than they can be read.
func read(ctx context.Context, b *syncstream.Buffer, n int) (messages, partials []syncstream.Message, err error) {
	for range 3 {
		if messages, err = b.Last(ctx, n); err != nil {
			return nil, nil, err
		}
		if partials = b.Partials(); len(partials) == 0 {
			break
		}
		if newest, err := b.Last(ctx, 1); err != nil || position(newest) == position(messages) {
			return messages, partials, err
		}
	}
	return messages, partials, nil
}

// position returns that of the last message.
func position(messages []syncstream.Message) syncstream.Position {
	if len(messages) == 0 {
		return 0
	}
	return messages[len(messages)-1].Position
}

// stream is where the pieces of a line come one after the other.
type stream struct {
	source *syncstream.Source
	stream syncstream.Stream
}

// join makes items of messages and partial lines. A line is torn if its first piece
// is not among them.
func join(messages, partials []syncstream.Message) (all []any, torn bool) {
	all = make([]any, 0, len(messages)+len(partials))
	var open map[stream]int // where in all a line begins that is not complete
	for _, m := range append(messages, partials...) {
		key := stream{m.Source, m.Stream}
		at, begun := open[key]
		switch {
		case m.Part == syncstream.PartMiddle, m.Part == syncstream.PartLast, m.Kind == syncstream.Partial && begun:
			if begun {
				all[at] = all[at].(string) + m.Text
			} else {
				all, torn = append(all, m.Text), true
			}
			if m.Part == syncstream.PartLast {
				delete(open, key)
			}
		default:
			all = append(all, item(&m))
			if m.Part == syncstream.PartFirst {
				if open == nil {
					open = make(map[stream]int)
				}
				open[key] = len(all) - 1
			}
		}
	}
	return all, torn
}

// item returns a message as it goes into JSON.
func item(m *syncstream.Message) any {
	switch m.Kind {
	case syncstream.Warning, syncstream.Error:
		return groupedOf(m.Kind, m.Text)
	case syncstream.Gap:
		return fmt.Sprintf("(%d messages are missing here)", m.Missing)
	}
	return m.Text
}

// groupedOf returns a text of several lines as a grouped message.
func groupedOf(kind syncstream.Kind, text string) grouped {
	lines := []string{}
	if text != "" {
		lines = strings.Split(text, "\n")
	}
	return grouped{true, groupedClass, kind.String(), lines}
}
