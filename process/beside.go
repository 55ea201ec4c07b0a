package process

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/syncstream/syncstream"
)

// beside is what a worker has beside its stdin, stdout and stderr: a channel for
// messages, and, if it is a worker function, a pipe on which it says why it
// failed.
type beside struct {
	channel channel
	failure *failureReader // nil: it is another command
}

// give has cmd start with both. It returns the worker's ends, to be closed once
// it has started.
func (b *beside) give(cmd *exec.Cmd) (theirs []*os.File, err error) {
	env := cmd.Env
	if env == nil {
		env = cmd.Environ()
	}
	cmd.Env = slices.DeleteFunc(slices.Clone(env), func(s string) bool { // of our own parent
		name, _, _ := strings.Cut(s, "=")
		return name == fdEnv || name == fdIDEnv || name == failureEnv
	})
	cmd.ExtraFiles = slices.Clip(cmd.ExtraFiles)
	if fd := nextFD(cmd); fd <= maxFD {
		f, id, err := b.channel.open()
		if err != nil {
			return nil, err
		}
		if f != nil {
			theirs = append(theirs, f)
			cmd.ExtraFiles = append(cmd.ExtraFiles, f)
			cmd.Env = append(cmd.Env, fmt.Sprintf("%s=%d", fdEnv, fd), fdIDEnv+"="+id)
		}
	}
	if _, ok := funcName(cmd); ok && hasExtraFiles {
		r, w, err := os.Pipe()
		if err != nil {
			return theirs, err
		}
		makeSmall(r)
		b.failure = &failureReader{file: r, done: make(chan struct{})}
		theirs = append(theirs, w)
		cmd.Env = append(cmd.Env, fmt.Sprintf("%s=%d", failureEnv, nextFD(cmd)))
		cmd.ExtraFiles = append(cmd.ExtraFiles, w)
	}
	return theirs, nil
}

// maxFD is the highest descriptor that every shell can name.
const maxFD = 9

// nextFD is the number that the next of cmd's ExtraFiles will have.
func nextFD(cmd *exec.Cmd) int { return 3 + len(cmd.ExtraFiles) }

// close is for a worker that could not be started.
func (b *beside) close() {
	b.channel.close()
	if b.failure != nil {
		b.failure.file.Close()
	}
}

// listen reads what the worker sends until finish is called.
func (b *beside) listen(p *Process) {
	b.channel.listen(p)
	if b.failure != nil {
		go b.failure.read(p)
	}
}

// finish returns when all is read that the worker had sent. It is dead; of
// those who still hold its descriptors nothing more is heard.
func (b *beside) finish(grace time.Duration) {
	b.channel.finish()
	if b.failure != nil {
		b.failure.finish(grace)
	}
}

// explain adds to how the worker ended what it said of it.
func (p *Process) explain(err error) error {
	failure := p.beside.failure
	if err == nil || failure == nil || failure.said.Len() == 0 {
		return err
	}
	said := strings.TrimSpace(failure.said.String())
	if failure.fatal == unknownFatal { // its stderr may have been read later
		failure.fatal = p.fatalError()
	}
	if failure.fatal != "" {
		return &FuncError{Text: failure.fatal, Trace: []byte(said), Err: err}
	}
	text, trace, _ := strings.Cut(said, "\n\n")
	return &FuncError{Text: text, Trace: []byte(trace), Err: err}
}

// failureReader reads why a worker function failed.
type failureReader struct {
	file *os.File
	done chan struct{} // closed when it has read all

	// What follows is not to be touched before.
	said  bytes.Buffer
	fatal string // why the runtime gave up; empty, if that stands in said
}

// read must go on while the worker lives: a runtime that can't write its last
// words to the end never ends.
func (r *failureReader) read(p *Process) {
	defer close(r.done)
	defer r.file.Close()
	var buf [512]byte
	for r.said.Len() < maxText {
		n, err := r.file.Read(buf[:])
		r.said.Write(buf[:n])
		if err != nil {
			return
		}
		if r.fatal == "" && beginsWithStack(r.said.Bytes()) {
			r.fatal = p.awaitFatal()
		}
	}
	_, _ = io.Copy(io.Discard, r.file)
}

func (r *failureReader) finish(grace time.Duration) {
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-r.done:
	case <-timer.C:
		_ = r.file.SetReadDeadline(time.Unix(1, 0)) // fails where it is closed
		<-r.done
	}
}

const (
	// fatalPrefix begins what the runtime says when it gives up.
	fatalPrefix  = "fatal error: "
	unknownFatal = fatalPrefix + "why stands on stderr"
)

// beginsWithStack reports whether a runtime that gives up has not said why: it says
// that on stderr alone, before it begins to write its stacks, there and here.
func beginsWithStack(said []byte) bool {
	said = bytes.TrimLeft(said, "\n")
	return bytes.HasPrefix(said, []byte("goroutine ")) || bytes.HasPrefix(said, []byte("runtime stack:"))
}

// awaitFatal returns why the worker's runtime gave up, as its stderr says. It waits
// for that: meanwhile nobody reads the runtime's stacks here, so it can't write so
// many there that the buffer would have let go of the reason.
func (p *Process) awaitFatal() string {
	const patience = time.Second // its stderr may lead elsewhere
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for m, err := range p.buffer.Follow(ctx, syncstream.Oldest) {
		if err == nil && p.isFatal(m) {
			return m.Text
		}
	}
	return unknownFatal
}

// fatalError returns the same, if it is among the last messages.
func (p *Process) fatalError() string {
	const most = 1000
	last, _ := p.buffer.Last(context.Background(), most)
	for _, m := range slices.Backward(last) {
		if p.isFatal(m) {
			return m.Text
		}
	}
	return unknownFatal
}

func (p *Process) isFatal(m syncstream.Message) bool {
	return m.Source == p.result.Source && strings.HasPrefix(m.Text, fatalPrefix)
}
