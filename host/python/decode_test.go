package python_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/syncstream/syncstream/host/python"
)

// An error tells what is wrong, where, and what would be right.
func TestDecodeErrors(t *testing.T) {
	grouped := func(data string) string { return `{"type":"warning","data":` + data + `}` }
	for _, tt := range []struct{ body, want string }{
		{``, `JSON, byte 0: unexpected end of JSON input`},
		{`{"type":"str"`, `JSON, byte 13: unexpected end of JSON input`},
		{`{"type":"close"} x`, `JSON, byte 18: invalid character 'x' after top-level value`},
		{"{\"type\":\"\xff\"}", `JSON, byte 9: not UTF-8`},
		{`[1]`, `an array: want an object`},
		{`null`, `null: want an object`},
		{`{}`, `type missing: want a string`},
		{`{"Type":"close"}`, `type missing: want a string`},
		{`{"type":7}`, `type 7: want a string`},
		{`{"type":"` + strings.Repeat("x", 100) + `"}`, `type "` + strings.Repeat("x", 60) + `"…: want str, warning, error or close`},
		{`{"type":"str"}`, `data missing: want an object`},
		{`{"type":"str","data":"x"}`, `data "x": want an object`},
		{`{"type":"str","data":null}`, `data null: want an object`},
		{`{"type":"str","data":{}}`, `data.value missing: want a string`},
		{`{"type":"str","data":{"value":{"x":1}}}`, `data.value an object: want a string`},
		{grouped(`[]`), `data an array: want an object`},
		{grouped(`{"/is_syncsdata":false}`), `data./is_syncsdata false: want true`},
		{grouped(`{}`), `data./is_syncsdata missing: want true`},
		{grouped(`{"/is_syncsdata":true}`), `data./type missing: want a string`},
		{grouped(`{"/is_syncsdata":true,"/type":"Grouped"}`), `data./type "Grouped": want GroupedMessage`},
		{grouped(`{"/is_syncsdata":true,"/type":"GroupedMessage"}`), `data.data missing: want an array of strings`},
		{grouped(`{"/is_syncsdata":true,"/type":"GroupedMessage","data":null}`), `data.data null: want an array of strings`},
		{grouped(`{"/is_syncsdata":true,"/type":"GroupedMessage","data":["a",null]}`), `data.data an array: want an array of strings`},
	} {
		if _, err := python.DecodePost([]byte(tt.body)); err == nil || err.Error() != tt.want {
			t.Errorf("%s\n got %v\nwant %s", tt.body, err, tt.want)
		}
	}
}

// A post that is taken is text that JSON can hold, and what is refused says why.
func FuzzDecodePost(f *testing.F) {
	for _, s := range []string{
		`{"type":"str","data":{"value":"a\nb\ud800"}}`, `{"type":"close"}`,
		`{"type":"error","data":` + group("error", "a", "b") + `}`, `{"type":"warning","data":{}}`, `{`, `"`, "\xff",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := python.DecodePost(body)
		if err != nil {
			if !utf8.ValidString(err.Error()) || len(err.Error()) > 1000 {
				t.Errorf("error %q", err)
			}
			return
		}
		if !json.Valid(body) || !utf8.ValidString(p.Text()) {
			t.Errorf("%q was taken as %q", body, p.Text())
		}
	})
}

func FuzzDecodeState(f *testing.F) {
	for _, s := range []string{`{"state":"closed","value":"true"}`, `{"state":"closed","value":false}`, `{"state":1}`, `[]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		closed, err := python.DecodeState(body)
		if err == nil && !json.Valid(body) || err != nil && closed {
			t.Errorf("%q: %t, %v", body, closed, err)
		}
	})
}
