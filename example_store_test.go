package syncstream_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/syncstream/syncstream"
)

// A store keeps the messages of a buffer that is over it; see over_test.go for
// this one, which is another buffer.
func ExampleStore() {
	ctx := context.Background()
	host := syncstream.New(syncstream.Config{})
	b := syncstream.NewOver(memoryStore{host}, syncstream.Config{})
	b.Go("worker", func(_ context.Context, m *syncstream.Mirror) error {
		_, err := fmt.Fprintln(m, "hello")
		return err
	})
	b.Wait(ctx)
	last, _ := host.Last(ctx, 10)
	for _, m := range last {
		fmt.Println(m.Source, m.Num, m.Text)
	}
	fmt.Println(b.Close())
	// Output:
	// worker 1 hello
	// <nil>
}

// What came from elsewhere, and has its numbers.
func ExampleFeed() {
	b := syncstream.New(syncstream.Config{})
	feed, err := b.Feed(&syncstream.Source{ID: "k3v9q2", Name: "worker"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range []syncstream.BatchConfig{
		{First: 1, Text: []byte("one\ntwo\n")},
		{First: 6, Text: []byte("six\n")},
	} {
		batch, err := syncstream.NewBatch(c)
		if err != nil {
			fmt.Println(err)
			return
		}
		feed.Append(batch)
	}
	feed.Close(syncstream.StateExited, nil)
	last, _ := b.Last(context.Background(), 10)
	for _, m := range last {
		fmt.Println(m.Num, m.Kind, m.Text, m.Missing)
	}
	// Output:
	// 1 line one 0
	// 2 line two 0
	// 3 gap  3
	// 6 line six 0
}

// An error of NewBatch names what is wrong with a batch from outside.
func ExampleBatchConfig() {
	_, err := syncstream.NewBatch(syncstream.BatchConfig{First: 1, Count: 3, Text: []byte("one\ntwo\n")})
	fmt.Println(err)
	// Output: syncstream: new batch: count is 3, but text holds 2 messages
}

func ExampleStopError() {
	err := error(&syncstream.StopError{Reason: "disk full on node7"})
	fmt.Println(err, errors.Is(err, syncstream.ErrStopped))
	// Output: disk full on node7 true
}
