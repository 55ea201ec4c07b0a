package host

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/host/internal/wire"
)

// hundredBytes returns so many lines of 100 bytes.
func hundredBytes(n int) []byte { return bytes.Repeat([]byte(strings.Repeat("x", 99)+"\n"), n) }

// A request is taken with as many allocations, however many lines are in it.
func TestAppendAllocates(t *testing.T) {
	h := NewHandler(Config{})
	defer h.Shutdown(t.Context())
	allocations := func(id string, n int) float64 {
		next := uint64(1)
		text := hundredBytes(n)
		var body []byte
		return testing.AllocsPerRun(50, func() {
			body = append(body[:0], request(id, 1, wire.Batch{First: next, Count: n, Text: text})...)
			next += uint64(n)
			r := httptest.NewRequest(http.MethodPost, "/train/v1/append", bytes.NewReader(body))
			r.Header.Set("Content-Type", wire.Batches)
			w := httptest.NewRecorder()
			if h.ServeHTTP(w, r); w.Code != http.StatusOK {
				t.Fatal(w.Body)
			}
		})
	}
	one, many := allocations("a", 1), allocations("b", 2000)
	if many > one+5 {
		t.Errorf("%v allocations for 2000 lines, %v for one", many, one)
	}
}

// listen returns the address of h on the loopback network.
func listen(b *testing.B, h http.Handler) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	srv := NewServer("", h, ServerConfig{})
	go srv.Serve(listener)
	b.Cleanup(func() { srv.Close() })
	return "http://" + listener.Addr().String()
}

// poster sends requests on one connection.
type poster struct {
	url  string
	kind string
}

func (p poster) post(b *testing.B, body []byte) {
	r, err := http.NewRequest(http.MethodPost, p.url, bytes.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Content-Type", p.kind)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	text, _ := io.ReadAll(answer.Body)
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		b.Fatalf("%s", text)
	}
}

// BenchmarkAppend is what the host takes from one mirror, beside a loop of POSTs
// of the same size to a server that reads them and does nothing; client and server
// share the machine in both.
func BenchmarkAppend(b *testing.B) {
	const perRequest = 2600
	text := hundredBytes(perRequest)
	b.Run("bare", func(b *testing.B) {
		url := listen(b, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) }))
		p := poster{url, wire.Batches}
		body := request("a", 1, wire.Batch{First: 1, Count: perRequest, Text: text})
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			p.post(b, body)
		}
		b.ReportMetric(perRequest*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mlines/s")
	})
	b.Run("host", func(b *testing.B) {
		h := NewHandler(Config{})
		p := poster{listen(b, h) + "/train/v1/append", wire.Batches}
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		next := uint64(1)
		var body []byte
		for b.Loop() {
			body = wire.AppendHead(body[:0], &syncstream.Source{ID: "a", Name: "A"}, 1)
			body = wire.AppendBatch(body, &wire.Batch{First: next, Count: perRequest, Text: text})
			next += perRequest
			p.post(b, body)
		}
		b.ReportMetric(perRequest*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mlines/s")
	})
}

// BenchmarkFollow is the time from a POST of one line, at 1,000 a second, to the
// event of a reader.
func BenchmarkFollow(b *testing.B) {
	h := NewHandler(Config{})
	url := listen(b, h)
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/train/v1/follow", nil)
	if err != nil {
		b.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer answer.Body.Close()
	arrived := make(chan time.Time, 1)
	go func() {
		events := wire.NewEventReader(answer.Body, 1<<20)
		for {
			if _, err := events.Next(nil); err != nil {
				return
			}
			arrived <- time.Now()
		}
	}()
	p := poster{url + "/train/v1/append", wire.Batches}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	var took []time.Duration
	for next := uint64(1); b.Loop(); next++ {
		<-tick.C
		begun := time.Now()
		p.post(b, request("a", 1, wire.Batch{First: next, Count: 1, Text: hundredBytes(1)}))
		took = append(took, (<-arrived).Sub(begun))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}

// BenchmarkFollowFast is how many messages a second one reader gets that are
// kept already.
func BenchmarkFollowFast(b *testing.B) {
	const n = 100_000
	h := NewHandler(Config{Buffer: syncstream.Config{MaxMessages: n}})
	url := listen(b, h)
	p := poster{url + "/train/v1/append", wire.Batches}
	for i := range uint64(n / 1000) {
		p.post(b, request("a", 1, wire.Batch{First: 1 + i*1000, Count: 1000, Text: hundredBytes(1000)}))
	}
	for b.Loop() {
		answer, err := http.Get(url + "/train/v1/follow?last=" + fmt.Sprint(n))
		if err != nil {
			b.Fatal(err)
		}
		events := wire.NewEventReader(answer.Body, 1<<20)
		for range n {
			if _, err := events.Next(nil); err != nil {
				b.Fatal(err)
			}
		}
		answer.Body.Close()
	}
	b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mlines/s")
}
