package process

import "errors"

// ErrGuardDied is how workers ended whose guard was killed, and is returned by
// [Start], in a [*StartError], from then on. See [Guard].
var ErrGuardDied = errors.New("the guard process has died")

// Guard makes sure that nothing which is started from now on outlives this
// program, however that ends: not what workers have started, nor what has left
// its group and session as daemons do. Without it only the workers themselves
// are killed; see [Start].
//
// Workers are then started by a guard, a process of its own which runs this same
// program: so [Main] must have been called. When this program has ended, the
// guard kills all that is left. It starts workers with the umask and the
// resource limits that this program had when Guard was called.
//
// A worker's cmd must come from [exec.Command], not from CommandContext: the ctx
// of [Start] stops it. Of its SysProcAttr, PidFD, UseCgroupFD, Foreground and
// Ptrace can't be had. A pipe from cmd.StdinPipe does not tell that the worker
// has closed its stdin, only that it has ended.
//
// When the guard itself is killed, all workers that it has started are killed,
// and no other can be started.
//
// A second call does nothing. On other systems than Linux, the error is
// [errors.ErrUnsupported].
func Guard() error { return startGuard() }
