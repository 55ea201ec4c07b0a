package process

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// What a program asks its guard, in one packet of JSON on a socket between the
// two, and what it answers. Descriptors come with the packets.

// question asks for one thing. With "start" come a file that holds an order, and
// the worker's files.
type question struct {
	Verb string // "start" or "reap"
	PID  int    // to reap
}

// order is a command to be started. Strings are bytes here: JSON would change
// what is not UTF-8.
type order struct {
	Path, Dir []byte
	Args, Env [][]byte
	Files     []int // which of the files become descriptor 0, 1, …; -1 for none
	Attr      syscall.SysProcAttr
}

// answer is what came of a question. With a start comes a descriptor of the
// process.
type answer struct {
	Errno  syscall.Errno // 0: it is done
	PID    int
	Status syscall.WaitStatus
	Usage  syscall.Rusage
}

// maxPacket is more than a question or answer has.
const maxPacket = 4 << 10

// maxFiles is how many descriptors the system passes at once.
const maxFiles = 253

// wire is one end of the socket.
type wire struct {
	file *os.File
	raw  syscall.RawConn // nil: who sends or receives has a thread to wait with
}

// newWire takes over the descriptor.
func newWire(fd int) (*wire, error) {
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, err
	}
	w := &wire{file: os.NewFile(uintptr(fd), "guard")}
	var err error
	w.raw, err = w.file.SyscallConn()
	return w, err
}

// send sends v with copies of the descriptors.
func (w *wire) send(v any, fds []int) error {
	packet, err := json.Marshal(v)
	if err != nil {
		return err
	}
	rights := unix.UnixRights(fds...)
	call := func(fd uintptr) bool {
		err = unix.Sendmsg(int(fd), packet, rights, nil, unix.MSG_NOSIGNAL)
		return err != unix.EAGAIN && err != unix.EINTR
	}
	if w.raw == nil {
		for !call(guardFD) {
		}
		return err
	}
	return errors.Join(w.raw.Write(call), err)
}

// receive waits for a packet. The descriptors that came with it are the
// caller's. The error is io.EOF when the other end is closed.
func (w *wire) receive(v any) ([]int, error) {
	packet, rights := make([]byte, maxPacket), make([]byte, unix.CmsgSpace(4*maxFiles))
	var n, more int
	var err, waited error
	call := func(fd uintptr) bool {
		n, more, _, _, err = unix.Recvmsg(int(fd), packet, rights, unix.MSG_CMSG_CLOEXEC)
		return err != unix.EAGAIN && err != unix.EINTR
	}
	if w.raw != nil {
		waited = w.raw.Read(call)
	} else {
		for !call(guardFD) {
		}
	}
	if err := errors.Join(waited, err); err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, io.EOF
	}
	fds, err := parseRights(rights[:more])
	if err == nil {
		err = json.Unmarshal(packet[:n], v)
	}
	if err != nil {
		closeAll(fds)
		return nil, err
	}
	return fds, nil
}

func parseRights(b []byte) ([]int, error) {
	messages, err := unix.ParseSocketControlMessage(b)
	var fds []int
	for i := range messages {
		var some []int
		if some, err = unix.ParseUnixRights(&messages[i]); err == nil {
			fds = append(fds, some...)
		}
	}
	return fds, err
}

func closeAll(fds []int) {
	for _, fd := range fds {
		unix.Close(fd)
	}
}

// writeOrder returns a file in memory with o: a packet could not hold the
// arguments and the environment that a program may have.
func writeOrder(o *order) (*os.File, error) {
	text, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	fd, err := unix.MemfdCreate("order", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("memfd_create: %w", err)
	}
	file := os.NewFile(uintptr(fd), "order")
	if _, err := file.Write(text); err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// readOrder reads what writeOrder has written.
func readOrder(fd int) (*order, error) {
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return nil, err
	}
	text := make([]byte, stat.Size)
	if n, err := unix.Pread(fd, text, 0); err != nil || n != len(text) {
		return nil, fmt.Errorf("read an order: %d of %d bytes: %w", n, len(text), err)
	}
	o := &order{}
	return o, json.Unmarshal(text, o)
}

// texts and stringsOf turn strings into bytes and back.
func texts(list []string) [][]byte {
	all := make([][]byte, len(list))
	for i, s := range list {
		all[i] = []byte(s)
	}
	return all
}

func stringsOf(list [][]byte) []string {
	all := make([]string, len(list))
	for i, b := range list {
		all[i] = string(b)
	}
	return all
}
