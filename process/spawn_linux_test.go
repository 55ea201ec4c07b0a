package process_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"testing"
	"unsafe"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/process"
	"golang.org/x/sys/unix"
)

func init() {
	workers["supervisor"] = supervisor
	workers["pdeathsig"] = func([]string) {
		var sig int32
		unix.Prctl(unix.PR_GET_PDEATHSIG, uintptr(unsafe.Pointer(&sig)), 0, 0, 0)
		fmt.Println(sig)
	}
}

// supervisor has a worker of its own, with what it got as descriptor 4, and is
// silent once that is ready.
func supervisor(args []string) {
	b := syncstream.New(syncstream.Config{})
	cmd := self(args[0], args[1:]...)
	cmd.ExtraFiles = []*os.File{os.NewFile(3, "release"), os.NewFile(4, "life")}
	if _, err := process.Start(context.Background(), b, cmd, process.Config{}); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for m, err := range b.Follow(context.Background(), syncstream.Oldest) {
		if err != nil || m.Text == "ready" {
			break
		}
	}
	fmt.Println("parent ready")
	select {}
}

// A worker is killed when its parent is, though nobody stops it.
func TestParentKilled(t *testing.T) {
	cmd := self("supervisor", "stubborn")
	_, life := pipes(t, cmd)
	b := syncstream.New(syncstream.Config{})
	l := listen(t, b)
	p := start(t, b, cmd, process.Config{})
	l.hear(t, "parent ready", 1)
	if err := syscall.Kill(p.Source().PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	wait(t, p)
	rest(t, cmd, life)
}

// A child dies with the thread that forked it. A goroutine that locks its thread
// and returns ends it, and must not end the worker that it has started.
func TestStartOnLockedThread(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	for range 50 {
		cmd := self("cat")
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		started := make(chan *process.Process)
		var thread int
		go func() {
			runtime.LockOSThread() // and never unlocked
			thread = syscall.Gettid()
			p, _ := process.Start(t.Context(), b, cmd, process.Config{})
			started <- p
		}()
		p := <-started
		isMain := thread == os.Getpid() // which Go never ends
		if !isMain && !eventually(func() bool { return unix.Tgkill(os.Getpid(), thread, 0) == unix.ESRCH }) {
			t.Fatal("the thread has not ended")
		}
		in.Close()
		if r := wait(t, p); r.Err != nil {
			t.Fatalf("the worker ended with %v, want none", r.Err)
		}
	}
}

// Whoever sets another signal for a parent's death has the last word.
func TestOwnPdeathsig(t *testing.T) {
	var seen bytes.Buffer
	for _, sig := range []syscall.Signal{0, syscall.SIGUSR1} {
		b := syncstream.New(syncstream.Config{})
		cmd := self("pdeathsig")
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: sig}
		wait(t, start(t, b, cmd, process.Config{}))
		for _, text := range contents(t, b) {
			fmt.Fprintln(&seen, text)
		}
	}
	if want := "stdout \"9\\n\"\nstdout \"10\\n\"\n"; seen.String() != want {
		t.Errorf("the workers die by %q, want %q", seen.String(), want)
	}
}
