package process

import (
	"os"
	"sync/atomic"
)

// roleEnv names, in the environment of a program that this one starts as a copy
// of itself, what it is to do instead of its own work.
const roleEnv = "SYNCSTREAM_ROLE"

// roles are what a copy of this program can do. Each ends when its work is done;
// what it returns is the exit status.
var roles = map[string]func() int{}

// mainCalled tells that a copy of this program will find its role, and not run
// the program once more.
var mainCalled atomic.Bool

// Main plays the role that this program was started for, if there is one, and
// does not return then. A program calls it first of all in its main function,
// before it looks at its arguments, if it uses what needs that: [Guard] says so.
func Main() {
	role := os.Getenv(roleEnv)
	os.Unsetenv(roleEnv)
	if play := roles[role]; play != nil {
		os.Exit(play())
	}
	mainCalled.Store(true)
}
