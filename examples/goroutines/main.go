// Four goroutines print into one buffer, each line whole; one of them fails.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/syncstream/syncstream"
)

func main() {
	ctx := context.Background()
	buf := syncstream.New(syncstream.Config{})
	for i := range 4 {
		buf.Go(fmt.Sprintf("worker %d", i), func(_ context.Context, m *syncstream.Mirror) error {
			fmt.Fprint(m, "Message ") // no line yet
			fmt.Fprintln(m, "item")
			fmt.Fprintln(m.Stderr(), "a note on stderr")
			if i == 3 {
				return errors.New("no more items")
			}
			return nil
		})
	}
	failed := buf.Wait(ctx)
	messages, err := buf.Last(ctx, 100)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for _, m := range messages {
		fmt.Printf("%s, message %d, %s %s: %s\n", m.Source, m.Num, m.Stream, m.Kind, m.Text)
	}
	fmt.Println("the first failure:", failed)
}
