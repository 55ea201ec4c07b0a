package process

import (
	"fmt"
	"io/fs"
	"os/exec"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/syncstream/syncstream"
)

// The count is that of the worker's own control group, wherever it is told.
func TestOOMCount(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	const pid = 42
	for _, test := range []struct {
		name   string
		cgroup string
		file   string
		before string
		after  string
		want   bool
	}{
		{"version 2", "0::/a/b\n", "sys/fs/cgroup/a/b/memory.events", "oom 1\noom_kill 1\n", "oom 2\noom_kill 2\n", true},
		{"version 2, its own root", "0::/\n", "sys/fs/cgroup/memory.events", "oom_kill 0\n", "oom_kill 1\n", true},
		{"none was killed", "0::/a\n", "sys/fs/cgroup/a/memory.events", "oom 1\noom_kill 1\n", "oom 2\noom_kill 1\n", false},
		{
			"version 1", "9:cpu:/x\n4:memory:/a:b\n0::/\n", "sys/fs/cgroup/memory/a:b/memory.oom_control",
			"under_oom 0\noom_kill 3\n", "under_oom 0\noom_kill 4\n", true,
		},
		{"version 1, in a container", "4:memory:/docker/1\n", "sys/fs/cgroup/memory/memory.oom_control", "oom_kill 3\n", "oom_kill 4\n", true},
		{"no group", "", "proc/vmstat", "oom_kill_disable 0\noom_kill 3\n", "oom_kill_disable 9\noom_kill 4\n", true},
		{"nobody tells", "0::/a\n", "elsewhere", "oom_kill 0\n", "oom_kill 1\n", false},
		{"no number", "0::/a\n", "sys/fs/cgroup/a/memory.events", "oom_kill x\n", "oom_kill 1\n", false},
	} {
		files := fstest.MapFS{"proc/42/cgroup": file(test.cgroup), test.file: file(test.before)}
		setRoot(t, files)
		w := watchOOM(pid)
		files[test.file] = file(test.after)
		if w.rose() != test.want {
			t.Errorf("%s: rose is %t", test.name, !test.want)
		}
	}
}

func setRoot(t *testing.T, files fs.FS) {
	old := root
	root = files
	t.Cleanup(func() { root = old })
}

// counts is a file system that tells one count after the other.
type counts struct {
	fs.FS
	list []int
}

func (c *counts) ReadFile(name string) ([]byte, error) {
	if name != "proc/vmstat" {
		return nil, fs.ErrNotExist
	}
	n := c.list[0]
	c.list = c.list[1:]
	return fmt.Appendf(nil, "oom_kill %d\n", n), nil
}

// A SIGKILL that is not ours, while the count rises, is the killer's work; so is
// a shell's status that says so; others are not.
func TestOutOfMemory(t *testing.T) {
	for _, test := range []struct {
		script string
		counts []int
		want   bool
	}{
		{"kill -9 $$", []int{7, 8}, true},
		{"exit 137", []int{7, 8}, true},
		{"kill -9 $$", []int{7, 7}, false},
		{"kill -15 $$", []int{7, 8}, false},
		{"exit 1", []int{7, 8}, false},
	} {
		setRoot(t, &counts{list: test.counts})
		p, err := Start(t.Context(), syncstream.New(syncstream.Config{}), exec.Command("sh", "-c", test.script), Config{})
		if err != nil {
			t.Fatal(err)
		}
		e, ok := p.Wait().Err.(*ExitError)
		if !ok || e.OutOfMemory != test.want {
			t.Errorf("%s, %v: the result is %v", test.script, test.counts, p.Wait().Err)
		}
	}
}

// Our own SIGKILL is not the kernel's.
func TestOutOfMemoryOwnKill(t *testing.T) {
	setRoot(t, &counts{list: []int{7, 8}})
	p, err := Start(t.Context(), syncstream.New(syncstream.Config{}), exec.Command("sleep", "60"), Config{})
	if err != nil {
		t.Fatal(err)
	}
	p.Kill()
	e, ok := p.Wait().Err.(*ExitError)
	if !ok || e.OutOfMemory || e.Signal != syscall.SIGKILL {
		t.Errorf("the result is %v", p.Wait().Err)
	}
}

// The system's status says all at once.
func TestExitFrom(t *testing.T) {
	usage := &syscall.Rusage{Utime: syscall.Timeval{Sec: 2}, Stime: syscall.Timeval{Usec: 5}, Maxrss: 3}
	used := Usage{User: 2 * time.Second, System: 5 * time.Microsecond, PeakMemory: 3 << 10}
	for status, want := range map[syscall.WaitStatus]ExitError{
		0x0000: {Usage: used},
		0x0300: {Code: 3, Usage: used},
		0x000f: {Code: -1, Signal: syscall.SIGTERM, Usage: used},
		0x008b: {Code: -1, Signal: syscall.SIGSEGV, CoreDumped: true, Usage: used},
	} {
		if got := exitFrom(status, usage); *got != want {
			t.Errorf("status %#x: %+v, want %+v", int(status), *got, want)
		}
	}
}
