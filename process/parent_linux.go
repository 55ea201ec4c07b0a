package process

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/syncstream/syncstream"
)

// parentConn is a worker's end of the channel. It stays as it was: a mode that
// is set on it would be set for all processes that hold it.
type parentConn struct{ fd int }

// dialParent takes the descriptor that the variables name.
func dialParent(name, id string) (*parentConn, error) {
	if name == "" {
		return nil, fmt.Errorf("%w: %s is not set", ErrNoParent, fdEnv)
	}
	fd, err := strconv.Atoi(name)
	if err != nil {
		return nil, fmt.Errorf("%w: %s is %q, want a number", ErrNoParent, fdEnv, name)
	}
	if is, err := fileID(fd); err != nil || is != id {
		return nil, fmt.Errorf("%w: descriptor %d is not the file %s that %s tells of, so it is left alone", ErrNoParent, fd, id, fdIDEnv)
	}
	closeOnExec(fd)
	return &parentConn{fd: fd}, nil
}

// awaitStop waits until the parent wants this worker to end, or is gone, and
// says which. It takes a thread, like any read that waits.
func (c *parentConn) awaitStop() error {
	var b [1]byte
	for {
		switch n, err := unix.Read(c.fd, b[:]); {
		case err == unix.EAGAIN: // somebody has set a mode on it
			_ = c.poll(unix.POLLIN, -1)
		case err == unix.EINTR || n > 0:
		case err != nil || c.gone():
			return ErrParentGone
		default:
			return syncstream.ErrStopped
		}
	}
}

// gone reports whether nobody holds the other end.
func (c *parentConn) gone() bool { return c.poll(0, 0)&(unix.POLLHUP|unix.POLLERR) != 0 }

func (c *parentConn) poll(events int16, timeout int) (revents int16) {
	fds := []unix.PollFd{{Fd: int32(c.fd), Events: events}}
	for {
		if _, err := unix.Poll(fds, timeout); err != unix.EINTR {
			return fds[0].Revents
		}
	}
}

// send sends a record, and with it the descriptor answer, if that is not
// negative.
func (c *parentConn) send(record []byte, answer int) error {
	var control []byte
	if answer >= 0 {
		control = unix.UnixRights(answer)
	}
	for {
		switch err := unix.Sendmsg(c.fd, record, control, nil, unix.MSG_NOSIGNAL); err {
		case nil:
			return nil
		case unix.EINTR:
		case unix.EAGAIN:
			c.poll(unix.POLLOUT, -1)
		case unix.EPIPE, unix.ECONNRESET, unix.ENOTCONN:
			return ErrParentGone
		default:
			return fmt.Errorf("process: send a message to the parent: %w", err)
		}
	}
}

// sendAndWait sends a record, and returns when the parent has it in its buffer.
// The parent answers by closing a pipe that comes with the record: nobody else
// who holds the channel could take that for his own.
func (c *parentConn) sendAndWait(record []byte) error {
	r, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("process: send a message to the parent: %w", err)
	}
	defer r.Close()
	raw, err := w.SyscallConn()
	if err == nil {
		controlErr := raw.Control(func(fd uintptr) { err = c.send(record, int(fd)) })
		if err == nil {
			err = controlErr
		}
	}
	w.Close()
	if err != nil {
		return err
	}
	_, _ = r.Read(make([]byte, 1))
	if c.gone() {
		return ErrParentGone
	}
	return nil
}
