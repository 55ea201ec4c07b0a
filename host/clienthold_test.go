package host

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/syncstream/syncstream"
)

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Who says yes to everything has not taken a message.
func TestClientNoHost(t *testing.T) {
	for text, want := range map[string]string{
		`{}`:                                 "the answer does not say how far it got",
		`{"epoch":1,"num":0,"state":"open"}`: "the answer says that it got to message 0 of 1",
	} {
		synctest.Test(t, func(t *testing.T) {
			client, err := NewClient(ClientConfig{
				URL: "http://localhost/train", Stderr: io.Discard,
				HTTPClient: &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
					return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(text)), Request: r}, nil
				})},
			})
			if err != nil {
				t.Fatal(err)
			}
			b := syncstream.NewOver(client, syncstream.Config{})
			mirror := openMirror(b, "m")
			io.WriteString(mirror, "one\n")
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if err := mirror.Flush(ctx); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: Flush: %v", text, err)
			}
			b.Close()
		})
	}
}

// A host, or a proxy, that holds no request is not asked without a pause.
func TestClientNotHeld(t *testing.T) {
	for name, held := range map[string]string{
		"nothing":    `{"sources":[]}`,
		"once more":  `{"sources":[{"id":"m","state":"asked","stop":"enough"}]}`,
		"who is not": `{"sources":[{"id":"other","state":"unknown"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var asked atomic.Int64
				client, err := NewClient(ClientConfig{
					URL: "http://localhost/train", Stderr: io.Discard,
					HTTPClient: &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
						text := `{"epoch":1,"num":0,"state":"open"}`
						if strings.HasSuffix(r.URL.Path, "/held") {
							if text = held; asked.Add(1) > 100 {
								<-r.Context().Done() // the test has failed, and should end
							}
						}
						return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(text)), Request: r}, nil
					})},
				})
				if err != nil {
					t.Fatal(err)
				}
				b := syncstream.NewOver(client, syncstream.Config{})
				m := b.Mirror(syncstream.MirrorConfig{Source: syncstream.Source{ID: "m", Name: "m"}})
				time.Sleep(10 * time.Second)
				if n := asked.Load(); n < 5 || n > 30 {
					t.Errorf("the host was asked %d times in 10 s", n)
				}
				m.Close()
				b.Close()
			})
		})
	}
}
