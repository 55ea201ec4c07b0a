package python_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/host/python"
)

var _ syncstream.Store = (*python.Store)(nil)

// lockedBuffer is a buffer that many goroutines may write to.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// over returns a buffer over a Python host, which is closed with the test.
func over(t testing.TB, address string) (*syncstream.Buffer, *lockedBuffer) {
	t.Helper()
	stderr := &lockedBuffer{}
	s, err := python.NewStore(address, python.StoreConfig{Poll: 20 * time.Millisecond, Stderr: stderr})
	if err != nil {
		t.Fatal(err)
	}
	b := syncstream.NewOver(s, syncstream.Config{})
	t.Cleanup(func() { b.Close() })
	return b, stderr
}

func bounded(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func flush(t testing.TB, m *syncstream.Mirror) {
	t.Helper()
	if err := m.Flush(bounded(t)); err != nil {
		t.Error(err)
	}
}

// kinds returns messages, each with its kind where that is not a line.
func kinds(messages []syncstream.Message) string {
	var all []string
	for _, m := range messages {
		text := m.Text
		if m.Kind != syncstream.Line {
			text = m.Kind.String() + " " + text
		}
		all = append(all, fmt.Sprintf("%q", text))
	}
	return strings.Join(all, " ")
}

func last(t testing.TB, b *syncstream.Buffer) string {
	t.Helper()
	messages, err := b.Last(bounded(t), 1000)
	if err != nil {
		t.Error(err)
	}
	return kinds(messages)
}

// Our mirrors write to a Python host, and readers in Python and ours read there
// what workers of both kinds have written.
func TestStore(t *testing.T) {
	address := flask(t, 10)
	peer := newPeer(t, address)
	b, stderr := over(t, address)
	m := b.Mirror(syncstream.MirrorConfig{Source: syncstream.Source{Name: "go"}})
	fmt.Fprint(m, "one\ntwo\x0b\u2028\xff\nhalf")
	m.Warn(errors.New("careful\n  very"))
	flush(t, m)
	peer.want(`["one", "two\u240b\u2424\ufffd", `+spaced(group("warning", "careful", "  very"))+`]`, "read")
	peer.want("null", "write", "from Python\nhalf of Python")
	check(t, "last", last(t, b), `"one" "two␋␤�" "warning careful\n  very" "from Python"`)
	check(t, "partials", kinds(b.Partials()), `"partial half of Python" "partial half"`)
	peer.want("null", "write", "\n")
	m.Close()
	if err := b.Wait(bounded(t)); err != nil {
		t.Error(err)
	}
	check(t, "at the end", last(t, b), `"one" "two␋␤�" "warning careful\n  very" "from Python" "half of Python" "half"`)
	b.Clear()
	peer.want("[]", "read")
	if s := b.Stats(); s.Kept.Messages != 0 || s.Cleared.Messages != 6 || s.Written.Messages != 6 {
		t.Errorf("after Clear: %+v", s)
	}
	check(t, "stderr", stderr.String(), "")
}

// A follower gets each line once, while the host lets go of old ones.
func TestStoreFollow(t *testing.T) {
	address := flask(t, 5)
	peer := newPeer(t, address)
	peer.want("null", "write", "line 0\n")
	b, _ := over(t, address)
	next := 0
	for m, err := range b.Follow(bounded(t), syncstream.Oldest) {
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprint("line ", next); m.Text != want || m.Kind != syncstream.Line {
			t.Fatalf("%s %q, want %q", m.Kind, m.Text, want)
		}
		if next++; next == 20 {
			break
		}
		peer.want("null", "write", fmt.Sprint("line ", next, "\n"))
	}
}

// A follower is told where it may have missed something.
func TestStoreFollowMisses(t *testing.T) {
	address := flask(t, 3)
	peer := newPeer(t, address)
	peer.want("null", "write", "a\nb\n")
	b, _ := over(t, address)
	var got []syncstream.Message
	for m, err := range b.Follow(bounded(t), syncstream.Oldest) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, m)
		if m.Text == "b" {
			peer.want("null", "write", "c\nd\ne\nf\ng\n") // in one write, so no look is in between
		}
		if m.Text == "g" {
			break
		}
	}
	const miss = "messages may be missing here: the host was cleared, or keeps none of those that were seen before"
	check(t, "followed", kinds(got), `"a" "b" "warning `+miss+`" "e" "f" "g"`)
}

// A stop reaches workers of both kinds, whoever asks, also those that never write.
func TestStoreStop(t *testing.T) {
	address := flask(t, 10)
	peer := newPeer(t, address)
	b, _ := over(t, address)
	m := b.Mirror(syncstream.MirrorConfig{})
	peer.want("null", "set_closed", true)
	select {
	case <-m.Context().Done():
	case <-bounded(t).Done():
		t.Fatal("our mirror does not hear it")
	}
	if cause := context.Cause(m.Context()); !errors.Is(cause, syncstream.ErrStopped) {
		t.Errorf("our mirror hears: %v", cause)
	}
	m.Close()
	if err := b.Wait(bounded(t)); !errors.Is(err, syncstream.ErrStopped) {
		t.Errorf("Wait: %v", err)
	}
	peer.want("null", "set_closed", false)
	later := b.Mirror(syncstream.MirrorConfig{})
	fmt.Fprintln(later, "taken back")
	flush(t, later)
	peer.want(`["taken back"]`, "read")
	another := b.Mirror(syncstream.MirrorConfig{}) // while one is open
	fmt.Fprintln(another, "twice")
	flush(t, another)
	for _, m := range []*syncstream.Mirror{later, another} {
		if err := m.Context().Err(); err != nil {
			t.Errorf("a mirror that was opened when the stop had been taken back: %v", err)
		}
		m.Close()
	}
	b.Reset()
	peer.want("null", "write", "on\n")
	check(t, "after Reset, when maxlen is forgotten", last(t, b), `"on"`)
	b.Stop(nil)
	peer.want("StopIteration: asked to stop", "write", "x\n")
}

// A stop that is taken back is forgotten while feeds are open that were asked.
func TestStoreStopTakenBack(t *testing.T) {
	address := flask(t, 10)
	peer := newPeer(t, address)
	s, err := python.NewStore(address, python.StoreConfig{Poll: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx := bounded(t)
	defer s.Close(ctx)
	open := func(id string) syncstream.Feed {
		f, err := s.Feed(&syncstream.Source{ID: id})
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	first := open("first")
	peer.want("null", "set_closed", true)
	<-first.Context().Done()
	if open("second").Context().Err() == nil {
		t.Error("a feed that is opened after the stop is not asked")
	}
	peer.want("null", "set_closed", false)
	for open("later").Context().Err() != nil {
		if ctx.Err() != nil {
			t.Fatal("new feeds are still asked to stop")
		}
		peer.want("false", "state", "closed") // takes a moment
	}
}

// A host that has gone is told of once, and once that it is back; nothing is lost
// or doubled by a connection that breaks, whether the request had arrived or not.
func TestStoreBrokenConnections(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	h := python.NewHandler(b, python.Config{})
	defer h.Close()
	var mu sync.Mutex
	posts := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.Method != http.MethodPost {
			h.ServeHTTP(w, r)
			return
		}
		posts++
		if posts%3 == 1 {
			panic(http.ErrAbortHandler) // it has not arrived
		}
		h.ServeHTTP(httptest.NewRecorder(), r)
		if posts%3 == 2 {
			panic(http.ErrAbortHandler) // it has
		}
		w.WriteHeader(http.StatusCreated)
	}))
	defer srv.Close()
	there, stderr := over(t, srv.URL+"/train")
	m := there.Mirror(syncstream.MirrorConfig{})
	var want []string
	for i := range 4 {
		fmt.Fprintf(m, "line %d\n", i)
		flush(t, m)
		want = append(want, fmt.Sprintf("%q", fmt.Sprint("line ", i)))
	}
	m.Close()
	messages, _ := b.Last(t.Context(), 100)
	check(t, "messages", kinds(messages), strings.Join(want, " "))
	if n := strings.Count(stderr.String(), "can't be reached"); n == 0 || n != strings.Count(stderr.String(), "can be reached again") {
		t.Errorf("stderr:\n%s", stderr.String())
	}
}

// What the host refuses is lost, and said.
func TestStoreRefused(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprint(w, "<!doctype html>\n<title>500 Internal Server Error</title>\n<h1>Internal Server Error</h1>\n")
	}))
	defer srv.Close()
	s, err := python.NewStore(strings.Replace(srv.URL, "//", "//user:secret@", 1)+"/key/secret/train", python.StoreConfig{Stderr: &lockedBuffer{}})
	if err != nil {
		t.Fatal(err)
	}
	f, err := s.Feed(&syncstream.Source{ID: "1", Name: "go"})
	if err != nil {
		t.Fatal(err)
	}
	batch, err := syncstream.NewBatch(syncstream.BatchConfig{First: 1, Text: []byte("one\ntwo\n")})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Append(batch); err != nil {
		t.Error(err)
	}
	f.Close(syncstream.StateExited, nil)
	host := strings.TrimPrefix(srv.URL, "http://")
	want := `python: bring 2 messages to the Python host at ` + host + `/key/…/train: status 500: "500 Internal Server Error"`
	if err := s.Close(bounded(t)); err == nil || err.Error() != want {
		t.Errorf("Close: %v, want %s", err, want)
	}
}

// A redirection is no answer: what it leads to is not what was asked.
func TestStoreRedirected(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/train" {
			http.Redirect(w, r, "/login", http.StatusFound)
		}
	}))
	defer srv.Close()
	b, _ := over(t, srv.URL+"/train")
	m := b.Mirror(syncstream.MirrorConfig{})
	fmt.Fprintln(m, "one")
	if err := m.Flush(bounded(t)); err == nil || !strings.Contains(err.Error(), "302") {
		t.Errorf("Flush: %v", err)
	}
}

// Close gives up when its context ends, and says how much was not delivered.
func TestStoreCloseGivesUp(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close() // nobody listens
	s, err := python.NewStore("http://"+l.Addr().String()+"/train", python.StoreConfig{Stderr: &lockedBuffer{}})
	if err != nil {
		t.Fatal(err)
	}
	f, _ := s.Feed(&syncstream.Source{ID: "1"})
	batch, _ := syncstream.NewBatch(syncstream.BatchConfig{First: 1, Text: []byte("one\ntwo\n")})
	f.Append(batch)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err = s.Close(ctx)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "bring 2 messages to the Python host") {
		t.Errorf("Close: %v", err)
	}
	if err := f.Append(batch); err != syncstream.ErrClosed {
		t.Errorf("Append after Close: %v", err)
	}
}

// Who does not take what it is told holds up no worker.
func TestStoreStderrBlocks(t *testing.T) {
	away := httptest.NewServer(nil)
	away.Close()
	stderr := blockingWriter{begun: make(chan struct{}, 1), pass: make(chan struct{})}
	s, err := python.NewStore(away.URL+"/train", python.StoreConfig{Stderr: stderr})
	if err != nil {
		t.Fatal(err)
	}
	first, _ := s.Feed(&syncstream.Source{ID: "1"})
	batch, _ := syncstream.NewBatch(syncstream.BatchConfig{First: 1, Text: []byte("one\n")})
	first.Append(batch)
	<-stderr.begun
	done := make(chan struct{})
	go func() {
		defer close(done)
		second, err := s.Feed(&syncstream.Source{ID: "2"})
		if err != nil {
			t.Error(err)
			return
		}
		second.Mark(syncstream.StateAsked)
		if err := second.Close(syncstream.StateExited, nil); err != nil {
			t.Error(err)
		}
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Error("a worker is held up")
	}
	close(stderr.pass)
	<-done
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Close: %v", err)
	}
}

// blockingWriter takes nothing until it may.
type blockingWriter struct{ begun, pass chan struct{} }

func (w blockingWriter) Write(p []byte) (int, error) {
	select {
	case w.begun <- struct{}{}:
	default:
	}
	<-w.pass
	return len(p), nil
}

// A Python host is found out by asking.
func TestProbe(t *testing.T) {
	ours, _ := listen(t, syncstream.New(syncstream.Config{}))
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	theirs := flask(t, 3)
	for _, tt := range []struct {
		address string
		want    bool
	}{{theirs, true}, {ours, false}, {other.URL, false}, {theirs + "x", false}} {
		if got, err := python.Probe(bounded(t), nil, tt.address); got != tt.want || err != nil {
			t.Errorf("%s: %t, %v; want %t", tt.address, got, err, tt.want)
		}
	}
	other.Close()
	if _, err := python.Probe(bounded(t), nil, other.URL); err == nil {
		t.Error("no error where nobody listens")
	}
	if _, err := python.NewStore("ftp://x", python.StoreConfig{}); err == nil {
		t.Error("no error for ftp")
	}
}
