package process_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/process"
)

func init() { workers["init"] = beInit }

// beInit is process 1. Orphans of its workers, and of programs that it does not
// know, become its children.
func beInit([]string) {
	must(syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""))
	must(syscall.Mount("proc", "/proc", "proc", 0, ""))
	ctx, b := context.Background(), syncstream.New(syncstream.Config{})
	unknown := exec.Command("sh", "-c", "exit 3") // a zombie, until somebody waits
	must(unknown.Start())
	raw := exec.Command("sh", "-c", "(sh -c 'sleep 0.05; exit 5' &); exit 0")
	for range 5 {
		p, err := process.Start(ctx, b, exec.Command("sh", "-c", "(sh -c 'echo orphan; exec >&- 2>&-; sleep 0.05' &); exit 4"), process.Config{})
		must(err)
		fmt.Println(p.Wait().Err)
	}
	must(raw.Run())
	fmt.Println(b.Len())
	zombies := func() []int {
		return slices.DeleteFunc(childrenOf(1), func(pid int) bool { return pid == unknown.Process.Pid })
	}
	fmt.Println("strangers are reaped:", within(10*time.Second, func() bool { return len(zombies()) == 0 }))
	fmt.Println(unknown.Wait())
}

// As process 1 of a container, a program reaps strangers, and leaves alone what
// somebody here has started and will wait for.
func TestInit(t *testing.T) {
	cmd := self("init")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS}
	if uid, gid := os.Getuid(), os.Getgid(); uid != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: uid, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: gid, Size: 1}}
	}
	b := syncstream.New(syncstream.Config{})
	p, err := process.Start(t.Context(), b, cmd, process.Config{})
	if err != nil {
		t.Fatalf("%v: this test needs a PID namespace, so root or a system that lets users make namespaces", err)
	}
	checkEnd(t, b, wait(t, p), nil)
	want := append(slices.Repeat([]string{`stdout "exit status 4\n"`}, 5),
		`stdout "10\n"`, `stdout "strangers are reaped: true\n"`, `stdout "exit status 3\n"`)
	if got := contents(t, b); !slices.Equal(got, want) {
		t.Errorf("process 1 says\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
