package view_test

import (
	"strings"
	"testing"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/cmd/syncstream/internal/view"
)

func TestWantColor(t *testing.T) {
	for _, c := range []struct {
		mode, env  string
		isTerminal bool
		want       bool
		why        string
	}{
		{"auto", "", true, true, "a terminal has colours"},
		{"auto", "", false, false, "a file has none"},
		{"always", "NO_COLOR=1", false, true, "the flag is stronger than the environment"},
		{"never", "FORCE_COLOR=1", true, false, "also in the other direction"},
		{"auto", "NO_COLOR=1", true, false, "whoever wants none gets none"},
		{"auto", "NO_COLOR=", true, true, "an empty one says nothing"},
		{"auto", "NO_COLOR=1 FORCE_COLOR=1", true, false, "none is stronger than some"},
		{"auto", "NO_COLOR=1 CLICOLOR_FORCE=1", true, false, "none is stronger than some"},
		{"auto", "FORCE_COLOR=1", false, true, "colours in a file, for those who ask"},
		{"auto", "FORCE_COLOR=", false, false, "an empty one says nothing"},
		{"auto", "FORCE_COLOR=yes", false, true, "any value will do"},
		{"auto", "FORCE_COLOR= CLICOLOR_FORCE=1", false, true, "an empty one leaves it to the older convention"},
		{"auto", "FORCE_COLOR=0", true, false, "but this means none"},
		{"auto", "FORCE_COLOR=false", true, false, "and this"},
		{"auto", "FORCE_COLOR=0 CLICOLOR_FORCE=1", false, false, "the newer convention decides"},
		{"auto", "CLICOLOR_FORCE=1", false, true, "the older one"},
		{"auto", "CLICOLOR_FORCE=0", false, false, "says nothing when zero"},
		{"auto", "CLICOLOR_FORCE=0", true, true, "says nothing when zero"},
		{"auto", "TERM=dumb", true, false, "a dumb terminal has no colours"},
		{"auto", "TERM=dumb FORCE_COLOR=1", true, true, "but for those who ask"},
	} {
		getenv := func(name string) string {
			for pair := range strings.FieldsSeq(c.env) {
				if n, value, _ := strings.Cut(pair, "="); n == name {
					return value
				}
			}
			return ""
		}
		if got := view.WantColor(c.mode, getenv, c.isTerminal); got != c.want {
			t.Errorf("--color %s, %q, terminal %v: %v; want %v: %s", c.mode, c.env, c.isTerminal, got, c.want, c.why)
		}
	}
}

func TestParseTimestamps(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 89_012_345, time.UTC)
	for _, c := range []struct{ format, want string }{
		{"", "05:06:07.089"},
		{"%H:%M:%S", "05:06:07"},
		{"%Y-%m-%dT%T.%f%z", "2026-03-04T05:06:07.089012+0000"},
		{"%F %R %N %%", "2026-03-04 05:06 089012345 %"},
		{"1 %e %b %a", "1  4 Mar Wed"}, // a digit is no layout
		{"%s", "1772600767"},
		{"unix", "1772600767.089"},
		{"iso", "2026-03-04T05:06:07.089Z"},
		{"15:04:05.000000", "05:06:07.089012"},
		{time.Kitchen, "5:06AM"},
	} {
		f, err := view.ParseTimestamps(c.format)
		if got := string(f.Append(nil, at)); got != c.want || err != nil {
			t.Errorf("%q: %q, %v; want %q", c.format, got, err, c.want)
		}
	}
	for format, want := range map[string]string{
		"time": "there is no time in it", "%Q": "%Q is unknown", "%H%": "stands alone", "yes": "there is no time in it",
	} {
		if _, err := view.ParseTimestamps(format); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", format, err, want)
		}
	}
}

func TestParsePrefixErrors(t *testing.T) {
	for s, want := range map[string]string{
		"names": "want name, index", "": "want name, index", "{names}": "there is no {names}", "{name": "is not closed", "{{": "",
	} {
		_, err := view.ParsePrefix(s)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v; want %q", s, err, want)
		}
	}
}

func TestParseWords(t *testing.T) {
	for s, want := range map[string]view.Output{"stream": view.Stream, "group": view.Group, "errors": view.Errors, "none": view.None} {
		if got, err := view.ParseOutput(s); got != want || err != nil {
			t.Errorf("ParseOutput(%q): %v, %v", s, got, err)
		}
	}
	for s, want := range map[string]syncstream.Lines{"fold": syncstream.Fold, "split": syncstream.Split, "keep": syncstream.Keep} {
		if got, err := view.ParseCR(s); got != want || err != nil {
			t.Errorf("ParseCR(%q): %v, %v", s, got, err)
		}
	}
	_, output := view.ParseOutput("all")
	_, cr := view.ParseCR("python")
	for _, err := range []error{output, cr} {
		if err == nil || !strings.Contains(err.Error(), "want ") {
			t.Errorf("%v", err)
		}
	}
}
