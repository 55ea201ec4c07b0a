package python_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/syncstream/syncstream/host/python"
)

// What a host keeps, look after look, becomes one sequence.
func TestLooks(t *testing.T) {
	for _, tt := range []struct {
		name   string
		maxlen int
		looks  string // each a line, its items with spaces between
		want   string // what is known at last
	}{
		{"it grows", 9, "a b\na b c\na b c d", "1 a,2 b,3 c,4 d"},
		{"nothing new", 9, "a b\na b", "1 a,2 b"},
		{"it is full", 3, "a b c\nb c d\nd e f", "4 d,5 e,6 f"},
		{"equal lines, the fewest that can be new", 4, "x x y x\nx y x x", "2 x,3 y,4 x,5 x"},
		{"all are new", 3, "a b c\nd e f", "4 (may miss),5 d,6 e,7 f"},
		{"and go on", 3, "a b c\nd e f\ne f g", "6 e,7 f,8 g"},
		{"and go all", 3, "a b c\nd e f\nf g h", "7 f,8 g,9 h"},
		{"it was cleared", 9, "a b c\n\nd", "4 (may miss),5 d"},
		{"it was cleared, and has the same again", 9, "a b c\nb c", "4 (may miss),5 b,6 c"},
		{"a line that was open grows", 9, "a hal\na half b", "1 a,2 hal,3 half,4 b"},
		{"a line that was open grows, where it is full", 3, "a b hal\nb half c", "2 b,3 hal,4 half,5 c"},
		{"and goes on", 3, "a b hal\na b half\nb half c\nhalf c d", "3 hal,4 half,5 c,6 d"},
		{"maxlen was forgotten", 0, "a b c\nb c d", "2 b,3 c,4 d"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := python.NewLooks(tt.maxlen)
			var got []string
			for look := range strings.SplitSeq(tt.looks, "\n") {
				got = l.Take(strings.Fields(look)...)
			}
			check(t, "known", strings.Join(got, ","), tt.want)
		})
	}
}

// FuzzCommon compares with the obvious way.
func FuzzCommon(f *testing.F) {
	f.Add([]byte("abab"), []byte("ababab"))
	f.Add([]byte("aab"), []byte("aabaaab"))
	f.Add([]byte("x"), []byte(""))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		want := min(len(a), len(b))
		for string(a[len(a)-want:]) != string(b[:want]) {
			want--
		}
		if got := python.Common(a, b); got != want {
			t.Errorf("%q and %q have %d in common, got %d", a, b, want, got)
		}
	})
}

// What a host answers is items that are text, or an error.
func FuzzDecodeAnswer(f *testing.F) {
	for _, s := range []string{
		`{"message":"success","data":["a",` + group("error", "a", "b") + `,` + group("str", "x") + `,7,null,{}]}`,
		`{"message":"success","data":null}`, `{"message":"no"}`, "<!doctype html>",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		data, err := python.DecodeAnswer(body)
		if err != nil || data == nil {
			return
		}
		all, err := python.DecodeItems(data)
		for _, it := range all {
			if text := it.Text(); !utf8.ValidString(text) || it.IsLine() && strings.ContainsAny(text, "\n\r\u2028") {
				t.Errorf("item %q", text)
			}
		}
		if err == nil && !json.Valid(body) {
			t.Errorf("%q was taken", body)
		}
	})
}
