// A Python worker prints, warns, and is stopped. Its warning is one message of
// two lines, in its place among the lines that it prints.
package main

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/process"
)

//go:embed worker.py
var worker string

func main() {
	ctx := context.Background()
	buf := syncstream.New(syncstream.Config{})
	cmd := exec.Command("python3", "-u", "-c", worker) // -u: lines come when they are printed
	process.Start(ctx, buf, cmd, process.Config{Source: syncstream.Source{Name: "python"}})
	for m, err := range buf.Follow(ctx, syncstream.Oldest, syncstream.FollowUntilDone) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Printf("%s, %s: %q\n", m.Source, m.Kind, m.Text)
		if m.Text == "step 3" {
			buf.Stop(nil)
		}
	}
	fmt.Println(buf.Wait(ctx))
}
