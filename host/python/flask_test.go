package python_test

import (
	"strconv"
	"strings"
	"testing"
)

// flask starts testdata/host.py, and returns its address.
func flask(t testing.TB, maxlen int) string {
	t.Helper()
	_, out := startPython(t, "testdata/host.py", strconv.Itoa(maxlen))
	port, err := out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return "http://127.0.0.1:" + strings.TrimSpace(port) + "/sync-stream"
}

// The host in Flask, on which other tests rely, is as that of the Python package,
// also in what ours does better.
func TestFlaskHost(t *testing.T) {
	p := newPeer(t, flask(t, 3))
	p.want("null", "write", "one\nhal")
	p.want(`["one", "hal"]`, "read")
	p.want("2", "state", "curlen") // one too high
	p.want("null", "write", "f\n")
	p.want("3", "state", "curlen")
	p.want("null", "grouped", "warning", []string{"careful"})
	p.want("3", "state", "curlen") // it is full
	p.want("null", "write", "four\nopen")
	p.want(`["half", `+spaced(group("warning", "careful"))+`, "four", "open"]`, "read")
	p.want("null", "close")
	p.want(`["four", "open"]`, "read", 2)
	p.want("3", "state", "maxlen")
	p.want("null", "set_closed", true)
	p.want("StopIteration: asked to stop", "write", "x")
	p.want("null", "reset")
	p.want("null", "state", "maxlen") // it is forgotten
	p.want("null", "state", "none")
	p.want("null", "clear")
	p.want("[]", "read")
	if got := p.do("post", p.address, map[string]any{"type": "eof"}); !strings.HasPrefix(got, "ConnectionError: <!doctype html>") {
		t.Errorf("what is wrong is answered with %q", got)
	}
}

// Two programs share the one open line of a host in Flask; so that is what ours
// does better.
func TestFlaskSharesOpenLine(t *testing.T) {
	address := flask(t, 10)
	one, two := newPeer(t, address), newPeer(t, address)
	one.want("null", "write", "a\nhalf of ")
	two.want("null", "write", "b\n")
	one.want("null", "write", "one\n")
	one.want(`["a", "half of b", "one"]`, "read")
}
