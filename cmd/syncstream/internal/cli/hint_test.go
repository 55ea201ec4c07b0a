package cli

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/syncstream/syncstream"
)

// Who has printed nothing for a while is told of once: not who has printed, a
// partial line at least, nor who has ended.
func TestHinter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := syncstream.New(syncstream.Config{})
		notices := make(chan string, 9)
		h := &hinter{
			after: 10 * time.Second, buf: b, notice: func(s string) { notices <- s },
			added: make(chan time.Time, 9), ended: make(chan struct{}),
		}
		h.loop.Go(func() { h.run(t.Context()) })
		open := func(name string) *syncstream.Mirror {
			h.add()
			return b.Mirror(syncstream.MirrorConfig{Source: syncstream.Source{Name: name}})
		}
		open("silent")
		open("prompts").Write([]byte("> "))
		open("prints").Write([]byte("line\n"))
		open("gone").Close()
		time.Sleep(time.Second)
		open("silent, too")
		time.Sleep(9 * time.Second)
		if len(notices) > 0 {
			t.Errorf("after 10 s: %q", <-notices)
		}
		time.Sleep(5 * time.Second)
		open("late")
		time.Sleep(time.Minute)
		h.stop()
		var named []string
		close(notices)
		for n := range notices {
			name, _, _ := strings.Cut(n, " printed nothing for 10s; ")
			named = append(named, name)
		}
		if got := strings.Join(named, "; "); got != "silent, silent, too have; late has" {
			t.Errorf("told of %q", got)
		}
		b.Close()
	})
}
