package torture_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	// What the built command is made of, lest go test takes an old result for
	// this one's.
	_ "github.com/syncstream/syncstream/cmd/syncstream/internal/cli"
	"github.com/syncstream/syncstream/cmd/syncstream/internal/torture"
)

// program is the built command.
var program string

func TestMain(m *testing.M) {
	torture.Play()
	if len(os.Args) > 2 && os.Args[1] == "fake" {
		os.Exit(fake(os.Args[2], os.Args[3:]))
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	// Under nohup the signal is ignored, which children would inherit.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	dir, err := os.MkdirTemp("", "syncstream")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "syncstream")
	args := []string{"build", "-buildvcs=false", "-o", program}
	if race {
		args = append(args, "-race")
	}
	build := exec.Command("go", append(args, "github.com/syncstream/syncstream/cmd/syncstream")...)
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the command: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// TestTorture plays every story before the built command.
func TestTorture(t *testing.T) {
	for _, row := range torture.Rows() {
		t.Run(row.Name, func(t *testing.T) {
			if err := torture.Run(context.Background(), torture.Ours(program), row, torture.Bound); err != nil {
				t.Errorf("%s\n%v", row.Why, err)
			}
		})
	}
}
