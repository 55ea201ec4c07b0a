package host

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/syncstream/syncstream"
)

// gate lets each request that appends through when it is given something.
type gate struct {
	to     http.RoundTripper
	pass   chan struct{}
	passed atomic.Int32 // how many have
}

func (g *gate) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, "/append") {
		select {
		case <-g.pass:
			g.passed.Add(1)
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	return g.to.RoundTrip(r)
}

// gated returns a client whose requests that append wait for the gate.
func (h *testHost) gated() (*Client, *gate) {
	h.t.Helper()
	g := &gate{to: h.client.Transport, pass: make(chan struct{})}
	c, err := NewClient(ClientConfig{URL: "http://localhost/train", HTTPClient: &http.Client{Transport: g}})
	if err != nil {
		h.t.Fatal(err)
	}
	return c, g
}

// feed opens a source, and returns what appends a line to it that has that number.
func (h *testHost) feed(c *Client, id string) (syncstream.Feed, func(num uint64)) {
	h.t.Helper()
	f, err := c.Feed(&syncstream.Source{ID: id, Name: id})
	if err != nil {
		h.t.Fatal(err)
	}
	return f, func(num uint64) {
		h.t.Helper()
		b, err := syncstream.NewBatch(syncstream.BatchConfig{First: num, Text: fmt.Appendln(nil, num)})
		if err == nil {
			err = f.Append(b)
		}
		if err != nil {
			h.t.Error(err)
		}
	}
}

// crowd opens more sources than one request tells of.
func (h *testHost) crowd(c *Client) {
	for i := range maxItems + busyItems {
		h.feed(c, fmt.Sprint("crowd", i))
	}
}

// What workers write in turns while a request is under way comes in its order, and
// all of it with one request, as what they said last does.
func TestClientGathers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, Config{})
		c, g := h.gated()
		a, lineOfA := h.feed(c, "a")
		synctest.Wait()
		b, lineOfB := h.feed(c, "b")
		var want []string
		for i := range uint64(10) {
			lineOfA(i + 1)
			lineOfB(i + 1)
			want = append(want, fmt.Sprintf("a %d %d\nb %d %d", i+1, i+1, i+1, i+1))
		}
		a.Close(syncstream.StateExited, nil)
		b.Close(syncstream.StateKilled, nil)
		close(g.pass)
		if err := c.Close(t.Context()); err != nil {
			t.Error(err)
		}
		check(t, "the messages", shorts(h.buffer()), strings.Join(want, "\n"))
		check(t, "the sources", statuses(h.buffer()), "a exited\nb killed")
		if n := g.passed.Load(); n != 2 { // the one that opens a, and all else
			t.Errorf("%d requests", n)
		}
	})
}

// Flush waits for what a source has said or shown, though what it wrote later may
// overtake what others want.
func TestClientFlushesAll(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(syncstream.Feed)
		want string
	}{
		{"mark", func(f syncstream.Feed) { f.Mark(syncstream.StateAsked) }, "asked"},
		{"hold", func(f syncstream.Feed) { f.Hold(syncstream.Stderr, []byte("half")) }, "half"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := start(t, Config{})
				c, g := h.gated()
				f, line := h.feed(c, "a")
				synctest.Wait() // its request is at the gate, and what follows waits
				line(1)
				h.crowd(c)
				tt.do(f)
				line(2)
				flushed := make(chan error, 1)
				go func() { flushed <- f.Flush(t.Context()) }()
				for synctest.Wait(); len(flushed) == 0; synctest.Wait() {
					g.pass <- struct{}{}
				}
				if err := <-flushed; err != nil {
					t.Error(err)
				}
				b := h.buffer()
				got := fmt.Sprintf("%v %+v", b.Sources()[0].State, b.Partials())
				if !strings.Contains(got, tt.want) {
					t.Errorf("the host has %s, want %s", got, tt.want)
				}
				close(g.pass)
				if err := c.Close(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// Messages of a source that are missing stand as a gap between those before and
// behind them, though many others wait.
func TestClientGapInCrowd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, Config{})
		c, g := h.gated()
		_, line := h.feed(c, "a")
		synctest.Wait()
		line(1)
		h.crowd(c)
		line(5)
		close(g.pass)
		if err := c.Close(t.Context()); err != nil {
			t.Error(err)
		}
		check(t, "the messages", shorts(h.buffer()), "a 1 1\na 2 gap 3\na 5 5")
	})
}

// Many sources wait no longer for a slow network than one: what they write, and
// that they end, takes as many ways there and back.
func TestClientManySources(t *testing.T) {
	const trip = time.Second // to the host and back
	for _, sources := range []int{1, 100} {
		synctest.Test(t, func(t *testing.T) {
			h := start(t, Config{})
			c, err := NewClient(ClientConfig{
				URL: "http://localhost/train",
				HTTPClient: &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
					time.Sleep(trip)
					return h.client.Transport.RoundTrip(r)
				})},
			})
			if err != nil {
				t.Fatal(err)
			}
			b := syncstream.NewOver(c, syncstream.Config{})
			begun := time.Now()
			var all []*syncstream.Mirror
			for i := range sources {
				all = append(all, openMirror(b, fmt.Sprint(i)))
			}
			for range 10 {
				for _, m := range all {
					io.WriteString(m, "line\n")
				}
			}
			var closed sync.WaitGroup
			for _, m := range all {
				closed.Go(func() {
					if err := m.Close(); err != nil {
						t.Error(err)
					}
				})
			}
			closed.Wait()
			if took := time.Since(begun); took > 4*trip { // the first source's request goes alone
				t.Errorf("%d sources took %v", sources, took)
			}
			if stats := h.buffer().Stats(); stats.Kept.Messages != uint64(10*sources) || stats.Open != 0 {
				t.Errorf("the host has %d messages, want %d, and %d sources are open", stats.Kept.Messages, 10*sources, stats.Open)
			}
			b.Close()
			if err := c.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}
