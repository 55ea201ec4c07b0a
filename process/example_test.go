package process_test

import (
	"context"
	"errors"
	"fmt"
	"os/exec"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/process"
)

// Four processes print into one buffer. The test binary plays the workers: see
// TestMain in main_test.go, and examples/processes for a whole program.
func Example() {
	ctx := context.Background()
	buf := syncstream.New(syncstream.Config{MaxMessages: 10})
	for range 4 {
		process.Start(ctx, buf, self("item"), process.Config{})
	}
	if err := buf.Wait(ctx); err != nil {
		fmt.Println(err)
	}
	messages, _ := buf.Last(ctx, 10)
	for _, m := range messages {
		fmt.Println(m.Text)
	}
	// Output:
	// Message item
	// Message item
	// Message item
	// Message item
}

// A worker's output is there up to its last byte, and then how it ended.
func ExampleStart() {
	ctx := context.Background()
	buf := syncstream.New(syncstream.Config{})
	cmd := exec.Command("sh", "-c", "echo one; printf 'last words'; exit 3")
	p, err := process.Start(ctx, buf, cmd, process.Config{Source: syncstream.Source{Name: "worker"}})
	if err != nil {
		fmt.Println(err)
	}
	p.Wait()
	messages, _ := buf.Last(ctx, 10)
	for _, m := range messages {
		fmt.Println(m.Source, m.Kind, m.Text)
	}
	fmt.Println(buf.Wait(ctx))
	// Output:
	// worker line one
	// worker line last words
	// worker error exit status 3
	// worker: exit status 3
}

// Six workers, two at a time; the results come in the order of the starts.
func ExampleGroup() {
	ctx := context.Background()
	buf := syncstream.New(syncstream.Config{})
	group := process.Group{Limit: 2}
	for i := range 6 {
		cmd := exec.Command("sh", "-c", fmt.Sprintf("echo worker %d; exit %d", i, i%2))
		group.Start(ctx, buf, cmd, process.Config{Source: syncstream.Source{Name: fmt.Sprint("w", i)}})
	}
	for _, r := range group.Wait() {
		fmt.Println(r.Source, r.Err)
	}
	// Output:
	// w0 <nil>
	// w1 exit status 1
	// w2 <nil>
	// w3 exit status 1
	// w4 <nil>
	// w5 exit status 1
}

// In a whole program it stands at its top, and main begins with process.Main.
var divide = process.NewFunc("divide", func(_ context.Context, by int) error {
	if by < 0 {
		return errors.New("by a negative number")
	}
	fmt.Println("12 divided by", by, "is", 12/by)
	return nil
})

// A function runs in processes of its own, which are copies of this program.
func ExampleFunc() {
	ctx := context.Background()
	buf := syncstream.New(syncstream.Config{})
	for _, by := range []int{3, -1} {
		p, _ := process.Start(ctx, buf, divide.Command(by), process.Config{})
		p.Wait()
	}
	messages, _ := buf.Last(ctx, 10)
	for _, m := range messages {
		fmt.Println(m.Source, m.Kind, m.Text)
	}
	// Output:
	// divide line 12 divided by 3 is 4
	// divide error exit status 1: by a negative number
}

// A panic in a worker function is an error like any other, and comes with its
// stack.
func ExampleFuncError() {
	ctx := context.Background()
	buf := syncstream.New(syncstream.Config{})
	process.Start(ctx, buf, divide.Command(0), process.Config{})
	var failed *process.FuncError
	if errors.As(buf.Wait(ctx), &failed) {
		fmt.Println(failed.Text)
		fmt.Println("has a stack:", len(failed.Trace) > 0)
	}
	// Output:
	// panic: runtime error: integer divide by zero
	// has a stack: true
}
