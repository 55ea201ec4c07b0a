//go:build unix

package process_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/process"
)

func TestEnds(t *testing.T) {
	for _, test := range []struct {
		name string
		cmd  *exec.Cmd
		want []string
		err  *process.ExitError
		why  string
	}{
		{
			"exit 0", self("say", "1one\n", "1two\n"),
			[]string{`stdout "one\n"`, `stdout "two\n"`},
			nil, "status 0 is no message",
		},
		{
			"prints nothing", self("say"),
			nil,
			nil, "a worker may be silent",
		},
		{
			"exit 3", self("say", "1one\n", "exit=3"),
			[]string{`stdout "one\n"`, `error "exit status 3"`},
			&process.ExitError{Code: 3}, "one error message behind the last line",
		},
		{
			"no newline", self("say", "1one\ntwo"),
			[]string{`stdout "one\n"`, `stdout "two"`},
			nil, "the last words are delivered",
		},
		{
			"no newline, exit 3", self("say", "2one\ntwo", "exit=3"),
			[]string{`stderr "one\n"`, `stderr "two"`, `error "exit status 3"`},
			&process.ExitError{Code: 3}, "the last words come before the error",
		},
		{
			"killed in a line", self("say", "1one\nhalf a li", "kill"),
			[]string{`stdout "one\n"`, `stdout "half a li"`, `error "killed by SIGKILL (signal 9)"`},
			&process.ExitError{Code: -1, Signal: syscall.SIGKILL}, "what a killed worker had written is delivered",
		},
		{
			"a signal without a name", exec.Command("sh", "-c", "kill -40 $$"),
			[]string{`error "killed by signal 40"`},
			&process.ExitError{Code: -1, Signal: 40}, "every signal is told",
		},
		{
			"bytes", self("say", "1\xff\xfe\n\x1b[31m\tred\n\x80"),
			[]string{`stdout "\xff\xfe\n"`, `stdout "\x1b[31m\tred\n"`, `stdout "\x80"`},
			nil, "bytes are truth",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			b, r := run(t, test.cmd, process.Config{})
			checkContents(t, b, test.want...)
			checkEnd(t, b, r, test.err)
			if t.Failed() {
				t.Log(test.why)
			}
		})
	}
}

// checkEnd compares what Process.Wait and Buffer.Wait say with want.
func checkEnd(t *testing.T, b *syncstream.Buffer, r process.Result, want *process.ExitError) {
	t.Helper()
	err := waitErr(t, b)
	if want == nil {
		if r.Err != nil || err != nil {
			t.Errorf("the errors are %v and %v, want none", r.Err, err)
		}
	} else {
		var exit *process.ExitError
		if !errors.As(r.Err, &exit) || exit.Code != want.Code || exit.Signal != want.Signal {
			t.Errorf("Result.Err is %#v, want %#v", r.Err, want)
		}
		var failure *syncstream.Failure
		if !errors.As(err, &failure) || failure.Source != r.Source || failure.Err != r.Err {
			t.Errorf("Buffer.Wait returned %#v, want a *Failure of this worker with its error", err)
		}
	}
	if r.Stopped {
		t.Error("Stopped is set for a worker that nobody stopped")
	}
}

func TestResult(t *testing.T) {
	before := time.Now()
	cmd := self("say", "pid")
	b, r := run(t, cmd, process.Config{})
	after := time.Now()
	checkContents(t, b, fmt.Sprintf("stdout %q", fmt.Sprintln(r.Source.PID)))
	if want := filepath.Base(cmd.Path); r.Source.Name != want {
		t.Errorf("the source is %q, want the program %q", r.Source.Name, want)
	}
	if u := r.Usage; u.User+u.System <= 0 || u.PeakMemory < 100<<10 {
		t.Errorf("the usage is %v, want some", u)
	}
	if times := []time.Time{before, r.Started, r.Ended, after}; !slices.IsSortedFunc(times, time.Time.Compare) {
		t.Errorf("the times are out of order: %v", times)
	}

	want := syncstream.Source{ID: "i", Name: "n", Host: "h", Rank: 2, Size: 3}
	_, r = run(t, self("say"), process.Config{Source: want})
	want.PID = r.Source.PID
	if *r.Source != want || want.PID == 0 {
		t.Errorf("the source is %+v, want %+v", *r.Source, want)
	}
}

func TestStartError(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("no program"), 0o644); err != nil {
		t.Fatal(err)
	}
	withStdout, withStderr := self("say"), self("say")
	withStdout.Stdout, withStderr.Stderr = io.Discard, os.Stderr
	const isSet = "its Stdout or Stderr is set; want nil, since they go to the buffer"
	for _, test := range []struct {
		name   string
		ctx    context.Context
		cmd    *exec.Cmd
		reason string
		is     error
	}{
		{"not in the path", t.Context(), exec.Command("no-such-program"), "executable file not found in $PATH", exec.ErrNotFound},
		{"not there", t.Context(), exec.Command(dir + "/missing"), "no such file or directory", os.ErrNotExist},
		{"not executable", t.Context(), exec.Command(text), "permission denied", os.ErrPermission},
		{"a folder", t.Context(), exec.Command(dir), "permission denied", os.ErrPermission},
		{"Stdout is set", t.Context(), withStdout, isSet, nil},
		{"Stderr is set", t.Context(), withStderr, isSet, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := syncstream.New(syncstream.Config{})
			p, err := process.Start(test.ctx, b, test.cmd, process.Config{Source: syncstream.Source{Name: "w"}})
			want := fmt.Sprintf("can't start %q: %s", test.cmd.Path, test.reason)
			var started *process.StartError
			if !errors.As(err, &started) || err.Error() != want || started.Path != test.cmd.Path {
				t.Fatalf("Start returned %#v\n\t%v, want a *StartError\n\t%s", err, err, want)
			}
			if test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("the error is not %v", test.is)
			}
			checkContents(t, b, fmt.Sprintf("error %q", want))
			r := wait(t, p)
			if r.Err != err || r.Usage != (process.Usage{}) || r.Source != p.Source() || r.Source.Name != "w" || r.Source.PID != 0 {
				t.Errorf("the result is %+v, want the same error, the source without a process id and no usage", r)
			}
			var failure *syncstream.Failure
			if !errors.As(waitErr(t, b), &failure) || failure.Err != err {
				t.Errorf("Buffer.Wait returned %v, want a *Failure with this error", waitErr(t, b))
			}
			if s := b.Sources(); len(s) != 1 || s[0].State != syncstream.StateExited || s[0].Err != err {
				t.Errorf("the sources are %+v, want one that is closed with this error", s)
			}
			p.Stop()
		})
	}
}

func TestConfigNegative(t *testing.T) {
	for field, c := range map[string]process.Config{
		"Config.StopGrace":  {StopGrace: -1},
		"Config.DrainGrace": {DrainGrace: -time.Second},
	} {
		b := syncstream.New(syncstream.Config{})
		checkPanic(t, field, func() { process.Start(t.Context(), b, self("say"), c) })
		if n := b.Stats().Sources; n != 0 {
			t.Errorf("%s: %d sources were opened", field, n)
		}
	}
}

func checkPanic(t *testing.T, want string, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if got := fmt.Sprint(recover()); !strings.Contains(got, want) {
			t.Errorf("the panic is %q, want one that names %s", got, want)
		}
	}()
	f()
}

func TestCRLFInTwoWrites(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	cmd := self("crlf")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, b, cmd, process.Config{})
	if !eventually(func() bool { return len(b.Partials()) == 1 }) {
		t.Error("the partial line can't be seen")
	}
	in.Close()
	wait(t, p)
	checkContents(t, b, `stdout "one\r\n"`, `stdout "two"`)
}

func TestLines(t *testing.T) {
	b, _ := run(t, self("say", "1a\rb\n"), process.Config{Lines: syncstream.Split})
	checkContents(t, b, `stdout "a\r"`, `stdout "b\n"`)
}

func TestLongLine(t *testing.T) {
	const size = 10 << 20
	for _, maxLine := range []int{0, size} {
		t.Run(fmt.Sprint(maxLine), func(t *testing.T) {
			b := syncstream.New(syncstream.Config{MaxLine: maxLine})
			p := start(t, b, self("longline", fmt.Sprint(size)), process.Config{})
			checkEnd(t, b, wait(t, p), nil)
			messages, _ := b.Last(t.Context(), 1000)
			var text []byte
			var parts []string
			for _, m := range messages {
				text = append(text, m.Text...)
				parts = append(parts, m.Part.String())
			}
			if !bytes.Equal(text, pattern(size)) {
				t.Errorf("the text has %d bytes, and not those that were written", len(text))
			}
			if maxLine == size && !slices.Equal(parts, []string{"whole"}) {
				t.Errorf("the parts are %v, want one whole line", parts)
			}
			if n := len(parts); maxLine != size && (n < 2 || parts[0] != "first" || parts[n-1] != "last") {
				t.Errorf("the parts are %v, want first ... last", parts)
			}
		})
	}
}

func TestLabels(t *testing.T) {
	b, _ := run(t, self("alternate"), process.Config{})
	counts := map[syncstream.Stream]int{}
	messages, _ := b.Last(t.Context(), 20_000)
	for _, m := range messages {
		text := map[syncstream.Stream]string{syncstream.Stdout: "out", syncstream.Stderr: "err"}[m.Stream]
		if want := fmt.Sprint(text, " ", counts[m.Stream]); m.Text != want {
			t.Fatalf("%s has %q, want %q", m.Stream, m.Text, want)
		}
		counts[m.Stream]++
	}
	if counts[syncstream.Stdout] != 5000 || counts[syncstream.Stderr] != 5000 {
		t.Errorf("the streams have %v lines, want 5000 each", counts)
	}
}

func TestMerged(t *testing.T) {
	b, _ := run(t, self("alternate"), process.Config{Order: process.Merged})
	var want []string
	for i := range 5000 {
		want = append(want, fmt.Sprintf(`merged "out %d\n"`, i), fmt.Sprintf(`merged "err %d\n"`, i))
	}
	if got := contents(t, b); !slices.Equal(got, want) {
		t.Errorf("of %d messages some are not in the order of the %d writes", len(got), len(want))
	}
}

func TestStdin(t *testing.T) {
	b, _ := run(t, self("cat"), process.Config{})
	checkContents(t, b, `stdout "0 bytes, <nil>\n"`)

	cmd := self("cat")
	cmd.Stdin = strings.NewReader("a\nb")
	b, _ = run(t, cmd, process.Config{})
	checkContents(t, b, `stdout "a\n"`, `stdout "b3 bytes, <nil>\n"`)
}

// A reader that gives nothing, or gives for ever, must not keep Wait.
func TestStdinWithoutEnd(t *testing.T) {
	silent, w := io.Pipe()
	defer w.Close() // ends the goroutine that os/exec has for it
	for name, in := range map[string]io.Reader{"silent": silent, "endless": zeros{}} {
		t.Run(name, func(t *testing.T) {
			cmd := self("say", "1one\n", "exit=3")
			cmd.Stdin = in
			b, r := run(t, cmd, process.Config{DrainGrace: 20 * time.Millisecond})
			checkContents(t, b, `stdout "one\n"`, `error "exit status 3"`)
			checkEnd(t, b, r, &process.ExitError{Code: 3})
		})
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// The caller's own limits for the child are not ours to change, and may be
// shared by several commands.
func TestSharedSysProcAttr(t *testing.T) {
	attr := &syscall.SysProcAttr{}
	b := syncstream.New(syncstream.Config{})
	l := listen(t, b)
	first, second := self("stopping", "0"), self("say", "exit=3")
	first.SysProcAttr, second.SysProcAttr = attr, attr
	p := start(t, b, first, process.Config{})
	l.hear(t, "ready", 1)
	wait(t, start(t, b, second, process.Config{}))
	p.Stop()
	if r := wait(t, p); r.Err != nil {
		t.Errorf("the first worker ended with %v, want none: it was stopped in order", r.Err)
	}
	if attr.Setpgid {
		t.Error("the caller's SysProcAttr was changed")
	}
}

// Whatever SysProcAttr says, a stop reaches the worker.
func TestStopOtherGroup(t *testing.T) {
	for name, attr := range map[string]*syscall.SysProcAttr{
		"session":     {Setsid: true},
		"other group": {Setpgid: true, Pgid: syscall.Getpgrp()},
	} {
		t.Run(name, func(t *testing.T) {
			b := syncstream.New(syncstream.Config{})
			l := listen(t, b)
			cmd := self("stopping", "4")
			cmd.SysProcAttr = attr
			p := start(t, b, cmd, process.Config{})
			l.hear(t, "ready", 1)
			p.Stop()
			select {
			case <-p.Done():
			case <-time.After(patience):
				syscall.Kill(p.Source().PID, syscall.SIGKILL)
				t.Error("Stop has not reached the worker")
			}
		})
	}
}

// A worker that is not started since the context has ended is stopped, and has
// not failed: the buffer hears nothing of it.
func TestStartAfterEndOfContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	b := syncstream.New(syncstream.Config{})
	p, err := process.Start(ctx, b, self("say", "1never\n"), process.Config{})
	if !errors.Is(err, context.Cause(ctx)) {
		t.Errorf("Start returned %v, want the context's cause", err)
	}
	if r := wait(t, p); !r.Stopped || r.Err != err {
		t.Errorf("the result is %+v, want one that was stopped", r)
	}
	checkContents(t, b)
	if err := waitErr(t, b); err != nil {
		t.Errorf("Buffer.Wait returned %v", err)
	}
}

// endsLate is a context that has not ended when it is asked first.
type endsLate struct {
	context.Context
	asked bool
}

func (c *endsLate) Err() error {
	if c.asked {
		return context.Canceled
	}
	c.asked = true
	return nil
}

// A worker that can't be started has failed, also if the context ends meanwhile.
func TestStartFailsAsContextEnds(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	p, err := process.Start(&endsLate{Context: t.Context()}, b, exec.Command("./no-such-program"), process.Config{})
	if r := wait(t, p); r.Stopped || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the result is %+v, want one that has failed, since there is no such file", r)
	}
	checkContents(t, b, `error "can't start \"./no-such-program\": no such file or directory"`)
}

// A Config that is wrong panics before anything is started, and names the field.
func TestConfigNamesField(t *testing.T) {
	for want, c := range map[string]process.Config{
		"Config.Lines is 9": {Lines: 9},
		"Config.Order is 7": {Order: 7},
	} {
		func() {
			defer func() {
				if got := fmt.Sprint(recover()); !strings.Contains(got, want) {
					t.Errorf("Start panics with %q, want %q in it", got, want)
				}
			}()
			b := syncstream.New(syncstream.Config{})
			_, _ = process.Start(t.Context(), b, self("say", "1never\n"), c)
		}()
	}
}
