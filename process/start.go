package process

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"syscall"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/internal/pipe"
)

// start makes the pipes and starts the command.
func (p *Process) start() error {
	cmd := p.cmd
	if cmd.Stdout != nil || cmd.Stderr != nil {
		p.config.Terminal.close()
		return errors.New("its Stdout or Stderr is set; want nil, since they go to the buffer")
	}
	ends, err := p.openPipes()
	defer func() {
		for _, f := range ends {
			f.Close()
		}
	}()
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = ends[0], ends[len(ends)-1]
	given, err := p.beside.give(cmd)
	ends = append(ends, given...)
	if err != nil {
		p.closePipes()
		return err
	}
	feed, err := stdin(cmd)
	if err != nil {
		p.closePipes()
		return err
	}
	ownGroup(cmd)
	if p.config.Terminal != nil {
		ownTerminal(cmd)
	}
	if p.child, err = startChild(cmd); err != nil {
		p.closePipes()
		return err
	}
	go feed()
	return nil
}

// openPipes opens what the worker writes to, and returns its ends: stdout, and
// stderr if that is another.
func (p *Process) openPipes() (ends []*os.File, err error) {
	if t := p.config.Terminal; t != nil {
		p.pipes = []*pipe.Reader{pipe.NewReader(t.Controller)}
		return []*os.File{t.Worker}, nil
	}
	n := 2
	if p.config.Order == Merged {
		n = 1
	}
	for range n {
		r, w, err := os.Pipe()
		if err != nil {
			p.closePipes()
			return ends, err
		}
		p.pipes = append(p.pipes, pipe.NewReader(r))
		ends = append(ends, w)
	}
	return ends, nil
}

// stdin returns what copies a Stdin that is no file. Package os/exec would wait
// for that after the worker's death, and a reader that gives nothing would hold
// Wait up for ever: WaitDelay ends the pipe, not the read.
func stdin(cmd *exec.Cmd) (feed func(), err error) {
	in := cmd.Stdin
	if _, ok := in.(*os.File); in == nil || ok {
		return func() {}, nil
	}
	cmd.Stdin = nil
	w, err := cmd.StdinPipe() // closed by cmd.Wait
	return func() {
		_, _ = io.Copy(w, in)
		w.Close()
	}, err
}

func (p *Process) closePipes() {
	for _, r := range p.pipes {
		r.Close()
	}
	p.beside.close()
}

func (p *Process) open() {
	c := syncstream.MirrorConfig{
		Source: p.config.Source, Lines: p.config.Lines, Merged: p.config.oneStream(),
	}
	if p.child != nil {
		c.Doing = p.doing
	}
	p.mirror = p.buffer.Mirror(c)
	p.result.Source = p.mirror.Source()
}

// read reads one pipe to its end. A worker whose buffer takes no more goes on:
// what it prints is read and lost.
func (p *Process) read(stream *syncstream.Writer, r *pipe.Reader) {
	defer r.Close()
	err := r.CopyTo(stream, syncstream.ErrClosed)
	if p.config.Terminal != nil && errors.Is(err, syscall.EIO) {
		return // so Linux says that nobody holds the worker's end any more
	}
	if err != nil {
		_ = p.mirror.Send(syncstream.Error, err.Error()) // Error would answer a stop for the worker
	}
}
