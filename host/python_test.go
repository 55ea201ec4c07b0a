package host

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/syncstream/syncstream"
)

// pythonClient is a program of the Python package, with the connection that it
// keeps.
type pythonClient struct {
	t    *testing.T
	conn net.Conn
	read *bufio.Reader
}

func (h *testHost) python(t *testing.T) *pythonClient {
	t.Helper()
	conn, err := h.network.dialFrom(t.Context(), "10.0.0.2")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &pythonClient{t, conn, bufio.NewReader(conn)}
}

// do returns the status and the body of the answer.
func (c *pythonClient) do(method, path, body string) string {
	c.t.Helper()
	go fmt.Fprintf(c.conn, "%s %s HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		method, path, len(body), body)
	answer, err := http.ReadResponse(c.read, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return fmt.Sprintf("%d %s", answer.StatusCode, strings.TrimSpace(string(text)))
}

const pythonText = `{"type":"str","data":{"value":"one\nhal"}}`

// A host's buffers speak the wire of the Python package at their own path. Workers
// of both kinds write to one buffer, and a stop reaches both.
func TestPython(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, Config{})
		one, two := h.python(t), h.python(t)
		check(t, "text", one.do("POST", "/train", pythonText), `201 {"message":"success"}`)
		check(t, "text", two.do("POST", "/train", pythonText), `201 {"message":"success"}`)
		h.append("go", 1, lines(1, "ours"))
		check(t, "items", one.do("GET", "/train?n=4", ""), `200 {"message":"success","data":["one","ours","hal","hal"]}`)
		check(t, "maxlen", one.do("GET", "/train-state?state=maxlen", ""), `200 {"message":"success","data":1000}`)
		check(t, "another buffer", one.do("GET", "/test", ""), `200 {"message":"success","data":[]}`)
		check(t, "stop", h.post("/train/v1/stop", "{}"), `{"message":"success"}`)
		check(t, "closed", two.do("GET", "/train-state?state=closed", ""), `200 {"message":"success","data":true}`)
	})
}

// A Python program whose connection ends is named, as NewServer watches it; one
// that is silent is not.
func TestPythonVanishes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, Config{})
		one, two := h.python(t), h.python(t)
		one.do("POST", "/train", pythonText)
		two.do("POST", "/train", pythonText)
		one.conn.Close()
		time.Sleep(time.Hour)
		synctest.Wait()
		open := 0
		for _, s := range h.buffer().Sources() {
			if s.State.IsOpen() {
				open++
			} else if s.Err == nil {
				t.Errorf("%s ended without an error", s.Source)
			}
		}
		if open != 1 {
			t.Errorf("%d sources are open, want 1", open)
		}
	})
}

// A token in the path lets a Python program do what it is for.
func TestPythonTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, Config{Tokens: tokens})
		c := h.python(t)
		for _, tt := range []struct{ method, path, body, may string }{
			{"GET", "/train", "", "read full"},
			{"POST", "/train", pythonText, "write full"},
			{"DELETE", "/train", "", "full"},
			{"GET", "/train-state?state=closed", "", "read write full"},
			{"POST", "/train-state", `{"state":"closed","value":"false"}`, "full"},
			{"DELETE", "/train-state", "", "full"},
			{"PUT", "/train", "", ""},
		} {
			for name, token := range map[string]string{"read": readToken, "write": writeToken, "full": fullToken, "none": "", "wrong": "wrong-token-0123456"} {
				path := tt.path
				if token != "" {
					path = "/key/" + token + path
				}
				got := c.do(tt.method, path, tt.body)
				want := "403"
				switch {
				case name == "none" || name == "wrong":
					want = "401"
				case strings.Contains(tt.may, name):
					want = "20"
				case tt.method == "PUT" && name == "full":
					want = "405"
				}
				if !strings.HasPrefix(got, want) || token != "" && strings.Contains(got, token) {
					t.Errorf("%s %s with %s: %s, want %s", tt.method, tt.path, name, got, want)
				}
			}
		}
	})
}

// Shutdown closes the sources of Python programs, whose end is then no failure.
func TestPythonShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, Config{})
		c := h.python(t)
		c.do("POST", "/train", pythonText)
		b := h.buffer()
		if err := h.h.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if err := b.Wait(t.Context()); err != nil {
			t.Errorf("Wait: %v", err)
		}
		if state := b.Sources()[0].State; state != syncstream.StateExited {
			t.Errorf("the source is %s, want exited", state)
		}
		check(t, "after Shutdown", c.do("POST", "/train", pythonText), `503 {"message":"the host is shutting down"}`)
	})
}

// A Python program may wait for room longer than its body, and its answer, may
// take.
func TestPythonWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, Config{BodyTimeout: time.Second})
		pass := make(chan struct{})
		h.buffer().Attach(blockingSink{pass})
		time.AfterFunc(4*time.Second, func() { close(pass) })
		begun := time.Now()
		c := h.python(t)
		body := fmt.Sprintf(`{"type":"str","data":{"value":"%s\n"}}`, strings.Repeat("x", 500_000))
		for time.Since(begun) < 4*time.Second {
			check(t, "POST", c.do("POST", "/train", body), `201 {"message":"success"}`)
		}
		if got := c.do("GET", "/train?n=1", ""); !strings.HasPrefix(got, `200 {"message":"success"`) {
			t.Errorf("GET: %.100s", got)
		}
	})
}

// A POST is answered in one write, since the Python client never reads it.
func TestPythonOneWrite(t *testing.T) {
	h := start(t, Config{})
	h.python(t).do("POST", "/train", pythonText)
	if writes := h.network.takeWrites(); len(writes) != 1 || !strings.Contains(writes[0], "Content-Length: 22\r\n") {
		t.Errorf("%q", writes)
	}
}

// What is at an address is found out by asking; who does not answer is ours, and
// not there yet.
func TestOpenFindsPythonHost(t *testing.T) {
	theirs := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data := "null" // as for a state that is not known
		if r.URL.Query().Get("state") == "closed" {
			data = "false"
		}
		fmt.Fprintf(w, `{"message":"success","data":%s}`, data)
	}))
	defer theirs.Close()
	ours := httptest.NewServer(NewHandler(Config{}))
	defer ours.Close()
	gone := httptest.NewServer(nil)
	gone.Close()
	for _, tt := range []struct{ name, url, want string }{
		{"Python's", theirs.URL, "*python.Store"}, {"ours", ours.URL, "*host.Client"}, {"nobody", gone.URL, "*host.Client"},
	} {
		b, err := syncstream.Open(t.Context(), tt.url+"/train")
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%T", b.Store()); got != tt.want {
			t.Errorf("%s: opened as a %s, want a %s", tt.name, got, tt.want)
		}
		b.Close()
	}
}
