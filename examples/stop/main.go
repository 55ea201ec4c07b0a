// Workers search for a number; the first answer is enough, so the parent stops
// the others. Some hear it when they write, and one that only computes from its
// context.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/syncstream/syncstream"
)

func main() {
	ctx := context.Background()
	buf := syncstream.New(syncstream.Config{})
	buf.Go("writes", func(_ context.Context, m *syncstream.Mirror) error {
		for n := 0; ; n++ {
			if _, err := fmt.Fprintf(m, "not %d\n", n); err != nil {
				return err // syncstream.ErrStopped, after the line was taken
			}
		}
	})
	buf.Go("computes", func(ctx context.Context, m *syncstream.Mirror) error {
		for n := 0; ; n++ {
			if n%1000 == 0 && ctx.Err() != nil {
				m.Acknowledge() // it would not write for a while
				return context.Cause(ctx)
			}
		}
	})
	buf.Go("finds", func(ctx context.Context, m *syncstream.Mirror) error {
		fmt.Fprintln(m, "found: 42")
		<-ctx.Done()
		fmt.Fprintln(m, "tidied up") // taken like everything else
		return nil
	})

	enough := errors.New("one answer is enough")
	for m, err := range buf.Follow(ctx, syncstream.Oldest) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if answer, ok := strings.CutPrefix(m.Text, "found: "); ok {
			fmt.Println("the answer is", answer)
			buf.Stop(enough)
			break
		}
	}
	fmt.Println("all have ended:", buf.Wait(ctx))
	for _, s := range buf.Sources() {
		fmt.Printf("%s: asked %t, heard %t, %s: %v\n", s.Source, !s.Asked.IsZero(), !s.Heard.IsZero(), s.State, s.Err)
	}
}
