package process_test

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/syncstream/syncstream/process"
)

// workerEnv names the worker that the test binary plays instead of testing.
const workerEnv = "SYNCSTREAM_TEST_WORKER"

// runEnv holds the process id of the test, so that what it left behind is
// found, grandchildren too.
const runEnv = "SYNCSTREAM_TEST_RUN"

// workerTime is how long a worker lives at most, whatever its test does.
const workerTime = time.Minute

var workers = map[string]func(args []string){
	"item": func([]string) { fmt.Println("Message item") },
}

// leftBehind returns a function that tells what has been left behind since the
// call; nil, where the system can't tell.
var leftBehind func() func() []string

func TestMain(m *testing.M) {
	process.Main()
	if name := os.Getenv(workerEnv); name != "" {
		time.AfterFunc(workerTime, func() { os.Exit(97) })
		workers[name](os.Args[1:])
		os.Exit(0)
	}
	os.Setenv(runEnv, strconv.Itoa(os.Getpid()))
	left := func() []string { return nil }
	if leftBehind != nil {
		left = leftBehind()
	}
	code := m.Run()
	if !eventually(func() bool { return len(left()) == 0 }) {
		for _, what := range left() {
			fmt.Println("left behind:", what)
		}
		code = 1
	}
	os.Exit(code)
}

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// eventually reports whether ok becomes true.
func eventually(ok func() bool) bool { return within(patience, ok) }

func within(d time.Duration, ok func() bool) bool {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	end := time.After(d)
	for !ok() {
		select {
		case <-tick.C:
		case <-end:
			return ok()
		}
	}
	return true
}

// self returns the command of a worker that the test binary plays.
func self(worker string, args ...string) *exec.Cmd {
	exe, err := os.Executable()
	if err != nil {
		panic(err)
	}
	cmd := exec.Command(exe, args...)
	// The race detector would have each worker sleep for a second at its end.
	cmd.Env = append(os.Environ(), workerEnv+"="+worker, "GORACE=atexit_sleep_ms=0")
	return cmd
}
