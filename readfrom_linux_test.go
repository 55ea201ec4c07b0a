package syncstream_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/internal/pipe"
)

// A pipe that has been read to its end makes room for another among those that
// may be large: the last of many is enlarged as the first was.
func TestReadFromManyBusyPipesInTurn(t *testing.T) {
	m := open(syncstream.New(syncstream.Config{MaxMessages: 1}), "m")
	for i := range 20 { // 16 may be large at once
		r := fullPipe(t, strings.Repeat(strings.Repeat("x", 63)+"\n", 1024))
		if _, err := m.ReadFrom(r); err != nil {
			t.Error(err)
		}
		if _, size := pipe.NewReader(r).Unread(); size != 1<<20 {
			t.Fatalf("busy pipe %d can hold %d bytes", i, size)
		}
		r.Close()
	}
}

// A sink is not done while a pipe's reader calls it, whoever has detached it.
func TestDetachWhileReaderCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := syncstream.New(syncstream.Config{})
		g := newGate()
		a := b.Attach(g)
		synctest.Wait() // the sink's own goroutine waits for a call that does not come
		m := open(b, "m")
		done := started(func() { m.ReadFrom(fullPipe(t, "x\n")) })
		<-g.called
		a.Detach()
		synctest.Wait()
		select {
		case <-a.Done():
			t.Error("done while the sink is being called")
		default:
		}
		close(g.pass)
		<-a.Done()
		<-done
	})
}

// A pipe's reader that has to wait for one sink can't call another, to which it
// has brought something: that one's own goroutine does.
func TestReaderWaitsForSink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := syncstream.New(syncstream.Config{})
		var fast recorder
		slow := newGate()
		attachments := []*syncstream.Attachment{b.Attach(&fast), b.Attach(slow)}
		const line = "a\rb\n" // a batch by itself
		write(t, open(b, "first"), strings.Repeat(line, 4000))
		synctest.Wait() // the slow sink has some of these, and its queue the rest
		m := open(b, "m")
		r := fullPipe(t, strings.Repeat(line, 16_000)) // one read
		done := started(func() { m.ReadFrom(r) })
		synctest.Wait()
		if got, want := len(fast.all()), int(b.Stats().Written.Messages); got != want || got == 20_000 {
			t.Errorf("the first sink has got %d of %d messages", got, want)
		}
		close(slow.pass)
		<-done
		for _, a := range attachments {
			if err := a.Drain(t.Context()); err != nil {
				t.Error(err)
			}
			a.Detach()
		}
		if len(fast.all()) != 20_000 || len(slow.all()) != 20_000 {
			t.Errorf("%d and %d messages, want 20000", len(fast.all()), len(slow.all()))
		}
	})
}
