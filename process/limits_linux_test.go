package process_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/process"
	"golang.org/x/sys/unix"
)

func init() {
	workers["fifty"] = fifty
	workers["limited"] = limited
}

// fifty starts 50 children, which all print at once, and waits for them.
func fifty([]string) {
	var all []*exec.Cmd
	for range 50 {
		cmd := self("lines", "200")
		cmd.Stdout = os.Stdout
		must(cmd.Start())
		all = append(all, cmd)
	}
	for _, cmd := range all {
		must(cmd.Wait())
	}
}

// A worker's children share its pipe. What each writes in one piece of 4096
// bytes or less stays whole; here they write 64 KiB at once, and the pipe is read
// while it fills, so that lines may be torn between two: but nothing is lost.
func TestFiftyChildren(t *testing.T) {
	b := syncstream.New(syncstream.Config{MaxMessages: 100_000})
	checkEnd(t, b, wait(t, start(t, b, self("fifty"), process.Config{})), nil)
	if n := b.Sources()[0].Written; n.Messages != 50*200 || n.Bytes != 50*200*100 {
		t.Errorf("%d messages of %d bytes came, want 10000 of 100 each", n.Messages, n.Bytes)
	}
}

// limited starts a worker before a limit of the system is used up, one while it
// is, and one after that.
func limited(args []string) {
	b := syncstream.New(syncstream.Config{})
	begin := func() (*process.Process, io.Closer, error) {
		cmd := self("cat")
		in, err := cmd.StdinPipe()
		must(err)
		p, err := process.Start(context.Background(), b, cmd, process.Config{Source: syncstream.Source{Name: "w"}})
		return p, in, err
	}
	idleThreads()
	before, in, err := begin()
	must(err)
	resource := map[string]int{"processes": unix.RLIMIT_NPROC, "descriptors": unix.RLIMIT_NOFILE}[args[0]]
	var limit unix.Rlimit
	must(unix.Getrlimit(resource, &limit))
	cmd := self("cat") // made before, since to make its arguments takes a descriptor
	must(unix.Setrlimit(resource, &unix.Rlimit{Cur: 1, Max: limit.Max}))
	_, err = process.Start(context.Background(), b, cmd, process.Config{Source: syncstream.Source{Name: "during"}})
	fmt.Println(strings.ReplaceAll(err.Error(), cmd.Path, "PROGRAM"))
	in.Close()
	fmt.Println(before.Wait().Err)
	must(unix.Setrlimit(resource, &limit))
	after, in, err := begin()
	must(err)
	in.Close()
	fmt.Println(after.Wait().Err)
	messages, _ := b.Last(context.Background(), 10)
	for _, m := range messages {
		fmt.Println(m.Source, strings.ReplaceAll(m.Text, cmd.Path, "PROGRAM"))
	}
}

// idleThreads has the runtime keep some threads that are not in use: it can't do
// without a thread that it wants, and one counts as a process.
func idleThreads() {
	const n = 20
	var locked, done sync.WaitGroup
	locked.Add(n)
	for range n {
		done.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			locked.Done()
			locked.Wait()
		})
	}
	done.Wait()
}

// Where the system gives no more, a start fails and says why; what runs goes on,
// and so do starts when there is more again.
func TestSystemLimits(t *testing.T) {
	for what, reason := range map[string]string{
		"processes":   "resource temporarily unavailable",
		"descriptors": "pipe2: too many open files",
	} {
		t.Run(what, func(t *testing.T) {
			cmd := self("limited", what)
			if os.Geteuid() == 0 { // for whom there is no limit
				const somebody = 60_321 // with no other process
				cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: somebody, Gid: somebody}}
				cmd.Dir = "/"
				cmd.Path = publicCopy(t, cmd.Path)
			}
			b, r := run(t, cmd, process.Config{})
			checkEnd(t, b, r, nil)
			failed := `can't start \"PROGRAM\": ` + reason
			checkContents(t, b, `stdout "`+failed+`\n"`, `stdout "<nil>\n"`, `stdout "<nil>\n"`,
				`stdout "during `+failed+`\n"`, `stdout "w 0 bytes, <nil>\n"`, `stdout "w 0 bytes, <nil>\n"`)
		})
	}
}

// 2,000 starts in a row, of which many are stopped, leave nothing behind.
func TestTwoThousandStarts(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // the collector would close files
	left := leftBehind()
	b := syncstream.New(syncstream.Config{})
	group := process.Group{Limit: 8}
	for i := range 2000 {
		program := []string{"true", "cat", "cat"}[i%3]
		p, err := group.Start(t.Context(), b, exec.Command(program), process.Config{StopGrace: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		if i%3 == 1 {
			p.Stop()
		}
	}
	for _, r := range group.Wait() {
		var exit *process.ExitError
		if r.Err != nil && (!errors.As(r.Err, &exit) || exit.Signal != syscall.SIGTERM || !r.Stopped) {
			t.Errorf("%s ended with %v, stopped %t", r.Source, r.Err, r.Stopped)
		}
	}
	if !within(3*time.Second, func() bool { return len(left()) == 0 }) {
		t.Errorf("left behind: %s", strings.Join(left(), "\n"))
	}
}
