package process

import (
	"os"
	"os/signal"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// guardFD is the guard's end of the socket.
const guardFD = 3

// killTime bounds how long the guard tries to kill what is left: a process that
// waits for a device does not die, and one of another user may not be killed.
const killTime = 10 * time.Second

func init() { roles["guard"] = guardMain }

// guardMain is the guard: it starts commands for the program at the other end of
// the socket, and when that is gone, kills all that is left of them. One thread
// does all that is asked, with waits in system calls: any other way is slower.
func guardMain() int {
	runtime.LockOSThread() // children die with the thread that forked them
	unix.CloseOnExec(guardFD)
	// Orphans come to us. Without that we would do less than was promised.
	if unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != nil {
		return 1
	}
	g := &guarding{conn: guardFD, ours: map[int]bool{}}
	go func() { // for which the first worker need not wait
		hearNothing()
		g.reapStrangers()
	}()
	for {
		var q question
		fds, err := g.conn.receive(&q)
		if err != nil {
			break
		}
		g.answer(q, fds)
		closeAll(fds)
	}
	killAll()
	return 0
}

// hearNothing has no signal end the guard that can be caught. A signal that is
// ignored would be ignored by the workers too, so they are caught.
func hearNothing() {
	all := []os.Signal{
		syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGPIPE,
		syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU, syscall.SIGUSR1, syscall.SIGUSR2,
	}
	// What is ignored already, as nohup has it, is so for the workers too.
	signal.Notify(make(chan os.Signal, 1), slices.DeleteFunc(all, signal.Ignored)...)
}

// guarding is what the guard knows.
type guarding struct {
	conn wire

	mu   sync.Mutex   // held from a fork until ours knows of it; guards what follows
	ours map[int]bool // started for the program, and not yet reaped for it
}

func (g *guarding) answer(q question, fds []int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch q.Verb {
	case "start":
		g.startLocked(fds)
	case "reap":
		reply := reap(q.PID)
		delete(g.ours, q.PID)
		_ = g.conn.send(reply, nil) // that the program is gone, receive tells
	default:
		_ = g.conn.send(answer{Errno: syscall.EINVAL}, nil)
	}
}

// startLocked starts a command, and answers.
func (g *guarding) startLocked(fds []int) {
	pid, pidfd, errno := fork(fds)
	if errno != 0 {
		_ = g.conn.send(answer{Errno: errno}, nil)
		return
	}
	defer unix.Close(pidfd)
	g.ours[pid] = true
	if err := g.conn.send(answer{PID: pid}, []int{pidfd}); err != nil {
		_ = syscall.Kill(-pid, syscall.SIGKILL)
		delete(g.ours, pid)
		_ = g.conn.send(answer{Errno: errnoOf(err)}, nil)
	}
}

// fork starts the command whose order is in the first file.
func fork(fds []int) (pid, pidfd int, errno syscall.Errno) {
	if len(fds) == 0 {
		return 0, -1, syscall.EINVAL
	}
	o, err := readOrder(fds[0])
	if err != nil {
		return 0, -1, syscall.EINVAL
	}
	files := make([]uintptr, len(o.Files))
	for i, n := range o.Files {
		files[i] = ^uintptr(0) // none
		switch {
		case 1+n >= len(fds): // we can't have so many open
			return 0, -1, syscall.EMFILE
		case n >= 0:
			files[i] = uintptr(fds[1+n])
		}
	}
	pidfd = -1
	o.Attr.PidFD = &pidfd
	pid, err = syscall.ForkExec(o.path(), o.args(), &syscall.ProcAttr{
		Dir: o.dir(), Env: o.env(), Files: files, Sys: &o.Attr,
	})
	return pid, pidfd, errnoOf(err)
}

// reap reaps a child that is dead.
func reap(pid int) (a answer) {
	_, err := syscall.Wait4(pid, &a.Status, 0, &a.Usage)
	for err == syscall.EINTR {
		_, err = syscall.Wait4(pid, &a.Status, 0, &a.Usage)
	}
	a.Errno = errnoOf(err)
	return a
}

func errnoOf(err error) syscall.Errno {
	if err == nil {
		return 0
	}
	if errno, ok := err.(syscall.Errno); ok {
		return errno
	}
	return syscall.EINVAL
}

// reapStrangers reaps orphans that have come to us and died. The program's own
// are reaped when it asks for that.
func (g *guarding) reapStrangers() {
	everyDeath(func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		for _, pid := range children() {
			if !g.ours[pid] {
				_, _ = syscall.Wait4(pid, nil, syscall.WNOHANG, nil)
			}
		}
	})
}

// killAll kills all that is below us: those whose parents die come to us, so it
// is over when we have no children.
func killAll() {
	pause := time.Millisecond
	for end := time.Now().Add(killTime); time.Now().Before(end); {
		pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		switch {
		case err == syscall.ECHILD:
			return
		case err == nil && pid > 0:
			continue
		}
		for _, pid := range descendants() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		time.Sleep(pause)
		pause = min(2*pause, 50*time.Millisecond)
	}
}
