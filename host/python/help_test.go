package python_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/host/python"
)

// place is a server of one buffer with connections in memory.
type place struct {
	t       *testing.T
	buffer  *syncstream.Buffer
	handler *python.Handler
	server  *http.Server
	conns   chan net.Conn
	closed  chan struct{}
	close   func()
}

// serve returns a server that ends with the test. It is watched, unless
// change says otherwise.
func serve(t *testing.T, c python.Config, change ...func(*http.Server)) *place {
	t.Helper()
	b := syncstream.New(syncstream.Config{})
	h := python.NewHandler(b, c)
	p := &place{
		t: t, buffer: b, handler: h, server: &http.Server{Handler: h},
		conns: make(chan net.Conn), closed: make(chan struct{}),
	}
	p.close = sync.OnceFunc(func() { close(p.closed) })
	if len(change) == 0 {
		change = append(change, python.Watch)
	}
	for _, f := range change {
		f(p.server)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.server.Serve(p)
	}()
	t.Cleanup(func() {
		h.Close()
		p.server.Close()
		<-done
	})
	return p
}

func (p *place) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *place) Close() error   { p.close(); return nil }
func (p *place) Addr() net.Addr { return addr("127.0.0.1:80") }

type addr string

func (a addr) Network() string { return "tcp" }
func (a addr) String() string  { return string(a) }

// serverConn is the server's end of a connection.
type serverConn struct {
	net.Conn
	remote addr
	client *client
}

func (c *serverConn) RemoteAddr() net.Addr { return c.remote }

func (c *serverConn) Write(p []byte) (int, error) {
	c.client.writes++ // the client reads only after that
	return c.Conn.Write(p)
}

// client is a program's connection.
type client struct {
	t      *testing.T
	conn   net.Conn
	read   *bufio.Reader
	raw    bytes.Buffer // what was read
	writes int          // by the server, for the last answer
}

// dial opens a connection from an address.
func (p *place) dial(from string) *client {
	p.t.Helper()
	ours, theirs := net.Pipe()
	c := &client{t: p.t, conn: ours}
	c.read = bufio.NewReader(io.TeeReader(ours, &c.raw))
	p.conns <- &serverConn{theirs, addr(from), c}
	p.t.Cleanup(func() { ours.Close() })
	return c
}

// send sends a request, and returns the whole answer.
func (c *client) send(request string) string {
	c.t.Helper()
	c.raw.Reset()
	c.writes = 0
	go io.WriteString(c.conn, request) // the server may answer before it has read all
	answer, err := http.ReadResponse(c.read, nil)
	if err != nil {
		c.t.Fatalf("%.100q: %v", request, err)
	}
	if _, err := io.ReadAll(answer.Body); err != nil {
		c.t.Fatalf("%.100q: %v", request, err)
	}
	return c.raw.String()
}

// do sends a request for a path, and returns the answer's status and body.
func (c *client) do(method, path, body string) string {
	c.t.Helper()
	head, answer, _ := strings.Cut(c.send(request(method, path, body)), "\r\n\r\n")
	return head[len("HTTP/1.1 "):len("HTTP/1.1 200")] + " " + strings.TrimSuffix(answer, "\n")
}

// text posts text.
func (c *client) text(text string) {
	c.t.Helper()
	c.want("POST", `{"type":"str","data":{"value":`+quote(text)+`}}`, created)
}

// grouped posts a grouped message.
func (c *client) grouped(kind string, lines ...string) {
	c.t.Helper()
	c.want("POST", `{"type":"`+kind+`","data":`+group(kind, lines...)+`}`, created)
}

func (c *client) end() {
	c.t.Helper()
	c.want("POST", `{"type":"close"}`, created)
}

// want sends a request to the buffer's address, and checks the answer.
func (c *client) want(method, body, want string) {
	c.t.Helper()
	if got := c.do(method, "/train", body); got != want {
		c.t.Errorf("%s %.200s\n got %s\nwant %s", method, body, got, want)
	}
}

// items checks what the buffer's address tells, JSON values with commas between.
func (c *client) items(want string) {
	c.t.Helper()
	c.want("GET", "", `200 {"message":"success","data":[`+want+`]}`)
}

// state checks what the state's address tells.
func (c *client) state(name, want string) {
	c.t.Helper()
	want = `200 {"message":"success","data":` + want + `}`
	if got := c.do("GET", "/train-state?state="+name, ""); got != want {
		c.t.Errorf("%s\n got %s\nwant %s", name, got, want)
	}
}

const created = `201 {"message":"success"}`

func group(kind string, lines ...string) string {
	for i, line := range lines {
		lines[i] = quote(line)
	}
	return `{"/is_syncsdata":true,"/type":"GroupedMessage","type":"` + kind + `","data":[` + strings.Join(lines, ",") + `]}`
}

func quote(s string) string {
	q, _ := json.Marshal(s)
	return string(q)
}

// request returns a request as the Python package sends it.
func request(method, path, body string) string {
	s := method + " " + path + " HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: identity\r\n"
	if body != "" {
		s += fmt.Sprintf("Content-Length: %d\r\nContent-Type: application/json\r\n", len(body))
	}
	return s + "User-Agent: cainmagi/syncstream\r\n\r\n" + body
}

// all returns what a buffer keeps, a message in each line.
func all(t *testing.T, b *syncstream.Buffer) string {
	t.Helper()
	messages, err := b.Last(t.Context(), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	var s strings.Builder
	for _, m := range messages {
		kind := ""
		if m.Kind != syncstream.Line {
			kind = "/" + m.Kind.String()
		}
		fmt.Fprintf(&s, "%s %d%s %q\n", m.Source, m.Num, kind, m.Text)
	}
	return s.String()
}

// states returns the sources of a buffer and what has become of them.
func states(b *syncstream.Buffer) string {
	var s strings.Builder
	for _, status := range b.Sources() {
		fmt.Fprintf(&s, "%s %s", status.Source, status.State)
		if status.Err != nil {
			fmt.Fprintf(&s, ": %v", status.Err)
		}
		s.WriteString("\n")
	}
	return s.String()
}

func check(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n%s\nwant\n%s", what, got, want)
	}
}
