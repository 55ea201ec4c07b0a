package cli

import (
	"fmt"
	"strings"
	"testing"

	"github.com/syncstream/syncstream"
)

// Ctrl-C ends a follower and a host, and neither has failed. A host tells those
// who follow.
func TestCtrlCAtAHost(t *testing.T) {
	const verb = `shift; "$0" "$@"` // not run
	serve := onTerminalOf(t, verb, "serve", "--listen", "127.0.0.1:0")
	serve.await("\n")
	address, _, _ := strings.Cut(serve.text(), "\n")
	url := address + "/train"
	follow := onTerminalOf(t, verb, "follow", "-n", "1", url)
	stays := onTerminalOf(t, verb, "follow", url)

	b, err := syncstream.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	m := b.Mirror(syncstream.MirrorConfig{Source: syncstream.Source{Name: "w"}})
	fmt.Fprint(m, "one\n\x1b[2Jtwo\n")
	follow.await("w | ␛[2Jtwo\n")
	stays.await("two\n")
	follow.press(ctrlC)
	follow.exits(0)
	if err := b.Close(); err != nil {
		t.Error(err)
	}

	serve.press(ctrlC)
	serve.exits(0)
	stays.await("can't be reached, and is tried again")
	stays.press(ctrlC)
	stays.exits(0)
}
