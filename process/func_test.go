//go:build unix

package process_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/process"
)

type job struct {
	Do   string
	Deep map[string][]int
}

// worker does one thing or another.
var worker = process.NewFunc("worker", func(ctx context.Context, j job) error {
	time.AfterFunc(workerTime, func() { os.Exit(97) })
	return jobs[j.Do](ctx, j)
})

var (
	long  = process.NewFunc("long", func(context.Context, string) error { return nil })
	wrong = process.NewFunc("wrong", func(context.Context, chan int) error { return nil })
)

var jobs = map[string]func(context.Context, job) error{
	"print": func(_ context.Context, j job) error {
		fmt.Println(j.Deep, len(os.Args), os.Getenv("SYNCSTREAM_ARGUMENT")+os.Getenv("SYNCSTREAM_FD")+os.Getenv("SYNCSTREAM_ROLE"))
		return nil
	},
	"fail": func(context.Context, job) error {
		fmt.Print("half a line")
		return fmt.Errorf("save the model: %w", errors.Join(errors.New("disk full"), errors.New("no\nnetwork")))
	},
	"exit": func(context.Context, job) error { os.Exit(3); return nil },
	"panic": func(context.Context, job) error {
		fmt.Println("before")
		go explode()
		select {}
	},
	"nil": func(context.Context, job) error {
		var m *syncstream.Message
		fmt.Println(m.Text)
		return nil
	},
	"map": func(context.Context, job) error {
		fatal()
		return nil
	},
	"overflow": func(context.Context, job) error {
		debug.SetMaxStack(1 << 20) // a GiB takes seconds
		return overflow(0)
	},
	"deadly": func(context.Context, job) error {
		for range 5000 { // whose stacks are more than a pipe holds, and than a message
			go func() { select {} }()
		}
		fatal()
		return nil
	},
	"wait": func(ctx context.Context, _ job) error {
		fmt.Println("ready")
		<-ctx.Done()
		fmt.Println("ending:", context.Cause(ctx))
		return context.Cause(ctx)
	},
	"wait and fail": func(ctx context.Context, _ job) error {
		fmt.Println("ready")
		<-ctx.Done()
		return errors.New("could not tidy up")
	},
	"acknowledge": func(ctx context.Context, _ job) error {
		parent, err := process.Parent()
		if err != nil {
			return err
		}
		parent.Acknowledge() // too early, so it says nothing
		fmt.Println("ready")
		<-ctx.Done()
		parent.Acknowledge()
		os.Stdin.Read(make([]byte, 1))
		return nil
	},
}

func explode() { panic("boom") }

// fatal is an error that no code can recover from, as that of a map which
// several goroutines write to.
func fatal() {
	var mu sync.Mutex
	mu.Unlock()
}

func overflow(n int) error {
	if n < 0 {
		return nil
	}
	return fmt.Errorf("deep: %w", overflow(n+1))
}

// closing returns the last message and how the worker ended.
func closing(t *testing.T, b *syncstream.Buffer, r process.Result) (text string, err *process.FuncError) {
	t.Helper()
	last, _ := b.Last(t.Context(), 1)
	if len(last) != 1 || last[0].Kind != syncstream.Error {
		t.Fatalf("the last message is %v, want an error", last)
	}
	if !errors.As(r.Err, &err) {
		t.Fatalf("the worker ended with %#v, want a *FuncError", r.Err)
	}
	if n := strings.Count(strings.Join(contents(t, b), "\n"), "\nerror "); n > 1 {
		t.Errorf("there are %d error messages, want one", n)
	}
	return last[0].Text, err
}

func TestFunc(t *testing.T) {
	b, r := run(t, worker.Command(job{Do: "print", Deep: map[string][]int{"a": {1, 2}}}), process.Config{})
	checkContents(t, b, `stdout "map[a:[1 2]] 1 \n"`)
	checkEnd(t, b, r, nil)
	if r.Source.Name != "worker" {
		t.Errorf("the source is %q, want the function's name", r.Source)
	}
	b, r = run(t, worker.Command(job{Do: "exit"}), process.Config{})
	checkContents(t, b, `error "exit status 3"`)
	checkEnd(t, b, r, &process.ExitError{Code: 3})
}

// An error that the function returns is the message that closes the mirror, and
// stands nowhere else.
func TestFuncError(t *testing.T) {
	b, r := run(t, worker.Command(job{Do: "fail"}), process.Config{})
	const text = "exit status 1: save the model: disk full\nno\nnetwork"
	checkContents(t, b, `stdout "half a line"`, fmt.Sprintf("error %q", text))
	_, err := closing(t, b, r)
	var exit *process.ExitError
	if !errors.As(r.Err, &exit) || exit.Code != 1 || err.Error() != text || !strings.HasSuffix(text, err.Text) {
		t.Errorf("the error is %#v", err)
	}
}

// Whatever ends a worker arrives as one message, with the stack, and whole.
func TestFuncCrash(t *testing.T) {
	for _, test := range []struct{ do, text, stack string }{
		{"panic", "exit status 2: panic: boom", "process_test.explode"},
		{"nil", "exit status 2: panic: runtime error: invalid memory address or nil pointer dereference\n[signal SIGSEGV", "func_test.go"},
		{"map", "exit status 2: fatal error: sync: unlock of unlocked mutex", "process_test.fatal"},
		{"deadly", "exit status 2: fatal error: sync: unlock of unlocked mutex", "process_test.fatal"},
		{"overflow", "exit status 2: fatal error: stack overflow", "process_test.overflow"},
	} {
		t.Run(test.do, func(t *testing.T) {
			cmd := worker.Command(job{Do: test.do})
			cmd.Env = append(cmd.Env, "GOTRACEBACK=all")
			b, r := run(t, cmd, process.Config{})
			text, err := closing(t, b, r)
			if !strings.HasPrefix(text, test.text) || !strings.Contains(text, test.stack) || !strings.Contains(text, "\ngoroutine ") {
				t.Errorf("the message is %.1000s", text)
			}
			if len(text) > 1<<20 || test.do == "deadly" && len(text) < 1<<20-100 {
				t.Errorf("the message has %d bytes", len(text))
			}
			if !strings.HasPrefix(err.Error(), test.text) || strings.Contains(err.Error(), test.stack) {
				t.Errorf("the error is %.1000s", err)
			}
		})
	}
}

func TestFuncStop(t *testing.T) {
	for do, want := range map[string]string{
		"wait":          `stdout "ending: syncstream: stopped\n"`,
		"wait and fail": "",
	} {
		b := syncstream.New(syncstream.Config{})
		l := listen(t, b)
		p := start(t, b, worker.Command(job{Do: do}), process.Config{})
		l.hear(t, "ready", 1)
		p.Stop()
		r := wait(t, p)
		if want == "" {
			if r.Err == nil || !strings.Contains(r.Err.Error(), "could not tidy up") || !r.Stopped {
				t.Errorf("%s: %+v", do, r)
			}
			continue
		}
		checkContents(t, b, `stdout "ready\n"`, want)
		if r.Err != nil {
			t.Errorf("%s ended with %v", do, r.Err)
		}
	}
}

// Run as any other command, a function's error stands on its stderr.
func TestFuncRunAlone(t *testing.T) {
	out, err := worker.Command(job{Do: "fail"}).CombinedOutput()
	if err == nil || !strings.HasSuffix(string(out), "save the model: disk full\nno\nnetwork\n") {
		t.Errorf("%v: %s", err, out)
	}
}

// What can't be a worker says so, and starts no chain of processes.
func TestFuncRefused(t *testing.T) {
	replaced := worker.Command(job{Do: "print"})
	replaced.Env = []string{"A=b"}
	unknown := worker.Command(job{Do: "print"})
	unknown.Args[1] = "syncstream:other"
	stranger := exec.Command(replaced.Path)
	stranger.Env = append(os.Environ(), "SYNCSTREAM_ROLE=new")
	for _, test := range []struct {
		name string
		cmd  *exec.Cmd
		want string
	}{
		{"environment", replaced, "SYNCSTREAM_ROLE is missing: to change the environment of a Command, append to its Env"},
		{"unknown", unknown, `this program has no function "other"; is it another version than its parent?`},
		{"role", stranger, "this program knows nothing of SYNCSTREAM_ROLE=new; is it another version than its parent?"},
	} {
		b, r := run(t, test.cmd, process.Config{})
		text := strings.Join(contents(t, b), "\n")
		var exit *process.ExitError
		if !strings.Contains(text, "process: "+strings.ReplaceAll(test.want, `"`, `\"`)) || !errors.As(r.Err, &exit) || exit.Code != 2 {
			t.Errorf("%s: %v\n%s", test.name, r.Err, text)
		}
	}
	restore := process.ForgetMain()
	forgotten := worker.Command(job{Do: "print"})
	restore()
	b := syncstream.New(syncstream.Config{})
	if _, err := process.Start(t.Context(), b, forgotten, process.Config{}); err == nil ||
		!strings.Contains(err.Error(), "main has not called process.Main, which must come first in it") {
		t.Errorf("without Main: %v", err)
	}
	if _, err := process.Start(t.Context(), b, long.Command(strings.Repeat("x", 200_000)), process.Config{}); err == nil ||
		!strings.Contains(err.Error(), "the argument is 200002 bytes of JSON; want at most 122880") {
		t.Errorf("a long argument: %v", err)
	}
	if err := wrong.Command(nil).Err; err == nil || !strings.Contains(err.Error(), "unsupported type: chan int") {
		t.Errorf("a channel as argument: %v", err)
	}
	checkPanic(t, `there is a function "long" already`, func() { process.NewFunc("long", func(context.Context, int) error { return nil }) })
	checkPanic(t, "the name is empty", func() { process.NewFunc("", func(context.Context, int) error { return nil }) })
}
