package process

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
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

// order is a command to be started. Its strings stand behind it in the file, each
// with a NUL, which none of them may have: JSON would change what is not UTF-8.
type order struct {
	Args  int   // how many of the strings are arguments
	Files []int // which of the files become descriptor 0, 1, …; -1 for none
	Attr  syscall.SysProcAttr

	strings []string // path, folder, arguments, environment
}

func (o *order) path() string   { return o.strings[0] }
func (o *order) dir() string    { return o.strings[1] }
func (o *order) args() []string { return o.strings[2 : 2+o.Args] }
func (o *order) env() []string  { return o.strings[2+o.Args:] }

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

// wire is a descriptor of one end of the socket. Who sends or receives waits in
// the system call, with a thread of its own: the runtime's poller would take
// twice as long, and only one waits at a time.
type wire int

// send sends v with copies of the descriptors.
func (w wire) send(v any, fds []int) error {
	packet, err := json.Marshal(v)
	if err != nil {
		return err
	}
	rights := unix.UnixRights(fds...)
	err = unix.Sendmsg(int(w), packet, rights, nil, unix.MSG_NOSIGNAL)
	for err == unix.EINTR {
		err = unix.Sendmsg(int(w), packet, rights, nil, unix.MSG_NOSIGNAL)
	}
	return err
}

// receive waits for a packet. The descriptors that came with it are the
// caller's. The error is io.EOF when the other end is closed.
func (w wire) receive(v any) ([]int, error) {
	packet, rights := make([]byte, maxPacket), make([]byte, unix.CmsgSpace(4*maxFiles))
	n, more, _, _, err := unix.Recvmsg(int(w), packet, rights, unix.MSG_CMSG_CLOEXEC)
	for err == unix.EINTR {
		n, more, _, _, err = unix.Recvmsg(int(w), packet, rights, unix.MSG_CMSG_CLOEXEC)
	}
	if err != nil {
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
	for _, s := range o.strings {
		if strings.Contains(s, "\x00") {
			return nil, syscall.EINVAL
		}
		text = append(append(text, 0), s...)
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
	head, rest, _ := strings.Cut(string(text), "\x00")
	o := &order{strings: strings.Split(rest, "\x00")}
	err := json.Unmarshal([]byte(head), o)
	if err == nil && (o.Args < 0 || len(o.strings) < 2+o.Args) {
		err = fmt.Errorf("read an order: %d strings for %d arguments", len(o.strings), o.Args)
	}
	return o, err
}
