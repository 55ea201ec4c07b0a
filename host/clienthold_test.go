package host

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/host/internal/wire"
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
			synctest.Wait() // so that the line is brought by a request of its own
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

// What comes behind a message that the host may not have is not taken for delivered,
// though the answer says so: one of several that are answered together.
func TestClientNoHostBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, err := NewClient(ClientConfig{
			URL: "http://localhost/train", Stderr: io.Discard,
			HTTPClient: &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
				time.Sleep(time.Millisecond) // so that the others wait for the first
				text := `{"epoch":1,"num":0,"state":"open"}`
				body, _ := io.ReadAll(r.Body)
				if appends, err := wire.DecodeBatches(nil, body); err == nil && len(appends) > 1 {
					answers := wire.Answers{Answers: make([]wire.Answer, len(appends))}
					for i := range appends {
						answers.Answers[i] = wire.Answer{Status: 200, Progress: &wire.Progress{Epoch: appends[i].Epoch, State: "open"}}
						if i > 0 {
							answers.Answers[i].Num = 1 << 60
						}
					}
					data, _ := json.Marshal(answers)
					text = string(data)
				}
				return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(text)), Request: r}, nil
			})},
		})
		if err != nil {
			t.Fatal(err)
		}
		f, _ := client.Feed(&syncstream.Source{ID: "a"})
		for i := range 2 {
			time.Sleep(time.Millisecond / 4)
			b, _ := syncstream.NewBatch(syncstream.BatchConfig{First: uint64(i + 1), Text: []byte("one\n")})
			f.Append(b)
			f.Mark(syncstream.StateAsked + syncstream.State(i)) // so that the messages are not put together
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := f.Flush(ctx); err == nil || !strings.Contains(err.Error(), "message 0 of 1") {
			t.Errorf("Flush: %v", err)
		}
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		client.Close(ctx)
	})
}
