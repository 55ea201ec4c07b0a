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
	"syscall"
	"time"
)

// Bound is how long a story may take, if nothing else is said.
const Bound = 30 * time.Second

// Run plays a story before a tool, which has the time bound for it; who is left
// then, a few seconds more. The error says what went wrong, and what was left
// behind; it is a [*Damage] if the tool is not ours, and a [*NotTried] if the tool
// can't take the story.
func Run(ctx context.Context, tool Tool, row Row, bound time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, bound, &hung{after: bound})
	defer cancel()
	dir, err := os.MkdirTemp("", "torture")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s := &stage{tool: tool, row: &row, dir: dir}
	if !tool.Ours {
		return s.judge(ctx, bound)
	}
	o := &Output{row: s.row}
	err = s.run(ctx, func(r io.Reader) (err error) {
		o.Rows, o.Rest, err = s.read(s.source(r))
		return err
	})
	var late *hung
	switch {
	case errors.As(err, &late):
		err = errors.Join(err, o.rows())
	case err == nil:
		o.Status, o.more = s.status, s.conductor.wrote
		err = o.check()
	}
	return errors.Join(err, s.swept(guardTime))
}

// judge is Run for a tool of which nothing is known but what it prints. Half of
// the time is for those who wait for a line in the output; then they go on
// without it, so that it can be told whether it was late or lost.
func (s *stage) judge(ctx context.Context, bound time.Duration) error {
	var rows []foreignRow
	var rest []byte
	err := s.run(ctx, func(r io.Reader) (err error) {
		defer time.AfterFunc(bound/2, s.conductor.endWaiting).Stop()
		rows, rest, err = s.readForeign(s.source(r))
		return err
	})
	var late *hung
	if errors.As(err, &late) {
		d := s.assess(rows, false)
		d.Late, d.Hung = s.conductor.firstLate(), late.Error()
		_ = s.swept(0) // what is left is our doing
		return d
	}
	if err != nil {
		return errors.Join(err, s.swept(0))
	}
	if len(rest) > 0 {
		rows = append(rows, s.newForeignRow(rest))
	}
	d := s.assess(rows, true)
	d.Late = s.conductor.firstLate()
	if (s.status == 0) != (s.row.Status == 0) {
		d.Status = fmt.Sprintf("exit status %d, where %d was right", s.status, s.row.Status)
	}
	if err := s.swept(time.Second); err != nil {
		d.Left = strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	if *d != (Damage{}) {
		return d
	}
	return nil
}

// hung is the error of a story that was not over in time.
type hung struct {
	after time.Duration
	why   string
}

func (h *hung) Error() string { return fmt.Sprintf("hung: not over after %v; %s", h.after, h.why) }

// stage is where one story is played.
type stage struct {
	tool      Tool
	row       *Row
	dir       string // ours
	conductor *conductor
	status    int // the tool's, once it has ended
}

// temp is the tool's directory for temporary files.
func (s *stage) temp() string { return filepath.Join(s.dir, "tmp") }

// run runs the tool to its end; read reads its output, and tells what it shows.
func (s *stage) run(ctx context.Context, read func(io.Reader) error) error {
	if err := os.Mkdir(s.temp(), 0o700); err != nil {
		return err
	}
	var err error
	if s.conductor, err = newConductor(s.dir); err != nil {
		return err
	}
	gate, err := s.gate()
	if err != nil {
		s.conductor.close()
		return err
	}
	defer gate.Close() // scripts that come late shall find it open
	var opening sync.WaitGroup
	opening.Go(func() { s.openGate(gate) })
	defer opening.Wait()
	defer s.conductor.close()

	cmd, err := s.command()
	if err != nil {
		return err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	cmd.Stdout, cmd.Stderr = w, w // in one pipe, to see the order of the two
	err = cmd.Start()
	w.Close()
	if errors.Is(err, syscall.E2BIG) {
		return &NotTried{"its command line would be too long"}
	}
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() {
		_ = cmd.Process.Kill()
		r.SetReadDeadline(time.Unix(1, 0))
		s.conductor.close()
	})
	err = read(r)
	_ = cmd.Wait() // its status is looked at elsewhere
	stop()
	s.status = cmd.ProcessState.ExitCode()
	var late *hung
	if errors.As(context.Cause(ctx), &late) {
		late.why = s.conductor.inVain()
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// command returns the tool's command with the workers' in it.
func (s *stage) command() (*exec.Cmd, error) {
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
	argv, err := s.tool.argv(workers, s.dir)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(s.tool.environ(), envStory+"="+s.row.Name, envDir+"="+s.dir, "TMPDIR="+s.temp(),
		// The race detector would have each worker sleep for a second as it ends.
		"GORACE=atexit_sleep_ms=0 "+os.Getenv("GORACE"))
	return cmd, nil
}

// gate makes the file "gate", of which each script reads one byte to go on.
func (s *stage) gate() (*os.File, error) {
	if s.row.Gate == nil {
		return nil, nil
	}
	return newFIFO(filepath.Join(s.dir, "gate"))
}

// openGate lets the scripts go on when it is time.
func (s *stage) openGate(gate *os.File) {
	if gate != nil && s.conductor.await(s.row.Gate) {
		_, _ = gate.WriteString(strings.Repeat("\n", len(s.row.Workers)))
	}
}

// source is where the output is read from.
func (s *stage) source(r io.Reader) io.Reader {
	if s.row.Slow == nil {
		return r
	}
	s.conductor.await(s.row.Slow)
	return unevenReader{r, rand.New(rand.NewPCG(1, 2))}
}

// read reads the output to its end, and tells what it shows. Rest is what stands
// behind the last line end.
func (s *stage) read(r io.Reader) (rows []OutRow, rest []byte, err error) {
	size := 1 << 16
	if s.row.Slow != nil {
		size = 200
	}
	for in := bufio.NewReaderSize(r, size); ; {
		b, err := in.ReadBytes('\n')
		if err == io.EOF {
			return rows, b, nil
		}
		if err != nil {
			return rows, b, err
		}
		row := splitRow(b[:len(b)-1])
		rows = append(rows, row)
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

// swept removes what the story left behind, and says what that was. Processes
// have so much time to end.
func (s *stage) swept(patience time.Duration) error {
	var errs []error
	left, err := s.left(patience)
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
func (s *stage) left(patience time.Duration) ([]leftProcess, error) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.After(patience); ; {
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
