package view

import (
	"bytes"
	"strings"
	"testing"
)

// What a text leaves open, as the sequence that brings it back.
func TestStyle(t *testing.T) {
	for _, c := range []struct{ text, want, why string }{
		{"plain", "", "nothing"},
		{"\x1b[31mred", "\x1b[31m", "a colour"},
		{"\x1b[31m\x1b[32m", "\x1b[32m", "the last one"},
		{"\x1b[1;31m\x1b[4m", "\x1b[1;4;31m", "several properties"},
		{"\x1b[1;31mx\x1b[0m", "", "all are reset"},
		{"\x1b[1;31mx\x1b[m", "", "also by an empty parameter"},
		{"\x1b[1;31;;4m", "\x1b[4m", "wherever it stands"},
		{"\x1b[1;2;31m\x1b[22m", "\x1b[31m", "22 ends bold and faint"},
		{"\x1b[31;41m\x1b[39m", "\x1b[41m", "39 is the default colour"},
		{"\x1b[3;4;5;7;8;9;53m\x1b[23;24;25;27;28;29;55m", "", "each has its end"},
		{"\x1b[38;5;208m\x1b[1m", "\x1b[1;38;5;208m", "one of 256 colours"},
		{"\x1b[38;2;1;22;255;48;5;0;4m", "\x1b[4;38;2;1;22;255;48;5;0m", "any colour, and what follows it"},
		{"\x1b[38:2::1:22:255m", "\x1b[38:2::1:22:255m", "with colons too"},
		{"\x1b[4:3m", "\x1b[4:3m", "a curly line below"},
		{"\x1b[4:3m\x1b[4:0m", "", "and none"},
		{"\x1b[38m", "", "a colour that is cut off does no harm"},
		{"\x1b[38;7m", "\x1b[7m", "nor one that is none"},
		{"\x1b[999;12345678901234567890m", "", "unknown ones are nothing"},
		{"\x1b[31\x1b[2J\x1b[>4m\x1b[?31m", "", "other sequences are none"},
		{"\x1b[3", "", "so is half of one"},
		{"\x1b[4:" + strings.Repeat("1", 100) + ";1m", "\x1b[1m", "a parameter without end is nothing"},
		{"\x1b[94;104m", "\x1b[94;104m", "bright colours"},
	} {
		var s style
		s.note([]byte(c.text))
		if got := string(s.append(nil)); got != c.want {
			t.Errorf("%q: %q; want %q: %s", c.text, got, c.want, c.why)
		}
		if s.isOpen() != (c.want != "") {
			t.Errorf("%q: isOpen: %v", c.text, s.isOpen())
		}
	}
}

func TestAppendCut(t *testing.T) {
	for _, c := range []struct {
		row     string
		columns int
		want    string
		why     string
	}{
		{"abc", 3, "abc", "it fits"},
		{"abcd", 3, "abc", "it does not"},
		{"世界", 3, "世", "half a character is none"},
		{"世ab", 3, "世a", "a wide one takes two columns"},
		{"e\u0301e\u0301e\u0301", 2, "e\u0301e\u0301", "accents take none"},
		{"👨‍👩‍👧x", 3, "👨‍👩‍👧x", "a family is one character"},
		{"a\tb", 20, "a       b", "a tab is spaces, up to the next stop"},
		{"12345678\tb", 20, "12345678        b", "also at one"},
		{"\x1b[31mabc\x1b[0md", 2, "\x1b[31mab\x1b[0m", "styles take no room, and end"},
		{"世\x1b[1ma", 1, "\x1b[1m", "nothing stands behind what has no room"},
		{"", 3, "", "nothing is nothing"},
	} {
		if got := string(appendCut(nil, []byte(c.row), c.columns)); got != c.want {
			t.Errorf("%q in %d columns: %q; want %q: %s", c.row, c.columns, got, c.want, c.why)
		}
	}
}

// Eight bytes at once see what one at a time do; and what is plain is safe as it
// is, and what is safe has no control character but in a style.
func FuzzSafe(f *testing.F) {
	for _, s := range []string{"plain text, long enough for words", "\x1b[31mred\x1b[2J", "eight by\nte words", "\x7f\x80\x9b\u009b"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		plain := !bytes.ContainsFunc(text, func(r rune) bool { return (r < ' ' && r != '\n') || r > '~' })
		if got := isPlain(text); got != plain {
			t.Errorf("isPlain(%q): %v", text, got)
		}
		var s style
		line, _, _ := bytes.Cut(text, lf)
		safe := string(appendSafe(nil, line, &s))
		if plain && safe != string(line) {
			t.Errorf("%q became %q", line, safe)
		}
		for rest := safe; rest != ""; {
			if n := styleSequence([]byte(rest)); n > 0 {
				rest = rest[n:]
				continue
			}
			if c := rest[0]; c < ' ' && c != '\t' || c == 0x7f {
				t.Errorf("%q became %q", line, safe)
			}
			rest = rest[1:]
		}
		if strings.ToValidUTF8(safe, "") != safe || strings.ContainsFunc(safe, func(r rune) bool { return r >= 0x80 && r < 0xa0 }) {
			t.Errorf("%q became %q", line, safe)
		}
		for _, columns := range []int{0, 1, 7} {
			appendCut(nil, []byte(safe), columns)
		}
	})
}

// What others call a worker can neither colour our words nor move the cursor.
func TestSafe(t *testing.T) {
	for text, want := range map[string]string{
		"größe\ttwo\nlines":        "größe␉two\nlines",
		"\x1b[31mred\x1b[2J\r\x7f": "␛[31mred␛[2J␍␡",
		"\xff\u009b\u202e":         `\xff\u009b\u202e`,
	} {
		if got := Safe(text); got != want {
			t.Errorf("Safe(%q) = %q; want %q", text, got, want)
		}
	}
}
