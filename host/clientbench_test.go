package host

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/syncstream/syncstream"
)

// Lines of 100 bytes from mirrors of one process to a host on loopback, each
// written by itself; the time ends when the host has acknowledged all of them.
func BenchmarkMirrors(b *testing.B) {
	for _, mirrors := range []int{1, 8} {
		b.Run(fmt.Sprintf("mirrors=%d", mirrors), func(b *testing.B) {
			h := NewHandler(Config{})
			srv := httptest.NewServer(h)
			defer srv.Close()
			defer h.Shutdown(context.Background())
			client, err := NewClient(ClientConfig{URL: srv.URL + "/bench"})
			if err != nil {
				b.Fatal(err)
			}
			buffer := syncstream.NewOver(client, syncstream.Config{})
			line := []byte(strings.Repeat("x", 99) + "\n")
			const lines = 20_000 // each mirror, in one round
			b.SetBytes(int64(lines * mirrors * len(line)))
			b.ReportAllocs()
			for b.Loop() {
				var wg sync.WaitGroup
				for i := range mirrors {
					m := buffer.Mirror(syncstream.MirrorConfig{Source: syncstream.Source{Name: fmt.Sprint(i)}})
					wg.Go(func() {
						for range lines {
							m.Write(line)
						}
						m.Close()
					})
				}
				wg.Wait()
			}
			b.ReportMetric(float64(b.N*lines*mirrors)/b.Elapsed().Seconds(), "lines/s")
			b.StopTimer()
			buffer.Close()
		})
	}
}

// The same bytes by a bare loop of POST requests of 256 KiB, which the server reads
// and forgets: what HTTP alone allows.
func BenchmarkBarePost(b *testing.B) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) }))
	defer srv.Close()
	client := newHTTPClient()
	defer client.CloseIdleConnections()
	body := bytes.Repeat([]byte(strings.Repeat("x", 99)+"\n"), chunkSize/100)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		resp, err := client.Post(srv.URL, "text/plain", bytes.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		resp.Body.Close()
	}
	b.ReportMetric(float64(b.N*len(body)/100)/b.Elapsed().Seconds(), "lines/s")
}

// One line every millisecond, from a worker to who follows over HTTP: the time
// from before its Write until it is read.
func BenchmarkLatency(b *testing.B) {
	h := NewHandler(Config{})
	srv := httptest.NewServer(h)
	defer srv.Close()
	defer h.Shutdown(context.Background())
	var ends [2]*syncstream.Buffer // a process that writes, and one that reads
	for i := range ends {
		client, err := NewClient(ClientConfig{URL: srv.URL + "/bench"})
		if err != nil {
			b.Fatal(err)
		}
		ends[i] = syncstream.NewOver(client, syncstream.Config{})
		defer ends[i].Close()
	}
	m := ends[0].Mirror(syncstream.MirrorConfig{Source: syncstream.Source{Name: "m"}})
	fmt.Fprintln(m, time.Now().UnixNano())
	m.Flush(b.Context())
	var took []time.Duration
	next, stop := iter.Pull2(ends[1].Follow(b.Context(), syncstream.Oldest))
	defer stop()
	next()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for b.Loop() {
		<-tick.C
		began := time.Now()
		fmt.Fprintln(m, "a line")
		if _, err, _ := next(); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
	m.Close()
}

// 2,000 mirrors of one process that write nothing, host and all, for 30 s: run it
// with -benchtime 1x.
func BenchmarkIdle(b *testing.B) {
	h := NewHandler(Config{})
	srv := httptest.NewServer(h)
	defer srv.Close()
	defer h.Shutdown(context.Background())
	client, err := NewClient(ClientConfig{URL: srv.URL + "/bench"})
	if err != nil {
		b.Fatal(err)
	}
	buffer := syncstream.NewOver(client, syncstream.Config{})
	before := memory()
	for i := range 2000 {
		buffer.Mirror(syncstream.MirrorConfig{Source: syncstream.Source{Name: fmt.Sprint(i)}})
	}
	if err := client.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		busy, began := processorTime(), time.Now()
		<-time.After(30 * time.Second) // a held request is renewed meanwhile
		b.ReportMetric(100*(processorTime()-busy).Seconds()/time.Since(began).Seconds(), "%-of-a-core")
	}
	b.ReportMetric(float64(memory()-before)/(1<<20), "MiB")
	if n := buffer.NumOpen(); n != 2000 {
		b.Errorf("%d mirrors are open", n)
	}
	buffer.Abandon()
	buffer.Close()
}

// memory is what the program has of the system and uses.
func memory() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

// processorTime is how long goroutines have run.
func processorTime() time.Duration {
	samples := []metrics.Sample{{Name: "/cpu/classes/total:cpu-seconds"}, {Name: "/cpu/classes/idle:cpu-seconds"}}
	runtime.GC() // which brings these up to date
	metrics.Read(samples)
	return time.Duration((samples[0].Value.Float64() - samples[1].Value.Float64()) * float64(time.Second))
}

// What a host keeps, read by one who follows.
func BenchmarkRead(b *testing.B) {
	const lines = 20_000
	h := NewHandler(Config{Buffer: syncstream.Config{MaxMessages: lines}})
	srv := httptest.NewServer(h)
	defer srv.Close()
	defer h.Shutdown(context.Background())
	there, err := h.Buffer("bench")
	if err != nil {
		b.Fatal(err)
	}
	m := there.Mirror(syncstream.MirrorConfig{Source: syncstream.Source{Name: "m"}})
	io.WriteString(m, strings.Repeat(strings.Repeat("x", 99)+"\n", lines))
	m.Close()
	client, err := NewClient(ClientConfig{URL: srv.URL + "/bench"})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		n := 0
		for _, err := range client.Follow(b.Context(), syncstream.Oldest, syncstream.FollowUntilDone) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != lines {
			b.Fatalf("%d lines were read, want %d", n, lines)
		}
	}
	b.ReportMetric(float64(b.N*lines)/b.Elapsed().Seconds(), "lines/s")
}
