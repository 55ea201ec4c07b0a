// Four processes print, and one buffer keeps the last ten lines of them all.
// The program runs itself four times, with an argument, as the workers.
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
	if len(os.Args) > 1 && os.Args[1] == "worker" {
		fmt.Println("Message item")
		return
	}
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	buf := syncstream.New(syncstream.Config{MaxMessages: 10})
	for range 4 {
		process.Start(ctx, buf, exec.Command(self, "worker"), process.Config{})
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
