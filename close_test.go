package syncstream

import (
	"testing"
	"testing/synctest"
)

// What follows takes Buffer.Close apart into its steps, to stand where another
// goroutine can come in between.

// Promise 4: what a stream held when Close was called is delivered, although a
// Write comes between the step that takes no more and the one that closes the
// mirror. Only what that Write brought is refused.
func TestWriteWhileCloseWorks(t *testing.T) {
	for _, late := range []string{"words", "words\n", "words\nand", "\n", "longer than MaxLine", "\r", "\rx", "\r\n"} {
		b := New(Config{MaxLine: 8})
		m := b.Mirror(MirrorConfig{})
		m.Write([]byte("last "))
		mirrors, _ := b.store.close()
		if n, err := m.Write([]byte(late)); n != 0 || err != ErrClosed {
			t.Errorf("Write(%q): %d, %v", late, n, err)
		}
		for _, m := range mirrors {
			m.Close()
		}
		b.store.end()
		messages, err := b.Last(t.Context(), 10)
		if err != nil || len(messages) != 1 || messages[0].Text != "last " {
			t.Errorf("Write(%q) while Close is at work: %+v, %v; want the partial line that stood before it", late, messages, err)
		}
	}
}

// Promise 4: what came of a log record before the buffer was closed is
// delivered.
func TestCloseWithinLogRecord(t *testing.T) {
	b := New(Config{})
	m := b.Mirror(MirrorConfig{})
	m.control.Write([]byte("level=INFO ms")) // as the first part of a long record comes
	b.Close()
	messages, err := b.Last(t.Context(), 10)
	if err != nil || len(messages) != 1 || messages[0].Text != "level=INFO ms" || messages[0].Stream != Control {
		t.Errorf("%+v, %v; want what came of the record", messages, err)
	}
}

// Promise 5: a second Close while the first is at work does nothing. Did it end
// the sinks, they would not get the last words.
func TestSecondCloseWhileFirstWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Config{})
		var got []string
		a := b.Attach(sinkFunc(func(batches []*Batch) error {
			for _, b := range batches {
				got = append(got, string(b.Text()))
			}
			return nil
		}))
		m := b.Mirror(MirrorConfig{})
		m.Write([]byte("last words"))
		mirrors, _ := b.store.close()
		b.Close()
		synctest.Wait() // the sink's goroutine comes in
		for _, m := range mirrors {
			m.Close()
		}
		b.store.end()
		<-a.Done()
		if len(got) != 1 || got[0] != "last words" {
			t.Errorf("the sink has got %q, want the last words", got)
		}
	})
}

type sinkFunc func([]*Batch) error

func (f sinkFunc) WriteBatches(batches []*Batch) error { return f(batches) }
