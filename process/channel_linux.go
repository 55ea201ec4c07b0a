package process

import (
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/syncstream/syncstream/internal/pipe"
)

// channel is our end of a pair of sockets that keep each write apart from the
// next, as a record. So what two processes write at the same time does not mix,
// though neither waits for the other. See docs/decisions/0011-channel.md.
type channel struct {
	ours *pipe.Reader
	done chan struct{} // closed when all is read
}

// open returns the worker's end, and what it is called.
func (c *channel) open() (theirs *os.File, id string, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, "", os.NewSyscallError("socketpair", err)
	}
	// The system tells who has sent a record, and tells an empty one from the end.
	_ = unix.SetsockoptInt(fds[0], unix.SOL_SOCKET, unix.SO_PASSCRED, 1)
	_ = unix.SetNonblock(fds[0], true)
	c.ours = pipe.NewReader(os.NewFile(uintptr(fds[0]), "channel"))
	theirs = os.NewFile(uintptr(fds[1]), "channel of a worker")
	if id, err = fileID(fds[1]); err != nil {
		theirs.Close()
		return nil, "", err
	}
	return theirs, id, nil
}

// fileID returns what no other open file has: its device and inode.
func fileID(fd int) (string, error) {
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return "", os.NewSyscallError("fstat", err)
	}
	return fmt.Sprintf("%d:%d", stat.Dev, stat.Ino), nil
}

func (c *channel) close() {
	if c.ours != nil {
		c.ours.Close()
	}
}

// stop has every process that holds the other end see an end of file.
func (c *channel) stop() {
	if c.ours == nil {
		return
	}
	if raw, err := c.ours.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { _ = unix.Shutdown(int(fd), unix.SHUT_WR) })
	}
}

// listen reads what comes. It begins once the worker's lines are read, since a
// message is to stand behind those that were written before it.
func (c *channel) listen(p *Process) {
	if c.ours == nil {
		return
	}
	c.done = make(chan struct{})
	in := &inbox{name: p.config.Source.Name, mirror: p.mirror}
	go func() {
		defer close(c.done)
		defer c.ours.Close()
		for _, r := range p.pipes {
			<-r.Begun()
		}
		c.read(in)
	}()
}

func (c *channel) read(in *inbox) {
	raw, err := c.ours.SyscallConn()
	if err != nil {
		return
	}
	drain := func(fd uintptr) (done bool) { return c.drain(fd, in) }
	if err := raw.Read(drain); err != nil && c.ours.Finishing() { // it was waiting
		_ = raw.Control(func(fd uintptr) { drain(fd) })
	}
	in.end()
}

// finish reads what is there, and ends.
func (c *channel) finish() {
	if c.done != nil {
		c.ours.Finish()
		<-c.done
	}
}

// drain takes all records that have come. It reports false when it is to be
// called again once there are more.
func (c *channel) drain(fd uintptr, in *inbox) (done bool) {
	buf := recordBuffers.Get().(*recordBuffer)
	defer recordBuffers.Put(buf)
	for {
		r, err := buf.receive(int(fd))
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			return c.ours.Finishing()
		case err != nil || r.end:
			return true
		}
		in.take(r.pid, r.data, r.cut)
		for _, answer := range r.answers {
			unix.Close(answer)
		}
		if c.ours.Took(fd, len(r.data)) {
			return true
		}
	}
}

// record is what a process has sent in one go.
type record struct {
	data    []byte
	cut     bool // there was more
	end     bool // it is none: nobody can send any more
	pid     int32
	answers []int // descriptors: that they are closed is the answer
}

// recordBuffer is lent to a goroutine while there is something to read.
type recordBuffer struct {
	data    [maxRecord]byte
	control [128]byte
}

var recordBuffers = sync.Pool{New: func() any { return new(recordBuffer) }}

// receive takes the next record, without waiting. Its bytes are the buffer's.
func (b *recordBuffer) receive(fd int) (r record, err error) {
	n, controls, flags, _, err := unix.Recvmsg(fd, b.data[:], b.control[:], unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return r, err
	}
	r.data, r.cut = b.data[:n], flags&unix.MSG_TRUNC != 0
	messages, _ := unix.ParseSocketControlMessage(b.control[:controls])
	r.end = n == 0 && len(messages) == 0
	for i := range messages {
		if from, err := unix.ParseUnixCredentials(&messages[i]); err == nil {
			r.pid = from.Pid
		}
		if fds, err := unix.ParseUnixRights(&messages[i]); err == nil {
			r.answers = append(r.answers, fds...)
		}
	}
	return r, nil
}
