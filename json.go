package syncstream

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// jsonVersion is the version of the form in docs/protocol.md.
const jsonVersion = "1"

// AppendJSON appends the message to dst as one JSON object, without a line
// break inside or after it, and returns the extended slice. It allocates
// nothing but dst's growth, and the fields are always in the same order, so
// that equal messages give equal bytes. docs/protocol.md describes the form.
//
// What can take a terminal over is escaped: control characters (also 0x7f and
// U+0080 to U+009F), U+2028 and U+2029. A Text that is not valid UTF-8 is
// written in base64, so every Text comes back byte for byte.
//
// These do not come back as they were: in the strings of a [Source], each run
// of bytes that are not UTF-8 becomes one U+FFFD; Rank is left out while Size
// is zero; Time comes back in UTC, and is left out when its year in UTC is not
// in 0 to 9999, which RFC 3339 can't write. A value without a meaning is
// written as it is, Kind(200) as "Kind(200)" and a negative number as one, and
// [Message.UnmarshalJSON] refuses it.
func (m Message) AppendJSON(dst []byte) []byte {
	dst = appendHead(dst, &m)
	dst = strconv.AppendUint(dst, m.Num, 10)
	dst = appendMiddle(dst, &m)
	dst = appendEnd(dst, m.End)
	if m.Redraws != 0 || m.Missing != 0 {
		dst = appendCounts(dst, &m)
	}
	return append(appendText(dst, []byte(m.Text)), '}') // no copy: only read
}

// MarshalJSON implements [json.Marshaler] with [Message.AppendJSON]. Its error
// is always nil. [json.Marshal] also escapes <, > and &, which changes the
// bytes but not the message.
func (m Message) MarshalJSON() ([]byte, error) {
	return m.AppendJSON(make([]byte, 0, 256+len(m.Text)+len(m.Text)/4)), nil
}

// JSONLines returns the messages as [Message.AppendJSON] writes them, each with
// an LF behind it, far faster than by way of [Batch.All]: what the messages have
// in common is written once. The bytes are lent until the next ones come; they
// are in the memory of buf, which may be nil, where that is enough.
func (b *Batch) JSONLines(buf []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		m := b.message(0)
		head := appendHead(buf[:0], &m)
		middle := appendMiddle(make([]byte, 0, 64), &m) // on the stack
		counts := appendCounts(nil, &m)
		num := m.Num
		for text, end := range b.Lines() {
			line := strconv.AppendUint(head, num, 10)
			line = append(line, middle...)
			line = appendEnd(line, end)
			line = append(line, counts...)
			line = append(appendText(line, text), "}\n"...)
			if !yield(line) {
				return
			}
			head = line[:len(head)] // line may have grown
			num++
		}
	}
}

// appendHead appends what stands before the number.
func appendHead(dst []byte, m *Message) []byte {
	dst = append(dst, `{"v":`+jsonVersion...)
	if m.Source != nil {
		dst = appendSource(dst, m.Source)
	}
	dst = append(dst, `,"stream":"`...)
	dst = append(dst, m.Stream.String()...)
	dst = append(dst, `","kind":"`...)
	dst = append(dst, m.Kind.String()...)
	return append(dst, `","num":`...)
}

// appendSource appends the source's field with the comma before it.
func appendSource(dst []byte, s *Source) []byte {
	dst = append(dst, `,"source":{"id":`...)
	dst = appendQuoted(dst, s.ID)
	dst = append(dst, `,"name":`...)
	dst = appendQuoted(dst, s.Name)
	if s.Host != "" {
		dst = append(dst, `,"host":`...)
		dst = appendQuoted(dst, s.Host)
	}
	if s.PID != 0 {
		dst = append(dst, `,"pid":`...)
		dst = strconv.AppendInt(dst, int64(s.PID), 10)
	}
	if s.Size != 0 {
		dst = append(dst, `,"rank":`...)
		dst = strconv.AppendInt(dst, int64(s.Rank), 10)
		dst = append(dst, `,"size":`...)
		dst = strconv.AppendInt(dst, int64(s.Size), 10)
	}
	return append(dst, '}')
}

// appendMiddle appends what stands between the number and the line end.
func appendMiddle(dst []byte, m *Message) []byte {
	dst = appendTime(dst, m.Time)
	if m.Part != PartWhole {
		dst = append(dst, `,"part":"`...)
		dst = append(dst, m.Part.String()...)
		dst = append(dst, '"')
	}
	return dst
}

func appendEnd(dst []byte, end End) []byte {
	if end == EndLF {
		return dst
	}
	dst = append(dst, `,"end":"`...)
	dst = append(dst, end.String()...)
	return append(dst, '"')
}

// appendCounts appends what stands between the line end and the text.
func appendCounts(dst []byte, m *Message) []byte {
	if m.Redraws != 0 {
		dst = append(dst, `,"redraws":`...)
		dst = strconv.AppendInt(dst, int64(m.Redraws), 10)
	}
	if m.Missing != 0 {
		dst = append(dst, `,"missing":`...)
		dst = strconv.AppendUint(dst, m.Missing, 10)
	}
	return dst
}

// appendTime appends the time's field with all nine digits of its nanoseconds,
// so that times sort as text.
func appendTime(dst []byte, t time.Time) []byte {
	t = t.UTC()
	if t.IsZero() || !inRFC3339(t) {
		return dst
	}
	dst = append(dst, `,"time":"`...)
	dst = t.AppendFormat(dst, time.RFC3339) // a fast path of the standard library's
	dst[len(dst)-1] = '.'                   // was the Z
	ns := t.Nanosecond()
	for unit := 100_000_000; unit > 0; unit /= 10 {
		dst = append(dst, byte('0'+ns/unit%10))
	}
	return append(dst, `Z"`...)
}

// inRFC3339 reports whether RFC 3339, with its year of four digits, can write
// t, which is in UTC.
func inRFC3339(t time.Time) bool { return t.Year() >= 0 && t.Year() <= 9999 }

func appendText(dst, text []byte) []byte {
	n := asciiLen(text)
	if !utf8.Valid(text[n:]) {
		dst = append(dst, `,"base64":"`...)
		dst = base64.StdEncoding.AppendEncode(dst, text)
		return append(dst, '"')
	}
	dst = append(dst, `,"text":"`...)
	dst = append(dst, text[:n]...)
	dst = appendEscaped(dst, text[n:])
	return append(dst, '"')
}

func appendQuoted(dst []byte, s string) []byte {
	dst = append(dst, '"')
	dst = appendEscaped(dst, []byte(strings.ToValidUTF8(s, "\uFFFD")))
	return append(dst, '"')
}

// appendEscaped appends s, which is valid UTF-8, as the inside of a JSON
// string.
func appendEscaped(dst, s []byte) []byte {
	for len(s) > 0 {
		n := asciiLen(s)
		for n < len(s) && plain[s[n]] {
			n++
		}
		dst = append(dst, s[:n]...)
		s = s[n:]
		if len(s) > 0 {
			r, size := utf8.DecodeRune(s)
			dst = appendRune(dst, r, s[:size])
			s = s[size:]
		}
	}
	return dst
}

// appendRune appends r, which is as in s, escaped if it has to be.
func appendRune(dst []byte, r rune, s []byte) []byte {
	const hex = "0123456789abcdef"
	switch {
	case r == '"' || r == '\\':
		return append(dst, '\\', byte(r))
	case r == '\n':
		return append(dst, `\n`...)
	case r == '\r':
		return append(dst, `\r`...)
	case r == '\t':
		return append(dst, `\t`...)
	case r == '\b':
		return append(dst, `\b`...)
	case r == '\f':
		return append(dst, `\f`...)
	case r < 0x20, 0x7f <= r && r <= 0x9f, r == '\u2028', r == '\u2029':
		return append(dst, '\\', 'u', hex[r>>12], hex[r>>8&15], hex[r>>4&15], hex[r&15])
	}
	return append(dst, s...)
}

// plain tells the bytes of valid UTF-8 that need no look: all but those to be
// escaped and the first bytes of runes that may have to be.
var plain = func() (t [256]bool) {
	for b := range t {
		t[b] = b >= 0x20 && b != '"' && b != '\\' && b != 0x7f &&
			b != 0xC2 && // U+0080 to U+00BF
			b != 0xE2 // U+2000 to U+2FFF
	}
	return t
}()

// asciiLen returns the length of a prefix of s that is printable ASCII without
// quotes and backslashes: it stops up to seven bytes early. It looks at eight
// bytes at a time, which is three times as fast as plain alone.
func asciiLen(s []byte) int {
	const (
		ones  = 0x0101010101010101
		highs = 0x80 * ones
	)
	n := 0
	for ; n+8 <= len(s); n += 8 {
		w := binary.LittleEndian.Uint64(s[n:])
		// With all high bits clear, each term sets the high bit of the bytes
		// it looks for: 0x7f, less than 0x20, quote, backslash. A borrow
		// reaches the next byte only out of such a byte.
		if (w|(w+ones)|(w-0x20*ones)|((w^'"'*ones)-ones)|((w^'\\'*ones)-ones))&highs != 0 {
			break
		}
	}
	return n
}

// UnmarshalJSON decodes what [Message.AppendJSON] wrote. Unknown fields are
// ignored, of a field that stands twice the last counts, names are taken in
// their exact case, and null is as good as absent. The message gets a Source
// of its own. An error names the field, its value and what would be right, and
// leaves the message as it was; so does null in the place of the object,
// without an error.
func (m *Message) UnmarshalJSON(data []byte) error {
	if string(bytes.TrimSpace(data)) == "null" {
		return nil // as encoding/json asks of an Unmarshaler
	}
	if !utf8.Valid(data) {
		// encoding/json would replace the bytes and say nothing.
		return errors.New("syncstream: decode message: bytes that are not UTF-8: want them in base64")
	}
	o, err := parseObject("", data)
	if err == nil {
		err = o.message(m)
	}
	if err != nil {
		return fmt.Errorf("syncstream: decode message: %w", err)
	}
	return nil
}

// jsonObject is an object on its way into a struct. Its methods return the
// zero value of a field that is absent or wrong. A map, since a struct's
// fields would match in any case.
type jsonObject struct {
	path   string // stands before the names of fields in errors
	fields map[string]json.RawMessage
	err    error // the first
}

func parseObject(path string, data []byte) (*jsonObject, error) {
	o := &jsonObject{}
	err := json.Unmarshal(data, &o.fields)
	if _, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return nil, fmt.Errorf("%s: want an object", strings.TrimSpace(path+" "+describe(data)))
	}
	if err != nil {
		return nil, err
	}
	if path != "" {
		o.path = path + "."
	}
	return o, nil
}

func (o *jsonObject) message(m *Message) error {
	o.version()
	o.require("stream", "kind", "num")
	d := Message{
		Source:  o.source(),
		Stream:  Stream(o.oneOf("stream", streamNames)),
		Kind:    Kind(o.oneOf("kind", kindNames)),
		Num:     o.uint("num", 64),
		Time:    o.time("time"),
		Part:    Part(o.oneOf("part", partNames)),
		End:     End(o.oneOf("end", endNames)),
		Redraws: o.int("redraws"),
		Missing: o.uint("missing", 64),
		Text:    o.text(),
	}
	if o.err == nil {
		*m = d
	}
	return o.err
}

func (o *jsonObject) source() *Source {
	raw := o.get("source")
	if raw == nil {
		return nil
	}
	s, err := parseObject("source", raw)
	if err != nil {
		o.fail(err)
		return nil
	}
	s.require("id", "name")
	d := &Source{
		ID:   s.string("id"),
		Name: s.string("name"),
		Host: s.string("host"),
		PID:  s.int("pid"),
		Rank: s.int("rank"),
		Size: s.int("size"),
	}
	if d.Size == 0 {
		d.Rank = 0 // it has no meaning
	}
	o.fail(s.err)
	return d
}

func (o *jsonObject) version() {
	switch raw := o.get("v"); {
	case raw == nil:
		o.fail(errors.New("v missing: want " + jsonVersion))
	case string(raw) != jsonVersion:
		o.wrong("v", raw, jsonVersion)
	}
}

func (o *jsonObject) text() string {
	raw := o.get("base64")
	if raw == nil {
		return o.string("text")
	}
	if o.get("text") != nil {
		o.wrong("base64", raw, "only one of text and base64")
		return ""
	}
	b, err := base64.StdEncoding.Strict().DecodeString(o.string("base64"))
	if err != nil {
		o.wrong("base64", raw, "standard base64 with padding")
	}
	return string(b)
}

func (o *jsonObject) time(name string) time.Time {
	raw := o.get(name)
	if raw == nil {
		return time.Time{}
	}
	var t time.Time
	err := t.UnmarshalText([]byte(o.string(name)))
	t = t.UTC()
	if err != nil || !inRFC3339(t) {
		o.wrong(name, raw, "RFC 3339, in UTC a year from 0000 to 9999")
		return time.Time{}
	}
	return t
}

// oneOf returns the place of the field's value in names; if absent, 0.
func (o *jsonObject) oneOf(name string, names []string) int {
	raw := o.get(name)
	if raw == nil {
		return 0
	}
	i := -1
	if s, ok := unquote(raw); ok {
		i = slices.Index(names, s)
	}
	if i < 0 {
		last := len(names) - 1
		o.wrong(name, raw, strings.Join(names[:last], ", ")+" or "+names[last])
		return 0
	}
	return i
}

func (o *jsonObject) string(name string) string {
	raw := o.get(name)
	if raw == nil {
		return ""
	}
	s, ok := unquote(raw)
	if !ok {
		o.wrong(name, raw, "a string")
	}
	return s
}

func (o *jsonObject) int(name string) int { return int(o.uint(name, strconv.IntSize-1)) }

func (o *jsonObject) uint(name string, bits int) uint64 {
	raw := o.get(name)
	if raw == nil {
		return 0
	}
	n, err := strconv.ParseUint(string(raw), 10, bits)
	if err != nil {
		o.wrong(name, raw, fmt.Sprintf("a whole number from 0 to %d", uint64(1)<<bits-1))
		return 0
	}
	return n
}

func (o *jsonObject) require(names ...string) {
	for _, name := range names {
		if o.get(name) == nil {
			o.fail(fmt.Errorf("%s%s missing", o.path, name))
		}
	}
}

// get returns the field's value; if absent or null, nil.
func (o *jsonObject) get(name string) json.RawMessage {
	if raw := o.fields[name]; string(raw) != "null" {
		return raw
	}
	return nil
}

func (o *jsonObject) wrong(name string, raw json.RawMessage, want string) {
	o.fail(fmt.Errorf("%s%s %s: want %s", o.path, name, describe(raw), want))
}

func (o *jsonObject) fail(err error) {
	if o.err == nil {
		o.err = err
	}
}

// unquote returns the string that raw, a valid JSON value, is, and whether it
// is one.
func unquote(raw []byte) (s string, ok bool) {
	if raw[0] != '"' {
		return "", false
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1]), true // encoding/json takes 5 times as long
	}
	return s, json.Unmarshal(raw, &s) == nil
}

// describe returns a JSON value for an error text: short, and safe to print.
func describe(raw []byte) string {
	const maxRunes = 60
	raw = bytes.TrimSpace(raw)
	switch raw[0] {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		s, _ := unquote(raw)
		if r := []rune(s); len(r) > maxRunes {
			return strconv.Quote(string(r[:maxRunes])) + "…"
		}
		return strconv.Quote(s)
	}
	if len(raw) > maxRunes {
		return string(raw[:maxRunes]) + "…"
	}
	return string(raw)
}
