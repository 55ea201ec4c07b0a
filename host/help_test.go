package host

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/host/internal/wire"
)

// network is a listener in memory, so that tests of what waits can be in a
// bubble of testing/synctest.
type network struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once

	mu     sync.Mutex // guards what follows
	writes []string   // of the server
	opened int
}

func newNetwork() *network {
	return &network{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (n *network) Accept() (net.Conn, error) {
	select {
	case c := <-n.conns:
		return c, nil
	case <-n.done:
		return nil, net.ErrClosed
	}
}

func (n *network) Close() error {
	n.once.Do(func() { close(n.done) })
	return nil
}

func (n *network) Addr() net.Addr { return address("host") }

type address string

func (address) Network() string  { return "memory" }
func (a address) String() string { return string(a) }

// conn is a connection whose server's end notes what is written.
type conn struct {
	net.Conn
	of     *network
	remote address
}

func (c *conn) RemoteAddr() net.Addr { return c.remote }

func (c *conn) Write(p []byte) (int, error) {
	c.of.mu.Lock()
	c.of.writes = append(c.of.writes, string(p))
	c.of.mu.Unlock()
	return c.Conn.Write(p)
}

// dialFrom opens a connection that has that remote address without a port.
func (n *network) dialFrom(ctx context.Context, from string) (net.Conn, error) {
	client, server := net.Pipe()
	n.mu.Lock()
	n.opened++
	remote := address(fmt.Sprintf("%s:%d", from, 4000+n.opened))
	n.mu.Unlock()
	select {
	case n.conns <- &conn{server, n, remote}:
		return client, nil
	case <-n.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// takeWrites returns what the server has written since the last call.
func (n *network) takeWrites() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	writes := n.writes
	n.writes = nil
	return writes
}

// testHost is a host with a client.
type testHost struct {
	t       testing.TB
	h       *Handler
	srv     *http.Server
	network *network
	client  *http.Client
	token   string
}

// start starts a host, which ends with the test; end does that earlier.
func start(t testing.TB, c Config) *testHost {
	t.Helper()
	return startServer(t, c, ServerConfig{})
}

// startServer is start with other limits of the server.
func startServer(t testing.TB, c Config, limits ServerConfig) *testHost {
	t.Helper()
	h := &testHost{t: t, h: NewHandler(c), network: newNetwork()}
	h.srv = NewServer("", h.h, limits)
	served := make(chan struct{})
	go func() {
		defer close(served)
		h.srv.Serve(h.network)
	}()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return h.network.dialFrom(ctx, "10.0.0.1")
	}}
	h.client = &http.Client{Transport: transport}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := h.h.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		transport.CloseIdleConnections()
		h.srv.Close()
		<-served
	})
	return h
}

// buffer returns the buffer that the tests use.
func (h *testHost) buffer() *syncstream.Buffer {
	h.t.Helper()
	b, err := h.h.Buffer("train")
	if err != nil {
		h.t.Fatal(err)
	}
	return b
}

// open sends a request, and returns the answer, whose body is not read yet.
func (h *testHost) open(ctx context.Context, method, path string, header http.Header, body []byte) *http.Response {
	h.t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, "http://localhost"+path, bytes.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	maps.Copy(r.Header, header)
	if h.token != "" {
		r.Header.Set("Authorization", "Bearer "+h.token)
	}
	answer, err := h.client.Do(r)
	if err != nil {
		h.t.Fatalf("%s %s: %v", method, path, err)
	}
	return answer
}

// do sends a request and returns the status and the body of the answer.
func (h *testHost) do(method, path, kind string, body []byte) (int, string) {
	h.t.Helper()
	header := http.Header{}
	if kind != "" {
		header.Set("Content-Type", kind)
	}
	answer := h.open(context.Background(), method, path, header, body) // t's has ended when clean-ups run
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		h.t.Errorf("%s %s: %v", method, path, err)
	}
	return answer.StatusCode, string(text)
}

// later runs f after that time, before the test ends.
func (h *testHost) later(d time.Duration, f func()) {
	done := make(chan struct{})
	time.AfterFunc(d, func() {
		defer close(done)
		f()
	})
	h.t.Cleanup(func() { <-done })
}

func (h *testHost) get(path string) string {
	h.t.Helper()
	_, text := h.do(http.MethodGet, path, "", nil)
	return text
}

func (h *testHost) post(path, body string) string {
	h.t.Helper()
	_, text := h.do(http.MethodPost, path, wire.JSON, []byte(body))
	return text
}

// append sends batches, and returns "STATUS ANSWER".
func (h *testHost) append(id string, epoch uint64, batches ...wire.Batch) string {
	h.t.Helper()
	status, text := h.do(http.MethodPost, "/train/v1/append", wire.Batches, request(id, epoch, batches...))
	return fmt.Sprint(status, " ", text)
}

// request returns a body that appends batches of a source.
func request(id string, epoch uint64, batches ...wire.Batch) []byte {
	body := wire.AppendHead(nil, &syncstream.Source{ID: id, Name: "name of " + id}, epoch)
	for i := range batches {
		body = wire.AppendBatch(body, &batches[i])
	}
	return body
}

// lines returns a batch of lines, the first of which has that number.
func lines(first uint64, texts ...string) wire.Batch {
	text := strings.Join(texts, "\n") + "\n"
	return wire.Batch{First: first, Count: len(texts), Time: 1_700_000_000_000_000_000, Text: []byte(text)}
}

// shorts returns what b keeps: of each message number, kind and text.
func shorts(b *syncstream.Buffer) string {
	all, err := b.Last(context.Background(), 1<<30)
	if err != nil {
		return err.Error()
	}
	var s []string
	for _, m := range all {
		text := fmt.Sprintf("%s %d %s", m.Source.ID, m.Num, m.Text)
		switch m.Kind {
		case syncstream.Line:
		case syncstream.Gap:
			text = fmt.Sprintf("%s %d gap %d", m.Source.ID, m.Num, m.Missing)
		default:
			text = fmt.Sprintf("%s %d %s %s", m.Source.ID, m.Num, m.Kind, m.Text)
		}
		s = append(s, text)
	}
	return strings.Join(s, "\n")
}

func check(t testing.TB, what, got, want string) {
	t.Helper()
	if got = strings.TrimSuffix(got, "\n"); got != want {
		t.Errorf("%s:\n%s\nwant\n%s", what, got, want)
	}
}

// decoded decodes an answer.
func decoded[T any](t testing.TB, text string) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Errorf("%s: %v", text, err)
	}
	return v
}
