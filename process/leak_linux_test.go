package process_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/internal/pipe"
	"github.com/syncstream/syncstream/process"
)

func init() {
	workers["descriptors"] = descriptors
	workers["unprivileged"] = unprivileged
	grow = func(fd int) {
		if !pipe.SetSize(uintptr(fd), 1<<20) {
			panic("the pipe can't be enlarged")
		}
	}
	leftBehind = func() func() []string {
		// What the runtime opens once.
		r, w, _ := os.Pipe()
		r.Close()
		w.Close()
		net.InterfaceAddrs()
		before := files()
		return func() (left []string) {
			for name, target := range files() {
				if before[name] != target {
					left = append(left, "descriptor "+name+": "+target)
				}
			}
			return append(append(left, processes()...), goroutines()...)
		}
	}
}

// files returns the open descriptors of this process.
func files() map[string]string {
	open := map[string]string{}
	names, _ := filepath.Glob("/proc/self/fd/*")
	for _, name := range names {
		if target, err := os.Readlink(name); err == nil && !strings.HasPrefix(target, "/proc/") {
			open[filepath.Base(name)] = target
		}
	}
	return open
}

// processes returns the processes that this test has started, and theirs.
func processes() (left []string) {
	environs, _ := filepath.Glob("/proc/[0-9]*/environ")
	mine := fmt.Appendf(nil, "%s=%d\x00", runEnv, os.Getpid())
	for _, name := range environs {
		dir := filepath.Dir(name)
		stat, _ := os.ReadFile(dir + "/stat")
		_, after, _ := bytes.Cut(stat, []byte(") "))
		var state string
		var parent int
		fmt.Sscan(string(after), &state, &parent)
		env, _ := os.ReadFile(name)
		if parent == os.Getpid() || bytes.Contains(env, mine) && filepath.Base(dir) != strconv.Itoa(os.Getpid()) {
			left = append(left, fmt.Sprintf("process %s, state %s", filepath.Base(dir), state))
		}
	}
	return left
}

// goroutines returns those that run our code, or wait for a child; but for the
// one that starts all children, which never ends.
func goroutines() (left []string) {
	var all bytes.Buffer
	pprof.Lookup("goroutine").WriteTo(&all, 2)
	_, others, _ := strings.Cut(all.String(), "\n\n") // behind the caller's own
	for g := range strings.SplitSeq(others, "\n\n") {
		if !strings.Contains(g, "TestMain") && !strings.Contains(g, "(*spawning).run") && (strings.Contains(g, "syncstream") || strings.Contains(g, "os/exec")) {
			left = append(left, g)
		}
	}
	return left
}

// Starts that fail leave nothing behind, nor do starts that don't.
func TestNothingLeftBehind(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // the collector would close files
	left := leftBehind()
	b := syncstream.New(syncstream.Config{})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for range 10 {
		for _, cmd := range []*exec.Cmd{exec.Command("no-such-program"), exec.Command("/"), exec.Command("/missing")} {
			cmd.Stdin = strings.NewReader("text")
			process.Start(t.Context(), b, cmd, process.Config{})
		}
		process.Start(ended, b, exec.Command("true"), process.Config{})
		p, err := process.Start(t.Context(), b, exec.Command("echo"), process.Config{})
		if err != nil {
			t.Fatal(err)
		}
		wait(t, p)
	}
	b.Close()
	if !within(3*time.Second, func() bool { return len(left()) == 0 }) {
		t.Errorf("left behind: %s", strings.Join(left(), "\n"))
	}
}

// inherited returns the descriptors that this process passes on to its
// children, whatever they are given besides.
func inherited() (fds []int) {
	for name := range files() {
		fd, _ := strconv.Atoi(name)
		if flags := fileFlags(fd); flags >= 0 && flags&syscall.O_CLOEXEC == 0 {
			fds = append(fds, fd)
		}
	}
	slices.Sort(fds)
	return fds
}

// fileFlags returns the flags of a descriptor as open(2) has them, or -1.
func fileFlags(fd int) int64 {
	info, _ := os.ReadFile(fmt.Sprint("/proc/self/fdinfo/", fd))
	_, after, _ := strings.Cut(string(info), "flags:")
	fields := strings.Fields(after)
	if len(fields) == 0 {
		return -1
	}
	flags, err := strconv.ParseInt(fields[0], 8, 64)
	if err != nil {
		return -1
	}
	return flags
}

func descriptors([]string) {
	blocking := fileFlags(1)&syscall.O_NONBLOCK == 0 && fileFlags(2)&syscall.O_NONBLOCK == 0
	fmt.Println(inherited(), blocking)
	io.Copy(io.Discard, os.Stdin)
}

// A worker gets blocking descriptors, as programs expect them, and none of
// another worker's, which would keep its pipe open.
func TestDescriptors(t *testing.T) {
	want := inherited()
	for fd := range 4 { // the last is that of SYNCSTREAM_FD
		if !slices.Contains(want, fd) {
			want = append(want, fd)
		}
	}
	slices.Sort(want)
	text := fmt.Sprint(want, true)
	b := syncstream.New(syncstream.Config{})
	l := listen(t, b)
	in, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	for i := range 3 {
		cmd := self("descriptors")
		cmd.Stdin = in
		start(t, b, cmd, process.Config{Order: process.Order(i % 2)})
	}
	defer w.Close()
	l.hear(t, text, 3)
}

// unprivileged uses up the user's pipe space, and captures a busy worker.
func unprivileged([]string) {
	refused := false
	for range 200 {
		r, w, err := os.Pipe()
		if err != nil {
			break
		}
		defer r.Close()
		raw, _ := w.SyscallConn()
		raw.Control(func(fd uintptr) { refused = !pipe.SetSize(fd, 1<<20) })
		if refused {
			refused = !pipe.Enlarge(r.Fd())
			break
		}
	}
	if !refused {
		fmt.Println("the system lets this user enlarge any number of pipes")
		os.Exit(1)
	}
	const n = 20_000
	b := syncstream.New(syncstream.Config{MaxMessages: n})
	p, err := process.Start(context.Background(), b, self("lines", fmt.Sprint(n)), process.Config{})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(p.Wait().Err)
	messages, _ := b.Last(context.Background(), n+1)
	for i, m := range messages {
		if want := fmt.Sprintf("%099d", i); m.Text != want || m.Kind != syncstream.Line {
			fmt.Printf("message %d is %q\n", i, m.Text)
			os.Exit(1)
		}
	}
	fmt.Println(len(messages), "messages")
}

// Where the system refuses larger pipes, the worker is captured all the same.
// Root is never refused, so the test binary runs as another user.
func TestEnlargeRefused(t *testing.T) {
	cmd := self("unprivileged")
	if os.Geteuid() == 0 {
		const nobody = 65534
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		cmd.Dir = "/"
		cmd.Path = publicCopy(t, cmd.Path)
	}
	b, r := run(t, cmd, process.Config{})
	checkContents(t, b, `stdout "<nil>\n"`, `stdout "20000 messages\n"`)
	checkEnd(t, b, r, nil)
}

// publicCopy copies a program to where every user may run it.
func publicCopy(t *testing.T, path string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "syncstream-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	program, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "process.test")
	if err := os.WriteFile(name, program, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return name
}
