//go:build unix

package process_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"hash"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/process"
)

// isHeldWarning reports whether m is the warning that names a grandchild that
// the test binary plays, and it alone.
func isHeldWarning(m string) bool {
	who := "another process"
	if runtime.GOOS == "linux" {
		who = `process [0-9]+ \(.*` + regexp.QuoteMeta(filepath.Base(os.Args[0])) + `.*\)`
	}
	const text = " still holds the output of w; what is printed there from now on is lost, and not counted"
	return regexp.MustCompile(`^warning "` + who + text + `"$`).MatchString(m)
}

// A grandchild keeps the pipe: it is waited for no longer than DrainGrace, and
// what was written before is there.
func TestGrandchildHoldsPipe(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	cmd := self("family", "exit", "hold", "1from the grandchild\n", "2err\n")
	release, life := pipes(t, cmd)
	r := wait(t, start(t, b, cmd, process.Config{
		Source: syncstream.Source{Name: "w"}, Order: process.Merged, DrainGrace: 20 * time.Millisecond,
	}))
	got := contents(t, b)
	if last := len(got) - 1; !isHeldWarning(got[last]) {
		t.Errorf("the last message is %s, want the warning", got[last])
	}
	want := []string{`merged "from the grandchild\n"`, `merged "err\n"`, `merged "worker ready\n"`}
	if !slices.Equal(got[:len(got)-1], want) {
		t.Errorf("the buffer holds %v, want %v and the warning", got, want)
	}
	checkEnd(t, b, r, nil)
	release()
	rest(t, cmd, life)
}

// A grandchild that ends within the grace is heard to its end.
func TestGrandchildInGrace(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	l := listen(t, b)
	cmd := self("family", "exit", "hold", "pid")
	_, life := pipes(t, cmd)
	p := start(t, b, cmd, process.Config{DrainGrace: patience})
	l.hear(t, "worker ready", 1)
	// The worker is dead or dying; the grandchild ends when it is told to.
	messages, _ := b.Last(t.Context(), 10)
	var pid int
	fmt.Sscan(messages[0].Text, &pid)
	syscall.Kill(pid, syscall.SIGTERM)
	r := wait(t, p)
	checkEnd(t, b, r, nil)
	got := contents(t, b)
	if len(got) != 3 || got[2] != `stdout "grandchild terminated\n"` {
		t.Errorf("the buffer holds %v, want the grandchild's last words and no warning", got)
	}
	rest(t, cmd, life)
}

// A grandchild that never stops printing doesn't hold Wait up either, and ends
// when nobody reads any more.
func TestGrandchildEndless(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	cmd := self("family", "exit", "endless")
	_, life := pipes(t, cmd)
	p := start(t, b, cmd, process.Config{Source: syncstream.Source{Name: "w"}, DrainGrace: 20 * time.Millisecond})
	checkEnd(t, b, wait(t, p), nil)
	got := contents(t, b)
	if !slices.ContainsFunc(got, isHeldWarning) {
		t.Error("the warning is missing")
	}
	if n := b.Sources()[0].Written.Messages; n < 2 {
		t.Errorf("%d messages came, want what both had printed", n)
	}
	rest(t, cmd, life)
}

// With next to no grace, nothing is lost that was written before the worker's
// death, by itself or by who keeps its pipe.
func TestGrandchildLosesNothing(t *testing.T) {
	for range 100 {
		b := syncstream.New(syncstream.Config{MaxMessages: 1000})
		cmd := exec.Command("sh", "-c", "(i=0; while [ $i -lt 100 ]; do echo $i; i=$((i+1)); done); read x <&3 & echo the end")
		release, life := pipes(t, cmd)
		wait(t, start(t, b, cmd, process.Config{Source: syncstream.Source{Name: "w"}, DrainGrace: 5 * time.Millisecond}))
		if n := b.Len(); n != 102 {
			t.Fatalf("%d messages came, want 101 lines and the warning", n)
		}
		release()
		rest(t, cmd, life)
	}
}

// A buffer that takes no more doesn't stop its workers: they print on, and
// nobody waits for ever.
func TestBufferClose(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	l := listen(t, b)
	cmd := self("chatter", "50000")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, b, cmd, process.Config{})
	l.hear(t, "and so on", 10)
	b.Close()
	if err := waitErr(t, b); err != nil {
		t.Errorf("Buffer.Wait returned %v", err)
	}
	in.Close() // it prints more than the pipe holds, and ends
	if r := wait(t, p); r.Err != nil {
		t.Errorf("the worker ended with %v, want none", r.Err)
	}
}

// slow is a sink that is slower than its worker.
type slow struct {
	t      *testing.T
	b      *syncstream.Buffer
	hash   hash.Hash
	taken  uint64
	behind uint64 // bytes, at most
}

func (s *slow) WriteBatches(batches []*syncstream.Batch) error {
	s.behind = max(s.behind, s.b.Stats().Written.Bytes-s.taken)
	for _, b := range batches {
		s.hash.Write(b.Text())
		s.taken += uint64(len(b.Text()))
		for range 5 {
			sha256.Sum256(b.Text())
		}
	}
	return nil
}

func TestSlowSink(t *testing.T) {
	const n = 100_000 // lines of 100 bytes
	b := syncstream.New(syncstream.Config{})
	sink := &slow{t: t, b: b, hash: sha256.New()}
	a := attach(t, b, sink)
	r := wait(t, start(t, b, self("lines", fmt.Sprint(n)), process.Config{DrainGrace: time.Millisecond}))
	checkEnd(t, b, r, nil)
	if err := a.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := b.Stats().Written.Messages; got != n {
		t.Errorf("%d messages came, want %d", got, n)
	}
	if sum := numberedSum(n); !bytes.Equal(sink.hash.Sum(nil), sum[:]) {
		t.Errorf("the sink got %d bytes, and not those that were written", sink.taken)
	}
	if sink.behind > 4<<20 {
		t.Errorf("the sink was %d bytes behind: the worker was not slowed", sink.behind)
	}
}

// gate is a sink that waits until it is opened, but for some first calls.
type gate struct {
	free   int
	called chan struct{} // gets one element for each call up to the one that waits
	opened chan struct{}
	text   []byte
}

func newGate(free int) *gate {
	return &gate{free: free, called: make(chan struct{}, free+1), opened: make(chan struct{})}
}

func (g *gate) WriteBatches(batches []*syncstream.Batch) error {
	if g.free >= 0 {
		g.called <- struct{}{}
		if g.free == 0 {
			<-g.opened
		}
		g.free--
	}
	for _, b := range batches {
		if b.Kind() == syncstream.Line {
			g.text = append(g.text, b.Text()...)
		}
	}
	return nil
}

// The worker ends while the sink blocks, and the grace is over before the sink
// goes on: what is in the pipe is not cut, nor is another process blamed.
func TestDrainGraceWithSlowSink(t *testing.T) {
	for _, test := range []struct {
		lineLength int
		sizes      []int // of the writes: the sink blocks on that before the last
	}{
		{100, []int{256 << 10, 512 << 10}},
		{60_000, []int{256 << 10, 768 << 10}},
		{50_000, []int{200 << 10, 600 << 10}},
		{100, []int{100, 1 << 20}},
	} {
		t.Run(fmt.Sprint(test.sizes), func(t *testing.T) {
			b := drainSlowly(t, test.lineLength, test.sizes)
			if err := waitErr(t, b); err != nil {
				t.Errorf("Buffer.Wait returned %v", err)
			}
			for _, m := range contents(t, b) {
				if strings.HasPrefix(m, "warning") {
					t.Errorf("there is a %s, though the worker had no children", m)
				}
			}
		})
	}
}

// drainSlowly checks that all that a worker writes gets to a sink which blocks
// until the worker is dead and its grace over.
func drainSlowly(t *testing.T, lineLength int, sizes []int) *syncstream.Buffer {
	b := syncstream.New(syncstream.Config{MaxMessages: 100_000})
	g := newGate(len(sizes) - 2)
	a := attach(t, b, g)
	args, sum := []string{fmt.Sprint(lineLength)}, 0
	for _, n := range sizes {
		args = append(args, fmt.Sprint(n))
		sum += n
	}
	cmd := self("fill", args...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	_, life := pipes(t, cmd)
	p := start(t, b, cmd, process.Config{DrainGrace: time.Millisecond})
	for range sizes[1:] {
		<-g.called
		in.Write([]byte{0})
	}
	in.Close()
	rest(t, cmd, life)
	graceOver(t, p)
	close(g.opened)
	wait(t, p)
	if err := a.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := fillText(sum, lineLength); !bytes.Equal(g.text, want) {
		t.Errorf("the sink got %d of %d bytes", len(g.text), len(want))
	}
	return b
}

// graceOver waits until the drain's grace is over.
func graceOver(t *testing.T, p *process.Process) {
	t.Helper()
	if !eventually(p.Finishing) {
		t.Error("the grace has not ended")
	}
}

// A buffer can be closed while a sink blocks.
func TestBufferCloseSinkBlocks(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	g := newGate(0)
	attach(t, b, g)
	p := start(t, b, self("lines", "50000"), process.Config{})
	<-g.called
	closed := make(chan struct{})
	go func() {
		b.Close()
		close(closed)
	}()
	select {
	case <-closed:
	case <-time.After(patience):
		t.Error("Close waits for the sink")
	}
	close(g.opened)
	wait(t, p)
}
