package torture

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Bound is how long a story may take.
const Bound = 30 * time.Second

// Run plays a story before a tool: its command line, in which "{}" stands for
// the workers' shell commands, each one argument. The error says what went
// wrong, and what was left behind.
func Run(ctx context.Context, tool []string, row Row) error {
	ctx, cancel := context.WithTimeoutCause(ctx, Bound, fmt.Errorf("hung: not over after %v", Bound))
	defer cancel()
	dir, err := os.MkdirTemp("", "torture")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s := &stage{row: &row, dir: dir}
	o, err := s.run(ctx, tool)
	if err == nil {
		err = o.check()
	}
	return errors.Join(err, s.swept())
}

// stage is where one story is played.
type stage struct {
	row       *Row
	dir       string // ours
	conductor *conductor
}

// temp is the tool's directory for temporary files.
func (s *stage) temp() string { return filepath.Join(s.dir, "tmp") }

func (s *stage) run(ctx context.Context, tool []string) (o *Output, err error) {
	if err := os.Mkdir(s.temp(), 0o700); err != nil {
		return nil, err
	}
	if s.conductor, err = newConductor(s.dir); err != nil {
		return nil, err
	}
	openGate, err := s.gate()
	if err != nil {
		s.conductor.close()
		return nil, err
	}
	var gate sync.WaitGroup
	gate.Go(openGate)
	defer gate.Wait()
	defer s.conductor.close()

	cmd, err := s.command(tool)
	if err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	cmd.Stdout, cmd.Stderr = w, w // in one pipe, to see the order of the two
	err = cmd.Start()
	w.Close()
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() {
		_ = cmd.Process.Kill()
		r.SetReadDeadline(time.Unix(1, 0))
		s.conductor.close()
	})
	o, err = s.read(r)
	_ = cmd.Wait() // its status is looked at below
	stop()
	if ctx.Err() != nil {
		return nil, errors.Join(fmt.Errorf("%w; %s", context.Cause(ctx), s.conductor.inVain()), o.rows())
	}
	o.Status, o.more = cmd.ProcessState.ExitCode(), s.conductor.wrote
	return o, err
}

// command returns the tool's command with the workers' in it.
func (s *stage) command(tool []string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var workers []string
	for i, w := range s.row.Workers {
		command := fmt.Sprintf("%s=%d exec '%s'", envWorker, i, self)
		if w.Script != nil {
			command = w.Script(i)
		}
		workers = append(workers, command)
	}
	var argv []string
	for _, arg := range tool {
		if arg == "{}" {
			argv = append(argv, workers...)
		} else {
			argv = append(argv, arg)
		}
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), envStory+"="+s.row.Name, envDir+"="+s.dir, "TMPDIR="+s.temp(),
		// The race detector would have each worker sleep for a second as it ends.
		"GORACE=atexit_sleep_ms=0 "+os.Getenv("GORACE"))
	return cmd, nil
}

// gate returns a function that lets the scripts go on when it is time: each
// reads one byte from the file "gate".
func (s *stage) gate() (open func(), err error) {
	if s.row.Gate == nil {
		return func() {}, nil
	}
	f, err := newFIFO(filepath.Join(s.dir, "gate"))
	if err != nil {
		return nil, err
	}
	return func() {
		defer f.Close()
		if s.conductor.await(s.row.Gate) {
			_, _ = f.WriteString(strings.Repeat("\n", len(s.row.Workers)))
			s.conductor.await(Told("the end"))
		}
	}, nil
}

// read reads the output to its end, and tells what it shows.
func (s *stage) read(r io.Reader) (*Output, error) {
	o := &Output{row: s.row}
	if s.row.Slow != nil {
		s.conductor.await(s.row.Slow)
		r = unevenReader{r, rand.New(rand.NewPCG(1, 2))}
	}
	in := bufio.NewReaderSize(r, 1<<16)
	if s.row.Slow != nil {
		in = bufio.NewReaderSize(r, 200)
	}
	for {
		b, err := in.ReadBytes('\n')
		if err != nil {
			o.Rest = b
			if err == io.EOF {
				err = nil
			}
			s.conductor.handle(Tells("the end").request())
			return o, err
		}
		row := splitRow(b[:len(b)-1])
		o.Rows = append(o.Rows, row)
		if worker, n, ok := parse([]byte(strings.TrimSuffix(string(row.Text), "\r"))); ok {
			s.conductor.show(worker, n)
		}
	}
}

// unevenReader reads a few bytes at a time.
type unevenReader struct {
	r    io.Reader
	rand *rand.Rand
}

func (u unevenReader) Read(p []byte) (int, error) {
	return u.r.Read(p[:min(len(p), 1+u.rand.IntN(200))])
}

// swept removes what the story left behind, and says what that was.
func (s *stage) swept() error {
	var errs []error
	left, err := s.left()
	errs = append(errs, err)
	for _, p := range left {
		errs = append(errs, fmt.Errorf("left behind: process %d (%s)", p.pid, p.name))
		if process, err := os.FindProcess(p.pid); err == nil {
			_ = process.Kill()
			_ = process.Release()
		}
	}
	files, err := os.ReadDir(s.temp())
	errs = append(errs, err)
	for _, f := range files {
		errs = append(errs, fmt.Errorf("left behind: file %s", f.Name()))
	}
	return errors.Join(errs...)
}

// guardTime is how long after the tool's end its guard may need to kill what is
// left.
const guardTime = 5 * time.Second

// left returns the processes that are there when nobody can be expected to end
// them any more.
func (s *stage) left() ([]leftProcess, error) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.After(guardTime); ; {
		left, err := processesOf(envDir + "=" + s.dir)
		if len(left) == 0 || err != nil {
			return left, err
		}
		select {
		case <-tick.C:
		case <-end:
			return left, nil
		}
	}
}

// leftProcess is a process that a story left behind.
type leftProcess struct {
	pid  int
	name string
}
