package cli

import (
	"testing"
	"time"

	"github.com/spf13/pflag"
)

func TestDurationAndSize(t *testing.T) {
	var d time.Duration
	var n int64
	for _, c := range []struct {
		text string
		want time.Duration
	}{{"10s", 10 * time.Second}, {"1m30s", 90 * time.Second}, {"2", 2 * time.Second}, {"0", 0}, {"0.5", time.Second / 2}, {"-1s", -1}, {"x", -1}, {"1h30", -1}, {"", -1}} {
		d = -1
		if _ = duration(&d)(c.text); d != c.want {
			t.Errorf("duration %q is %v; want %v", c.text, d, c.want)
		}
	}
	for _, c := range []struct {
		text string
		want int64
	}{
		{"1", 1},
		{"10k", 10_000},
		{"3kB", 3000},
		{"64Mi", 64 << 20},
		{"64MiB", 64 << 20},
		{"1G", 1e9},
		{"0", -1},
		{"-1", -1},
		{"1X", -1},
		{"", -1},
		{"M", -1},
		{"1MM", -1},
		{"9999999999G", -1},
	} {
		n = -1
		if _ = size(&n)(c.text); n != c.want {
			t.Errorf("size %q is %d; want %d", c.text, n, c.want)
		}
	}
}

func TestChoice(t *testing.T) {
	var to string
	set := pflag.NewFlagSet("test", pflag.ContinueOnError)
	flags{set, "Group"}.choice("stop", "stop", &to, "never", "fail", "exit")
	if to != "never" {
		t.Errorf("the default is %q", to)
	}
	for text, want := range map[string]string{
		"fale":  "want never, fail or exit; did you mean fail?",
		"other": "want never, fail or exit",
		"exit":  "",
	} {
		got := ""
		if err := set.Lookup("stop").Value.Set(text); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: %q; want %q", text, got, want)
		}
	}
	if to != "exit" {
		t.Errorf("the value is %q", to)
	}
}

// A host knows of a worker's end only the words.
func TestStatusOfText(t *testing.T) {
	for text, want := range map[string]int{
		"exit status 3": 3, "exit status 3: disk full": 3, "exit status 255 after 3 s": 255, "exit status 0": 1, "exit status 300": 1,
		"killed by SIGTERM (signal 15)": 143, "killed by SIGKILL (signal 9) after 3 s": 137, "disk full": 1, "": 1,
	} {
		if got := statusOfText(text); got != want {
			t.Errorf("statusOfText(%q) = %d; want %d", text, got, want)
		}
	}
}
