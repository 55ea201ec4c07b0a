package process

import (
	"syscall"
	"testing"
	"time"
)

// An error is short where there is little to say, and says all where a worker
// has lived or ran out of memory.
func TestExitErrorText(t *testing.T) {
	used := Usage{User: 8 * time.Second, System: 3*time.Second + 4*time.Millisecond, PeakMemory: 2_040_109_466}
	for _, test := range []struct {
		err  ExitError
		want string
	}{
		{ExitError{Code: 3}, "exit status 3"},
		{ExitError{Code: 3, Elapsed: tellTime - 1, Usage: used}, "exit status 3"},
		{
			ExitError{Code: 3, Elapsed: 12345 * time.Millisecond, Usage: used},
			"exit status 3 after 12.3s: 1.9 GiB peak memory, 11s processor time",
		},
		{
			ExitError{Code: 1, Elapsed: 3*time.Hour + 25*time.Second, Usage: Usage{User: 123456 * time.Microsecond}},
			"exit status 1 after 3h0m25s: 120ms processor time",
		},
		{ExitError{Code: -1, Signal: syscall.Signal(140)}, "killed by signal 140"},
		{ExitError{Code: -1, Signal: syscall.Signal(141), CoreDumped: true}, "killed by signal 141: core dumped"},
		{
			ExitError{Code: 137, OutOfMemory: true, Elapsed: 500 * time.Millisecond, Usage: Usage{PeakMemory: 900 << 20}},
			"exit status 137 after 500ms: the kernel's out-of-memory killer; 900 MiB peak memory, 0s processor time",
		},
	} {
		if got := test.err.Error(); got != test.want {
			t.Errorf("%q\nwant %q", got, test.want)
		}
	}
}

func TestBytesText(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 9 << 10: "9.0 KiB", 10 << 10: "10 KiB",
		123 << 20: "123 MiB", 5 << 40: "5.0 TiB", 5 << 50: "5120 TiB",
	} {
		if got := fmtBytes(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}
