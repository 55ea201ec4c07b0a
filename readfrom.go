package syncstream

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"syscall"

	"github.com/syncstream/syncstream/internal/pipe"
)

// ReadFrom writes to the mirror's first stream. See [Writer.ReadFrom].
func (m *Mirror) ReadFrom(r io.Reader) (int64, error) { return m.stdout.ReadFrom(r) }

// ReadFrom writes all that r gives, up to its end, without copying it where
// that can be avoided; [io.Copy] calls it. Pipes, as package os opens them, are
// read fastest on Linux.
//
// It returns r's error, if that is not io.EOF, or [ErrClosed] as Write does. A
// stop does not end it: what a worker prints while it stops is taken.
func (w *Writer) ReadFrom(r io.Reader) (int64, error) {
	// Not any syscall.Conn: a type around a file may have a Read of its own.
	p := &pipeReader{w: w, r: r}
	var err error
	switch r := r.(type) {
	case *os.File:
		p.raw, err = r.SyscallConn()
	case *pipe.Reader:
		p.pipe = r
		p.raw, err = r.SyscallConn()
	}
	raw := p.raw != nil && err == nil && p.accepted()
	if raw {
		w.enter(p)
	}
	if p.pipe != nil {
		p.pipe.Begin()
	}
	if !raw {
		return w.readGeneric(r)
	}
	total, err := p.readAll()
	w.leave(p)
	return total + p.early, err
}

// readGeneric reads from any reader, which may wait as long as it likes
// without holding the stream up.
func (w *Writer) readGeneric(r io.Reader) (total int64, err error) {
	buf := make([]byte, feedSize)
	for {
		n, err := r.Read(buf)
		total += int64(n)
		if n > 0 {
			if _, err := w.write(buf[:n]); err != nil {
				return total, err
			}
		}
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
}

// busyRead is how many bytes one read must bring for its stream to count as
// busy: then the writer gets the processor before the next read, which so
// finds more. Where it is not, that would only cost time.
const busyRead = 16 << 10

// fullPipe is what a pipe of the usual size holds, and so what a read brings
// whose writer was stopped by it.
const fullPipe = 64 << 10

// pipeReader reads a descriptor that has been opened for reads that do not
// wait. It is told when there is something, and then reads until there is
// nothing: a wake-up that came meanwhile would not come again. A block is
// borrowed for each read only, so a stream that is idle has none.
type pipeReader struct {
	w     *Writer
	r     io.Reader
	raw   syscall.RawConn
	pipe  *pipe.Reader // nil: a reader that can't be told to finish
	total int64
	early int64 // bytes that catchUp took; guarded by w.mu
	last  int   // bytes of the last read
	large bool  // the pipe has been enlarged
	tried bool
	err   error
}

func (p *pipeReader) accepted() (ok bool) {
	err := p.raw.Control(func(fd uintptr) { ok = pipe.Nonblocking(fd) })
	return ok && err == nil
}

func (p *pipeReader) readAll() (int64, error) {
	err := p.raw.Read(p.drain)
	if p.err == nil && err != nil && p.finishing() { // it was waiting
		err = p.raw.Control(func(fd uintptr) { p.drain(fd) })
	}
	if p.large {
		pipe.Release()
	}
	switch {
	case p.err == nil && err != nil && !errors.Is(err, os.ErrDeadlineExceeded):
		_, p.err = p.r.Read(nil) // which says os.ErrClosed, as raw does not
		if p.err == nil {
			p.err = err
		}
	case p.err == nil:
		p.err = err
	case p.err == io.EOF:
		return p.total, nil
	}
	if p.err != nil && !errors.Is(p.err, ErrClosed) {
		p.err = fmt.Errorf("syncstream: read %s of %s: %w", p.w.stream, p.w.mirror.account.source.Name, p.err)
	}
	return p.total, p.err
}

// drain reads until there is nothing more. It reports false when it is to be
// called again once there is.
func (p *pipeReader) drain(fd uintptr) (done bool) {
	for {
		if p.last >= busyRead {
			pipe.Yield()
		}
		finishing := p.finishing()
		p.last, p.err = p.w.readOnce(fd, p.large)
		p.total += int64(p.last)
		if p.err == pipe.ErrAgain {
			p.err = nil
			if finishing || !p.finishing() {
				return finishing
			}
			continue // what came before that is to be read
		}
		end := p.pipe != nil && p.pipe.Took(fd, p.last)
		if end || p.err != nil {
			return true
		}
		if p.last >= fullPipe && !p.tried {
			p.tried = true
			p.large = pipe.Enlarge(fd)
		}
	}
}

func (p *pipeReader) finishing() bool { return p.pipe != nil && p.pipe.Finishing() }

// readOnce reads once, without waiting, and calls the sinks.
func (w *Writer) readOnce(fd uintptr, large bool) (int, error) {
	pool := &readBlocks
	if large {
		pool = &largeBlocks
	}
	n, err := w.readBlock(fd, pool)
	if n > 0 {
		w.mirror.store.help()
	}
	return n, err
}

func (w *Writer) readBlock(fd uintptr, pool *blockPool) (int, error) {
	w.mu.Lock()
	defer w.unlock()
	return w.readLocked(fd, pool, math.MaxInt, true)
}

// readLocked reads at most n bytes. It needs mu.
func (w *Writer) readLocked(fd uintptr, pool *blockPool, n int, help bool) (int, error) {
	b := pool.get()
	defer b.release()
	if len(w.held) > blockSize/4 {
		n, err := pipe.Read(fd, b.data[:min(n, len(b.data))])
		if err == nil {
			err = w.feed(b.data[:n])
		}
		return n, err
	}
	held := copy(b.data, w.held)
	n, err := pipe.Read(fd, b.data[held:held+min(n, len(b.data)-held)])
	if err == nil {
		err = w.feedBlock(b, n, help)
	}
	return n, err
}

func (w *Writer) enter(p *pipeReader) {
	w.mu.Lock()
	defer w.unlock()
	w.pipes = append(w.pipes, p)
}

func (w *Writer) leave(p *pipeReader) {
	w.mu.Lock()
	defer w.unlock()
	w.pipes = slices.DeleteFunc(w.pipes, func(other *pipeReader) bool { return other == p })
}

// catchUp reads what is in the stream's pipes at this moment, and no more: one
// who writes on and on must not hold it up. So what is said next stands behind
// all that was written before. It needs mu, which the goroutine that reads a
// pipe holds from before each read until the bytes are in the store: without
// it, those that are on their way would come late.
func (w *Writer) catchUp() {
	for _, p := range w.pipes {
		_ = p.raw.Control(func(fd uintptr) { // fails where the pipe is closed
			for left := pipe.Available(fd); left > 0; {
				n, err := w.readLocked(fd, &readBlocks, left, false)
				if err != nil {
					return // the pipe's own reader will meet it
				}
				p.early += int64(n)
				left -= n
			}
		})
	}
}
