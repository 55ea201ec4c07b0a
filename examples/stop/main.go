// Workers search for a number; the first answer is enough, so the parent stops
// the others. Some hear it when they write, and one that only computes from its
// context.
package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/syncstream/syncstream"
)

func main() {
	ctx := context.Background()
	answers := make(chan string, 1)
	buf := syncstream.New(syncstream.Config{Parse: func(m *syncstream.Message) (keep bool) {
		// Parse sees every line. One who follows the buffer could be outrun by
		// so many, and miss this one.
		if answer, ok := strings.CutPrefix(m.Text, "found: "); ok {
			answers <- answer
		}
		return true
	}})
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

	fmt.Println("the answer is", <-answers)
	buf.Stop(errors.New("one answer is enough"))
	fmt.Println("all have ended:", buf.Wait(ctx))
	for _, s := range buf.Sources() {
		fmt.Printf("%s: asked %t, heard %t, %s: %v\n", s.Source, !s.Asked.IsZero(), !s.Heard.IsZero(), s.State, s.Err)
	}
}
