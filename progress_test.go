package syncstream_test

import (
	"strings"
	"testing"

	"github.com/syncstream/syncstream"
)

// A progress is a state that the next one replaces; the last stands.
func TestProgress(t *testing.T) {
	b := syncstream.New(syncstream.Config{MaxLine: 100})
	m := open(b, "w")
	partials := func(want string) {
		t.Helper()
		if got := shorts(b.Partials()); got != want {
			t.Errorf("the partial lines are %s, want %s", got, want)
		}
	}
	write(t, m, "half")
	for _, text := range []string{"", "25 %", "", "50 %\nand more"} {
		if err := m.Progress(text); err != nil {
			t.Error(err)
		}
		text, _, _ = strings.Cut(text, "\n")
		want := `w0/partial "half"`
		if text != "" {
			want += "\n" + `w0/control/partial "` + text + `"`
		}
		partials(want)
	}
	m.EndLine() // is for what the worker writes
	if err := m.Send(syncstream.Line, "a line"); err != nil {
		t.Error(err)
	}
	if err := m.Send(syncstream.Partial, strings.Repeat("x", 200)); err != nil {
		t.Error(err)
	}
	partials(`w0/control/partial "` + strings.Repeat("x", 100) + `"`)
	m.Progress("all\r")
	b.Stop(nil)
	if err := m.Progress("all done"); err != syncstream.ErrStopped {
		t.Errorf("after a stop: %v", err)
	}
	m.Close()
	if err := m.Progress("late"); err != syncstream.ErrClosed {
		t.Errorf("after Close: %v", err)
	}
	partials("")
	if got, want := shorts(all(t, b)), "w1 \"half\" none\nw2/control \"a line\"\nw3/control \"all done\" none"; got != want {
		t.Errorf("the buffer holds\n%s\nwant\n%s", got, want)
	}

	m = open(b, "v")
	m.Progress("half way")
	b.Abandon()
	last := all(t, b)
	if got, want := short(last[len(last)-1]), `v1/control "half way" none`; got != want {
		t.Errorf("after Abandon the last message is %s, want %s", got, want)
	}
	if n := b.Stats().Open; n != 0 || len(b.Partials()) != 0 {
		t.Errorf("%d mirrors are open", n)
	}
}
