//go:build linux

package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The base runs at half our speed, knows one figure of two, and has no helper "new".
func TestWithBase(t *testing.T) {
	kept := func(name string) row { return throughput(name, "ours", "", demand{}).keptFast() }
	base := &workshop{self: "base", helpers: []byte(`"old": old,`)}
	for _, tt := range []struct {
		why    string
		helper string
		row    row
		want   []string
	}{
		{
			"the base's row has our figure, beside its own",
			"old", kept("x"),
			[]string{"x, beside the base", "80.0 M lines/s", "80.0 M lines/s – 80.0 M lines/s", "2.00", "≥ 0.95", "ok"},
		},
		{
			"what the base does not measure is said",
			"old",
			row{what: "x", of: ref{"ours", "new"}, unit: nanoseconds, kept: asShort},
			[]string{"x, beside the base", "base does not measure it", "", "", "≤ 1.05", ""},
		},
		{
			"a helper that the base lacks is said",
			"new", kept("x"),
			[]string{"x, beside the base", "the base has no helper new", "", "", "≥ 0.95", ""},
		},
	} {
		ours := func(w *workshop) contender {
			return w.needsHelper(tt.helper, contender{name: "ours", run: func(context.Context) (figures, error) {
				if w == base {
					return figures{lineRate: 40e6}, nil
				}
				return figures{lineRate: 80e6, "new": 1}, nil
			}})
		}
		limit := contender{name: "LIMIT", run: rates(100e6)}
		e := experiment{contenders: []contender{limit, ours(&workshop{self: "ours"}), {name: "peer", absent: "not installed"}}, rows: []row{tt.row}}
		if got := e.withBase(base); len(got.contenders) != 3 {
			t.Errorf("%s: the base takes part where it was not asked to", tt.why)
		}
		e.ours = ours
		r, err := measure(t.Context(), e.withBase(base), 1)
		if err != nil || failures([]result{r}) != nil {
			t.Fatal(err, r.errors)
		}
		if r.contenders[2].name != "base" || len(r.rows) != 2 {
			t.Fatalf("%s: the base is not next to ours, or has %d rows", tt.why, len(r.rows))
		}
		if got := r.cells(r.rows[1]); !slices.Equal(got, tt.want) {
			t.Errorf("%s:\n got %q\nwant %q", tt.why, got, tt.want)
		}
	}
}

// What is extracted is the revision, not the files that lie there.
func TestExtract(t *testing.T) {
	repository := t.TempDir()
	git := func(args ...string) string {
		t.Helper()
		args = append([]string{"-C", repository, "-c", "user.name=n", "-c", "user.email=e"}, args...)
		out, err := exec.Command("git", args...).CombinedOutput()
		if err != nil {
			t.Fatalf("git %s: %v: %s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(repository, "file"), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	git("init", "--quiet")
	write("old")
	git("add", "file")
	git("commit", "--quiet", "-m", "old")
	write("new")

	dir := filepath.Join(t.TempDir(), "base")
	commit, err := extract(t.Context(), repository, "HEAD", dir)
	if want := git("rev-parse", "--short", "HEAD"); commit != want || err != nil {
		t.Errorf("got commit %q and %v, want %q", commit, err, want)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "file")); string(text) != "old" || err != nil {
		t.Errorf("the file is %q, %v; want that of the commit", text, err)
	}
	if _, err := extract(t.Context(), repository, "nothing", dir); err == nil || !strings.Contains(err.Error(), "finding the revision") {
		t.Errorf("a revision that does not exist: got %v", err)
	}
}
