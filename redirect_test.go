package syncstream_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/syncstream/syncstream"
)

func redirect(t *testing.T, m *syncstream.Mirror) (restore func()) {
	t.Helper()
	restore, err := syncstream.Redirect(m)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(restore) // the testing package prints, too
	return restore
}

// plainLog takes the time out of the log package's lines.
func plainLog(t *testing.T) {
	flags := log.Flags()
	log.SetFlags(0)
	t.Cleanup(func() { log.SetFlags(flags) })
}

func TestRedirect(t *testing.T) {
	plainLog(t)
	stdout, stderr, logs := os.Stdout, os.Stderr, log.Writer()
	b := syncstream.New(syncstream.Config{})
	restore := redirect(t, open(b, "a"))
	fmt.Println("one")
	fmt.Print("half")
	restore()
	if want := `a1 "one"`; shorts(all(t, b)) != want {
		t.Errorf("%s\nwant %s", shorts(all(t, b)), want)
	}
	if partials := b.Partials(); len(partials) != 1 || partials[0].Text != "half" {
		t.Errorf("partial lines: %v", partials)
	}
	if os.Stdout != stdout || os.Stderr != stderr || log.Writer() != logs {
		t.Error("restore does not put all back")
	}
	restore() // again: nothing
	if os.Stdout != stdout {
		t.Error("a second restore has changed something")
	}
}

// Stderr, package log and slog share one stream, in the order of the calls.
func TestRedirectStderr(t *testing.T) {
	plainLog(t)
	b := syncstream.New(syncstream.Config{})
	restore := redirect(t, open(b, "a"))
	fmt.Fprintln(os.Stderr, "printed")
	log.Print("logged")
	slog.Info("slogged", "n", 1)
	fmt.Fprintln(os.Stderr, "printed again")
	restore()
	const want = "a1/stderr \"printed\"\na2/stderr \"logged\"\na3/stderr \"INFO slogged n=1\"\na4/stderr \"printed again\""
	if got := shorts(all(t, b)); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

// Redirections are taken back in any order, and what is printed goes to the
// newest that is left.
func TestRedirectNested(t *testing.T) {
	for _, order := range []string{"inner first", "outer first"} {
		t.Run(order, func(t *testing.T) {
			stdout := os.Stdout
			b := syncstream.New(syncstream.Config{})
			outer := redirect(t, open(b, "outer"))
			fmt.Println("1")
			inner := redirect(t, open(b, "inner"))
			fmt.Println("2")
			want := "inner1 \"2\"\nouter1 \"1\"\nouter2 \"3\""
			if order == "inner first" {
				inner()
				fmt.Println("3")
				outer()
			} else {
				outer()
				fmt.Println("3")
				inner()
				want = "inner1 \"2\"\ninner2 \"3\"\nouter1 \"1\""
			}
			if got := bySource(all(t, b)); got != want {
				t.Errorf("%s\nwant %s", got, want)
			}
			if os.Stdout != stdout {
				t.Error("not all is put back")
			}
		})
	}
}

// Who has put another file into a variable meanwhile keeps it.
func TestRedirectLeavesOthers(t *testing.T) {
	stdout := os.Stdout
	defer func() { os.Stdout = stdout }()
	b := syncstream.New(syncstream.Config{})
	restore := redirect(t, open(b, "a"))
	_, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	os.Stdout = w
	restore()
	if os.Stdout != w {
		t.Error("restore has replaced what was not its own")
	}
}

// A write that is under way at the way back, larger than any pipe, is not cut.
func TestRedirectLosesNothing(t *testing.T) {
	const size = 3 << 20
	begun, goOn := make(chan struct{}), make(chan struct{})
	b := syncstream.New(syncstream.Config{MaxLine: size, Parse: func(m *syncstream.Message) bool {
		if m.Text == "first" {
			close(begun)
			<-goOn // so the write can't end yet
		}
		return true
	}})
	restore := redirect(t, open(b, "a"))
	out := os.Stdout
	written := make(chan error, 1)
	go func() {
		_, err := io.WriteString(out, "first\n"+strings.Repeat("x", size-1)+"y\n")
		written <- err
	}()
	<-begun
	restored := started(restore)
	close(goOn)
	within(t, restored, "restore returns")
	if err := <-written; err != nil {
		t.Error(err)
	}
	messages := all(t, b)
	if n := len(messages); n != 2 || len(messages[1].Text) != size || !strings.HasSuffix(messages[1].Text, "y") {
		t.Errorf("%d messages, the last of %d bytes", n, len(messages[n-1].Text))
	}
	if _, err := out.WriteString("late\n"); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a file that was kept: %v", err)
	}
}

// A program that still prints after the way back prints to where the output
// went before, and restore does not wait for it.
func TestRedirectOutlived(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	outer := redirect(t, open(b, "outer"))
	inner := redirect(t, open(b, "inner"))
	cmd := exec.Command("sh", "-c", "echo before; read go; echo after")
	cmd.Stdout = os.Stdout
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var got []string
	for m, err := range b.Follow(ctx, syncstream.Oldest) {
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, short(m)); len(got) == 2 {
			break
		}
		inner()
		fmt.Fprintln(stdin, "go")
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	outer()
	if want := []string{`inner1 "before"`, `outer1 "after"`}; !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
}

// A mirror that is closed takes no more, but nobody who prints is held up by
// that, and what is lost is counted.
func TestRedirectToClosedMirror(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	m := open(b, "a")
	restore := redirect(t, m)
	m.Close()
	line := strings.Repeat("x", 1000)
	for range 1000 { // more than a pipe holds
		fmt.Println(line)
	}
	restore()
	if lost := b.Stats().Lost.Messages; lost != 1000 {
		t.Errorf("%d lines are counted as lost", lost)
	}
}

// bySource is the messages, those of one source together.
func bySource(messages []syncstream.Message) string {
	slices.SortStableFunc(messages, func(a, b syncstream.Message) int { return strings.Compare(a.Source.Name, b.Source.Name) })
	return shorts(messages)
}
