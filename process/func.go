package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"

	"github.com/syncstream/syncstream"
)

const (
	roleFunc = "func"
	// funcArg stands before the name of the function on the command line, where
	// people can see which one a process runs.
	funcArg = "syncstream:"
	// funcEnv holds the argument as JSON.
	funcEnv = "SYNCSTREAM_ARGUMENT"
	// maxArgument is how much JSON goes into funcEnv: Linux takes 128 KiB.
	maxArgument = 120 << 10
)

// Func is a function that runs in processes of its own, which are copies of
// this program. All goroutines may use it.
type Func[T any] struct{ name string }

// funcs are the functions by name.
var funcs struct {
	mu     sync.Mutex // guards what follows
	byName map[string]func(ctx context.Context, argument []byte) error
}

// NewFunc makes a worker of f, which then is known as name in all copies of
// this program: call it where a package variable is initialised. It panics if
// the name is empty or taken. T is any type that [encoding/json] takes.
//
// The process ends when f returns, with status 0 if the error is nil, else 1.
// ctx ends when the parent says stop, or with SIGTERM or SIGINT, which end
// nothing else then; an error that only says so counts as nil. The error that f
// returns, a panic in any goroutine, and what makes the runtime give up, come to
// the worker's mirror as the one message that closes it, with the stack; see
// [FuncError]. [Parent] gives f more to say.
func NewFunc[T any](name string, f func(ctx context.Context, argument T) error) *Func[T] {
	if name == "" {
		panic("process: NewFunc: the name is empty")
	}
	funcs.mu.Lock()
	defer funcs.mu.Unlock()
	if funcs.byName == nil {
		funcs.byName = make(map[string]func(context.Context, []byte) error)
	}
	if funcs.byName[name] != nil {
		panic(fmt.Sprintf("process: NewFunc: there is a function %q already", name))
	}
	funcs.byName[name] = func(ctx context.Context, argument []byte) error {
		var a T
		if err := json.Unmarshal(argument, &a); err != nil {
			return fmt.Errorf("process: decode the argument of %s: %w", name, err)
		}
		return f(ctx, a)
	}
	return &Func[T]{name: name}
}

// Command returns the command of a process that calls the function with
// argument, whose JSON has at most 120 KiB. It is for [Start], or to be run as
// any other; then an error stands on its stderr. Its Env may be appended to, and
// its Args are not to be changed.
//
// Its Err is set, and so it can't be started, where this process has not called
// [Main], which the other one would not do either.
func (f *Func[T]) Command(argument T) *exec.Cmd {
	exe, err := os.Executable()
	cmd := exec.Command(exe)
	cmd.Args = []string{os.Args[0], funcArg + f.name}
	data, jsonErr := json.Marshal(argument)
	switch {
	case !mainCalled.Load():
		err = errors.New("main has not called process.Main, which must come first in it")
	case jsonErr != nil:
		err = fmt.Errorf("encode the argument: %w", jsonErr)
	case len(data) > maxArgument:
		err = fmt.Errorf("the argument is %d bytes of JSON; want at most %d", len(data), maxArgument)
	}
	if err != nil {
		cmd.Err = fmt.Errorf("process: Command of %s: %w", f.name, err)
	}
	cmd.Env = append(os.Environ(), roleEnv+"="+roleFunc, funcEnv+"="+string(data))
	return cmd
}

// funcName returns the name of the function that cmd is to run; none, if it is
// any other command.
func funcName(cmd *exec.Cmd) (name string, ok bool) {
	if len(cmd.Args) != 2 {
		return "", false
	}
	return strings.CutPrefix(cmd.Args[1], funcArg)
}

// programName is what a worker is called that has no other name.
func programName(cmd *exec.Cmd) string {
	if name, ok := funcName(cmd); ok {
		return name
	}
	return filepath.Base(cmd.Path)
}

// runFunc is a worker's whole life.
func runFunc() (status int) {
	out := failureOutput()
	argument := os.Getenv(funcEnv)
	os.Unsetenv(funcEnv)
	name := strings.TrimPrefix(os.Args[len(os.Args)-1], funcArg)
	os.Args = os.Args[:1]
	funcs.mu.Lock()
	run := funcs.byName[name]
	funcs.mu.Unlock()
	if run == nil {
		fmt.Fprintf(out, "process: this program has no function %q; is it another version than its parent?\n", name)
		return 2
	}
	ctx := funcContext()
	if err := run(ctx, []byte(argument)); err != nil && !isStop(ctx, err) {
		fmt.Fprintln(out, errorText(err))
		return 1
	}
	return 0
}

// failureOutput returns where a worker says why it failed, and has the runtime
// say it there, too.
func failureOutput() *os.File {
	fd, err := strconv.Atoi(os.Getenv(failureEnv))
	os.Unsetenv(failureEnv)
	if err != nil {
		return os.Stderr
	}
	f := os.NewFile(uintptr(fd), "failure")
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		return os.Stderr
	}
	closeOnExec(fd)
	if err := debug.SetCrashOutput(f, debug.CrashOptions{}); err != nil {
		return os.Stderr
	}
	return f
}

// funcContext returns what ends when the worker should.
func funcContext() context.Context {
	ctx := context.Background()
	if parent, err := Parent(); err == nil {
		ctx = parent.Context()
	}
	ctx, cancel := context.WithCancelCause(ctx)
	told := make(chan os.Signal, 1)
	signal.Notify(told, stopSignals...)
	go func() {
		<-told
		signal.Stop(told) // the next one ends the process
		cancel(syncstream.ErrStopped)
	}()
	return ctx
}

// isStop reports whether err only says that ctx has ended.
func isStop(ctx context.Context, err error) bool {
	return ctx.Err() != nil && (errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx)) || errors.Is(err, syncstream.ErrStopped))
}

// errorText returns all that an error message says of err: only a mirror knows.
func errorText(err error) string {
	b := syncstream.New(syncstream.Config{MaxMessages: 1})
	_ = b.Mirror(syncstream.MirrorConfig{}).Error(err)
	last, _ := b.Last(context.Background(), 1)
	return last[0].Text
}
