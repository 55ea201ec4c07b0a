package process

import (
	"fmt"
	"os"
	"strings"
	"sync/atomic"
)

// roleEnv names, in the environment of a program that this one starts as a copy
// of itself, what it is to do instead of its own work.
const roleEnv = "SYNCSTREAM_ROLE"

// roles are what a copy of this program can do. Each ends when its work is done;
// what it returns is the exit status.
var roles = map[string]func() int{
	roleFunc: runFunc,
}

// mainCalled tells that a copy of this program will find its role, and not run
// the program once more.
var mainCalled atomic.Bool

// Main plays the role that this program was started for, if there is one, and
// does not return then: that of a worker function (see [NewFunc]), or of a guard
// (see [Guard]). Otherwise it returns at once. A program that uses either calls
// it first of all in its main function, or in TestMain, before it looks at its
// arguments.
func Main() {
	mainCalled.Store(true)
	role := os.Getenv(roleEnv)
	os.Unsetenv(roleEnv) // not for this process's own children
	if play := roles[role]; play != nil {
		os.Exit(play())
	}
	switch {
	case role != "":
		refuse(fmt.Sprintf("this program knows nothing of %s=%s; is it another version than its parent?", roleEnv, role))
	case len(os.Args) == 2 && strings.HasPrefix(os.Args[1], funcArg):
		// It must not run as the whole program, which would start it again.
		refuse(fmt.Sprintf("%s is missing: to change the environment of a Command, append to its Env", roleEnv))
	}
}

func refuse(why string) {
	fmt.Fprintln(os.Stderr, "process: "+why)
	os.Exit(2)
}
