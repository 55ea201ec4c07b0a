package python_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/host/python"
)

// Each answer, byte for byte, and in one write with its header.
func TestAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := serve(t, python.Config{MaxMessages: 7}).dial("127.0.0.1:4711")
		const (
			items = "/train"
			state = "/train-state"
		)
		for _, tt := range []struct{ method, path, body, status, answer string }{
			{"GET", items, "", "200 OK", `{"message":"success","data":[]}`},
			{"POST", items, `{"type":"str","data":{"value":"one\ntw"}}`, "201 Created", `{"message":"success"}`},
			{"GET", items, "", "200 OK", `{"message":"success","data":["one","tw"]}`},
			{"POST", items, `{"type":"str","data":{"value":"o\n<&>\u001b\u2028\r\nhalf"}}`, "201 Created", `{"message":"success"}`},
			{"POST", items, `{"type":"warning","data":` + group("warning", "w1", " w2") + `}`, "201 Created", `{"message":"success"}`},
			{
				"GET", items, "", "200 OK",
				`{"message":"success","data":["one","two","<&>\u001b","","half",` + group("warning", "w1", " w2") + `]}`,
			},
			{"GET", items + "?n=2", "", "200 OK", `{"message":"success","data":["half",` + group("warning", "w1", " w2") + `]}`},
			{"GET", items + "?n=0", "", "200 OK", `{"message":"success","data":[]}`},
			{"GET", items + "?n=-3", "", "200 OK", `{"message":"success","data":[]}`},
			{"GET", items + "?n=x", "", "400 Bad Request", `{"message":"n \"x\": want a whole number"}`},
			{"GET", state + "?state=closed", "", "200 OK", `{"message":"success","data":false}`},
			{"GET", state + "?state=maxlen", "", "200 OK", `{"message":"success","data":7}`},
			{"GET", state + "?state=curlen", "", "200 OK", `{"message":"success","data":6}`},
			{"GET", state + "?state=len", "", "400 Bad Request", `{"message":"state \"len\": want closed, maxlen or curlen"}`},
			{"GET", state, "", "400 Bad Request", `{"message":"state missing: want ?state=closed, maxlen or curlen"}`},
			{"POST", state, `{"state":"closed","value":"true"}`, "201 Created", `{"message":"success"}`},
			{"GET", state + "?state=closed", "", "200 OK", `{"message":"success","data":true}`},
			{"POST", state, `{"state":"closed","value":"false"}`, "201 Created", `{"message":"success"}`},
			{"GET", state + "?state=closed", "", "200 OK", `{"message":"success","data":false}`},
			{"POST", state, `{"state":"open","value":"true"}`, "400 Bad Request", `{"message":"state \"open\": want closed"}`},
			{"POST", state, `{"state":"closed","value":"yes"}`, "400 Bad Request", `{"message":"value \"yes\": want \"true\" or \"false\""}`},
			{"DELETE", state, "", "200 OK", `{"message":"success"}`},
			{"POST", items, `{"type":"error","data":` + group("error", "Traceback", "  File", "ValueError: x") + `}`, "201 Created", `{"message":"success"}`},
			{"GET", items + "?n=1", "", "200 OK", `{"message":"success","data":[` + group("error", "Traceback", "  File", "ValueError: x") + `]}`},
			{"DELETE", items, "", "200 OK", `{"message":"success"}`},
			{"GET", items, "", "200 OK", `{"message":"success","data":[]}`},
			{"POST", items, `{"type":"close"}`, "201 Created", `{"message":"success"}`},
			{"POST", items, `{"type":"eof"}`, "400 Bad Request", `{"message":"type \"eof\": want str, warning, error or close"}`},
			{"POST", items, `{"type":"str",}`, "400 Bad Request", `{"message":"JSON, byte 15: invalid character '}' looking for beginning of object key string"}`},
			{"PUT", items, "", "405 Method Not Allowed", `{"message":"method \"PUT\": want GET, POST or DELETE"}`},
			{"PUT", state, "", "405 Method Not Allowed", `{"message":"method \"PUT\": want GET, POST or DELETE"}`},
		} {
			allow := ""
			if strings.HasPrefix(tt.status, "405") {
				allow = "Allow: GET, POST, DELETE\r\n"
			}
			want := fmt.Sprintf("HTTP/1.1 %s\r\n%sCache-Control: no-store\r\nContent-Length: %d\r\nContent-Type: application/json\r\n"+
				"X-Content-Type-Options: nosniff\r\nDate: Sat, 01 Jan 2000 00:00:00 GMT\r\n\r\n%s\n",
				tt.status, allow, len(tt.answer)+1, tt.answer)
			got := c.send(request(tt.method, tt.path, tt.body))
			check(t, tt.method+" "+tt.path+" "+tt.body, got, want)
			if c.writes != 1 {
				t.Errorf("%s %s %s: the answer came in %d writes", tt.method, tt.path, tt.body, c.writes)
			}
		}
	})
}

// The longest reason still leaves in one write.
func TestLongReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := serve(t, python.Config{}).dial("127.0.0.1:4711")
		got := c.send(request("POST", "/train", `{"type":"`+strings.Repeat(`\u0001`, 9000)+`"}`))
		if !strings.HasPrefix(got, "HTTP/1.1 400") || c.writes != 1 || len(got) > 2048 {
			t.Errorf("%d writes of %d bytes:\n%.100s", c.writes, len(got), got)
		}
	})
}

// A sender is a source, as the core knows one.
func TestSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := serve(t, python.Config{})
		c := p.dial("10.0.0.8:4711")
		c.text("one\x0btwo\u0085three\n")
		c.grouped("warning", "careful\n", "very\n")
		c.text("last")
		c.grouped("error", "Traceback:", "ValueError: no")
		check(t, "messages", all(t, p.buffer), `python 10.0.0.8:4711 1 "one"
python 10.0.0.8:4711 2 "two"
python 10.0.0.8:4711 3 "three"
python 10.0.0.8:4711 4/warning "careful\nvery"
python 10.0.0.8:4711 5 "last"
python 10.0.0.8:4711 6/error "Traceback:\nValueError: no"
`)
		check(t, "sources", states(p.buffer), "python 10.0.0.8:4711 exited: Traceback:\nValueError: no\n")
		if s := p.buffer.Sources()[0].Source; s.Host != "10.0.0.8" || s.PID != 0 {
			t.Errorf("source %+v", *s)
		}
		failure, ok := errors.AsType[*syncstream.Failure](p.buffer.Wait(t.Context()))
		if !ok || failure.Source.Name != "python 10.0.0.8:4711" {
			t.Errorf("Wait: %v", failure)
		}
	})
}

// Who goes on after its close is another source.
func TestCloseAndGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := serve(t, python.Config{})
		c := p.dial("127.0.0.1:4711")
		for range 2 {
			c.text("a\nb")
			c.end()
		}
		check(t, "messages", all(t, p.buffer), `python 127.0.0.1:4711 1 "a"
python 127.0.0.1:4711 2 "b"
python 127.0.0.1:4711 1 "a"
python 127.0.0.1:4711 2 "b"
`)
		if err := p.buffer.Wait(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// A Python program that asks all to stop stops our mirrors too, and ours all
// Python programs. Nothing that they still write is lost.
func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := serve(t, python.Config{})
		ours := p.buffer.Mirror(syncstream.MirrorConfig{Source: syncstream.Source{Name: "go"}})
		c, other := p.dial("127.0.0.1:4711"), p.dial("127.0.0.1:4712")
		c.text("one\n")
		c.state("closed", "false")
		if got := other.do("POST", "/train-state", `{"state":"closed","value":"true"}`); got != created {
			t.Error(got)
		}
		if cause := context.Cause(ours.Context()); !errors.Is(cause, syncstream.ErrStopped) || !strings.Contains(cause.Error(), "127.0.0.1:4712") {
			t.Errorf("our mirror heard: %v", cause)
		}
		if state := p.buffer.Sources()[1].State; state != syncstream.StateAsked {
			t.Errorf("before it asks, it is %s", state)
		}
		c.state("closed", "true")
		if state := p.buffer.Sources()[1].State; state != syncstream.StateAcknowledged {
			t.Errorf("when it has asked, it is %s", state)
		}
		c.text("two\n")
		c.grouped("error", "StopIteration")
		ours.Close()
		check(t, "messages", all(t, p.buffer), `python 127.0.0.1:4711 1 "one"
python 127.0.0.1:4711 2 "two"
python 127.0.0.1:4711 3/error "StopIteration"
`)
		if err := p.buffer.Wait(t.Context()); !errors.Is(err, syncstream.ErrStopped) || !strings.HasSuffix(err.Error(), "by the Python program at 127.0.0.1:4712") {
			t.Errorf("Wait: %v", err)
		}
	})
}

// DELETE of the state takes the stop back, and nothing else: what is kept stays,
// and who was asked to stop is not asked any more.
func TestResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := serve(t, python.Config{})
		c := p.dial("127.0.0.1:4711")
		c.text("one\nhalf")
		p.buffer.Stop(nil)
		c.state("closed", "true")
		c.do("DELETE", "/train-state", "")
		c.state("closed", "false")
		c.text("two\n")
		c.end()
		c.items(`"one","half","two"`)
		if err := p.buffer.Wait(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// DELETE takes open lines too.
func TestClear(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := serve(t, python.Config{})
		a, b := p.dial("127.0.0.1:4711"), p.dial("127.0.0.1:4712")
		a.text("one\nhalf")
		b.text("other half")
		a.do("DELETE", "/train", "")
		a.items("")
		a.text("two\n")
		b.items(`"two"`)
	})
}

// Open lines stand behind the messages, and count where a client asks for the last
// few items.
func TestOpenLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := serve(t, python.Config{})
		a, b := p.dial("127.0.0.1:4711"), p.dial("127.0.0.1:4712")
		a.text("one\nhal")
		b.text("two\nanother half\r")
		a.items(`"one","two","hal","another half"`)
		a.state("curlen", "2")
		a.text("f\n")
		b.text("\n")
		if got := a.do("GET", "/train?n=3", ""); got != `200 {"message":"success","data":["two","half","another half"]}` {
			t.Error(got)
		}
	})
}

// A line that was too long for one message is one item.
func TestLongLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := syncstream.New(syncstream.Config{MaxLine: 4})
		h := python.NewHandler(b, python.Config{})
		p := serve(t, python.Config{})
		p.server.Handler = h
		t.Cleanup(func() { h.Close() })
		c, other := p.dial("127.0.0.1:4711"), p.dial("127.0.0.1:4712")
		c.text("a\nlonger than 4")
		other.text("b\n")
		c.items(`"a","longer than 4","b"`)
		c.text(" bytes\nc\n")
		c.items(`"a","longer than 4 bytes","b","c"`)
		if got := c.do("GET", "/train?n=3", ""); got != `200 {"message":"success","data":["longer than 4 bytes","b","c"]}` {
			t.Error(got)
		}
	})
}

// What is not UTF-8 can't be in JSON.
func TestNotUTF8(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := serve(t, python.Config{})
		m := p.buffer.Mirror(syncstream.MirrorConfig{})
		m.Write([]byte("a\xffb\n"))
		m.Warn(errors.New("w\xfe"))
		m.Write([]byte("\xc3"))
		p.dial("127.0.0.1:4711").items(`"a\ufffdb",` + strings.ReplaceAll(group("warning", "w?"), "?", `\ufffd`) + `,"\ufffd"`)
		m.Close()
	})
}

// A warning without lines has none.
func TestEmptyWarning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := serve(t, python.Config{}).dial("127.0.0.1:4711")
		c.grouped("warning")
		c.items(group("warning"))
	})
}

// Where messages are missing, that is told.
func TestGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := serve(t, python.Config{})
		feed, err := p.buffer.Feed(&syncstream.Source{ID: "1", Name: "go"})
		if err != nil {
			t.Fatal(err)
		}
		for _, num := range []uint64{1, 5} {
			b, err := syncstream.NewBatch(syncstream.BatchConfig{First: num, Text: []byte("line\n")})
			if err != nil {
				t.Fatal(err)
			}
			feed.Append(b)
		}
		p.dial("127.0.0.1:1").items(`"line","(3 messages are missing here)","line"`)
	})
}

// longest is a writer that knows how many bytes it was given at most at a time.
type longest struct {
	*httptest.ResponseRecorder
	n int
}

func (w *longest) Write(p []byte) (int, error) {
	w.n = max(w.n, len(p))
	return w.ResponseRecorder.Write(p)
}

// Items that are long as JSON are written as they are made.
func TestManyItems(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	h := python.NewHandler(b, python.Config{})
	defer h.Close()
	m := b.Mirror(syncstream.MirrorConfig{})
	line := strings.Repeat("\x01", 100_000) // six times as long as JSON
	for range 20 {
		io.WriteString(m, line+"\n")
	}
	w := &longest{ResponseRecorder: httptest.NewRecorder()}
	h.ServeItems(w, httptest.NewRequest(http.MethodGet, "/", nil))
	var answer struct {
		Message string
		Data    []string
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || answer.Message != "success" {
		t.Fatal(answer.Message, err)
	}
	if !slices.Equal(answer.Data, slices.Repeat([]string{line}, 20)) {
		t.Errorf("%d items, and they are not what was written", len(answer.Data))
	}
	if w.n > 2<<20 {
		t.Errorf("one write has %d bytes", w.n)
	}
	if got := w.Header().Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type %q", got)
	}
}
