package python_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/host/python"
)

// peer is a program in Python that does what it is told.
type peer struct {
	t       testing.TB
	address string
	in      io.WriteCloser
	out     *bufio.Reader
}

// newPeer starts testdata/peer.py, which ends with the test.
func newPeer(t testing.TB, address string) *peer {
	t.Helper()
	in, out := startPython(t, "testdata/peer.py", address)
	return &peer{t, address, in, out}
}

// startPython starts a program, which is killed at the test's end, if its stdin's
// end has not ended it.
func startPython(t testing.TB, args ...string) (io.WriteCloser, *bufio.Reader) {
	t.Helper()
	cmd := exec.Command(interpreter(t), args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Process.Kill()
		cmd.Wait()
		if stderr.Len() > 0 {
			t.Errorf("%s: %s", args[0], stderr.String())
		}
	})
	return in, bufio.NewReader(out)
}

// interpreter returns a Python that has what the programs import. That of Debian
// need not be the first in PATH.
func interpreter(t testing.TB) string {
	t.Helper()
	path, err := findPython()
	if err != nil {
		t.Fatalf("%v; scripts/setup installs what is missing", err)
	}
	return path
}

var findPython = sync.OnceValues(func() (string, error) {
	var failed error
	for _, path := range []string{"python3", "/usr/bin/python3"} {
		out, err := exec.Command(path, "-c", "import flask, urllib3").CombinedOutput()
		if err == nil {
			return path, nil
		}
		failed = errors.Join(failed, fmt.Errorf("%s: %w\n%s", path, err, out))
	}
	return "", failed
})

// do has the program call a method, and returns what it returned as JSON, or the
// exception that it raised.
func (p *peer) do(method string, args ...any) string {
	p.t.Helper()
	request, err := json.Marshal(map[string]any{"do": method, "with": args})
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.in.Write(append(request, '\n')); err != nil {
		p.t.Fatal(err)
	}
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		p.t.Fatalf("%s: %v", method, err)
	}
	var answer struct {
		Data  json.RawMessage `json:"data"`
		Error string          `json:"error"`
	}
	if err := json.Unmarshal(line, &answer); err != nil {
		p.t.Fatalf("%q: %v", line, err)
	}
	if answer.Error != "" {
		return answer.Error
	}
	return string(answer.Data)
}

// want checks what a method returns.
func (p *peer) want(want, method string, args ...any) {
	p.t.Helper()
	if got := p.do(method, args...); got != want {
		p.t.Errorf("%s%q:\n got %s\nwant %s", method, args, got, want)
	}
}

// listen returns a server of b on the loopback interface, and its address. ended
// tells of each connection that has ended.
func listen(t testing.TB, b *syncstream.Buffer) (address string, ended <-chan string) {
	t.Helper()
	h := python.NewHandler(b, python.Config{})
	srv := httptest.NewUnstartedServer(h)
	python.Watch(srv.Config)
	ends := make(chan string, 100)
	state := srv.Config.ConnState
	srv.Config.ConnState = func(c net.Conn, s http.ConnState) {
		state(c, s)
		if s == http.StateClosed {
			ends <- c.RemoteAddr().String()
		}
	}
	srv.Start()
	t.Cleanup(func() {
		h.Close()
		srv.Close()
	})
	return srv.URL + "/sync-stream", ends
}

// anonymous is all without the ports, which differ each time.
func anonymous(t *testing.T, b *syncstream.Buffer) string {
	text := all(t, b)
	for i, s := range b.Sources() {
		text = strings.ReplaceAll(text, s.Source.Name, fmt.Sprintf("python%d", i))
	}
	return text
}

// A mirror and a reader in Python, each on the one connection that it keeps.
func TestPeer(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	address, _ := listen(t, b)
	mirror, reader := newPeer(t, address), newPeer(t, address)
	mirror.want("null", "write", "one")
	mirror.want("null", "write", " line\nand half")
	reader.want(`["one line", "and half"]`, "read")
	mirror.want("null", "write", " a line\u2028\x1bü\n")
	mirror.want("null", "grouped", "warning", []string{"careful", "  very"})
	mirror.want("null", "write", "no line end")
	reader.want(`["and half a line", "\u001b\u00fc", `+spaced(group("warning", "careful", "  very"))+`]`, "read", 3)
	reader.want("4", "state", "curlen")
	reader.want("1000", "state", "maxlen")
	reader.want("ConnectionError: state \"open\": want closed, maxlen or curlen", "state", "open")
	mirror.want("null", "close")
	mirror.want("null", "grouped", "error", []string{"Traceback", "ValueError: x"})
	mirror.want("1", "connections")
	reader.want("1", "connections")
	check(t, "messages", anonymous(t, b), `python0 1 "one line"
python0 2 "and half a line"
python0 3 "\x1bü"
python0 4/warning "careful\n  very"
python0 5 "no line end"
python0 1/error "Traceback\nValueError: x"
`)
	reader.want("null", "clear")
	reader.want("[]", "read")
}

// spaced is JSON as Python writes it.
func spaced(s string) string {
	return strings.NewReplacer(`":`, `": `, `,"`, `, "`).Replace(s)
}

// A stop reaches a mirror in Python when it writes, and is taken back.
func TestPeerStops(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	address, _ := listen(t, b)
	mirror, reader := newPeer(t, address), newPeer(t, address)
	ours := b.Mirror(syncstream.MirrorConfig{Source: syncstream.Source{Name: "go"}})
	mirror.want("null", "write", "one\n")
	reader.want("null", "set_closed", true)
	<-ours.Context().Done()
	ours.Close()
	reader.want("true", "state", "closed")
	mirror.want("StopIteration: asked to stop", "write", "two\n")
	reader.want("null", "reset")
	mirror.want("null", "write", "three\n")
	reader.want(`["one", "three"]`, "read")
	reader.want("null", "set_closed", true)
	reader.want("null", "set_closed", false)
	mirror.want("null", "write", "four\n")
}

// Half lines of two programs never meet, also where their connections break; one
// that connects again goes on in its source.
func TestPeerConnectionsBreak(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	address, ended := listen(t, b)
	one, two := newPeer(t, address), newPeer(t, address)
	one.want("null", "write", "1 a\n1 half")
	two.want("null", "write", "2 a\n2 half")
	one.want("null", "drop")
	<-ended
	one.want("null", "write", "1 b\n")
	two.want("null", "write", " goes on\n")
	one.want("null", "close")
	two.want("null", "close")
	check(t, "messages", anonymous(t, b), `python0 1 "1 a"
python1 1 "2 a"
python0 2 "1 half"
python0 3 "1 b"
python1 2 "2 half goes on"
`)
}

// Many programs write at once, each half a line at a time, and all lines are whole
// and in order.
func TestManyPeers(t *testing.T) {
	const peers, lines = 4, 50
	b := syncstream.New(syncstream.Config{})
	address, _ := listen(t, b)
	var wg sync.WaitGroup
	for i := range peers {
		p := newPeer(t, address)
		wg.Go(func() {
			p.want("null", "write", fmt.Sprintf("worker %d ", i))
			for n := range lines {
				p.want("null", "write", fmt.Sprintf("line %d\nworker %d ", n, i))
			}
			p.want("null", "write", "end\n")
			p.want("null", "close")
			p.want("1", "connections")
		})
	}
	wg.Wait()
	messages, err := b.Last(t.Context(), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	next := make([]int, peers)
	for _, m := range messages {
		var i int
		fmt.Sscanf(m.Text, "worker %d", &i)
		want := fmt.Sprintf("worker %d line %d", i, next[i])
		if next[i] == lines {
			want = fmt.Sprintf("worker %d end", i)
		}
		if m.Text != want {
			t.Errorf("%q, want %q", m.Text, want)
		}
		next[i]++
	}
	if want := slices.Repeat([]int{lines + 1}, peers); !slices.Equal(next, want) {
		t.Errorf("lines of each worker: %v, want %v", next, want)
	}
}
