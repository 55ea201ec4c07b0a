package process_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/process"
)

var search = process.NewFunc("search", func(ctx context.Context, what string) error {
	parent, err := process.Parent()
	if err != nil {
		return err
	}
	fmt.Println("looking for", what)
	parent.Warn(fmt.Errorf("look for %s: %w", what, errors.New("the index is old")))
	<-ctx.Done() // when the parent says stop
	fmt.Println("tidied up")
	return nil
})

// A worker warns, in one message behind the line before it, and hears the stop.
func ExampleParentMirror() {
	ctx := context.Background()
	buf := syncstream.New(syncstream.Config{})
	process.Start(ctx, buf, search.Command("errors"), process.Config{})
	for m := range buf.Follow(ctx, syncstream.Oldest, syncstream.FollowUntilDone) {
		fmt.Println(m.Kind, m.Text)
		if m.Kind == syncstream.Warning {
			buf.Stop(nil)
		}
	}
	// Output:
	// line looking for errors
	// warning look for errors: the index is old
	// line tidied up
}
