package host

import (
	"bytes"
	"context"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/storetest"
)

// A buffer at a host keeps the nine promises, over HTTP.
func TestClientKeepsPromises(t *testing.T) {
	storetest.Run(t, func(c syncstream.Config) (*syncstream.Buffer, error) {
		there := c
		there.Parse = nil // messages are parsed before they are sent
		h := NewHandler(Config{Buffer: there})
		srv := httptest.NewServer(h)
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			h.Shutdown(ctx)
			srv.Close()
		})
		client, err := NewClient(ClientConfig{URL: srv.URL + "/train"})
		if err != nil {
			return nil, err
		}
		return syncstream.NewOver(client, c), nil
	})
}

// notes is what people are told.
type notes struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (n *notes) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.buf.Write(p)
}

func (n *notes) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.buf.String()
}

// Whatever the goroutines of a client have to say, its Stderr has one call at a
// time: the race detector would tell.
func TestClientStderr(t *testing.T) {
	var stderr strings.Builder
	c, err := NewClient(ClientConfig{URL: "http://localhost/train", Stderr: &stderr})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() { c.say("is slow") })
	}
	all.Wait()
	if want := strings.Repeat("syncstream: the host of http://localhost/train is slow\n", 10); stderr.String() != want {
		t.Errorf("it was told %q", stderr.String())
	}
}
