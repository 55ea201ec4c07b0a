// Four workers report their progress among other output. The reports leave the
// stream and drive one percentage while the workers run; the rest is kept.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/syncstream/syncstream"
)

const workers, steps = 4, 25

func main() {
	ctx := context.Background()
	reports := make(chan struct{}, workers*steps)
	buf := syncstream.New(syncstream.Config{Parse: func(m *syncstream.Message) (keep bool) {
		var done, all int
		if n, _ := fmt.Sscanf(m.Text, "progress: %d/%d", &done, &all); n != 2 {
			return true
		}
		reports <- struct{}{}
		return false
	}})
	for i := range workers {
		buf.Go(fmt.Sprintf("worker %d", i), func(_ context.Context, m *syncstream.Mirror) error {
			for step := range steps {
				// Here it would do something.
				fmt.Fprintf(m, "progress: %d/%d\n", step+1, steps)
			}
			fmt.Fprintln(m, "all is done")
			return nil
		})
	}
	for n := 1; n <= workers*steps; n++ {
		<-reports
		if percent := 100 * n / (workers * steps); percent%20 == 0 {
			fmt.Printf("%d %%\n", percent)
		}
	}
	failed := buf.Wait(ctx)
	for m, err := range buf.Follow(ctx, syncstream.Oldest, syncstream.FollowUntilDone) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Printf("%s: %s\n", m.Source, m.Text)
	}
	stats := buf.Stats()
	fmt.Printf("%d messages kept, %d parsed away; error: %v\n", stats.Kept.Messages, stats.Parsed.Messages, failed)
}
