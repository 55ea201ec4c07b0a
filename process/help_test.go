//go:build unix

package process_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"os/signal"
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
	maps.Copy(workers, map[string]func([]string){
		"say":       say,
		"alternate": alternate,
		"cat":       cat,
		"longline":  longLine,
		"lines":     numberedLines,
		"crlf":      crlf,
		"stopping":  stopping,
		"stubborn":  stubborn,
		"family":    family,
		"hold":      hold,
		"endless":   endless,
		"place":     place,
		"fill":      fill,
		"chatter":   chatter,
	})
}

// say writes its arguments: "1text" to stdout, "2text" to stderr, in one write
// each; "exit=3" and "kill" end it.
func say(args []string) {
	for _, arg := range args {
		code, isExit := strings.CutPrefix(arg, "exit=")
		switch {
		case isExit:
			n, _ := strconv.Atoi(code)
			os.Exit(n)
		case arg == "kill":
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		case arg == "pid":
			fmt.Println(os.Getpid())
		case arg[0] == '1':
			os.Stdout.WriteString(arg[1:])
		case arg[0] == '2':
			os.Stderr.WriteString(arg[1:])
		}
	}
}

func alternate([]string) {
	for i := range 5000 {
		fmt.Fprintln(os.Stdout, "out", i)
		fmt.Fprintln(os.Stderr, "err", i)
	}
}

func cat([]string) {
	n, err := io.Copy(os.Stdout, os.Stdin)
	fmt.Println(n, "bytes,", err)
}

func longLine(args []string) {
	n, _ := strconv.Atoi(args[0])
	os.Stdout.Write(append(pattern(n), '\n'))
}

// pattern returns n letters that tell where they stand.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = 'a' + byte((i+i>>10)%26)
	}
	return b
}

// numberedLines prints lines of 100 bytes.
func numberedLines(args []string) {
	n, _ := strconv.Atoi(args[0])
	w := bufio.NewWriterSize(os.Stdout, 64<<10)
	for i := range n {
		fmt.Fprintf(w, "%099d\n", i)
	}
	w.Flush()
}

// crlf writes the two bytes of a line end apart, when stdin tells.
func crlf([]string) {
	os.Stdout.WriteString("one\r")
	io.Copy(io.Discard, os.Stdin)
	os.Stdout.WriteString("\ntwo")
}

// stopping ends when it is told to, with some last words and its own status.
func stopping(args []string) {
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM, syscall.SIGINT)
	fmt.Println("ready")
	s := <-told
	for i := range 1000 {
		fmt.Println(s, i)
	}
	fmt.Print("last words")
	code, _ := strconv.Atoi(args[0])
	os.Exit(code)
}

func stubborn(args []string) {
	signal.Ignore(syscall.SIGTERM)
	fmt.Println("ready")
	if len(args) > 0 { // a family waits for it
		os.NewFile(5, "ready").Close()
	}
	time.Sleep(workerTime)
}

// family starts the worker that its arguments name, with its own stdout and
// all extra descriptors that the test gave it, waits until that one says it is
// ready, and ends; or with "stay" waits for SIGTERM.
func family(args []string) {
	exit, args := args[0], args[1:]
	told := make(chan os.Signal, 1)
	if exit == "term" {
		signal.Notify(told, syscall.SIGTERM)
	}
	ready, w, _ := os.Pipe()
	cmd := self(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.ExtraFiles = []*os.File{os.NewFile(3, "release"), os.NewFile(4, "life"), w}
	if err := cmd.Start(); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	w.Close()
	io.ReadAll(ready)
	fmt.Println("worker ready")
	if exit == "term" {
		<-told
	}
}

// hold keeps its stdout until the test releases it, or it gets SIGTERM; its
// arguments are what it prints first. Without any it only tells, when it is
// released, that it is alive.
func hold(args []string) {
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM)
	say(args)
	os.NewFile(5, "ready").Close()
	released := make(chan struct{})
	go func() {
		io.ReadAll(os.NewFile(3, "release"))
		close(released)
	}()
	if len(args) == 0 {
		<-released
		fmt.Fprintln(os.NewFile(4, "life"), "alive")
		return
	}
	select {
	case s := <-told:
		fmt.Println("grandchild", s)
	case <-released:
	}
}

// endless prints until nobody reads.
func endless([]string) {
	fmt.Println("first of the endless")
	os.NewFile(5, "ready").Close()
	chunk := bytes.Repeat([]byte("on and on\n"), 1000)
	for {
		if _, err := os.Stdout.Write(chunk); err != nil {
			os.Exit(1)
		}
	}
}

// fill writes pieces of a text of lines, the length of which is its first
// argument, each in one write into a pipe that has room for it: the next one
// when a byte comes on stdin.
func fill(args []string) {
	var sizes []int
	sum := 0
	for _, arg := range args {
		n, _ := strconv.Atoi(arg)
		sizes = append(sizes, n)
		sum += n
	}
	grow(1)
	text := fillText(sum-sizes[0], sizes[0])
	for _, n := range sizes[1:] {
		os.Stdout.Write(text[:n])
		text = text[n:]
		os.Stdin.Read(make([]byte, 1))
	}
}

// grow has a pipe hold 1 MiB, where that can be set.
var grow = func(fd int) {}

func fillText(n, lineLength int) []byte {
	text := pattern(n)
	for i := lineLength - 1; i < n; i += lineLength {
		text[i] = '\n'
	}
	return text
}

// chatter prints until stdin ends, and then as much as its argument says.
func chatter(args []string) {
	done := make(chan struct{})
	go func() {
		io.Copy(io.Discard, os.Stdin)
		close(done)
	}()
	fmt.Println("ready")
	for {
		fmt.Println("and so on")
		select {
		case <-done:
			numberedLines(args)
			return
		default:
		}
	}
}

// numberedSum is the checksum of what numberedLines prints.
func numberedSum(n int) [sha256.Size]byte {
	h := sha256.New()
	for i := range n {
		fmt.Fprintf(h, "%099d\n", i)
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// place counts who is in the folder at the same time, until it gets a byte.
func place(args []string) {
	dir, code := args[0], args[1]
	mine := dir + "/" + strconv.Itoa(os.Getpid())
	os.WriteFile(mine, nil, 0o600)
	all, _ := os.ReadDir(dir)
	fmt.Println("running", len(all))
	os.Stdin.Read(make([]byte, 1))
	os.Remove(mine)
	say([]string{"exit=" + code})
}

// start starts a worker that ends with the test at the latest.
func start(t *testing.T, b *syncstream.Buffer, cmd *exec.Cmd, c process.Config) *process.Process {
	t.Helper()
	p, err := process.Start(t.Context(), b, cmd, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Stop()
		p.Stop()
		wait(t, p)
	})
	return p
}

func wait(t *testing.T, p *process.Process) process.Result {
	t.Helper()
	select {
	case <-p.Done():
	case <-time.After(patience):
		t.Errorf("%s has not ended after %v", p.Source(), patience)
		return process.Result{}
	}
	return p.Wait()
}

// run runs a worker to its end.
func run(t *testing.T, cmd *exec.Cmd, c process.Config) (*syncstream.Buffer, process.Result) {
	t.Helper()
	b := syncstream.New(syncstream.Config{MaxMessages: 100_000})
	return b, wait(t, start(t, b, cmd, c))
}

// contents returns what the buffer holds, a message each, with its stream or
// kind and its line end.
func contents(t *testing.T, b *syncstream.Buffer) []string {
	t.Helper()
	messages, err := b.Last(t.Context(), 1_000_000)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, m := range messages {
		label := m.Stream.String()
		if m.Kind != syncstream.Line {
			label = m.Kind.String()
		}
		all = append(all, fmt.Sprintf("%s %q", label, m.Text+m.End.Bytes()))
	}
	return all
}

func checkContents(t *testing.T, b *syncstream.Buffer, want ...string) {
	t.Helper()
	got := contents(t, b)
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the buffer holds\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// waitErr is what the buffer's Wait returns now that all mirrors have closed.
func waitErr(t *testing.T, b *syncstream.Buffer) error {
	t.Helper()
	if n := b.NumOpen(); n != 0 {
		t.Errorf("%d mirrors are open, want 0", n)
	}
	return b.Wait(t.Context())
}

// listener is a sink that tells which texts have come.
type listener struct {
	mu    sync.Mutex
	texts map[string]int
}

func listen(t *testing.T, b *syncstream.Buffer) *listener {
	l := &listener{texts: map[string]int{}}
	attach(t, b, l)
	return l
}

func attach(t *testing.T, b *syncstream.Buffer, s syncstream.Sink) *syncstream.Attachment {
	a := b.Attach(s)
	t.Cleanup(func() {
		a.Detach()
		<-a.Done()
	})
	return a
}

func (l *listener) WriteBatches(batches []*syncstream.Batch) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range batches {
		for text := range b.Lines() {
			l.texts[string(text)]++
		}
	}
	return nil
}

// hear waits until text has come n times.
func (l *listener) hear(t *testing.T, text string, n int) {
	t.Helper()
	if !eventually(func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.texts[text] >= n
	}) {
		t.Fatalf("%q has not come %d times", text, n)
	}
}

// pipes gives cmd's grandchild the descriptor 3, which release closes, and 4:
// what it writes there, and its end, is what life gives.
func pipes(t *testing.T, cmd *exec.Cmd) (release func(), life *os.File) {
	t.Helper()
	r3, w3, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r4, w4, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.ExtraFiles = []*os.File{r3, w4}
	t.Cleanup(func() {
		for _, f := range []*os.File{r3, w3, r4, w4} {
			f.Close()
		}
	})
	return func() { w3.Close() }, r4
}

// rest closes the test's own copies of what cmd's family got, and reads life
// until all of the family have ended.
func rest(t *testing.T, cmd *exec.Cmd, life *os.File) string {
	t.Helper()
	for _, f := range cmd.ExtraFiles {
		f.Close()
	}
	life.SetReadDeadline(time.Now().Add(patience))
	text, err := io.ReadAll(life)
	if err != nil {
		t.Errorf("a grandchild has not ended: %v", err)
	}
	return string(text)
}
