package process_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/process"
)

func init() {
	workers["guarded tree"] = guardedTree
	workers["reports"] = reports
	workers["quick starts"] = quickStarts
	workers["refused"] = refused
}

// must ends a worker that can't go on.
func must(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// shell returns a shell's command that has the descriptors 3 and 4 of this
// process.
func shell(script string) *exec.Cmd {
	cmd := exec.Command("sh", "-c", script)
	cmd.ExtraFiles = []*os.File{os.NewFile(3, "release"), os.NewFile(4, "life")}
	return cmd
}

// families are workers that leave others behind, in all ways that we know of.
// Each says three times that it is ready.
var families = []string{
	"(echo ready >&2; exec sleep 1000) | (echo ready >&2; exec sleep 1000) | (echo ready; exec sleep 1000)",
	`trap "" TERM; sh -c "echo ready; sleep 1000; sleep 1000" & echo ready; echo ready; wait`,
	`cd /; sh -c "sh -c 'trap \"\" HUP INT TERM; echo ready; exec sleep 1000' &"; echo ready; echo ready; exec sleep 1000`,
	`env -i PATH="$PATH" sh -c "echo ready; echo ready; echo ready; exec sleep 1000"`,
}

// runaways have members that leave their group.
var runaways = []string{
	`setsid sh -c "echo ready; exec sleep 1000" & echo ready; echo ready; wait`,
	`(setsid sh -c "setsid sleep 1000 & echo ready; exec sleep 1000" &); echo ready; echo ready; exit 0`,
}

// guardedTree starts the tree, tells when it is ready, and then how each ended.
func guardedTree(args []string) {
	must(process.Guard())
	must(process.Guard()) // which changes nothing
	scripts := families
	if args[0] == "runaways too" {
		scripts = append(scripts, runaways...)
	}
	ctx, b := context.Background(), syncstream.New(syncstream.Config{})
	var group process.Group
	var first *process.Process
	for _, script := range scripts {
		// Of those that end, what they leave behind is waited for.
		p, err := group.Start(ctx, b, shell(script), process.Config{DrainGrace: time.Hour})
		must(err)
		if first == nil {
			first = p
		}
	}
	ready := 0
	for m := range b.Follow(ctx, syncstream.Oldest) {
		if m.Text == "ready" {
			ready++
		}
		if ready == 3*len(scripts) {
			break
		}
	}
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", first.Source().PID))
	var guard int
	fmt.Sscanf(string(stat[strings.IndexByte(string(stat), ')'):]), ") S %d", &guard)
	fmt.Println("tree ready", guard)
	for _, r := range group.Wait() {
		fmt.Println("ended:", errors.Is(r.Err, process.ErrGuardDied))
	}
	p, err := process.Start(ctx, b, &exec.Cmd{Path: "true"}, process.Config{})
	fmt.Println(err)
	fmt.Println(p.Wait().Err == err)
}

// startTree starts guardedTree and returns the process id of its guard.
func startTree(t *testing.T, which string) (p *process.Process, b *syncstream.Buffer, guard int, cmd *exec.Cmd, life *os.File) {
	t.Helper()
	cmd = self("guarded tree", which)
	_, life = pipes(t, cmd)
	b = syncstream.New(syncstream.Config{})
	p = start(t, b, cmd, process.Config{DrainGrace: patience})
	for m, err := range b.Follow(t.Context(), syncstream.Oldest, syncstream.FollowUntilDone) {
		if err != nil {
			t.Fatal(err)
		}
		if n, _ := fmt.Sscanf(m.Text, "tree ready %d", &guard); n == 1 {
			break
		}
		t.Log(m.Text)
	}
	if guard <= 1 {
		t.Fatalf("the guard is process %d", guard)
	}
	return p, b, guard, cmd, life
}

// Nothing outlives a program that has a guard, though it is killed.
func TestGuardParentKilled(t *testing.T) {
	p, _, _, cmd, life := startTree(t, "runaways too")
	if err := syscall.Kill(p.Source().PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	wait(t, p)
	rest(t, cmd, life) // nobody holds it any more
}

// When the guard is killed, so are the workers, and that is what their results
// say; no other can be started.
func TestGuardKilled(t *testing.T) {
	p, b, guard, cmd, life := startTree(t, "families")
	if err := syscall.Kill(guard, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if r := wait(t, p); r.Err != nil {
		t.Error(r.Err)
	}
	got := contents(t, b)[1:]
	want := slices.Repeat([]string{`stdout "ended: true\n"`}, len(families))
	want = append(want, `stdout "can't start \"true\": the guard process has died\n"`, `stdout "true\n"`)
	if !slices.Equal(got, want) {
		t.Errorf("it says %v\nwant %v", got, want)
	}
	rest(t, cmd, life)
}

// reports runs commands of all kinds, and tells what came of each.
func reports(args []string) {
	if args[0] == "guarded" {
		must(process.Guard())
	}
	must(os.Chdir(args[1]))
	must(os.Mkdir("below", 0o700))
	must(os.WriteFile("text", []byte("no program\n"), 0o600))
	must(os.WriteFile("below/script", []byte("#!/bin/sh\necho script \"$@\"; pwd\n"), 0o700))
	text, err := os.Open("text")
	must(err)
	withEnv, stdin, file := exec.Command("env"), exec.Command("cat"), exec.Command("cat")
	withEnv.Env = []string{"B=2", "A=\xff\xfe", "B=3", "C="}
	stdin.Stdin = strings.NewReader(strings.Repeat("a line\n", 50_000))
	file.Stdin = text
	extra := exec.Command("sh", "-c", "cat <&4; cat <&3")
	extra.ExtraFiles = []*os.File{nil, text}
	relative := exec.Command("./script", "one", "\xff", "")
	relative.Dir = "below"
	nobody := exec.Command("id", "-u")
	nobody.Dir = "/"
	if os.Geteuid() == 0 {
		nobody.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	long := exec.Command("sh", "-c", "echo $#", "sh")
	for range 10_000 {
		long.Args = append(long.Args, strings.Repeat("x", 50))
	}
	nul := exec.Command("true", "a\x00b")
	nowhere := exec.Command("true")
	nowhere.Dir = "nowhere"
	for _, cmd := range []*exec.Cmd{
		exec.Command("sh", "-c", "echo out; echo err >&2; exit 3"),
		exec.Command("sh", "-c", "kill -9 $$"),
		exec.Command("sh", "-c", "kill -35 $$"),
		exec.Command("sh", "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done"),
		exec.Command("sh", "-c", "umask; ulimit -n; ulimit -c; trap; ps -o pgid= $$ | xargs test $$ -eq"),
		exec.Command("no-such-program"), exec.Command("./missing"), exec.Command("./text"), exec.Command("."),
		self("descriptors"), self("pdeathsig"), withEnv, stdin, file, extra, relative, nobody, long, nul, nowhere,
	} {
		report(cmd, process.Config{})
	}
	report(exec.Command("sh", "-c", "echo 1; echo 2 >&2; echo 3; echo 4 >&2"), process.Config{Order: process.Merged})
	stopReport(self("stopping", "7"))
	stopReport(self("stubborn"))
	piped := exec.Command("cat")
	w, err := piped.StdinPipe()
	must(err)
	go func() {
		io.WriteString(w, "through the pipe\n")
		w.Close()
	}()
	report(piped, process.Config{})
	blocked := exec.Command("true")
	w, err = blocked.StdinPipe()
	must(err)
	report(blocked, process.Config{})
	_, err = w.Write([]byte{0})
	fmt.Println("the pipe is closed:", errors.Is(err, os.ErrClosed))
}

// report tells all of a worker that is the same in each run.
func report(cmd *exec.Cmd, c process.Config) {
	b := syncstream.New(syncstream.Config{MaxMessages: 1 << 20})
	p, err := process.Start(context.Background(), b, cmd, c)
	var path *fs.PathError
	fmt.Println(cmd.Path, "start:", err, errors.As(err, &path) && path.Op == "fork/exec")
	reportEnd(b, p)
}

func stopReport(cmd *exec.Cmd) {
	b := syncstream.New(syncstream.Config{MaxMessages: 1 << 20})
	p, err := process.Start(context.Background(), b, cmd, process.Config{StopGrace: 50 * time.Millisecond})
	must(err)
	for m := range b.Follow(context.Background(), syncstream.Oldest) {
		if m.Text == "ready" {
			break
		}
	}
	p.Stop()
	reportEnd(b, p)
}

func reportEnd(b *syncstream.Buffer, p *process.Process) {
	r := p.Wait()
	messages, _ := b.Last(context.Background(), 1<<20)
	var lines []string
	for _, m := range messages {
		lines = append(lines, fmt.Sprintf("%s %s %q", m.Stream, m.Kind, m.Text))
	}
	slices.Sort(lines) // the order of two streams may differ
	if len(lines) > 20 {
		lines = append(lines[:20], fmt.Sprintf("and so on, %d lines", len(lines)))
	}
	fmt.Println(strings.Join(lines, "\n"))
	var exit *process.ExitError
	errors.As(r.Err, &exit)
	fmt.Printf("%v, stopped %t, %v, used %t\n", r.Err, r.Stopped, exit != nil && exit.Signal != 0,
		r.Usage.User+r.Usage.System > 0 && r.Usage.PeakMemory > 0)
}

// inode is the number that the system gives a socket.
var inode = regexp.MustCompile(`(?:SYNCSTREAM_FD_ID=)\d+:\d+`)

// What a worker is, gets and does is the same with a guard as without.
func TestGuardChangesNothing(t *testing.T) {
	reports := map[string][]string{}
	for _, guard := range []string{"guarded", "not guarded"} {
		b := syncstream.New(syncstream.Config{MaxMessages: 1 << 20})
		dir := t.TempDir()
		wait(t, start(t, b, self("reports", guard, dir), process.Config{}))
		for _, m := range contents(t, b) {
			reports[guard] = append(reports[guard], inode.ReplaceAllString(strings.ReplaceAll(m, dir, "DIR"), "INODE"))
		}
		if n := b.Len(); n < 100 {
			t.Errorf("%s: only %d lines", guard, n)
		}
	}
	for i, without := range reports["not guarded"] {
		if i >= len(reports["guarded"]) || reports["guarded"][i] != without {
			t.Errorf("without a guard line %d is %s\nwith it the report goes on with %q", i, without, reports["guarded"][min(i, len(reports["guarded"])):])
			break
		}
	}
}

// quickStarts starts 200 workers through the guard, some at a time.
func quickStarts([]string) {
	must(process.Guard())
	b := syncstream.New(syncstream.Config{MaxMessages: 1000})
	group := process.Group{Limit: 8}
	var starts sync.WaitGroup
	for i := range 200 {
		starts.Go(func() {
			_, err := group.Start(context.Background(), b, exec.Command("sh", "-c", fmt.Sprintf("echo %d; (exit 1) & exit %d", i, i%2)), process.Config{})
			must(err)
		})
	}
	starts.Wait()
	codes := map[string]int{}
	for _, r := range group.Wait() {
		codes[fmt.Sprint(r.Err)]++
	}
	fmt.Println(codes, b.Len())
	runtime.GC()
	fmt.Println(len(files()) < 20, len(childrenOf(os.Getpid())))
	fmt.Println(within(5*time.Second, func() bool { return len(childrenOf(childrenOf(os.Getpid())[0])) == 0 }))
}

// childrenOf returns the processes below another, dead ones too.
func childrenOf(pid int) (pids []int) {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		text, _ := os.ReadFile(list)
		for word := range strings.FieldsSeq(string(text)) {
			n, _ := strconv.Atoi(word)
			pids = append(pids, n)
		}
	}
	return pids
}

// 200 starts in a row leave nothing behind, in the program or in its guard; nor
// do the orphans that come to the guard.
func TestGuardQuickStarts(t *testing.T) {
	b, r := run(t, self("quick starts"), process.Config{})
	checkEnd(t, b, r, nil)
	checkContents(t, b, `stdout "map[<nil>:100 exit status 1:100] 300\n"`, `stdout "true 1\n"`, `stdout "true\n"`)
}

// What can't be passed on is an error that names it.
func TestGuardRefuses(t *testing.T) {
	b, r := run(t, self("refused"), process.Config{})
	checkEnd(t, b, r, nil)
	const where = " where there is a guard"
	checkContents(t, b,
		`stdout "can't start \"true\": its SysProcAttr.Foreground is set; want none`+where+`\n"`,
		`stdout "can't start \"true\": it comes from exec.CommandContext; want exec.Command`+where+`, since the context of Start stops it\n"`,
		`stdout "can't start \"true\": it has 300 ExtraFiles; want 249 at most`+where+`\n"`,
		`stdout "<nil>\n"`,
	)
}

func refused([]string) {
	must(process.Guard())
	foreground, files := &exec.Cmd{Path: "true"}, &exec.Cmd{Path: "true"}
	foreground.SysProcAttr = &syscall.SysProcAttr{Foreground: true}
	files.ExtraFiles = slices.Repeat([]*os.File{os.Stdin}, 300)
	withContext := exec.CommandContext(context.Background(), "true")
	withContext.Path = "true"
	for _, cmd := range []*exec.Cmd{foreground, withContext, files, exec.Command("true")} {
		_, err := process.Start(context.Background(), syncstream.New(syncstream.Config{}), cmd, process.Config{})
		fmt.Println(err)
	}
}
