package process

import "testing"

func TestDoingText(t *testing.T) {
	for _, test := range []struct {
		state  byte
		unread int
		full   bool
		want   string
	}{
		{'S', 0, false, "the process is alive, and waits"},
		{'R', 0, false, "the process is alive, and runs"},
		{'R', 40_000, true, "the process is alive; 40000 bytes of its output are not read yet"},
		{'S', 40_000, true, "the process waits in a write: 40000 bytes of its output are not read yet"},
		{'S', 7, false, "the process is alive; 7 bytes of its output are not read yet"},
		{'D', 7, false, "the process is in a wait that no signal ends (state D)"},
		{'T', 40_000, true, "the process is stopped, as by SIGSTOP"},
		{'t', 0, false, "a debugger has stopped the process"},
		{'Z', 7, false, "the process has ended, and its output has not"},
	} {
		if got := doingText(test.state, test.unread, test.full); got != test.want {
			t.Errorf("%c, %d, %t: %q, want %q", test.state, test.unread, test.full, got, test.want)
		}
	}
}
