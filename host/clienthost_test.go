package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/host/internal/wire"
)

// machine is a host that can be away.
type machine struct {
	t    testing.TB
	addr string
	h    *Handler
	srv  *http.Server
	done chan struct{}
}

func newMachine(t testing.TB) *machine {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{t: t, addr: l.Addr().String()}
	m.serve(l, NewHandler(Config{Buffer: syncstream.Config{MaxMessages: 1 << 20}}))
	t.Cleanup(m.stop)
	return m
}

func (m *machine) serve(l net.Listener, h *Handler) {
	m.h, m.srv, m.done = h, &http.Server{Handler: h}, make(chan struct{})
	go func() {
		defer close(m.done)
		m.srv.Serve(l)
	}()
}

// stop takes the machine off the network, as a power cut does.
func (m *machine) stop() {
	m.srv.Close()
	<-m.done
}

// start brings it back, with a handler that has the buffers.
func (m *machine) start(h *Handler) {
	m.t.Helper()
	l, err := net.Listen("tcp", m.addr)
	if err != nil {
		m.t.Fatal(err)
	}
	m.serve(l, h)
}

func (m *machine) buffer() *syncstream.Buffer {
	m.t.Helper()
	b, err := m.h.Buffer("train")
	if err != nil {
		m.t.Fatal(err)
	}
	return b
}

// connect returns a buffer at the host.
func (m *machine) connect(c ClientConfig) *syncstream.Buffer {
	m.t.Helper()
	c.URL = "http://" + m.addr + "/train"
	if c.Stderr == nil {
		c.Stderr = io.Discard
	}
	client, err := NewClient(c)
	if err != nil {
		m.t.Fatal(err)
	}
	b := syncstream.NewOver(client, syncstream.Config{CloseTimeout: 20 * time.Second})
	m.t.Cleanup(func() { b.Close() })
	return b
}

func openMirror(b *syncstream.Buffer, name string) *syncstream.Mirror {
	return b.Mirror(syncstream.MirrorConfig{Source: syncstream.Source{Name: name}})
}

// texts returns what a buffer has, a message in each line.
func texts(t testing.TB, b *syncstream.Buffer) string {
	t.Helper()
	messages, err := b.Last(t.Context(), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, m := range messages {
		if m.Kind == syncstream.Gap {
			all = append(all, fmt.Sprint(m.Missing, " missing"))
		} else {
			all = append(all, m.Text)
		}
	}
	return strings.Join(all, "\n")
}

// A host that goes away and comes back under load has each line once, in order.
func TestClientHostAway(t *testing.T) {
	m := newMachine(t)
	b := m.connect(ClientConfig{})
	ctx, cancel := context.WithCancel(t.Context())
	var writing sync.WaitGroup
	wrote := make([]int, 4)
	for i := range wrote {
		mirror := openMirror(b, fmt.Sprint(i))
		writing.Go(func() {
			wrote[i] = writeUntil(ctx, mirror)
			if err := mirror.Close(); err != nil {
				t.Errorf("mirror %d: %v", i, err)
			}
		})
	}
	here := m.buffer()
	for range 5 {
		m.stop()
		m.start(m.h)
		n := here.Len()
		for range here.Follow(t.Context(), syncstream.Latest) { // until something comes again
			if here.Len() > n {
				break
			}
		}
	}
	cancel()
	writing.Wait()
	if err := b.Wait(t.Context()); err != nil {
		t.Errorf("Wait: %v", err)
	}
	stored := make(map[string]int)
	messages, _ := here.Last(t.Context(), 1<<30)
	for _, m := range messages {
		follows(t, stored, m)
	}
	for i, n := range wrote {
		if stored[fmt.Sprint(i)] != n {
			t.Errorf("mirror %d wrote %d lines; %d are stored", i, n, stored[fmt.Sprint(i)])
		}
	}
}

// A host that has forgotten everything is told of each source again, and of what
// it misses; who follows is told too. A stop still reaches a worker that never
// writes.
func TestClientHostForgets(t *testing.T) {
	m := newMachine(t)
	b := m.connect(ClientConfig{})
	writes, silent := openMirror(b, "writes"), openMirror(b, "silent")
	fmt.Fprint(writes, "one\ntwo\n")
	if err := writes.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := make(chan syncstream.Message)
	go func() {
		defer close(got)
		for m, err := range b.Follow(t.Context(), syncstream.Oldest) {
			if err != nil {
				return
			}
			got <- m
		}
	}()
	for _, want := range []string{"one", "two"} {
		if m := <-got; m.Text != want {
			t.Errorf("%q, want %q", m.Text, want)
		}
	}
	m.stop()
	m.start(NewHandler(Config{}))
	fmt.Fprint(writes, "three\n")
	if anew := <-got; anew.Kind != syncstream.Gap || anew.Missing != 0 || !strings.Contains(anew.Text, "the host was started again") {
		t.Errorf("who follows is told %+v", anew)
	}
	if gap := <-got; gap.Kind != syncstream.Gap || gap.Missing != 2 || gap.Num != 1 {
		t.Errorf("the first message is %+v, want a gap of 2", gap)
	}
	if m := <-got; m.Text != "three" || m.Num != 3 {
		t.Errorf("the next message is %+v, want three", m)
	}
	m.buffer().Stop(errors.New("enough"))
	<-silent.Context().Done()
	if cause := context.Cause(silent.Context()); cause.Error() != "enough" || !errors.Is(cause, syncstream.ErrStopped) {
		t.Errorf("the cause is %v", cause)
	}
	b.Close()
	for range got {
	}
}

// While a host is away writers wait where the queue is full, or the oldest
// messages are dropped, and a gap counts them.
func TestClientQueue(t *testing.T) {
	t.Run("drops", func(t *testing.T) {
		m := newMachine(t)
		b := m.connect(ClientConfig{MaxQueue: 10_000, WhenFull: DropOldest})
		mirror := openMirror(b, "m")
		fmt.Fprintln(mirror, 0)
		mirror.Flush(t.Context())
		m.stop()
		const lines = 20_000
		for i := range lines {
			fmt.Fprintln(mirror, i+1)
		}
		m.start(m.h)
		if err := mirror.Close(); err != nil {
			t.Error(err)
		}
		num, gaps := uint64(0), uint64(0)
		messages, _ := m.buffer().Last(t.Context(), 1<<20)
		for _, m := range messages {
			if m.Num != num+1 {
				t.Fatalf("message %d comes behind %d", m.Num, num)
			}
			num = m.Num
			if m.Kind == syncstream.Gap {
				gaps += m.Missing
				num += m.Missing - 1
			} else if m.Text != fmt.Sprint(m.Num-1) {
				t.Fatalf("message %d is %q", m.Num, m.Text)
			}
		}
		if num != lines+1 || gaps == 0 {
			t.Errorf("the last message is %d of %d, and %d are missing", num, lines+1, gaps)
		}
		if s := m.buffer().Stats(); s.Lost.Messages != gaps {
			t.Errorf("%d are lost, want %d", s.Lost.Messages, gaps)
		}
	})
	t.Run("blocks", func(t *testing.T) {
		m := newMachine(t)
		m.stop()
		client, err := NewClient(ClientConfig{URL: "http://" + m.addr + "/train", MaxQueue: 10_000, Stderr: io.Discard})
		if err != nil {
			t.Fatal(err)
		}
		f, err := client.Feed(&syncstream.Source{ID: "f", Name: "f"})
		if err != nil {
			t.Fatal(err)
		}
		const batches = 20
		took := make(chan int, batches)
		go func() {
			for i := range batches {
				b, err := syncstream.NewBatch(syncstream.BatchConfig{
					First: uint64(i + 1), Text: []byte(strings.Repeat("x", 999) + "\n"),
				})
				if err == nil {
					err = f.Append(b)
				}
				if err != nil {
					t.Error(err)
				}
				took <- i
			}
			close(took)
		}()
		for range 9 { // with what a batch costs besides, no more have room
			<-took
		}
		select {
		case <-took:
			t.Error("a batch for which there is no room was taken")
		case <-blocked(client):
		}
		m.start(m.h)
		for range took {
		}
		if err := client.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if n := m.buffer().Len(); n != batches {
			t.Errorf("%d messages are stored, want %d", n, batches)
		}
	})
}

// blocked is closed when the sender of a client with a host that is away has tried
// it twice more: time enough for who does not wait for room.
func blocked(c *Client) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.health.mu.Lock()
		first := c.health.tries
		c.health.mu.Unlock()
		for tries := first; tries < first+2; {
			c.health.pause(c.ctx, nil)
			c.health.mu.Lock()
			tries = c.health.tries
			c.health.mu.Unlock()
		}
	}()
	return done
}

// People are told once that a host is gone, and once that it is back; what was
// not delivered is counted, and no secret is in anything.
func TestClientTells(t *testing.T) {
	m := newMachine(t)
	m.stop()
	const token = "0123456789abcdef-secret"
	var told notes
	client, err := NewClient(ClientConfig{URL: "http://" + m.addr + "/key/" + token + "/train", Stderr: &told})
	if err != nil {
		t.Fatal(err)
	}
	b := syncstream.NewOver(client, syncstream.Config{CloseTimeout: 1500 * time.Millisecond})
	mirror := openMirror(b, "m")
	fmt.Fprint(mirror, "one\ntwo\n")
	err = mirror.Close()
	if err == nil || !strings.HasPrefix(err.Error(), "host: 2 messages were not delivered to http://"+m.addr+"/train: context deadline exceeded (") {
		t.Errorf("Close: %v", err)
	}
	m.start(NewHandler(Config{Tokens: []Token{{token, Full}}}))
	if err := client.Flush(t.Context()); err != nil { // the next try may be later than Close waits
		t.Errorf("Flush: %v", err)
	}
	if err := b.Close(); err != nil {
		t.Errorf("Close of the buffer: %v", err)
	}
	if got := texts(t, m.buffer()); got != "one\ntwo" {
		t.Errorf("the host has %q", got)
	}
	all := told.String()
	if strings.Count(all, "can't be reached") != 1 || strings.Count(all, "is back after") != 1 || strings.Count(all, "\n") != 2 {
		t.Errorf("people were told:\n%s", all)
	}
	m.stop()
	m.start(NewHandler(Config{Tokens: []Token{{"another-token-0123", Full}}}))
	_, err = client.Last(t.Context(), 1)
	if err == nil || !strings.HasSuffix(err.Error(), "the host does not know this token (401)") {
		t.Errorf("Last: %v", err)
	}
	for _, text := range []string{all, err.Error(), client.String()} {
		if strings.Contains(text, token) {
			t.Errorf("the token is in %s", text)
		}
	}
}

// The addresses that are taken, what is asked there, and what is refused.
func TestClientAddress(t *testing.T) {
	for _, tt := range []struct{ url, want, token string }{
		{"http://h:1/train", "http://h:1/train", ""},
		{"https://h/a/b/", "https://h/a/b", ""},
		{"http://u:secret-secret-secret@h/x", "http://h/x", "secret-secret-secret"},
		{"http://h/p/key/secret-secret-secret/x", "http://h/p/x", "secret-secret-secret"},
		{"http://h", "host: the address http://h has no name of a buffer: want http://HOST:PORT/NAME", ""},
		{"ftp://u:secret@h/x", "host: the address ftp://…@h/x: want http://HOST:PORT/NAME", ""},
		{"http://h/key/secret/%zz", "host: the address http://h/key/…/%zz: want http://HOST:PORT/NAME", ""},
	} {
		t.Setenv(TokenVariable, "")
		c, err := NewClient(ClientConfig{URL: tt.url})
		got, token := "", ""
		if err != nil {
			got = err.Error()
		} else {
			got, token = c.String(), c.token
		}
		if got != tt.want || token != tt.token {
			t.Errorf("%s: %s, token %q\nwant %s, token %q", tt.url, got, token, tt.want, tt.token)
		}
	}
	t.Setenv(TokenVariable, "of-the-environment")
	if c, err := NewClient(ClientConfig{URL: "http://h/x"}); err != nil || c.token != "of-the-environment" {
		t.Errorf("the token of the environment was not taken: %v", err)
	}
}

// What a host refuses for good is a gap, and nothing else is: not what was sent
// together with it.
func TestClientRefused(t *testing.T) {
	h := NewHandler(Config{Buffer: syncstream.Config{MaxLine: 10, MaxMessages: 10_000}, MaxBody: 4096})
	srv := httptest.NewServer(h)
	defer srv.Close()
	defer h.Shutdown(t.Context())
	var told notes
	client, err := NewClient(ClientConfig{URL: srv.URL + "/train", Stderr: &told})
	if err != nil {
		t.Fatal(err)
	}
	b := syncstream.NewOver(client, syncstream.Config{})
	mirror := openMirror(b, "m")
	const lines, long = 2000, 1234
	var all strings.Builder
	for n := range lines {
		text := fmt.Sprint(n + 1)
		if n+1 == long {
			text = strings.Repeat("x", 100)
		}
		fmt.Fprintln(&all, text)
	}
	io.WriteString(mirror, all.String())
	mirror.Warn(errors.New("low disk"))
	if err := mirror.Close(); err != nil {
		t.Error(err)
	}
	there, _ := h.Buffer("train")
	messages, _ := there.Last(t.Context(), 1<<20)
	if len(messages) != lines+1 {
		t.Fatalf("the host has %d messages, want %d", len(messages), lines+1)
	}
	for i, m := range messages {
		want := fmt.Sprint(i + 1)
		switch i + 1 {
		case long:
			want = ""
		case lines + 1:
			want = "low disk"
		}
		if m.Num != uint64(i+1) || m.Text != want || (m.Kind == syncstream.Gap) != (i+1 == long) || m.Kind == syncstream.Gap && m.Missing != 1 {
			t.Fatalf("message %d is %+v", i+1, m)
		}
	}
	if s := told.String(); !strings.HasSuffix(s, "does not take 1 message of m, now lost: body: batch 1: a message has more than 10 bytes (413)\n") || strings.Count(s, "\n") != 1 {
		t.Errorf("people were told %q", s)
	}
	b.Close()
	client.mu.Lock()
	defer client.mu.Unlock()
	if client.queue.cost != 0 || len(client.queue.items) != 0 {
		t.Errorf("%d bytes are left in the queue, %d items", client.queue.cost, len(client.queue.items))
	}
}

// A source for which the host has no room holds up no other, and gets in when
// there is some.
func TestClientHostFull(t *testing.T) {
	h := NewHandler(Config{MaxOpen: 1})
	srv := httptest.NewServer(h)
	defer srv.Close()
	defer h.Shutdown(t.Context())
	var told notes
	client, err := NewClient(ClientConfig{URL: srv.URL + "/train", Stderr: &told})
	if err != nil {
		t.Fatal(err)
	}
	b := syncstream.NewOver(client, syncstream.Config{})
	first, second := openMirror(b, "first"), openMirror(b, "second")
	fmt.Fprintln(second, "two")
	fmt.Fprintln(first, "one")
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
	there, _ := h.Buffer("train")
	if got, want := texts(t, there), "one\ntwo"; got != want {
		t.Errorf("the host has\n%s\nwant\n%s", got, want)
	}
	if s := told.String(); strings.Count(s, "does not take second now") != 1 {
		t.Errorf("people were told %q", s)
	}
	b.Close()
}

// A stop reaches workers that never write, whoever asked for it, and the answers
// come back.
func TestClientStop(t *testing.T) {
	m := newMachine(t)
	b, reader := m.connect(ClientConfig{}), m.connect(ClientConfig{})
	silent, deaf := openMirror(b, "silent"), openMirror(b, "deaf")
	b.NumOpen() // the host knows both
	if err := reader.Store().Stop(t.Context(), errors.New("enough")); err != nil {
		t.Fatal(err)
	}
	for _, mirror := range []*syncstream.Mirror{silent, deaf} {
		<-mirror.Context().Done()
		if cause := context.Cause(mirror.Context()); cause.Error() != "enough" {
			t.Errorf("the cause is %v", cause)
		}
	}
	silent.Acknowledge()
	b.NumOpen()
	var states strings.Builder
	for _, s := range reader.Sources() {
		fmt.Fprint(&states, s.Source, " ", s.State, "; ")
	}
	if want := "silent acknowledged; deaf asked; "; states.String() != want {
		t.Errorf("the states are %s want %s", states.String(), want)
	}
	silent.Close()
	deaf.Close()
	if err := reader.Wait(t.Context()); !errors.Is(err, syncstream.ErrStopped) || err.Error() != "enough" {
		t.Errorf("Wait: %v", err)
	}
}

// A host is not asked again and again while a worker that was told of a stop does
// not answer.
func TestClientToldOnce(t *testing.T) {
	h := NewHandler(Config{})
	var held atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/held") {
			held.Add(1)
		}
		h.ServeHTTP(w, r)
	}))
	defer srv.Close()
	defer h.Shutdown(t.Context())
	client, err := NewClient(ClientConfig{URL: srv.URL + "/train"})
	if err != nil {
		t.Fatal(err)
	}
	b := syncstream.NewOver(client, syncstream.Config{})
	silent := openMirror(b, "silent")
	b.NumOpen()
	there, _ := h.Buffer("train")
	there.Stop(nil)
	<-silent.Context().Done()
	for range 50 { // requests take their time
		b.NumOpen()
	}
	if n := held.Load(); n > 3 {
		t.Errorf("the host was asked %d times", n)
	}
	silent.Close()
	b.Close()
}

// A source that was asked to stop by whom captures it has not failed at the host.
func TestClientAsked(t *testing.T) {
	m := newMachine(t)
	b := m.connect(ClientConfig{})
	mirror := openMirror(b, "m")
	mirror.Stop(nil)
	if s := b.Sources(); len(s) != 1 || s[0].State != syncstream.StateAsked {
		t.Errorf("the source is %+v", s)
	}
	mirror.CloseWithError(errors.New("interrupted"))
	if err := m.buffer().Wait(t.Context()); err != nil {
		t.Errorf("Wait: %v", err)
	}
}

// Abandon at the host closes the mirrors of all processes.
func TestClientAbandoned(t *testing.T) {
	m := newMachine(t)
	b := m.connect(ClientConfig{})
	mirror := openMirror(b, "m")
	fmt.Fprintln(mirror, "one")
	b.NumOpen()
	m.buffer().Abandon()
	<-mirror.Context().Done()
	if cause := context.Cause(mirror.Context()); cause != syncstream.ErrAbandoned {
		t.Errorf("the cause is %v", cause)
	}
	if _, err := fmt.Fprintln(mirror, "two"); err != syncstream.ErrClosed {
		t.Errorf("a late write: %v", err)
	}
	if s := b.Stats(); s.Lost.Messages != 1 || s.Written.Messages != 2 {
		t.Errorf("the account is %+v", s)
	}
}

// Partial lines reach who reads elsewhere.
func TestClientPartials(t *testing.T) {
	m := newMachine(t)
	b, reader := m.connect(ClientConfig{}), m.connect(ClientConfig{})
	mirror := b.Mirror(syncstream.MirrorConfig{Source: syncstream.Source{Name: "m"}, Partial: true})
	fmt.Fprint(mirror, "one\n50 %")
	for m, err := range reader.Follow(t.Context(), syncstream.Oldest, syncstream.FollowPartials) {
		if err != nil {
			t.Fatal(err)
		}
		if m.Kind == syncstream.Partial {
			if m.Text != "50 %" || m.Source.Name != "m" {
				t.Errorf("the partial line is %+v", m)
			}
			break
		}
	}
	if p := reader.Partials(); len(p) != 1 || p[0].Text != "50 %" {
		t.Errorf("the partial lines are %+v", p)
	}
}

// A buffer of one process whose workers are shown there goes to a host too, which
// stops them.
func TestClientForward(t *testing.T) {
	m := newMachine(t)
	local, b := syncstream.New(syncstream.Config{}), m.connect(ClientConfig{})
	defer local.Close()
	attachment := local.Forward(b)
	silent, writes := openMirror(local, "silent"), openMirror(local, "writes")
	fmt.Fprint(writes, "one\ntwo")
	for b.NumOpen() < 2 {
		attachment.Drain(t.Context())
	}
	m.buffer().Stop(errors.New("enough"))
	<-silent.Context().Done()
	silent.Close()
	writes.Close()
	attachment.Drain(t.Context())
	if err := b.Wait(t.Context()); err == nil || err.Error() != "enough" {
		t.Errorf("Wait: %v", err)
	}
	if got := texts(t, m.buffer()); got != "one\ntwo" {
		t.Errorf("the host has %q", got)
	}
}

// What Abandon forgets at the host is a new source there with its next message, and
// what came too late is a gap.
func TestClientForwardAbandoned(t *testing.T) {
	m := newMachine(t)
	local, b := syncstream.New(syncstream.Config{}), m.connect(ClientConfig{})
	defer local.Close()
	attachment := local.Forward(b)
	mirror := openMirror(local, "m")
	deliver := func(text string) {
		t.Helper()
		fmt.Fprintln(mirror, text)
		if err := attachment.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.NumOpen()
	}
	deliver("one")
	m.buffer().Abandon()
	last := ""
	for n := 2; !strings.HasSuffix(last, fmt.Sprint(n-1)) || n == 2; n++ { // until the client has heard of it
		deliver(fmt.Sprint(n))
		last = texts(t, m.buffer())
	}
	mirror.Close()
	attachment.Drain(t.Context())
	b.NumOpen()
	num := uint64(0)
	messages, _ := m.buffer().Last(t.Context(), 1<<20)
	for _, m := range messages {
		if m.Num != num+1 {
			t.Errorf("message %d comes behind %d", m.Num, num)
		}
		num = m.Num
		if m.Kind == syncstream.Gap {
			num += m.Missing - 1
		}
	}
	if s := m.buffer().Sources(); len(s) != 2 || s[0].State != syncstream.StateLost || s[1].State != syncstream.StateExited {
		t.Errorf("the sources are %+v", s)
	}
}

// Who only reads is told of a host that is gone, too, and of its return.
func TestFollowerTells(t *testing.T) {
	m := newMachine(t)
	m.stop()
	var told notes
	gone := make(chan struct{}, 1)
	client, err := NewClient(ClientConfig{URL: "http://" + m.addr + "/train", Stderr: writerFunc(func(p []byte) {
		told.Write(p)
		select {
		case gone <- struct{}{}:
		default:
		}
	})})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close(t.Context())
	next, stop := iter.Pull2(client.Follow(t.Context(), syncstream.Oldest))
	defer stop()
	go func() {
		<-gone
		h := NewHandler(Config{})
		b, _ := h.Buffer("train")
		fmt.Fprintln(openMirror(b, "m"), "one")
		m.start(h)
	}()
	if message, err, _ := next(); err != nil || message.Text != "one" {
		t.Errorf("followed: %q, %v", message.Text, err)
	}
	if all := told.String(); strings.Count(all, "can't be reached") != 1 || strings.Count(all, "is back after") != 1 {
		t.Errorf("people were told:\n%s", all)
	}
}

type writerFunc func([]byte)

func (f writerFunc) Write(p []byte) (int, error) {
	f(p)
	return len(p), nil
}

// How long a host was away counts from when it was last asked in vain, also where
// nothing tells that it is gone.
func TestClientAway(t *testing.T) {
	var told notes
	c, err := NewClient(ClientConfig{URL: "http://h/x", Stderr: &told})
	if err != nil {
		t.Fatal(err)
	}
	c.health.fail(c, time.Now().Add(-17*time.Second), errors.New("no answer"))
	c.health.mu.Lock()
	since := time.Since(c.health.since)
	c.health.mu.Unlock()
	if since < 17*time.Second {
		t.Errorf("it is away since %v", since)
	}
	for !strings.Contains(told.String(), "no answer") { // at once
		c.health.pause(t.Context(), nil)
	}
	c.health.succeed(c)
	if s := told.String(); !strings.Contains(s, "is back after 17") {
		t.Errorf("people were told %q", s)
	}
}

// What refuses is named as it is: a host, a proxy without one behind it, or what is
// no host at all.
func TestClientNamesRefusal(t *testing.T) {
	t.Setenv(TokenVariable, "")
	withTokens := NewHandler(Config{Tokens: []Token{{"0123456789abcdef", Full}}})
	answer := func(status int, text string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			io.WriteString(w, text)
		})
	}
	for _, c := range []struct {
		name    string
		handler http.Handler
		token   string
		want    string
	}{
		{"no token", withTokens, "", "the host wants a token, and there is none in SYNCSTREAM_TOKEN (401)"},
		{"a wrong one", withTokens, "fedcba9876543210", "the host does not know this token (401)"},
		{"a page", answer(404, "<html>\nnothing here"), "", "Not Found: is a host of syncstream there? (404)"},
		{"other JSON", answer(404, `{"error":"nothing here"}`), "", "Not Found: is a host of syncstream there? (404)"},
		{
			"a text", answer(400, "Client sent an HTTP request to an HTTPS server.\n"), "",
			"Client sent an HTTP request to an HTTPS server: is a host of syncstream there? (400)",
		},
		{"a text for terminals", answer(400, "\x1b[2J"), "", "Bad Request: is a host of syncstream there? (400)"},
		{"a proxy", answer(502, "<html>"), "", "Bad Gateway (502)"},
	} {
		srv := httptest.NewServer(c.handler)
		var told notes
		client, err := NewClient(ClientConfig{URL: srv.URL + "/train", Token: c.token, Stderr: &told})
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.send(t.Context(), http.MethodGet, "status", nil, nil, nil)
		check(t, c.name, fmt.Sprint(err), c.want)
		client.health.fail(client, time.Now().Add(-tellAfter), err)
		for told.String() == "" { // at once
			client.health.pause(t.Context(), nil)
		}
		how := "refuses"
		if c.name == "a proxy" {
			how = "can't be reached"
		}
		check(t, c.name, told.String(), "syncstream: the host of "+srv.URL+"/train "+how+", and is tried again: "+c.want)
		client.Close(t.Context())
		srv.Close()
	}
}

// Who follows has been told of another buffer, and goes on at its oldest message
// though the connection breaks before that came, wherever it had begun.
func TestClientFollowsAnew(t *testing.T) {
	got, requests := followStreams(
		t, eventOfOne, // and the connection breaks
		"event: anew\ndata: {\"message\":\"another buffer\"}\n\n",
		"event: end\ndata: {\"reason\":\"closed\"}\n\n",
	)
	check(t, "messages", got, "one\nthe host was started again, or has another buffer there: nobody knows how much is missing here")
	check(t, "requests", requests, "latest \nlatest old-1\noldest ")
}

// Who follows from the latest message goes on where that was, though the
// connection breaks before another has come.
func TestClientFollowsLatest(t *testing.T) {
	got, requests := followStreams(
		t, "id: old-0\n\nid: old-1\ndata: {\"v\":1,", // the message is cut off
		eventOfOne+"id: old-2\n",
		"event: end\ndata: {\"reason\":\"closed\"}\n\n",
	)
	check(t, "messages", got, "one")
	check(t, "requests", requests, "latest \nlatest old-0\nlatest old-1")
}

// eventOfOne is an event with a message at the place old-1.
var eventOfOne = string(wire.AppendEvent(nil, "old", &syncstream.Message{
	Source: &syncstream.Source{ID: "a", Name: "a"}, Position: 1, Num: 1, Text: "one",
}))

// followStreams follows from the latest message a host that answers with one
// stream after the other. It returns the texts, and the place and the last id of
// each request.
func followStreams(t *testing.T, streams ...string) (texts, requests string) {
	t.Helper()
	asked := make(chan string, len(streams))
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.Query().Get("after") + " " + r.Header.Get("Last-Event-Id")
		io.WriteString(w, streams[len(asked)-1])
	}))
	defer srv.Close()
	c, err := NewClient(ClientConfig{URL: srv.URL + "/train", Stderr: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	var got, places []string
	for m, err := range c.Follow(t.Context(), syncstream.Latest) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, m.Text)
	}
	close(asked)
	for a := range asked {
		places = append(places, a)
	}
	return strings.Join(got, "\n"), strings.Join(places, "\n")
}
