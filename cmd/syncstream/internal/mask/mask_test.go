package mask_test

import (
	"context"
	"strings"
	"testing"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/cmd/syncstream/internal/mask"
)

func newMask(t testing.TB, patterns ...string) *mask.Mask {
	t.Helper()
	m, err := mask.New(patterns...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestString(t *testing.T) {
	for _, c := range []struct {
		patterns   []string
		text, want string
		why        string
	}{
		{nil, "secret", "secret", "no pattern hides nothing"},
		{[]string{"secret"}, "my secret, your secret", "my ***, your ***", "all matches are hidden"},
		{[]string{"abc", "bcd"}, "abcd", "****", "where two overlap, all of it is hidden"},
		{[]string{`\*+`}, "a***b", "a***b", "what stands for a secret is hidden no further"},
		{[]string{`(?i)token=\S+`}, "TOKEN=x y", "*** y", "patterns are those of package regexp"},
		{[]string{"secret"}, "", "", "no text has none"},
	} {
		if got := newMask(t, c.patterns...).String(c.text); got != c.want {
			t.Errorf("%q of %q: %q; want %q: %s", c.patterns, c.text, got, c.want, c.why)
		}
	}
}

// What a text may become is hidden too.
func TestUnfinished(t *testing.T) {
	for _, c := range []struct{ pattern, text, want, why string }{
		{"secret", "my sec", "my ***", "it may become a secret"},
		{"secret", "my second", "my second", "it can't any more"},
		{"secret", "secret", "***", "it is one"},
		{"secret", "sesec", "se***", "the second may, the first can't"},
		{`ghp_[a-z]{4}`, "ghp_abc", "***", "so with what is counted"},
		{`ghp_[a-z]{4}`, "ghp_abcd.", "***.", "a match that has ended leaves what follows"},
		{`ghp_[a-z]+`, "ghp_abcd", "***", "one that may go on is hidden"},
		{`key$`, "my key", "my ***", "the end of the text may be that of the line"},
		{`^key`, "a key", "a key", "but its beginning is"},
		{`\bkey\b`, "monkey ke", "monkey **", "so with words"},
		{`(a|b)c|de?f`, "xd", "x*", "alternatives"},
		{"säcret", "my sä", "my ***", "characters of many bytes"},
		{"säcret", "my s\xc3", "my s\xc3", "half of one is another character"},
		{"a.c", "\n a", "\n *", "a dot is no line break"},
	} {
		if got := newMask(t, c.pattern).Unfinished(c.text); got != c.want {
			t.Errorf("%q of %q: %q; want %q: %s", c.pattern, c.text, got, c.want, c.why)
		}
	}
}

func TestErrors(t *testing.T) {
	for pattern, want := range map[string]string{"(": "missing closing", "a*": "matches where there is nothing"} {
		if _, err := mask.New(pattern); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", pattern, err, want)
		}
	}
	var none *mask.Mask
	if none.String("a") != "a" || none.Unfinished("a") != "a" || !none.Parse(&syncstream.Message{}) {
		t.Error("no mask does something")
	}
}

// A buffer keeps no secret, however its bytes came: MaxLine is 8.
func TestParse(t *testing.T) {
	for _, c := range []struct {
		name, pattern string
		writes        []string
		want, why     string
	}{
		{"one write", "key", []string{"a key\n"}, "a ***\n", "in a line"},
		{"two writes", "key", []string{"a k", "ey\n"}, "a ***\n", "also when it was cut"},
		{"the last text", "key", []string{"a k", "ey"}, "a ***\n", "also without a line end"},
		{"in a piece", "key", []string{"key45678key\n"}, "***45678|***\n", "in the pieces of a line"},
		{"over a border", "key", []string{"123456key012345\n"}, "123456**|*012345\n", "and over the border of two"},
		{"a false alarm", "key", []string{"1234567kkkk\n"}, "1234567*|kkk\n", "at a border too much may be hidden"},
		{"over three", "k[a-z]{12}y", []string{"xk23", "k", "abcdefghijklya\n"}, "xk23***|***|**a\n", "also where it is longer than a piece"},
		{"two lines", "key", []string{"1234567k\n", "ey\n"}, "1234567k\ney\n", "a line end is a border of its own"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMask(t, c.pattern)
			b := syncstream.New(syncstream.Config{MaxLine: 8, Parse: m.Parse})
			w := b.Mirror(syncstream.MirrorConfig{})
			for _, text := range c.writes {
				w.Write([]byte(text))
			}
			w.Close()
			messages, _ := b.Last(context.Background(), 100)
			var got strings.Builder
			for _, m := range messages {
				got.WriteString(m.Text)
				if m.Part == syncstream.PartWhole || m.Part == syncstream.PartLast {
					got.WriteByte('\n')
				} else {
					got.WriteByte('|')
				}
			}
			if got.String() != c.want {
				t.Errorf("%q; want %q: %s", got.String(), c.want, c.why)
			}
		})
	}
}

// Where a match that is not over has begun is the same as what a search at
// every place finds.
func FuzzUnfinished(f *testing.F) {
	f.Add("my secret", "sec")
	f.Fuzz(func(t *testing.T, text, rest string) {
		m := newMask(t, "secret", `k[0-9]+y`, `\bab\b`)
		shown := m.Unfinished(text)
		whole := m.String(text + rest)
		// What is shown of the beginning is no more than of the whole.
		prefix, _, _ := strings.Cut(shown, "***")
		if before, _, found := strings.Cut(whole, "***"); found && len(prefix) > len(before) {
			t.Errorf("%q shows %q, and with %q behind it %q", text, shown, rest, whole)
		}
	})
}
