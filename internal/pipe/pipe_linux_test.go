package pipe

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

func open(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}

// with calls f with the descriptor as it is: File.Fd would make it blocking.
func with(t *testing.T, file *os.File, f func(fd uintptr)) {
	t.Helper()
	raw, err := file.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(f); err != nil {
		t.Fatal(err)
	}
}

// The raw way is for descriptors that do not block, and for no other.
func TestNonblocking(t *testing.T) {
	r, _ := open(t)
	with(t, r, func(fd uintptr) {
		if !Nonblocking(fd) {
			t.Error("a pipe of os.Pipe is taken for one that blocks")
		}
	})
	r.Fd()
	with(t, r, func(fd uintptr) {
		if Nonblocking(fd) {
			t.Error("a pipe that Fd has made blocking is not taken for one")
		}
	})
	file, err := os.Open("pipe.go")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	with(t, file, func(fd uintptr) {
		if Nonblocking(fd) {
			t.Error("a file is taken for a pipe")
		}
	})
	if Nonblocking(1 << 20) {
		t.Error("a descriptor that is not open")
	}
}

// Read never waits, and tells nothing yet from the end and from an error.
func TestRead(t *testing.T) {
	r, w := open(t)
	p := make([]byte, 10)
	read := func() (n int, err error) {
		with(t, r, func(fd uintptr) { n, err = Read(fd, p) })
		return n, err
	}
	if n, err := read(); n != 0 || err != ErrAgain {
		t.Errorf("an empty pipe: %d, %v", n, err)
	}
	w.WriteString("0123456789ab")
	if n, err := read(); n != 10 || err != nil || string(p) != "0123456789" {
		t.Errorf("a full buffer: %d, %v", n, err)
	}
	w.Close()
	if n, err := read(); n != 2 || err != nil || string(p[:n]) != "ab" {
		t.Errorf("the rest: %d, %v", n, err)
	}
	for range 2 {
		if n, err := read(); n != 0 || err != io.EOF {
			t.Errorf("the end: %d, %v", n, err)
		}
	}
	if n, err := Read(1<<20, p); n != 0 || !errors.Is(err, syscall.EBADF) {
		t.Errorf("a descriptor that is not open: %d, %v", n, err)
	}
}

// Finish counts what is in the pipe now: what comes later, from a grandchild
// that holds the other end, is not waited for.
func TestFinish(t *testing.T) {
	for _, text := range []string{"", "0123456789"} {
		file, w := open(t)
		w.WriteString(text)
		r := NewReader(file)
		fd := file.Fd()
		if r.Finishing() || r.Took(fd, 0) {
			t.Error("finishing before Finish")
		}
		if held := r.Finish(); !held || !r.Finishing() {
			t.Errorf("Finish: held %v, finishing %v", held, r.Finishing())
		}
		if text != "" {
			// What a read that was under way has taken is not what is left.
			if r.Took(fd, 1000) || r.Took(fd, 4) || r.Took(fd, 5) {
				t.Error("the end before all has been read")
			}
		}
		if !r.Took(fd, 1) || !r.Took(fd, 100) {
			t.Error("no end after all has been read")
		}
		if _, err := r.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a reader would wait: %v", err)
		}
		w.Close()
		if r.Finish() {
			t.Error("a pipe whose other end is closed is said to be held")
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if r.Finish() {
			t.Error("a closed pipe is said to be held")
		}
	}
}

// Only so many pipes are enlarged at once, since all processes of a user share
// what there is. What fails takes nothing.
func TestEnlarge(t *testing.T) {
	file, err := os.Open("pipe.go")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	enlarge := func(file *os.File) (ok bool) {
		with(t, file, func(fd uintptr) { ok = Enlarge(fd) })
		return ok
	}
	for range 2 * maxLarge {
		if enlarge(file) {
			t.Error("a file has been enlarged")
		}
	}
	for range maxLarge {
		r, _ := open(t)
		if !enlarge(r) {
			t.Fatal("a pipe could not be enlarged")
		}
	}
	r, w := open(t)
	if enlarge(r) {
		t.Errorf("more than %d pipes have been enlarged", maxLarge)
	}
	Release()
	if !enlarge(r) {
		t.Error("Release has given nothing back")
	}
	if n, err := w.WriteString(strings.Repeat("x", largeSize)); n != largeSize || err != nil {
		t.Errorf("an enlarged pipe took %d bytes, %v", n, err)
	}
	with(t, r, func(fd uintptr) {
		if n := Available(fd); n != largeSize {
			t.Errorf("%d bytes are available", n)
		}
	})
	for range maxLarge {
		Release()
	}
	if n := large.Load(); n != 0 {
		t.Errorf("%d pipes are counted, want none", n)
	}
}

// Without privileges the system refuses, and that is normal. The thread that
// has given up its privileges is not used again.
func TestEnlargeWithoutPrivileges(t *testing.T) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked
		dropCapabilities(t)
		r, _ := open(t)
		with(t, r, func(fd uintptr) {
			if SetSize(fd, 1<<30) {
				t.Error("a pipe of 1 GiB without privileges")
			}
		})
		var pipes []*os.File
		refused := false
		for range 200 { // 64 are what a user has; other systems may give more
			r, w := open(t)
			pipes = append(pipes, r, w)
			with(t, r, func(fd uintptr) { refused = !SetSize(fd, largeSize) })
			if refused {
				before := large.Load()
				with(t, r, func(fd uintptr) {
					if Enlarge(fd) {
						t.Error("Enlarge reports what the system has refused")
					}
				})
				if large.Load() != before {
					t.Error("a pipe that was refused is counted")
				}
				break
			}
		}
		for _, f := range pipes {
			f.Close()
		}
		if !refused {
			t.Logf("this system gives a user %d large pipes", len(pipes)/2)
		}
	}()
	<-done
}

// dropCapabilities takes all privileges from this thread.
func dropCapabilities(t *testing.T) {
	header := struct{ version, pid uint32 }{0x20080522, 0} // _LINUX_CAPABILITY_VERSION_3, this thread
	var data [2]struct{ effective, permitted, inheritable uint32 }
	_, _, errno := syscall.RawSyscall(syscall.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&data)), 0)
	if errno != 0 {
		t.Errorf("capset: %v", errno)
	}
}

// What is in a pipe, how much there may be, and whether somebody holds the other
// end, is told without reading it.
func TestHeldUnread(t *testing.T) {
	file, w := open(t)
	r := NewReader(file)
	w.WriteString("0123456789")
	if n, size := r.Unread(); n != 10 || size != 64<<10 {
		t.Errorf("%d of %d bytes are unread", n, size)
	}
	inode, held := r.Held()
	if name, err := os.Readlink(fmt.Sprint("/proc/self/fd/", w.Fd())); err != nil || name != fmt.Sprintf("pipe:[%d]", inode) || !held {
		t.Errorf("pipe %d, held %t; its other end is %s, %v", inode, held, name, err)
	}
	w.Close()
	if _, held := r.Held(); held {
		t.Error("a pipe whose other end is closed is said to be held")
	}
	r.Close()
	if inode, held := r.Held(); inode != 0 || held {
		t.Errorf("a closed pipe: %d, held %t", inode, held)
	}
	if n, size := r.Unread(); n != 0 || size != 0 {
		t.Errorf("a closed pipe: %d of %d bytes are unread", n, size)
	}
}
