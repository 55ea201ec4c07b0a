// Four processes print, and one buffer keeps the last ten lines of them all.
// Each runs a function of this program, in a copy of it.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/process"
)

// item is the worker. Its argument can be of any type that encoding/json takes.
var item = process.NewFunc("item", func(ctx context.Context, rank int) error {
	fmt.Println("Message item of worker", rank)
	return nil // an error, or a panic, would come to the buffer as one message
})

func main() {
	process.Main() // a worker goes no further
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	buf := syncstream.New(syncstream.Config{MaxMessages: 10})
	for rank := range 4 {
		process.Start(ctx, buf, item.Command(rank), process.Config{})
	}
	failed := buf.Wait(ctx) // the first worker that failed, or did not start
	messages, err := buf.Last(ctx, 10)
	for _, m := range messages {
		fmt.Println(m.Text)
	}
	if failed != nil {
		return failed
	}
	return err
}
