package process_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/internal/pipe"
	"github.com/syncstream/syncstream/process"
)

// What the reader had taken before Finish looked into the pipe is subtracted
// from what Finish found there: the end of the text is lost. A last read
// without a count makes up for it, but where the pipe is large (here the worker
// saw to that), our blocks are not (16 pipes are large already), and the lines
// are long.
func TestDrainGraceCuts(t *testing.T) {
	for range 16 {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		defer w.Close()
		raw, _ := r.SyscallConn()
		raw.Control(func(fd uintptr) {
			if pipe.Enlarge(fd) {
				t.Cleanup(pipe.Release)
			}
		})
	}
	drainSlowly(t, 53_000, []int{256 << 10, 256<<10 + 212_000})
}

// The warning stands behind all that was written before: the partial line too.
func TestWarningBehindPartialLine(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	cmd := self("family", "exit", "hold", "1one\n", "2half a li")
	release, life := pipes(t, cmd)
	wait(t, start(t, b, cmd, process.Config{Source: syncstream.Source{Name: "w"}, DrainGrace: 20 * time.Millisecond}))
	if got := contents(t, b); !isHeldWarning(got[len(got)-1]) {
		t.Errorf("the buffer holds\n\t%s\nwant the warning last", strings.Join(got, "\n\t"))
	}
	release()
	rest(t, cmd, life)
}
