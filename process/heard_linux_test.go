package process_test

import (
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/process"
)

// A worker that was deaf to a stop has not heard it because we warn of who still
// holds its output.
func TestDeafHasNotHeard(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	l := listen(t, b)
	cmd := exec.Command("sh", "-c", `trap "" TERM; setsid sh -c "echo ready; read x <&3" & read x <&3`)
	release, life := pipes(t, cmd)
	p := start(t, b, cmd, process.Config{
		Source: syncstream.Source{Name: "w"}, StopGrace: 10 * time.Millisecond, DrainGrace: 20 * time.Millisecond,
	})
	l.hear(t, "ready", 1)
	p.Stop()
	wait(t, p)
	if got := contents(t, b); !slices.ContainsFunc(got, func(s string) bool { return s[0] == 'w' }) {
		t.Errorf("the buffer holds %q, and no warning", got)
	}
	if s := b.Sources()[0]; !s.Heard.IsZero() || s.State != syncstream.StateKilled {
		t.Errorf("the source is %v, and has heard the stop at %v; want killed, and never", s.State, s.Heard)
	}
	release()
	rest(t, cmd, life)
}
