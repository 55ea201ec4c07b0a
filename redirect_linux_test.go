package syncstream_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/syncstream/syncstream"
)

func numFiles(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

// Redirections leave no descriptor behind.
func TestRedirectLeavesNothing(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	m := open(b, "a")
	before := numFiles(t)
	for range 100 {
		restore := redirect(t, m)
		fmt.Println("x")
		restore()
	}
	if after := numFiles(t); after > before {
		t.Errorf("%d descriptors are open; there were %d", after, before)
	}
	if n := b.Len(); n != 100 {
		t.Errorf("%d lines came, want 100", n)
	}
}

// Where there is no descriptor to be had, the error says what failed, and
// nothing has changed.
func TestRedirectError(t *testing.T) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	m := open(syncstream.New(syncstream.Config{}), "a")
	stdout, before := os.Stdout, numFiles(t)
	for _, room := range []uint64{0, 2} { // for no pipe, and for one
		none := limit
		none.Cur = uint64(before-1) + room // ReadDir had one open
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none); err != nil {
			t.Fatal(err)
		}
		_, err := syncstream.Redirect(m)
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
			t.Fatal(err)
		}
		if !errors.Is(err, syscall.EMFILE) || !strings.Contains(err.Error(), "redirect this process to a") {
			t.Errorf("with room for %d files: %v", room, err)
		}
		if os.Stdout != stdout {
			t.Error("stdout has changed")
		}
	}
	if after := numFiles(t); after != before {
		t.Errorf("%d descriptors are open; there were %d", after, before)
	}
}
