package process

import (
	"os"
	"os/exec"
)

// child is a process that was started. Until it is reaped, its number is its own.
type child interface {
	pid() int
	// await returns when the process is dead, but not reaped. It reports false
	// where the system can't tell.
	await() bool
	// signal signals the group that the process leads. It may not be reaped.
	signal(os.Signal) error
	// reap waits for the process to die, and tells how it did; Code is 0 for
	// success. The error is how it ended where nobody can tell.
	reap() (*ExitError, error)
	close()
}

// direct is a child of this process.
type direct struct {
	cmd *exec.Cmd
	watcher
}

// startChild starts cmd, whose SysProcAttr is its own.
func startChild(cmd *exec.Cmd) (child, error) {
	dieWithUs(cmd)
	if c, ok, err := startGuarded(cmd); ok {
		return c, err
	}
	d := &direct{cmd: cmd}
	d.prepare(cmd)
	if err := spawn(cmd.Start); err != nil {
		return nil, err
	}
	return d, nil
}

func (d *direct) pid() int                 { return d.cmd.Process.Pid }
func (d *direct) signal(s os.Signal) error { return signalGroup(d.cmd.Process, s) }

func (d *direct) reap() (*ExitError, error) {
	err := d.cmd.Wait()
	if d.cmd.ProcessState == nil { // somebody else has reaped it
		return nil, err
	}
	return exitOf(d.cmd.ProcessState), nil // which tells more than the error
}
