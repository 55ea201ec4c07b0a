package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// guard is the program's side of its guard process.
type guard struct {
	conn wire
	turn sync.Mutex    // held for a question and its answer
	dead chan struct{} // closed when the guard has died

	mu      sync.Mutex // guards what follows
	workers map[*guarded]bool
}

var theGuard struct {
	mu sync.Mutex // guards what follows
	*guard
}

func startGuard() error {
	theGuard.mu.Lock()
	defer theGuard.mu.Unlock()
	if theGuard.guard != nil {
		return nil
	}
	if !mainCalled.Load() {
		return errors.New("process: Guard: the guard is a copy of this program; want a call of process.Main at the top of its main function")
	}
	g, err := newGuard()
	if err != nil {
		return fmt.Errorf("process: Guard: %w", err)
	}
	theGuard.guard = g
	return nil
}

func newGuard() (*guard, error) {
	if fd, err := unix.PidfdOpen(os.Getpid(), 0); err != nil {
		return nil, fmt.Errorf("pidfd_open, which needs Linux 5.4: %w", err)
	} else {
		unix.Close(fd)
	}
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socketpair: %w", err)
	}
	its := os.NewFile(uintptr(ends[1]), "guard")
	defer its.Close()
	cmd := &exec.Cmd{
		Path:        "/proc/self/exe", // this program, whatever its file is called by now
		Args:        []string{os.Args[0], fmt.Sprintf("(guard of %d)", os.Getpid())},
		Env:         append(os.Environ(), roleEnv+"=guard"),
		Dir:         "/",
		ExtraFiles:  []*os.File{its},                     // guardFD
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true}, // so that no key on the terminal reaches it
	}
	if err := cmd.Start(); err != nil {
		unix.Close(ends[0])
		return nil, err
	}
	g := &guard{conn: wire(ends[0]), dead: make(chan struct{}), workers: map[*guarded]bool{}}
	go func() {
		_ = cmd.Wait()
		g.died()
	}()
	return g, nil
}

// died kills the workers, now that nobody would: their numbers may be reaped by
// now, but a group's stays its own while it has members.
func (g *guard) died() {
	close(g.dead)
	g.mu.Lock()
	defer g.mu.Unlock()
	for w := range g.workers {
		_ = syscall.Kill(-w.number, syscall.SIGKILL)
	}
}

func (g *guard) isDead() bool {
	select {
	case <-g.dead:
		return true
	default:
		return false
	}
}

// ask asks the guard, and waits for the answer. The descriptors that came with
// it are the caller's.
func (g *guard) ask(q question, fds []int) (answer, []int, error) {
	g.turn.Lock()
	defer g.turn.Unlock()
	var a answer
	if err := g.conn.send(q, fds); err != nil {
		return a, nil, g.lost(err)
	}
	fds, err := g.conn.receive(&a)
	if err != nil {
		return a, nil, g.lost(err)
	}
	if a.Errno != 0 {
		closeAll(fds)
		return a, nil, a.Errno
	}
	return a, fds, nil
}

// lost tells what it means that the guard can't be asked.
func (g *guard) lost(err error) error {
	if errors.Is(err, unix.EMSGSIZE) || errors.Is(err, unix.ETOOMANYREFS) || errors.Is(err, unix.EINVAL) {
		return err
	}
	return ErrGuardDied
}

// guarded is a child of the guard.
type guarded struct {
	guard  *guard
	cmd    *exec.Cmd
	number int
	watcher
}

// startGuarded has the guard start cmd, if there is one.
func startGuarded(cmd *exec.Cmd) (c child, ok bool, err error) {
	theGuard.mu.Lock()
	g := theGuard.guard
	theGuard.mu.Unlock()
	if g == nil {
		return nil, false, nil
	}
	w, err := g.start(cmd)
	if err != nil {
		return nil, true, err
	}
	return w, true, nil
}

func (g *guard) start(cmd *exec.Cmd) (*guarded, error) {
	if err := passable(cmd); err != nil {
		return nil, err
	}
	o, files, err := newOrder(cmd)
	if err != nil {
		return nil, err
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	text, err := writeOrder(o)
	if err != nil {
		return nil, forkError(cmd, err)
	}
	defer text.Close()
	fds := []int{int(text.Fd())}
	for _, f := range files {
		if f == nil {
			f = null
		}
		fds = append(fds, int(f.Fd()))
	}
	a, got, err := g.ask(question{Verb: "start"}, fds)
	if err != nil {
		return nil, forkError(cmd, err)
	}
	if len(got) == 0 { // we can't have so many open
		_ = syscall.Kill(-a.PID, syscall.SIGKILL)
		_, _, _ = g.ask(question{Verb: "reap", PID: a.PID}, nil)
		return nil, forkError(cmd, syscall.EMFILE)
	}
	w := &guarded{guard: g, cmd: cmd, number: a.PID, watcher: watcher{fd: got[0]}}
	g.mu.Lock()
	g.workers[w] = true
	g.mu.Unlock()
	if g.isDead() { // and may not have known of it
		_ = killGroup(w.number, syscall.SIGKILL)
	}
	return w, nil
}

// forkError is err as package os has it.
func forkError(cmd *exec.Cmd, err error) error {
	if errno, ok := err.(syscall.Errno); ok {
		return &fs.PathError{Op: "fork/exec", Path: cmd.Path, Err: errno}
	}
	return err
}

// passable tells what of cmd can't be passed on to another process.
func passable(cmd *exec.Cmd) error {
	attr := cmd.SysProcAttr
	switch {
	case cmd.Err != nil:
		return cmd.Err
	case cmd.Path == "":
		return errors.New("exec: no command")
	case cmd.Process != nil:
		return errors.New("exec: already started")
	case cmd.Cancel != nil:
		return errors.New("it comes from exec.CommandContext; want exec.Command where there is a guard, since the context of Start stops it")
	}
	for _, field := range []struct {
		name string
		set  bool
	}{
		{"PidFD", attr.PidFD != nil},
		{"UseCgroupFD", attr.UseCgroupFD},
		{"Foreground", attr.Foreground},
		{"Ptrace", attr.Ptrace},
	} {
		if field.set {
			return fmt.Errorf("its SysProcAttr.%s is set; want none where there is a guard", field.name)
		}
	}
	return nil
}

// newOrder returns what the guard is told of cmd, and the files that go with it;
// nil is for one that reads nothing.
func newOrder(cmd *exec.Cmd) (*order, []*os.File, error) {
	dir, err := filepath.Abs(cmd.Dir) // the guard is elsewhere
	if err != nil {
		return nil, nil, err
	}
	argv := cmd.Args
	if len(argv) == 0 {
		argv = []string{cmd.Path}
	}
	o := &order{
		Args: len(argv), Files: []int{0, 1, 2}, Attr: *cmd.SysProcAttr,
		strings: slices.Concat([]string{cmd.Path, dir}, argv, cmd.Environ()),
	}
	stdin, _ := cmd.Stdin.(*os.File)
	stdout, _ := cmd.Stdout.(*os.File)
	stderr, _ := cmd.Stderr.(*os.File)
	files := []*os.File{stdin, stdout, stderr}
	for _, f := range cmd.ExtraFiles {
		if f == nil {
			o.Files = append(o.Files, -1)
			continue
		}
		o.Files = append(o.Files, len(files))
		files = append(files, f)
	}
	if len(files)+1 > maxFiles {
		return nil, nil, fmt.Errorf("it has %d ExtraFiles; want %d at most where there is a guard", len(files)-3, maxFiles-4)
	}
	return o, files, nil
}

func (w *guarded) pid() int { return w.number }

func (w *guarded) signal(s os.Signal) error {
	if w.guard.isDead() { // who has killed the group
		return os.ErrProcessDone
	}
	sig, ok := s.(syscall.Signal)
	if !ok {
		return fmt.Errorf("unsupported signal %v", s)
	}
	return killGroup(w.number, sig)
}

func (w *guarded) reap() (*ExitError, error) {
	a, _, err := w.guard.ask(question{Verb: "reap", PID: w.number}, nil)
	w.guard.mu.Lock()
	delete(w.guard.workers, w)
	w.guard.mu.Unlock()
	w.closePipes()
	if err != nil {
		return nil, fmt.Errorf("killed, or how it ended is not known: %w", err)
	}
	return exitFrom(a.Status, &a.Usage), nil
}

// closePipes closes what cmd.StdinPipe has returned, as Wait does. It only does
// that of a process: here of one that is no child, which it does not wait for.
func (w *guarded) closePipes() {
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		return
	}
	w.cmd.Process = self
	_ = w.cmd.Wait()
	_ = self.Release()
}
