// Programs in other languages are run, two at a time. The buffer tells which
// stream each line came on and how each program ended.
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/process"
)

func main() {
	ctx := context.Background()
	buf := syncstream.New(syncstream.Config{})
	group := process.Group{Limit: 2}
	for _, cmd := range []*exec.Cmd{
		exec.Command("sh", "-c", "echo from the shell; echo a complaint >&2; exit 3"),
		exec.Command("awk", `BEGIN { for (i = 1; i <= 3; i++) print "awk counts", i }`),
		exec.Command("perl", "-e", `print "perl ends without a newline"`),
		exec.Command("no-such-program"),
	} {
		name := cmd.Args[0]
		group.Start(ctx, buf, cmd, process.Config{Source: syncstream.Source{Name: name}})
	}
	results := group.Wait()
	messages, err := buf.Last(ctx, 100)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for _, m := range messages {
		fmt.Printf("%s, %s: %s\n", m.Source, m.Stream, m.Text)
	}
	for _, r := range results {
		fmt.Printf("%s ended: %v\n", r.Source, r.Err)
	}
}
