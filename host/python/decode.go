package python

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/syncstream/syncstream"
)

// post is what the body of a POST to the buffer's address says: text as it came,
// a grouped message's lines with an LF between them, or the end.
type post struct {
	kind  syncstream.Kind // Line, Warning or Error
	text  string
	close bool
}

// decodePost decodes the body of a POST. An error names the place, and what would
// be right.
func decodePost(body []byte) (post, error) {
	o, err := object(body)
	if err != nil {
		return post{}, err
	}
	typ, err := o.string("type")
	if err != nil {
		return post{}, err
	}
	p := post{}
	switch typ {
	case "str":
		p.text, err = o.value()
	case "warning":
		p.kind = syncstream.Warning
		p.text, err = o.grouped()
	case "error":
		p.kind = syncstream.Error
		p.text, err = o.grouped()
	case "close":
		p.close = true
	default:
		err = fmt.Errorf("type %s: want str, warning, error or close", short(typ))
	}
	return p, err
}

// decodeState decodes the body of a POST to the state: whether all are to stop.
func decodeState(body []byte) (closed bool, err error) {
	o, err := object(body)
	if err != nil {
		return false, err
	}
	state, err := o.string("state")
	switch {
	case err != nil:
		return false, err
	case state != "closed":
		return false, fmt.Errorf("state %s: want closed", short(state))
	}
	switch raw := o.fields["value"]; string(raw) {
	case `"true"`, `true`:
		return true, nil
	case `"false"`, `false`:
		return false, nil
	case "":
		return false, errors.New(`value missing: want "true" or "false"`)
	default:
		return false, fmt.Errorf(`value %s: want "true" or "false"`, describe(raw))
	}
}

// jsonObject is an object whose fields are decoded one by one. A map, since a
// struct's fields would match in any case.
type jsonObject struct {
	path   string // stands before the names of fields in errors
	fields map[string]json.RawMessage
}

// object decodes data, which must be one object and nothing else.
func object(data []byte) (*jsonObject, error) {
	if !utf8.Valid(data) {
		// encoding/json would replace the bytes and say nothing.
		return nil, fmt.Errorf("JSON, byte %d: not UTF-8", invalid(data))
	}
	o := &jsonObject{}
	err := json.Unmarshal(data, &o.fields)
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return nil, fmt.Errorf("JSON, byte %d: %w", syntax.Offset, err)
	}
	if err != nil || o.fields == nil {
		return nil, fmt.Errorf("%s: want an object", describe(data))
	}
	return o, nil
}

// object returns the field, which must be an object.
func (o *jsonObject) object(name string) (*jsonObject, error) {
	raw := o.fields[name]
	if raw == nil {
		return nil, fmt.Errorf("%s%s missing: want an object", o.path, name)
	}
	d := &jsonObject{path: o.path + name + "."}
	if err := json.Unmarshal(raw, &d.fields); err != nil || d.fields == nil {
		return nil, fmt.Errorf("%s%s %s: want an object", o.path, name, describe(raw))
	}
	return d, nil
}

// string returns the field, which must be a string.
func (o *jsonObject) string(name string) (string, error) {
	raw := o.fields[name]
	switch {
	case raw == nil:
		return "", fmt.Errorf("%s%s missing: want a string", o.path, name)
	case raw[0] != '"':
		return "", fmt.Errorf("%s%s %s: want a string", o.path, name, describe(raw))
	}
	s := ""
	err := json.Unmarshal(raw, &s)
	return s, err
}

// value returns the text of a type "str".
func (o *jsonObject) value() (string, error) {
	data, err := o.object("data")
	if err != nil {
		return "", err
	}
	return data.string("value")
}

// grouped returns the lines of a grouped message, which the field data is.
func (o *jsonObject) grouped() (string, error) {
	data, err := o.object("data")
	if err != nil {
		return "", err
	}
	return data.lines()
}

// lines returns the lines of a grouped message, with an LF between them.
func (o *jsonObject) lines() (string, error) {
	if raw := o.fields["/is_syncsdata"]; string(raw) != "true" {
		return "", fmt.Errorf("%s/is_syncsdata %s: want true", o.path, describe(raw))
	}
	class, err := o.string("/type")
	switch {
	case err != nil:
		return "", err
	case class != groupedClass:
		return "", fmt.Errorf("%s/type %s: want %s", o.path, short(class), groupedClass)
	}
	raw := o.fields["data"]
	lines, ok := texts(raw)
	if !ok {
		return "", fmt.Errorf("%sdata %s: want an array of strings", o.path, describe(raw))
	}
	for i, line := range lines {
		lines[i] = strings.TrimSuffix(line, "\n") // traceback's functions give lines with it
	}
	return strings.Join(lines, "\n"), nil
}

// texts returns the strings of a JSON array, and whether raw is one.
func texts(raw []byte) (all []string, ok bool) {
	var values []*string // nil: null, which a string would take
	if raw == nil || json.Unmarshal(raw, &values) != nil || values == nil {
		return nil, false
	}
	for _, v := range values {
		if v == nil {
			return nil, false
		}
		all = append(all, *v)
	}
	return all, true
}

// invalid returns where the first byte of data is that is not UTF-8.
func invalid(data []byte) int {
	at := 0
	for {
		r, size := utf8.DecodeRune(data[at:])
		if r == utf8.RuneError && size <= 1 {
			return at
		}
		at += size
	}
}

// short returns s for an error text: short, and safe to print.
func short(s string) string {
	const maxRunes = 60
	if r := []rune(s); len(r) > maxRunes {
		return strconv.Quote(string(r[:maxRunes])) + "…"
	}
	return strconv.Quote(s)
}

// describe returns a JSON value for an error text.
func describe(raw []byte) string {
	raw = bytes.TrimSpace(raw)
	switch {
	case len(raw) == 0:
		return "missing"
	case raw[0] == '{':
		return "an object"
	case raw[0] == '[':
		return "an array"
	case raw[0] == '"':
		s := ""
		json.Unmarshal(raw, &s) // it is valid
		return short(s)
	}
	return string(raw[:min(len(raw), 60)])
}
