package process

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/internal/pipe"
)

// start makes the pipes and starts the command.
func (p *Process) start(ctx context.Context) error {
	cmd := p.cmd
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case cmd.Stdout != nil || cmd.Stderr != nil:
		return errors.New("its Stdout or Stderr is set; want nil, since they go to the buffer")
	}
	n := 2
	if p.config.Order == Merged {
		n = 1
	}
	var ends []*os.File // of the worker
	defer func() {
		for _, f := range ends {
			f.Close()
		}
	}()
	for range n {
		r, w, err := os.Pipe()
		if err != nil {
			p.closePipes()
			return err
		}
		p.pipes = append(p.pipes, pipe.NewReader(r))
		ends = append(ends, w)
	}
	cmd.Stdout, cmd.Stderr = ends[0], ends[n-1]
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
	if p.child, err = startChild(cmd); err != nil {
		p.closePipes()
		return err
	}
	go feed()
	return nil
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
		Source: p.config.Source, Lines: p.config.Lines, Merged: p.config.Order == Merged,
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
	if err := r.CopyTo(stream, syncstream.ErrClosed); err != nil {
		_ = p.mirror.Error(err)
	}
}
