package syncstream

import (
	"fmt"
	"io"
	"log"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/syncstream/syncstream/internal/pipe"
)

// Redirect has what this process prints go to m instead: [os.Stdout] becomes m's
// first stream, and [os.Stderr] its second, which package log, and [log/slog]
// where it logs by that, then write to, too. restore puts all back as it was.
// It returns when m has got everything that was printed before, up to the last
// byte; a line that has no end yet stays m's partial line. A second call does
// nothing.
//
// Calls may be nested, and taken back in any order. What somebody else has put
// into these variables meanwhile stays there. Like any change of a variable, a
// call of Redirect or restore must not run beside code that reads os.Stdout or
// os.Stderr. Who has kept the file, as [log.New] does, gets [os.ErrClosed] from
// it after restore; a program that was started with it, and still runs, goes on
// printing to where the output went before.
//
// A print waits while a [Sink] of the buffer has no room. The sinks themselves
// must not print to these variables, which would lead back to them: give them
// the files that were there before.
//
// Only the variables change, never descriptors 1 and 2. So this does not catch
// what C code or the print builtin write, nor the runtime's report of a crash,
// and what was printed a moment before [os.Exit] or a crash is lost. It can't be
// otherwise: the reader of a pipe within the process dies, or stands still, with
// the process, and a report larger than the pipe would then never end. To catch
// everything, run the program as a child; package process does that.
//
// The error says that there was no pipe to be had; nothing has changed then.
func Redirect(m *Mirror) (restore func(), err error) {
	r := &redirection{mirror: m}
	out, err := r.pipe(m.Stdout())
	if err != nil {
		return nil, err
	}
	errs, err := r.pipe(m.Stderr())
	if err != nil {
		out.drain(os.Stdout)
		return nil, err
	}
	r.now = outputs{out.file, errs.file, errs.file}

	redirected.Lock()
	defer redirected.Unlock()
	r.before = outputs{os.Stdout, os.Stderr, log.Writer()}
	redirected.stack = append(redirected.stack, r)
	r.before.replace(r.now)
	return sync.OnceFunc(func() {
		r.restore()
		out.drain(r.before.stdout)
		errs.drain(r.before.stderr)
	}), nil
}

// redirected is the redirections of this process, the newest last.
var redirected struct {
	sync.Mutex
	stack []*redirection
}

// redirection is one call of Redirect.
type redirection struct {
	mirror      *Mirror
	before, now outputs // guarded by redirected
}

// outputs is where this process prints to.
type outputs struct {
	stdout, stderr *os.File
	log            io.Writer
}

// replace has the process print to now, where it prints to o.
func (o outputs) replace(now outputs) {
	if os.Stdout == o.stdout {
		os.Stdout = now.stdout
	}
	if os.Stderr == o.stderr {
		os.Stderr = now.stderr
	}
	if log.Writer() == o.log {
		log.SetOutput(now.log)
	}
}

// restore takes r out of the stack: what was before it is now before the next.
func (r *redirection) restore() {
	redirected.Lock()
	defer redirected.Unlock()
	i := slices.Index(redirected.stack, r)
	redirected.stack = slices.Delete(redirected.stack, i, i+1)
	if i < len(redirected.stack) {
		redirected.stack[i].before = r.before
		return
	}
	r.now.replace(r.before)
}

// redirectedPipe brings what is printed to a file to a stream.
type redirectedPipe struct {
	file   *os.File // the end that is printed to
	reader *pipe.Reader
	done   chan struct{} // closed when the reader has ended
}

func (r *redirection) pipe(w *Writer) (*redirectedPipe, error) {
	from, to, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("syncstream: redirect this process to %s: %w", r.mirror.Source().Name, err)
	}
	p := &redirectedPipe{file: to, reader: pipe.NewReader(from), done: make(chan struct{})}
	go func() {
		defer close(p.done)
		if err := p.reader.CopyTo(w, ErrClosed); err != nil {
			_ = r.mirror.Error(err)
		}
	}()
	return p, nil
}

// redirectGrace is how long, where a system can't tell what is in a pipe, others
// who hold it are waited for.
const redirectGrace = time.Second

// drain returns when all that was printed has been read. What others print
// later, who still hold the pipe, goes to before.
func (p *redirectedPipe) drain(before *os.File) {
	p.awaitWriters()
	p.file.Close()
	if !pipe.FinishLosesNothing {
		select {
		case <-p.done:
		case <-time.After(redirectGrace):
		}
	}
	held := p.reader.Finish()
	<-p.done
	if !held {
		p.reader.Close()
		return
	}
	go func() { // ends with the last who holds the pipe
		defer p.reader.Close()
		_ = p.reader.Resume()
		_, _ = io.Copy(before, p.reader)
	}()
}

// awaitWriters returns when no write to the file is under way.
func (p *redirectedPipe) awaitWriters() {
	if raw, err := p.file.SyscallConn(); err == nil {
		_ = raw.Write(func(uintptr) bool { return true }) // which waits for its turn, as a write does
	}
}
