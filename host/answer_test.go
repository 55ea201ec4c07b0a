package host

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/host/internal/wire"
)

var date = regexp.MustCompile(`Date: [^\r]*\r\n`)

// exchange sends a request as it is on a connection of its own, and returns the
// answer as it is, but for its date.
func (h *testHost) exchange(request string) string { return h.exchangeFrom("10.0.0.1", request) }

func (h *testHost) exchangeFrom(from, request string) string {
	h.t.Helper()
	c, err := h.network.dialFrom(h.t.Context(), from)
	if err != nil {
		h.t.Fatal(err)
	}
	defer c.Close()
	go io.WriteString(c, strings.ReplaceAll(request, "\n", "\r\n"))
	answer, err := io.ReadAll(c)
	if err != nil {
		h.t.Error(err)
	}
	return strings.ReplaceAll(date.ReplaceAllString(string(answer), ""), "\r\n", "\n")
}

// Whole answers, as they are on the wire; each leaves in one write.
func TestAnswers(t *testing.T) {
	const (
		always = "Cache-Control: no-store\n"
		tail   = "X-Content-Type-Options: nosniff\nConnection: close\n\n"
		head   = "Host: localhost\nConnection: close\n"
	)
	json := func(status string, before, body, after string) string {
		return "HTTP/1.1 " + status + "\n" + before + always +
			fmt.Sprintf("Content-Length: %d\nContent-Type: application/json\n", len(body)+1) + after + tail + body + "\n"
	}
	post := func(path, kind, body string) string {
		return fmt.Sprintf("POST %s HTTP/1.1\n%sContent-Type: %s\nContent-Length: %d\n\n%s", path, head, kind, len(body), body)
	}
	const id = "Syncstream-Buffer: ID\n"
	for _, tt := range []struct{ name, request, want string }{
		{"health", "GET /v1/health HTTP/1.1\n" + head + "\n", json("200 OK", "", `{"message":"ok"}`, "")},
		{"stop", post("/train/v1/stop", wire.JSON, "{}"), json("200 OK", "", `{"message":"success"}`, id)},
		{
			"append", post("/train/v1/append", wire.Batches, string(request("a", 1, lines(1, "one")))),
			json("200 OK", "", `{"epoch":1,"num":1,"state":"open"}`, id),
		},
		{
			"messages", "GET /train/v1/messages HTTP/1.1\n" + head + "\n", "HTTP/1.1 200 OK\n" + always +
				"Content-Type: application/x-ndjson\n" + id + "X-Content-Type-Options: nosniff\nContent-Length: 129\nConnection: close\n\n" +
				`{"v":1,"source":{"id":"b","name":"B"},"stream":"stdout","kind":"line","num":1,"time":"2026-11-22T21:33:22.500000000Z","text":"<x>"}` + "\n",
		},
		{
			"no such method", "DELETE /train/v1/append HTTP/1.1\n" + head + "\n",
			json("405 Method Not Allowed", "Allow: POST\n", `{"message":"method \"DELETE\": want POST"}`, ""),
		},
		{
			"no such request", "GET /train/v1/appendix HTTP/1.1\n" + head + "\n",
			json("404 Not Found", "", `{"message":"there is no v1/appendix"}`, ""),
		},
		{
			"preflight", "OPTIONS /train/v1/stop HTTP/1.1\n" + head + "Origin: http://evil.example\nAccess-Control-Request-Method: POST\n\n",
			json("405 Method Not Allowed", "Allow: POST\n", `{"message":"method \"OPTIONS\": want POST"}`, ""),
		},
		{
			"a form", post("/train/v1/stop", "text/plain", "{}"),
			json("415 Unsupported Media Type", "", `{"message":"Content-Type \"text/plain\": want application/json"}`, id),
		},
		{
			"no type", "POST /train/v1/append HTTP/1.1\n" + head + "Content-Length: 0\n\n",
			json("415 Unsupported Media Type", "", `{"message":"Content-Type missing: want application/x-syncstream or application/x-ndjson"}`, id),
		},
		{
			"bad JSON", post("/train/v1/stop", wire.JSON, `{"cause":`),
			json("400 Bad Request", "", `{"message":"body: byte 9: unexpected end of JSON input"}`, id),
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := start(t, Config{})
			s, err := h.h.served("train")
			if err != nil {
				t.Fatal(err)
			}
			if tt.name == "messages" {
				h.do(http.MethodPost, "/train/v1/append", wire.Lines,
					[]byte(`{"v":1,"source":{"id":"b","name":"B"},"stream":"stdout","kind":"line","num":1,"time":"2026-11-22T21:33:22.5Z","text":"<x>"}`))
				tt.want = strings.Replace(tt.want, `"text":"<x>"`, `"text":"<x>","position":1`, 1)
				tt.want = strings.Replace(tt.want, "Content-Length: 129", "Content-Length: 145", 1)
			}
			h.network.takeWrites()
			got := strings.ReplaceAll(h.exchange(tt.request), s.id, "ID")
			if got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
			if writes := h.network.takeWrites(); len(writes) != 1 {
				t.Errorf("%d writes: %q", len(writes), writes)
			}
		})
	}
}

// What touches an answer has ended when its request has been served: later, the
// connection serves another, or none.
func TestDuring(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var calls, ended int
		end := during(ctx, func() {
			calls++
			time.Sleep(time.Second)
			ended++
		})
		during(ctx, func() { t.Error("called after the end") })()
		cancel()
		synctest.Wait()
		end()
		if calls != 1 || ended != 1 {
			t.Errorf("%d calls, of which %d have ended", calls, ended)
		}
	})
}

// Whoever waits is told that the host ends, what is under way comes to its end,
// and nothing is left behind in the bubble.
func TestShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, Config{})
		h.append("a", 1, lines(1, "one"))
		answers := make(chan string, 3)
		for _, path := range []string{"held", "wait", "follow"} {
			go func() {
				if path == "held" {
					answers <- h.post("/train/v1/held", `{"sources":[{"id":"a"}]}`)
				} else {
					answers <- h.get("/train/v1/" + path)
				}
			}()
		}
		synctest.Wait()
		begun := time.Now()
		if err := h.h.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if took := time.Since(begun); took > 0 {
			t.Errorf("it took %v", took)
		}
		ended := 0
		for range 3 {
			switch a := <-answers; {
			case a == `{"message":"the host is shutting down"}`+"\n", strings.Contains(a, `"reason":"shutdown"`):
				ended++
			default:
				t.Errorf("answer %s", a)
			}
		}
		check(t, "afterwards", h.get("/train/v1/messages"), `{"message":"the host is shutting down"}`)
		if _, err := h.h.Buffer("new"); err == nil {
			t.Error("a new buffer can be had")
		}
		if err := h.h.Shutdown(t.Context()); err != nil {
			t.Errorf("a second time: %v", err)
		}
		check(t, "statuses", statuses(h.h.buffers["train"].buffer), "a lost")
	})
}

// A request that waits for room in a buffer ends when Shutdown's time is over.
func TestShutdownBlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, Config{})
		pass := make(chan struct{})
		h.buffer().Attach(blockingSink{pass})
		done := make(chan struct{})
		go func() {
			defer close(done)
			text := strings.Repeat("x", 1000)
			for i := uint64(1); ; i++ { // until the sink's queue is full
				if got := h.append("a", 1, lines(i, text, text)); !strings.HasPrefix(got, "200") && !strings.HasPrefix(got, "409") {
					return
				}
			}
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if err := h.h.Shutdown(ctx); err != context.DeadlineExceeded {
			t.Errorf("Shutdown: %v", err)
		}
		<-done
		close(pass)
	})
}

// So does that of a Python program, whose source is locked meanwhile.
func TestShutdownBlockedPython(t *testing.T) {
	var hangs atomic.Bool // time does not go on in a bubble in which a mutex is waited for
	defer time.AfterFunc(10*time.Second, func() { hangs.Store(true) }).Stop()
	synctest.Test(t, func(t *testing.T) {
		h := start(t, Config{})
		pass := make(chan struct{})
		h.buffer().Attach(blockingSink{pass})
		last := make(chan int, 1)
		go func() {
			body := []byte(`{"type":"str","data":{"value":"` + strings.Repeat("x", 100_000) + `\n"}}`)
			for { // until the sink's queue is full
				if status, _ := h.do(http.MethodPost, "/train", wire.JSON, body); status != http.StatusCreated {
					last <- status
					return
				}
			}
		}()
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		done := make(chan error, 1)
		go func() { done <- h.h.Shutdown(ctx) }()
		for len(done) == 0 && !hangs.Load() {
			h.get("/v1/health")
		}
		stuck := len(done) == 0
		if stuck {
			t.Error("Shutdown waits for the request, which waits for the sink")
			close(pass)
		}
		if err := <-done; err != context.Canceled {
			t.Errorf("Shutdown: %v", err)
		}
		if status := <-last; status != http.StatusServiceUnavailable {
			t.Errorf("status %d", status)
		}
		if !stuck {
			close(pass)
		}
	})
}

// A buffer that is being closed calls its Parse, for the half line: nothing is
// locked that the host needs.
func TestShutdownParse(t *testing.T) {
	var h *testHost
	var answers []string
	h = start(t, Config{Buffer: syncstream.Config{Parse: func(m *syncstream.Message) bool {
		if !h.h.mu.TryLock() {
			answers = append(answers, m.Text+": the host is locked")
			return true
		}
		h.h.mu.Unlock()
		_, err := h.h.Buffer("errors")
		answers = append(answers, fmt.Sprint(m.Text, ": ", err))
		return true
	}}})
	h.append("a", 1, wire.Batch{Kind: syncstream.Partial, Text: []byte("half")})
	if err := h.h.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	check(t, "answers", strings.Join(answers, "\n"), `half: host: "errors": the host is shutting down`)
}

// blockingSink takes nothing until it may.
type blockingSink struct{ pass chan struct{} }

func (s blockingSink) WriteBatches([]*syncstream.Batch) error {
	<-s.pass
	return nil
}
