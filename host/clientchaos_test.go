package host

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/syncstream/syncstream"
)

// chaos is a proxy that does to requests and answers what networks do, and
// worse.
type chaos struct {
	to  string // http://HOST:PORT
	srv *httptest.Server

	mu    sync.Mutex // guards what follows
	conns map[net.Conn]bool
	next  chan struct{}  // closed when another request comes
	ended bool           // none will come
	late  sync.WaitGroup // requests that are sent once more, later
}

func newChaos(to string) *chaos {
	p := &chaos{to: to, conns: make(map[net.Conn]bool), next: make(chan struct{})}
	p.srv = httptest.NewUnstartedServer(p)
	p.srv.Config.ConnState = func(c net.Conn, s http.ConnState) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if s == http.StateNew {
			p.conns[c] = true
		} else if s == http.StateClosed || s == http.StateHijacked {
			delete(p.conns, c)
		}
	}
	p.srv.Start()
	return p
}

// cut closes all connections.
func (p *chaos) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
	}
}

func (p *chaos) close() {
	p.srv.CloseClientConnections()
	p.srv.Close()
	p.mu.Lock()
	close(p.next)
	p.ended = true
	p.mu.Unlock()
	p.late.Wait()
}

// arrived notes that a request has come, and returns what waits until so many more
// have, or none will.
func (p *chaos) arrived() (wait func(n int)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ended {
		close(p.next)
		p.next = make(chan struct{})
	}
	next := p.next
	return func(n int) {
		for range n {
			<-next
			p.mu.Lock()
			next = p.next
			p.mu.Unlock()
		}
	}
}

func (p *chaos) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	long := strings.HasSuffix(r.URL.Path, "/follow") || strings.HasSuffix(r.URL.Path, "/held") || strings.HasSuffix(r.URL.Path, "/wait")
	wait := p.arrived()
	what := rand.N(10)
	switch {
	case long:
	case what == 0: // it comes half
		p.half(r, body)
		panic(http.ErrAbortHandler)
	case what == 1: // and its answer is lost
		if resp, err := p.send(r.Context(), r, body); err == nil {
			resp.Body.Close()
		}
		panic(http.ErrAbortHandler)
	case what == 2: // it comes once more, when others have come
		p.late.Go(func() {
			wait(1 + rand.N(20))
			if resp, err := p.send(context.Background(), r, body); err == nil {
				resp.Body.Close()
			}
		})
	case what == 3: // it takes its time
		select {
		case <-time.After(rand.N(20 * time.Millisecond)):
		case <-r.Context().Done():
		}
	}
	resp, err := p.send(r.Context(), r, body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer resp.Body.Close()
	maps.Copy(w.Header(), resp.Header)
	w.WriteHeader(resp.StatusCode)
	if what == 4 && !long { // the answer comes half
		io.CopyN(w, resp.Body, max(0, resp.ContentLength/2))
		panic(http.ErrAbortHandler)
	}
	copyFlushing(w, resp.Body)
}

func copyFlushing(w http.ResponseWriter, r io.Reader) {
	buf := make([]byte, 32<<10)
	for {
		n, err := r.Read(buf)
		w.Write(buf[:n])
		w.(http.Flusher).Flush()
		if err == io.EOF {
			return
		}
		if err != nil {
			panic(http.ErrAbortHandler)
		}
	}
}

func (p *chaos) send(ctx context.Context, r *http.Request, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, r.Method, p.to+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header = r.Header.Clone()
	return http.DefaultTransport.RoundTrip(req)
}

// half sends a request whose connection breaks in the middle of its body.
func (p *chaos) half(r *http.Request, body []byte) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.to, "http://"))
	if err != nil {
		return
	}
	defer conn.Close()
	fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.Method, r.URL.RequestURI(), strings.TrimPrefix(p.to, "http://"))
	r.Header.Write(conn)
	fmt.Fprintf(conn, "Content-Length: %d\r\n\r\n%s", len(body), body[:len(body)/2])
}

// Whatever the network does, each line is stored once and in order, who follows
// gets all of them, Wait returns, and nothing runs on.
func TestClientChaos(t *testing.T) {
	const mirrors, took = 4, 5 * time.Second
	h := NewHandler(Config{Buffer: syncstream.Config{MaxMessages: 1 << 20}})
	srv := httptest.NewServer(h)
	p := newChaos(srv.URL)
	client, err := NewClient(ClientConfig{URL: p.srv.URL + "/train", Stderr: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	b := syncstream.NewOver(client, syncstream.Config{CloseTimeout: time.Minute})
	ctx, cancel := context.WithTimeout(t.Context(), took)
	defer cancel()
	cutting := make(chan struct{})
	go func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				p.cut()
			case <-cutting:
				return
			}
		}
	}()

	var writing sync.WaitGroup
	wrote := make([]int, mirrors)
	for i := range mirrors {
		m := b.Mirror(syncstream.MirrorConfig{Source: syncstream.Source{ID: fmt.Sprint("id", i), Name: fmt.Sprint(i)}})
		writing.Go(func() {
			wrote[i] = writeUntil(ctx, m)
			if err := m.Close(); err != nil {
				t.Errorf("mirror %d: %v", i, err)
			}
		})
	}
	followed := make(map[string]int)
	for m, err := range b.Follow(t.Context(), syncstream.Oldest, syncstream.FollowUntilDone) {
		if err != nil {
			t.Fatal(err)
		}
		follows(t, followed, m)
	}
	writing.Wait()
	if err := b.Wait(t.Context()); err != nil {
		t.Errorf("Wait: %v", err)
	}
	if err := b.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	close(cutting)
	there, err := h.Buffer("train")
	if err != nil {
		t.Fatal(err)
	}
	stored := make(map[string]int)
	messages, _ := there.Last(t.Context(), 1<<30)
	for _, m := range messages {
		follows(t, stored, m)
	}
	for i, n := range wrote {
		name := fmt.Sprint(i)
		if n == 0 || stored[name] != n || followed[name] != n {
			t.Errorf("mirror %d wrote %d lines; %d are stored, %d were followed", i, n, stored[name], followed[name])
		}
	}
	p.close()
	if err := h.Shutdown(t.Context()); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	srv.Close()
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	checkNothingRuns(t)
}

// 200 workers that come and go, some at the same time, over a network that breaks,
// are all there afterwards, each with its lines.
func TestClientCrowd(t *testing.T) {
	const workers, lines = 200, 10
	h := NewHandler(Config{Buffer: syncstream.Config{MaxMessages: 1 << 20}})
	srv := httptest.NewServer(h)
	p := newChaos(srv.URL)
	client, err := NewClient(ClientConfig{URL: p.srv.URL + "/train", Stderr: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	b := syncstream.NewOver(client, syncstream.Config{CloseTimeout: time.Minute})
	var working sync.WaitGroup
	for i := range workers {
		working.Go(func() {
			m := b.Mirror(syncstream.MirrorConfig{Source: syncstream.Source{Name: fmt.Sprint(i)}})
			for n := range lines {
				fmt.Fprintln(m, n+1)
			}
			if err := m.Close(); err != nil {
				t.Errorf("worker %d: %v", i, err)
			}
		})
	}
	working.Wait()
	if err := b.Wait(t.Context()); err != nil {
		t.Errorf("Wait: %v", err)
	}
	if err := b.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	there, _ := h.Buffer("train")
	stored := make(map[string]int)
	messages, _ := there.Last(t.Context(), 1<<30)
	for _, m := range messages {
		follows(t, stored, m)
	}
	for i := range workers {
		if n := stored[fmt.Sprint(i)]; n != lines {
			t.Errorf("worker %d has %d lines, want %d", i, n, lines)
		}
	}
	if s := there.Stats(); s.Open != 0 || s.Sources != workers {
		t.Errorf("the account is %+v", s)
	}
	p.close()
	h.Shutdown(t.Context())
	srv.Close()
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	checkNothingRuns(t)
}

// writeUntil writes numbered lines, some now and then, and returns how many.
func writeUntil(ctx context.Context, w io.Writer) (n int) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		for range rand.N(10) {
			n++
			fmt.Fprintln(w, n)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return n
		}
	}
}

// follows checks that a line comes behind the one before it of the same source.
func follows(t *testing.T, last map[string]int, m syncstream.Message) {
	t.Helper()
	name := m.Source.Name
	last[name]++
	if m.Text != fmt.Sprint(last[name]) || m.Num != uint64(last[name]) {
		t.Fatalf("message %d of %s is %s %d %q", last[name], name, m.Kind, m.Num, m.Text)
	}
}

// checkNothingRuns waits until no goroutine runs code of this module but tests.
func checkNothingRuns(t *testing.T) {
	t.Helper()
	running := ""
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); <-look.C {
		buf := make([]byte, 1<<20)
		running = ""
		for stack := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			if strings.Contains(stack, "github.com/syncstream/") && !strings.Contains(stack, "testing.tRunner") || strings.Contains(stack, "net/http.(*persistConn)") {
				running += stack + "\n\n"
			}
		}
		if running == "" {
			return
		}
	}
	t.Errorf("these run on:\n%s", running)
}
