package process_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/process"
)

func init() {
	workers["orderly"] = orderly
	workers["useParent"] = useParent
	workers["orphan"] = orphan
	workers["no parent"] = noParent
	jobs["warn"] = func(context.Context, job) error { useParent(nil); return nil }
}

func mustParent() *process.ParentMirror {
	parent, err := process.Parent()
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	return parent
}

// orderly has several threads, each of which prints to both streams and then
// warns.
func orderly(args []string) {
	parent := mustParent()
	threads, _ := strconv.Atoi(args[0])
	rounds, _ := strconv.Atoi(args[1])
	var all sync.WaitGroup
	for i := range threads {
		all.Go(func() {
			for n := range rounds {
				text := fmt.Sprintf("%d %d\n", i, n)
				switch {
				case n%50 == 0: // it fills a pipe
					text = strings.Repeat(fmt.Sprintf("%d %d %01000d\n", i, n, 0), 70)
				case n%2 == 0:
					text = strings.Repeat(text, 20)
				}
				os.Stdout.WriteString(text)
				os.Stderr.WriteString(text)
				if err := parent.Warn(fmt.Errorf("%d %d", i, n)); err != nil {
					fmt.Println("Warn:", err)
				}
			}
		})
	}
	all.Wait()
}

// A warning stands behind every line that its thread had printed before, with
// pipes that are never empty: another worker's reader can't be waited for, and
// one that reads without the stream's lock has some on their way.
func TestParentOrder(t *testing.T) {
	const workers, threads, rounds = 2, 20, 250
	var mu sync.Mutex
	bad, warnings := "", 0
	type thread struct {
		source *syncstream.Source
		number int
	}
	last := map[thread]map[syncstream.Stream]int{}
	b := syncstream.New(syncstream.Config{MaxMessages: 1000})
	a := attach(t, b, sinkFunc(func(batches []*syncstream.Batch) error {
		mu.Lock()
		defer mu.Unlock()
		for _, batch := range batches {
			for text := range batch.Lines() {
				var i, n int
				if got, _ := fmt.Sscan(string(text), &i, &n); got != 2 {
					bad = string(text)
				}
				of := thread{batch.Source(), i}
				if last[of] == nil {
					last[of] = map[syncstream.Stream]int{}
				}
				last[of][batch.Stream()] = n
				if batch.Kind() == syncstream.Warning {
					warnings++
					if last[of][syncstream.Stdout] != n || last[of][syncstream.Stderr] != n {
						bad = fmt.Sprintf("%s: warning %q stands behind %v", batch.Source(), text, last[of])
					}
				}
			}
		}
		return nil
	}))
	var all []*process.Process
	for range workers {
		all = append(all, start(t, b, self("orderly", fmt.Sprint(threads), fmt.Sprint(rounds)), process.Config{}))
	}
	for _, p := range all {
		if r := wait(t, p); r.Err != nil {
			t.Error(r.Err)
		}
	}
	if err := a.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if bad != "" || warnings != workers*threads*rounds {
		t.Errorf("%d warnings, want %d; %s", warnings, workers*threads*rounds, bad)
	}
}

type sinkFunc func([]*syncstream.Batch) error

func (f sinkFunc) WriteBatches(batches []*syncstream.Batch) error { return f(batches) }

// useParent says all that can be said.
func useParent([]string) {
	parent := mustParent()
	again, err := process.Parent()
	fmt.Println(again == parent, err, os.Getenv("SYNCSTREAM_FD")+os.Getenv("SYNCSTREAM_FD_ID"), inherited())
	fmt.Print("half")
	check := func(err error) {
		if err != nil {
			fmt.Println(err)
		}
	}
	check(parent.Warn(fmt.Errorf("a warning: %w", errors.Join(errors.New("one"), errors.New("two\xff")))))
	check(parent.Progress("half done"))
	check(parent.Progress(strings.Repeat("é", 5000)))
	check(parent.Error(withStack{errors.New("an error")}))
	check(parent.Warn(nil))
	fmt.Println(" a line")
	log := slog.New(parent.Handler(&slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == slog.SourceKey {
			return slog.Attr{}
		}
		return a
	}})).With("k", 1).WithGroup("g")
	log.Info("info")
	log.Warn("careful", "what", "now")
	check(parent.Error(errors.New(longText(1 << 20))))
	check(parent.Error(errors.New("\x00" + strings.Repeat("\x01\x1b\"", 20_000))))
}

// longText needs escapes, and is cut within characters wherever it is cut.
func longText(n int) string { return strings.Repeat("é\n", n/3) }

type withStack struct{ error }

func (withStack) Stack() []byte { return []byte("goroutine 7 [running]:\nmain.main()") }

func TestParent(t *testing.T) {
	var want []int
	for _, fd := range inherited() { // but not SYNCSTREAM_FD, which is 3
		if fd > 2 {
			want = append(want, fd)
		}
	}
	want = slices.Concat([]int{0, 1, 2}, want)
	for _, cmd := range []*exec.Cmd{self("useParent"), worker.Command(job{Do: "warn"})} {
		b, r := run(t, cmd, process.Config{})
		checkEnd(t, b, r, nil)
		long := longText(1 << 20)
		checkContents(t, b,
			fmt.Sprintf("stdout %q", fmt.Sprintln(true, "<nil>", "", want)),
			`warning "a warning: one\ntwo\xff"`,
			`error "an error\n\ngoroutine 7 [running]:\nmain.main()"`,
			`stdout "half a line\n"`,
			`control "level=INFO msg=info k=1\n"`,
			`warning "careful\n  k=1\n  g.what=now"`,
			fmt.Sprintf("error %q", strings.TrimRight(long, "\n")),
			fmt.Sprintf("error %q", "\x00"+strings.Repeat("\x01\x1b\"", 20_000)),
			fmt.Sprintf("control %q", strings.Repeat("é", 1000)), // its last progress
		)
	}
}

// A stop ends the context of a worker that never writes, and its answer is known.
func TestParentStop(t *testing.T) {
	for name, stop := range map[string]func(*syncstream.Buffer, *process.Process){
		"Buffer.Stop":  func(b *syncstream.Buffer, _ *process.Process) { b.Stop(nil) },
		"Process.Stop": func(_ *syncstream.Buffer, p *process.Process) { p.Stop() },
	} {
		t.Run(name, func(t *testing.T) { testParentStop(t, stop) })
	}
}

func testParentStop(t *testing.T, stop func(*syncstream.Buffer, *process.Process)) {
	b := syncstream.New(syncstream.Config{})
	l := listen(t, b)
	cmd := worker.Command(job{Do: "acknowledge"})
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, b, cmd, process.Config{StopSignal: syscall.SIGCONT}) // which tells it nothing
	l.hear(t, "ready", 1)
	if s := b.Sources()[0].State; s != syncstream.StateOpen {
		t.Errorf("before a stop the source is %s", s)
	}
	stop(b, p)
	if !eventually(func() bool { return b.Sources()[0].State == syncstream.StateAcknowledged }) {
		t.Errorf("the source is %s, want acknowledged", b.Sources()[0].State)
	}
	in.Close()
	if r := wait(t, p); r.Err != nil {
		t.Errorf("the worker ended with %v", r.Err)
	}
}

// runScript has a shell run a script.
func runScript(t *testing.T, name, script string) *syncstream.Buffer {
	t.Helper()
	b, r := run(t, exec.Command(name, "-c", script), process.Config{Source: syncstream.Source{Name: "w"}})
	if r.Err != nil {
		t.Errorf("%s ended with %v", name, r.Err)
	}
	return b
}

func TestShellSends(t *testing.T) {
	for _, name := range []string{"sh", "bash"} {
		b := runScript(t, name, `echo one
echo '{"kind":"warning","text":"low disk"}' >&$SYNCSTREAM_FD
printf '%s\n%s' '{"kind":"line","text":"two"}' '{"kind":"error","base64":"/w==","new":1}' >&$SYNCSTREAM_FD
(echo '{"kind":"error","part":"first","text":"in "}'; echo '{"kind":"error","part":"last","text":"parts"}') >&$SYNCSTREAM_FD
readlink /proc/self/fd/$SYNCSTREAM_FD | tr -d '[]' | grep -c "${SYNCSTREAM_FD_ID#*:}"`)
		got := contents(t, b)
		slices.Sort(got) // it does not wait
		want := []string{`control "two\n"`, `error "\xff"`, `error "in parts"`, `stdout "1\n"`, `stdout "one\n"`, `warning "low disk"`}
		if !slices.Equal(got, want) {
			t.Errorf("%s: the buffer holds\n\t%s\nwant\n\t%s", name, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
		}
	}
}

// The script of docs/protocol.md does what it says.
func TestProtocolScript(t *testing.T) {
	doc, err := os.ReadFile("../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(doc), "```sh\n")
	script, _, ok := strings.Cut(rest, "```\n")
	if !ok {
		t.Fatal("docs/protocol.md has no script")
	}
	for _, name := range []string{"sh", "bash"} {
		checkContents(t, runScript(t, name, script), `stdout "one\n"`, `warning "low disk"`)
	}
}

// Shells write long lines in pieces; those of two processes don't mix.
func TestShellsSendAtOnce(t *testing.T) {
	for _, name := range []string{"sh", "bash"} {
		b := runScript(t, name, `send() { for i in 1 2 3 4 5 6 7 8 9 10; do echo '{"kind":"warning","text":"'$1'"}' >&$SYNCSTREAM_FD; done; }
for c in a b c d; do send $(printf "%016000d" 0 | tr 0 $c) & done
wait`)
		got := contents(t, b)
		slices.Sort(got)
		var want []string
		for _, c := range []string{"a", "b", "c", "d"} {
			for range 10 {
				want = append(want, fmt.Sprintf("warning %q", strings.Repeat(c, 16000)))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: of %d messages some are not as they were sent", name, len(got))
		}
	}
}

// Bad input is told of, with what was wrong, and does no harm.
func TestBadInput(t *testing.T) {
	for input, want := range map[string]string{
		`hello`:                       `want an object; it begins "hello"`,
		`{"kind":"line"]`:             `invalid character ']' after object key:value pair; it begins "{\"kind\":\"line\"]"`,
		`[1]`:                         `want an object; it begins "[1]"`,
		`{}`:                          `kind missing; it begins "{}"`,
		`{"kind":"gap"}`:              `kind "\"gap\"": want line, warning, error, partial or acknowledge; it begins "{\"kind\":\"gap\"}"`,
		`{"kind":"line","text":5}`:    `text 5: want a string; it begins "{\"kind\":\"line\",\"text\":5}"`,
		`{"kind":"line","v":2}`:       `v 2: want 1; it begins "{\"kind\":\"line\",\"v\":2}"`,
		`{"kind":"line","text":"\xff`: `its end has not come; it begins "{\"kind\":\"line\",\"text\":\"\xff"`,
		`{"kind":"error","part":"last"}`: `part "last" of kind "error": want the first part before it; ` +
			`it begins "{\"kind\":\"error\",\"part\":\"last\"}"`,
	} {
		b := runScript(t, "sh", "printf '%s' '"+strings.ReplaceAll(input, `\xff`, "\xff")+"' >&$SYNCSTREAM_FD; echo after")
		got := contents(t, b)
		slices.Sort(got)
		if want := fmt.Sprintf("warning %q", "w: a message that it sent can't be read: "+want); len(got) != 2 || got[1] != want {
			t.Errorf("%s:\n\t%s\nwant\n\t%s", input, got[1], want)
		}
	}
	b := runScript(t, "sh", `printf '%s\n' $(head -c 100000 /dev/zero | tr '\0' x) >&$SYNCSTREAM_FD; for i in 1 2 3; do echo bad >&$SYNCSTREAM_FD; done`)
	got := contents(t, b)
	if n := len(got); n != 2 || !strings.Contains(got[0], "more than 16 KiB") || !strings.Contains(got[1], "more of its messages could not be read") {
		t.Errorf("the buffer holds %.500q", got)
	}
}

// What a child's child finds at the number may be anything: it is left alone.
func noParent([]string) {
	fd, _ := strconv.Atoi(os.Getenv("SYNCSTREAM_FD"))
	_, err := process.Parent()
	fmt.Println(err, errors.Is(err, process.ErrNoParent), fileFlags(fd)&syscall.O_CLOEXEC == 0)
}

func TestNoParent(t *testing.T) {
	file := t.TempDir() + "/data"
	exe := self("no parent").Path
	for _, test := range []struct{ script, want string }{
		{"unset SYNCSTREAM_FD; exec " + exe, "process: no parent: SYNCSTREAM_FD is not set true "},
		{"exec " + exe + " 3>" + file, "is not the file "},
		{"exec " + exe + " 3>&-", "is not the file "},
		{"SYNCSTREAM_FD=x exec " + exe, `process: no parent: SYNCSTREAM_FD is "x", want a number true`},
	} {
		cmd := exec.Command("sh", "-c", test.script)
		cmd.Env = self("no parent").Env
		b, r := run(t, cmd, process.Config{})
		got := contents(t, b)
		if len(got) != 1 || !strings.Contains(got[0], strings.ReplaceAll(test.want, `"`, `\"`)) || !strings.Contains(got[0], " true ") || r.Err != nil {
			t.Errorf("%s: %v, %v", test.script, got, r.Err)
		}
	}
	if data, err := os.ReadFile(file); err != nil || len(data) > 0 {
		t.Errorf("the file has %q, %v", data, err)
	}
}

// A shell can't name a descriptor over 9, so a worker gets none there.
func TestDescriptorOverNine(t *testing.T) {
	for n, want := range map[int]string{6: "9", 7: "none"} {
		cmd := exec.Command("sh", "-c", `echo ${SYNCSTREAM_FD-none}; [ -z "$SYNCSTREAM_FD" ] || echo '{"kind":"line","text":"sent"}' >&$SYNCSTREAM_FD`)
		for range n {
			cmd.ExtraFiles = append(cmd.ExtraFiles, os.Stdin)
		}
		// As our own parent would have set it.
		cmd.Env = append(os.Environ(), "SYNCSTREAM_FD=5", "SYNCSTREAM_FD_ID=1:1")
		b, _ := run(t, cmd, process.Config{})
		got := strings.Join(contents(t, b), " ")
		if !strings.Contains(got, want) || strings.Contains(got, "sent") != (n == 6) {
			t.Errorf("with %d files: %s", n, got)
		}
	}
}

// orphan says what it hears when nobody holds the other end any more.
func orphan([]string) {
	parent := mustParent()
	syscall.Shutdown(3, syscall.SHUT_RDWR) // as the end of the parent would
	<-parent.Context().Done()
	fmt.Println(context.Cause(parent.Context()))
	for range 2 {
		fmt.Println(parent.Warn(errors.New("to nobody")))
	}
	parent.Acknowledge()
}

func TestParentGone(t *testing.T) {
	b, r := run(t, self("orphan"), process.Config{})
	const gone = `stdout "process: the parent is gone\n"`
	checkContents(t, b, gone, gone, gone)
	checkEnd(t, b, r, nil)
}

// A grandchild that holds the channel holds nothing up, and what it sends later
// is not heard.
func TestGrandchildHoldsChannel(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	cmd := exec.Command("sh", "-c", `(cat <&4 >/dev/null; echo '{"kind":"line","text":"late"}' >&$SYNCSTREAM_FD; echo $? >&5) >/dev/null 2>&1 3<&- &
echo '{"kind":"error","text":"soon"}' >&$SYNCSTREAM_FD`)
	r4, w4, _ := os.Pipe()
	r5, w5, _ := os.Pipe()
	defer r5.Close()
	cmd.ExtraFiles = []*os.File{os.Stdin, r4, w5}
	r := wait(t, start(t, b, cmd, process.Config{}))
	r4.Close()
	w5.Close()
	w4.Close()
	status, _ := io.ReadAll(r5)
	checkContents(t, b, `error "soon"`)
	checkEnd(t, b, r, nil)
	if strings.TrimSpace(string(status)) == "0" {
		t.Error("the grandchild is told that it was heard")
	}
}
