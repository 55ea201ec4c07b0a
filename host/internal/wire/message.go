package wire

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/syncstream/syncstream"
)

// AppendMessage appends m as JSON with one field more, its position, if it has
// one. There is no line break in it.
func AppendMessage(dst []byte, m *syncstream.Message) []byte {
	dst = m.AppendJSON(dst)
	if m.Position == 0 {
		return dst
	}
	dst = append(dst[:len(dst)-1], `,"position":`...)
	dst = strconv.AppendUint(dst, uint64(m.Position), 10)
	return append(dst, '}')
}

// ParseMessage reads what [AppendMessage] wrote.
func ParseMessage(data []byte) (syncstream.Message, error) {
	var m syncstream.Message
	if err := m.UnmarshalJSON(data); err != nil {
		return m, err
	}
	var more struct {
		Position uint64 `json:"position"`
	}
	if err := json.Unmarshal(data, &more); err != nil {
		return m, fmt.Errorf("position: %w", err)
	}
	m.Position = syncstream.Position(more.Position)
	return m, nil
}

// Message is a message inside another JSON value.
type Message struct{ syncstream.Message }

// MarshalJSON implements [json.Marshaler] with [AppendMessage].
func (m Message) MarshalJSON() ([]byte, error) { return AppendMessage(nil, &m.Message), nil }

// UnmarshalJSON implements [json.Unmarshaler] with [ParseMessage].
func (m *Message) UnmarshalJSON(data []byte) (err error) {
	m.Message, err = ParseMessage(data)
	return err
}
