package wire

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/syncstream/syncstream"
)

// Parser reads messages as [AppendMessage] writes them, one after the other, and
// does not read again what one has in common with the one before: so it takes a
// tenth of the time of [ParseMessage], which gives the same. Its zero value is
// ready to use. It is not safe for concurrent use.
type Parser struct {
	head []byte             // of the last message that was read in full, up to its number
	like syncstream.Message // which has it
}

// beforeNum ends the head of a message.
var beforeNum = []byte(`,"num":`)

// Parse reads a message.
func (p *Parser) Parse(data []byte) (syncstream.Message, error) {
	if m, ok := p.again(data); ok {
		return m, nil
	}
	m, err := ParseMessage(data)
	if err == nil {
		p.learn(data, &m)
	}
	return m, err
}

// learn remembers the head, if it is as our own writer writes it: then it is the
// same for each message that begins with these bytes.
func (p *Parser) learn(data []byte, m *syncstream.Message) {
	head, _, _ := bytes.Cut(data, beforeNum)
	if written := m.AppendJSON(nil); m.Source != nil && bytes.HasPrefix(written, head) && bytes.HasPrefix(written[len(head):], beforeNum) {
		p.head = append(append(p.head[:0], head...), beforeNum...)
		p.like = syncstream.Message{Source: m.Source, Stream: m.Stream, Kind: m.Kind}
	}
}

// again reads a message whose head is known, and which has nothing but the usual
// fields in their order. It reports false for others.
func (p *Parser) again(data []byte) (m syncstream.Message, ok bool) {
	if p.head == nil || !bytes.HasPrefix(data, p.head) {
		return m, false
	}
	m = p.like
	rest := data[len(p.head):]
	if m.Num, rest, ok = cutNumber(rest); !ok {
		return m, false
	}
	if m.Time, rest, ok = cutTime(rest); !ok {
		return m, false
	}
	if rest, ok = bytes.CutPrefix(rest, []byte(`,"end":"none"`)); ok {
		m.End = syncstream.EndNone
	} else if rest, ok = bytes.CutPrefix(rest, []byte(`,"end":"crlf"`)); ok {
		m.End = syncstream.EndCRLF
	}
	if rest, ok = bytes.CutPrefix(rest, []byte(`,"text":`)); !ok {
		return m, false
	}
	if m.Text, rest, ok = cutString(rest); !ok {
		return m, false
	}
	if rest, ok = bytes.CutPrefix(rest, []byte(`,"position":`)); ok {
		var n uint64
		if n, rest, ok = cutNumber(rest); !ok {
			return m, false
		}
		m.Position = syncstream.Position(n)
	}
	return m, string(rest) == "}"
}

// cutNumber takes a whole number from the beginning.
func cutNumber(data []byte) (n uint64, rest []byte, ok bool) {
	i := 0
	for i < len(data) && '0' <= data[i] && data[i] <= '9' {
		i++
	}
	if i == 0 || data[0] == '0' && i > 1 {
		return 0, data, false
	}
	n, err := strconv.ParseUint(string(data[:i]), 10, 64)
	return n, data[i:], err == nil
}

// cutTime takes the field with the time from the beginning.
func cutTime(data []byte) (t time.Time, rest []byte, ok bool) {
	const size = len("2006-01-02T15:04:05.000000000Z")
	text, ok := bytes.CutPrefix(data, []byte(`,"time":"`))
	if !ok || len(text) <= size || text[size-1] != 'Z' || text[size] != '"' {
		return t, data, false
	}
	t, err := time.Parse(time.RFC3339Nano, string(text[:size]))
	return t, text[size+1:], err == nil
}

// cutString takes a string from the beginning.
func cutString(data []byte) (s string, rest []byte, ok bool) {
	if len(data) == 0 || data[0] != '"' {
		return "", data, false
	}
	plain := true
	for i := 1; i < len(data); i++ {
		switch c := data[i]; {
		case c == '"':
			text := data[1:i]
			if plain {
				return string(text), data[i+1:], utf8.Valid(text)
			}
			err := json.Unmarshal(data[:i+1], &s)
			return s, data[i+1:], err == nil && utf8.Valid(text)
		case c == '\\':
			plain = false
			i++
		case c < 0x20:
			return "", data, false
		}
	}
	return "", data, false
}
