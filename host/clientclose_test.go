package host

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/syncstream/syncstream"
)

// away returns a client whose host can't be reached.
func away(t *testing.T, stderr io.Writer) *Client {
	t.Helper()
	c, err := NewClient(ClientConfig{URL: "http://localhost/train", Stderr: stderr, HTTPClient: &http.Client{
		Transport: trip(func(*http.Request) (*http.Response, error) { return nil, errors.New("no way there") }),
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Feed(&syncstream.Source{ID: "a", Name: "a"}); err != nil {
		t.Fatal(err)
	}
	return c
}

// Who tells people that the host is gone has come to an end when Close returns; but
// people who take nothing do not hold up Close for long.
func TestClientCloseTells(t *testing.T) {
	for _, tt := range []struct{ write, close, took time.Duration }{
		{3 * time.Second, 3500 * time.Millisecond, 4 * time.Second}, // the host is missed after one second
		{time.Hour, 2 * time.Second, 3 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := away(t, writerFunc(func([]byte) { time.Sleep(tt.write) }))
			begun := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), tt.close)
			defer cancel()
			if err := c.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Close: %v", err)
			}
			if took := time.Since(begun); took != tt.took {
				t.Errorf("it took %v, want %v", took, tt.took)
			}
			time.Sleep(tt.write) // nothing may be left in the bubble
		})
	}
}

// A source that waits until the host has room for it does so no longer after Close.
func TestClientCloseFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, Config{MaxOpen: 1})
		h.append("other", 1)
		c, err := NewClient(ClientConfig{URL: "http://localhost/train", Stderr: io.Discard, HTTPClient: h.client})
		if err != nil {
			t.Fatal(err)
		}
		f, err := c.Feed(&syncstream.Source{ID: "a", Name: "a"})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := c.Close(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Close: %v", err)
		}
		time.Sleep(2 * maxPause)
		c.mu.Lock()
		defer c.mu.Unlock()
		if !f.(*feed).full {
			t.Error("something has run after Close")
		}
	})
}

// Nobody waits until a host accepts a token that it has refused; but it is tried
// again, so what was written arrives when it does.
func TestClientCloseDenied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, Config{Tokens: []Token{{"0123456789abcdef", Full}, {"for-reading-only-1", Read}}})
		var accepts atomic.Bool
		way := &http.Client{Transport: trip(func(r *http.Request) (*http.Response, error) {
			if accepts.Load() {
				r.Header.Set("Authorization", "Bearer 0123456789abcdef")
			}
			return h.client.Transport.RoundTrip(r)
		})}
		c, err := NewClient(ClientConfig{URL: "http://localhost/train", Token: "for-reading-only-1", Stderr: io.Discard, HTTPClient: way})
		if err != nil {
			t.Fatal(err)
		}
		b := syncstream.NewOver(c, syncstream.Config{CloseTimeout: time.Hour})
		m := openMirror(b, "a")
		io.WriteString(m, "one\n")
		time.Sleep(time.Minute) // it is tried rarely now
		begun := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		for _, err := range []error{m.Flush(ctx), m.Close(), c.Flush(ctx)} {
			if want := "host: 1 message was not delivered to http://localhost/train: this token is for reading, and this needs one for writing (403)"; err == nil || err.Error() != want {
				t.Errorf("it says %v, want %s", err, want)
			}
		}
		if took := time.Since(begun); took > firstPause {
			t.Errorf("it took %v", took)
		}
		accepts.Store(true)
		if err := b.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		check(t, "the host has", texts(t, h.buffer()), "one")
	})
}

// What is asked for while Close is called begins before that waits for it, or not
// at all: both have the mutex.
func TestClientCloseLocks(t *testing.T) {
	c := away(t, io.Discard)
	cancel := c.cancel
	c.cancel = func(cause error) {
		if c.mu.TryLock() {
			c.mu.Unlock()
			t.Error("a goroutine could begin now that Close does not wait for")
		}
		cancel(cause)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	c.Close(ctx)
	c.start(func() { t.Error("a goroutine begins after Close") })
}
