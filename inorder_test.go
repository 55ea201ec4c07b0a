package syncstream_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/syncstream/syncstream"
)

// inOrderSink takes down which numbers it gets.
type inOrderSink struct{ got []uint64 }

func (*inOrderSink) InOrder() {}

func (s *inOrderSink) WriteBatches(batches []*syncstream.Batch) error {
	for _, b := range batches {
		for m := range b.All() {
			s.got = append(s.got, m.Num)
		}
	}
	return nil
}

// A line of stderr between two pieces of one of stdout stands where it came, for
// a sink that wants that: no number goes backwards.
func TestInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := syncstream.New(syncstream.Config{MaxLine: 10})
		var s inOrderSink
		b.Attach(&s)
		m := b.Mirror(syncstream.MirrorConfig{})
		fmt.Fprint(m, strings.Repeat("x", 15))
		synctest.Wait()
		fmt.Fprint(m.Stderr(), "between\n")
		synctest.Wait()
		fmt.Fprint(m, strings.Repeat("x", 15), "\n")
		m.Close()
		synctest.Wait()
		if got := fmt.Sprint(s.got); got != "[1 2 3 4]" {
			t.Errorf("the sink has messages %s; want [1 2 3 4]", got)
		}
		b.Close()
	})
}

// relay brings what it gets to another buffer, whose name for the source is its
// own.
type relay struct{ to syncstream.Feed }

func (relay) InOrder() {}

func (r relay) WriteBatches(batches []*syncstream.Batch) error {
	for _, b := range batches {
		if err := r.to.Append(b); err != nil {
			return err
		}
	}
	return nil
}

func ExampleInOrder() {
	to, from := syncstream.New(syncstream.Config{}), syncstream.New(syncstream.Config{})
	feed, _ := to.Feed(&syncstream.Source{ID: "1", Name: "elsewhere"})
	relayed := from.Attach(relay{feed})
	fmt.Fprintln(from.Mirror(syncstream.MirrorConfig{}), "hello")
	from.Close()
	<-relayed.Done()
	last, _ := to.Last(context.Background(), 1)
	fmt.Println(last[0].Source, last[0].Text)
	// Output: elsewhere hello
}
