package host

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/host/internal/wire"
)

// Each request of a sequence gets its answer, and in the end the buffer has each
// message once, and gaps where some are missing for good.
func TestAppend(t *testing.T) {
	type step struct{ got, want string }
	for _, tt := range []struct {
		name  string
		steps func(h *testHost) []step
		want  string
	}{
		{"in order", func(h *testHost) []step {
			return []step{
				{h.append("a", 1, lines(1, "one", "two")), `200 {"epoch":1,"num":2,"state":"open"}`},
				{h.append("a", 1, lines(3, "three"), lines(4, "four")), `200 {"epoch":1,"num":4,"state":"open"}`},
			}
		}, "a 1 one\na 2 two\na 3 three\na 4 four"},
		{"nothing but a sign", func(h *testHost) []step {
			return []step{{h.append("a", 0), `200 {"epoch":0,"num":0,"state":"open"}`}}
		}, ""},
		{"doubled", func(h *testHost) []step {
			return []step{
				{h.append("a", 1, lines(1, "one", "two")), `200 {"epoch":1,"num":2,"state":"open"}`},
				{h.append("a", 1, lines(1, "one", "two")), `200 {"epoch":1,"num":2,"state":"open"}`},
				{h.append("a", 1, lines(1, "one")), `200 {"epoch":1,"num":2,"state":"open"}`},
				{h.append("a", 1, lines(2, "two", "three"), lines(4, "four")), `200 {"epoch":1,"num":4,"state":"open"}`},
			}
		}, "a 1 one\na 2 two\na 3 three\na 4 four"},
		{"a hole in an epoch", func(h *testHost) []step {
			return []step{
				{h.append("a", 1, lines(1, "one")), `200 {"epoch":1,"num":1,"state":"open"}`},
				{h.append("a", 1, lines(4, "four")), `409 {"message":"the messages begin at 4, and the last that is here is 1","epoch":1,"num":1,"state":"open"}`},
			}
		}, "a 1 one"},
		{"a new epoch", func(h *testHost) []step {
			return []step{
				{h.append("a", 1, lines(1, "one")), `200 {"epoch":1,"num":1,"state":"open"}`},
				{h.append("a", 2, lines(4, "four")), `200 {"epoch":2,"num":4,"state":"open"}`},
				{h.append("a", 1, lines(2, "two")), `200 {"epoch":2,"num":4,"state":"open"}`},
				{h.append("a", 1, lines(5, "five")), `409 {"message":"epoch 1 is over: this one is 2","epoch":2,"num":4,"state":"open"}`},
				{h.append("a", 2, lines(5, "five")), `200 {"epoch":2,"num":5,"state":"open"}`},
			}
		}, "a 1 one\na 2 gap 2\na 4 four\na 5 five"},
		{"a new epoch of what is here", func(h *testHost) []step {
			return []step{
				{h.append("a", 1, lines(1, "one", "two")), `200 {"epoch":1,"num":2,"state":"open"}`},
				{h.append("a", 2, lines(2, "two", "three")), `200 {"epoch":2,"num":3,"state":"open"}`},
			}
		}, "a 1 one\na 2 two\na 3 three"},
		{"an unknown source", func(h *testHost) []step {
			return []step{{h.append("a", 7, lines(5, "five")), `200 {"epoch":7,"num":5,"state":"open"}`}}
		}, "a 1 gap 4\na 5 five"},
		{"a gap that was sent", func(h *testHost) []step {
			gap := wire.Batch{Stream: syncstream.Control, Kind: syncstream.Gap, First: 2, Count: 1, Missing: 3}
			return []step{
				{h.append("a", 1, lines(1, "one"), gap, lines(5, "five")), `200 {"epoch":1,"num":5,"state":"open"}`},
				{h.append("a", 1, gap, lines(5, "five", "six")), `200 {"epoch":1,"num":6,"state":"open"}`},
				{h.append("a", 1, wire.Batch{Kind: syncstream.Gap, First: 6, Count: 1, Missing: 2}, lines(8, "eight")), `200 {"epoch":1,"num":8,"state":"open"}`},
			}
		}, "a 1 one\na 2 gap 3\na 5 five\na 6 six\na 7 gap 1\na 8 eight"},
		{"a bad batch is refused whole, and harms nobody", func(h *testHost) []step {
			wrong := lines(4, "x", "y")
			wrong.Count = 3
			return []step{
				{h.append("a", 1, lines(1, "one")), `200 {"epoch":1,"num":1,"state":"open"}`},
				{h.append("b", 1, lines(1, "b1")), `200 {"epoch":1,"num":1,"state":"open"}`},
				{
					h.append("a", 1, lines(2, "two", "three"), wrong),
					`400 {"message":"body: batch 2: syncstream: new batch: count is 3, but text holds 2 messages"}`,
				},
				{h.append("b", 1, lines(2, "b2")), `200 {"epoch":1,"num":2,"state":"open"}`},
				{h.append("a", 1, lines(2, "two")), `200 {"epoch":1,"num":2,"state":"open"}`},
			}
		}, "a 1 one\nb 1 b1\nb 2 b2\na 2 two"},
		{"closed", func(h *testHost) []step {
			return []step{
				{h.append("a", 1, lines(1, "one")), `200 {"epoch":1,"num":1,"state":"open"}`},
				{h.post("/train/v1/close", `{"source":"a","state":"exited","last":3}`), `{"epoch":1,"num":3,"state":"exited"}`},
				{h.post("/train/v1/close", `{"source":"a","state":"lost"}`), `{"epoch":1,"num":3,"state":"exited"}`},
				{h.append("a", 1, lines(4, "four")), `410 {"message":"the source is closed: exited","epoch":1,"num":3,"state":"exited"}`},
			}
		}, "a 1 one\na 2 gap 2"},
		{"abandoned", func(h *testHost) []step {
			return []step{
				{h.append("a", 1, lines(1, "one")), `200 {"epoch":1,"num":1,"state":"open"}`},
				{h.post("/train/v1/abandon", `{}`), `{"message":"success"}`},
				{h.append("a", 1, lines(2, "two")), `410 {"message":"the source is closed: lost","epoch":1,"num":1,"state":"lost","stop":"syncstream: abandoned"}`},
			}
		}, "a 1 one"},
		{"stopped", func(h *testHost) []step {
			return []step{
				{h.post("/train/v1/stop", `{"cause":"enough"}`), `{"message":"success"}`},
				{h.append("a", 1, lines(1, "one")), `200 {"epoch":1,"num":1,"state":"asked","stop":"enough"}`},
				{h.post("/train/v1/acknowledge", `{"source":"a"}`), `{"epoch":1,"num":1,"state":"acknowledged","stop":"enough"}`},
				{h.append("a", 1, lines(2, "two")), `200 {"epoch":1,"num":2,"state":"acknowledged","stop":"enough"}`},
			}
		}, "a 1 one\na 2 two"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := start(t, Config{})
			for i, s := range tt.steps(h) {
				if got := strings.TrimSuffix(s.got, "\n"); got != s.want {
					t.Errorf("step %d:\n%s\nwant\n%s", i+1, got, s.want)
				}
			}
			check(t, "messages", shorts(h.buffer()), tt.want)
		})
	}
}

// One request brings something of several sources: each is answered for itself,
// but a body that is wrong anywhere is refused whole.
func TestAppendSeveral(t *testing.T) {
	h := start(t, Config{MaxOpen: 2})
	send := func(parts ...[]byte) string {
		status, text := h.do(http.MethodPost, "/train/v1/append", wire.Batches, slices.Concat(parts...))
		return fmt.Sprint(status, " ", strings.ReplaceAll(text, "},{", "},\n{"))
	}
	ended := wire.Close{State: syncstream.StateExited, Last: 3, Error: "exit status 1"}

	check(t, "two", send(request("a", 1, lines(1, "a1")), request("b", 1, lines(1, "b1")), request("a", 1, lines(2, "a2"))), strings.Join([]string{
		`200 {"answers":[{"status":200,"epoch":1,"num":1,"state":"open"},`,
		`{"status":200,"epoch":1,"num":1,"state":"open"},`,
		`{"status":200,"epoch":1,"num":2,"state":"open"}]}`,
	}, "\n"))
	check(t, "refused", send(request("a", 1, lines(9, "a9")), request("c", 1), request("b", 1, lines(2, "b2")), request("a", 1, lines(3, "a3"))), strings.Join([]string{
		`200 {"answers":[{"status":409,"message":"the messages begin at 9, and the last that is here is 2","epoch":1,"num":2,"state":"open"},`,
		`{"status":507,"message":"the buffer has 2 open sources, and may have no more"},`,
		`{"status":200,"epoch":1,"num":2,"state":"open"},`,
		`{"status":424,"message":"what comes before it of the same source was refused"}]}`,
	}, "\n"))
	cut := request("b", 1, lines(3, "b3"))
	check(t, "wrong", send(request("a", 1, lines(3, "a3")), cut[:len(cut)-1]),
		`400 {"message":"body: source 2: batch 1: byte 77: want 3 bytes more, and there are 2"}`)
	check(t, "too long", send(request("a", 1, lines(3, "a3")), request("b", 1, lines(3, strings.Repeat("x", 2<<20)))),
		`413 {"message":"body: source 2: batch 1: a message has more than 1048576 bytes"}`)

	h.buffer().Stop(nil)
	closed := wire.AppendClose(wire.AppendMark(request("a", 1, lines(3, "a3")), syncstream.StateAcknowledged), &ended)
	for _, what := range []string{"ended", "ended again"} {
		check(t, what, send(closed, wire.AppendMark(request("b", 1), syncstream.StateAcknowledged)), strings.Join([]string{
			`200 {"answers":[{"status":200,"epoch":1,"num":3,"state":"exited"},`,
			`{"status":200,"epoch":1,"num":2,"state":"acknowledged","stop":"syncstream: stopped"}]}`,
		}, "\n"))
	}
	check(t, "not known", send(wire.AppendClose(request("x", 1), &ended)), `404 {"message":"the host does not know the source \"x\""}`)
	check(t, "another epoch", send(request("b", 2, lines(3, "b3"))), `200 {"epoch":2,"num":3,"state":"acknowledged","stop":"syncstream: stopped"}`)
	check(t, "late", send(wire.AppendClose(request("b", 1), &ended)),
		`409 {"message":"epoch 1 is over: this one is 2","epoch":2,"num":3,"state":"acknowledged","stop":"syncstream: stopped"}`)
	check(t, "messages", shorts(h.buffer()), "a 1 a1\nb 1 b1\na 2 a2\nb 2 b2\na 3 a3\nb 3 b3")
	check(t, "states", statuses(h.buffer()), "a exited: exit status 1\nb acknowledged")
}

// Everything that a batch tells of its messages can be read again.
func TestAppendKeepsAll(t *testing.T) {
	h := start(t, Config{})
	at := int64(1_700_000_000_123_456_789)
	h.append("a", 1,
		wire.Batch{Stream: syncstream.Stderr, Lines: syncstream.Python, First: 1, Count: 2, Time: at, Text: []byte("x\u2028\xff\x00\r")},
		wire.Batch{First: 3, Count: 1, Redraws: 4, Time: at, Text: []byte("100 %\r\n")},
		wire.Batch{Part: syncstream.PartFirst, First: 4, Count: 1, Time: at, Text: []byte("long")},
		wire.Batch{Part: syncstream.PartLast, First: 5, Count: 1, Time: at, Text: []byte(" line\n")},
		wire.Batch{Stream: syncstream.Control, Kind: syncstream.Error, First: 6, Count: 1, Time: at, Text: []byte("two\nlines")},
	)
	check(t, "messages", h.get("/train/v1/messages"), strings.Join([]string{
		`{"v":1,"source":{"id":"a","name":"name of a"},"stream":"stderr","kind":"line","num":1,"time":"2023-11-14T22:13:20.123456789Z","end":"ls","text":"x","position":1}`,
		`{"v":1,"source":{"id":"a","name":"name of a"},"stream":"stderr","kind":"line","num":2,"time":"2023-11-14T22:13:20.123456789Z","end":"cr","base64":"/wA=","position":2}`,
		`{"v":1,"source":{"id":"a","name":"name of a"},"stream":"stdout","kind":"line","num":3,"time":"2023-11-14T22:13:20.123456789Z","end":"crlf","redraws":4,"text":"100 %","position":3}`,
		`{"v":1,"source":{"id":"a","name":"name of a"},"stream":"stdout","kind":"line","num":4,"time":"2023-11-14T22:13:20.123456789Z","part":"first","end":"none","text":"long","position":4}`,
		`{"v":1,"source":{"id":"a","name":"name of a"},"stream":"stdout","kind":"line","num":5,"time":"2023-11-14T22:13:20.123456789Z","part":"last","text":" line","position":5}`,
		`{"v":1,"source":{"id":"a","name":"name of a"},"stream":"control","kind":"error","num":6,"time":"2023-11-14T22:13:20.123456789Z","end":"none","text":"two\nlines","position":6}`,
	}, "\n"))
}

// Partial lines are shown until a message takes their place.
func TestAppendPartials(t *testing.T) {
	h := start(t, Config{})
	partial := func(stream syncstream.Stream, text string) wire.Batch {
		return wire.Batch{Stream: stream, Kind: syncstream.Partial, Text: []byte(text)}
	}
	texts := func() string {
		var s []string
		for _, m := range h.buffer().Partials() {
			s = append(s, m.Stream.String()+" "+m.Text)
		}
		return strings.Join(s, ", ")
	}
	h.append("a", 1, lines(1, "one"), partial(syncstream.Stdout, "75"), partial(syncstream.Stderr, "err"))
	check(t, "both", texts(), "stdout 75, stderr err")
	h.append("a", 1, partial(syncstream.Stdout, "76"))
	check(t, "another", texts(), "stdout 76, stderr err")
	h.append("a", 1, lines(1, "one"), partial(syncstream.Stdout, "75"))
	check(t, "a request that came before", texts(), "stdout 76, stderr err")
	h.append("a", 1, lines(2, "100"))
	check(t, "a message", texts(), "stderr err")
	h.append("a", 1, partial(syncstream.Stderr, ""))
	check(t, "taken away", texts(), "")
	h.append("a", 1, partial(syncstream.Stdout, "last words"))
	h.post("/train/v1/close", `{"source":"a"}`)
	check(t, "messages", shorts(h.buffer()), "a 1 one\na 2 100\na 3 last words")
}

// Partial lines of a buffer take no more than its messages may. There is room again
// when a message takes the place of one, when it is taken away, when its source
// ends or is forgotten, and the lines of who has no room go on.
func TestMaxPartials(t *testing.T) {
	h := start(t, Config{Buffer: syncstream.Config{MaxBytes: 100}})
	partial := func(stream syncstream.Stream, n int) wire.Batch {
		return wire.Batch{Stream: stream, Kind: syncstream.Partial, Text: bytes.Repeat([]byte("x"), n)}
	}
	kept := func() string {
		var s []string
		for _, m := range h.buffer().Partials() {
			s = append(s, fmt.Sprint(m.Source.ID, " ", m.Stream, " ", len(m.Text)))
		}
		return strings.Join(s, ", ")
	}
	h.append("a", 1, partial(syncstream.Stdout, 50), partial(syncstream.Stderr, 40))
	check(t, "too much", h.append("b", 1, partial(syncstream.Stdout, 11), lines(1, "one")), `200 {"epoch":1,"num":1,"state":"open"}`)
	check(t, "too much", kept(), "a stdout 50, a stderr 40")
	h.append("a", 1, partial(syncstream.Stdout, 61))
	check(t, "one that grows", kept(), "a stderr 40")
	h.append("b", 1, partial(syncstream.Stderr, 60))
	check(t, "just enough", kept(), "a stderr 40, b stderr 60")
	h.append("b", 1, wire.Batch{Stream: syncstream.Stderr, First: 2, Count: 1, Text: []byte("two\n")})
	h.append("a", 1, partial(syncstream.Stdout, 60))
	check(t, "a line has come", kept(), "a stdout 60, a stderr 40")
	h.append("a", 1, partial(syncstream.Stdout, 0))
	h.append("b", 1, partial(syncstream.Stdout, 60))
	check(t, "taken away", kept(), "a stderr 40, b stdout 60")
	h.post("/train/v1/close", `{"source":"b"}`)
	h.append("c", 1, partial(syncstream.Stdout, 60))
	check(t, "closed", kept(), "a stderr 40, c stdout 60")
	h.buffer().Abandon()
	h.append("d", 1, partial(syncstream.Stdout, 40), partial(syncstream.Control, 60))
	check(t, "forgotten", kept(), "d stdout 40, d control 60")
	h.append("d", 1, wire.Batch{Stream: syncstream.Control, First: 1, Count: 1, Text: []byte("one\n")})
	h.append("e", 1, partial(syncstream.Stdout, 1))
	check(t, "control keeps what it shows", kept(), "d stdout 40, d control 60")
	h.append("d", 1, partial(syncstream.Merged, 39))
	h.append("e", 1, partial(syncstream.Stdout, 1))
	check(t, "one stream", kept(), "d merged 39, d control 60, e stdout 1")
}

// What is kept of a request for the next does not grow from one to the other.
func TestBodyRelease(t *testing.T) {
	b := new(body)
	many := slices.Repeat([]wire.Batch{{Kind: syncstream.Partial}}, maxPooledBatches)
	for n := range 20 {
		data := bytes.Repeat(request("a", 1), n)
		for _, batches := range [][]wire.Batch{many[:10], many} {
			r := httptest.NewRequest(http.MethodPost, "/train/v1/append", nil)
			b.data = slices.Concat(data, request("b", 1, batches...))
			if err := b.decode(wire.Batches, r); err != nil {
				t.Fatal(err)
			}
			room := 0
			b.release()
			for _, a := range b.appends[:cap(b.appends)] {
				room += cap(a.Batches)
			}
			if few := len(batches) < maxPooledBatches; room > maxPooledBatches || few && room == 0 {
				t.Errorf("%d sources and %d batches: room for %d is kept", n+1, len(batches), room)
			}
		}
	}
}

// Bodies may be packed, and are JSON lines for those who have nothing else.
func TestAppendForms(t *testing.T) {
	h := start(t, Config{})
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write(request("a", 1, lines(1, "one")))
	z.Close()
	for range 2 { // the reader is used again
		answer := h.open(t.Context(), http.MethodPost, "/train/v1/append",
			http.Header{"Content-Type": {wire.Batches}, "Content-Encoding": {"gzip"}}, packed.Bytes())
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Errorf("packed: %s", answer.Status)
		}
	}
	line := `{"v":1,"source":{"id":"a","name":"A"},"stream":"stdout","kind":"line","num":9,"text":"nine"}`
	status, text := h.do(http.MethodPost, "/train/v1/append?epoch=2", wire.Lines+"; charset=utf-8", []byte(line))
	if status != http.StatusOK || text != `{"epoch":2,"num":9,"state":"open"}`+"\n" {
		t.Errorf("%d %s", status, text)
	}
	status, text = h.do(http.MethodPost, "/train/v1/append?epoch=x", wire.Lines, []byte(line))
	if status != http.StatusBadRequest || text != `{"message":"body: epoch \"x\": want a whole number"}`+"\n" {
		t.Errorf("%d %s", status, text)
	}
	check(t, "messages", shorts(h.buffer()), "a 1 one\na 2 gap 7\na 9 nine")
}

// The longest message of a batch is found, whatever the mode; no further than it
// matters.
func TestLongest(t *testing.T) {
	for _, mode := range []syncstream.Lines{syncstream.Fold, syncstream.Split, syncstream.Keep, syncstream.Python} {
		for _, tt := range []struct {
			text string
			over bool
		}{
			{strings.Repeat("x", 10) + "\n", false},
			{strings.Repeat("x", 10) + "\r\n", false},
			{strings.Repeat("x", 11) + "\n", true},
			{strings.Repeat("x", 10), false},
			{strings.Repeat("x", 11), true},
			{strings.Repeat("xxx\n", 50) + strings.Repeat("x", 10) + "\nx\n", false},
			{strings.Repeat("xxx\n", 50) + strings.Repeat("x", 11) + "\nx\n", true},
			{strings.Repeat("x", 10) + "\n" + strings.Repeat("x", 10) + "\n", false},
		} {
			b := wire.Batch{Lines: mode, Text: []byte(tt.text)}
			if n := longest(&b, 10); n > 10 != tt.over {
				t.Errorf("%s %q: %d, want it over 10: %t", mode, tt.text, n, tt.over)
			}
		}
	}
	b := wire.Batch{Kind: syncstream.Error, Text: []byte("two\nlines and more")}
	if n := longest(&b, 10); n != len(b.Text) {
		t.Errorf("an error: %d, want %d", n, len(b.Text))
	}
}

// A source that has ended is opened again by a later epoch, and by no other.
func TestAppendAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, Config{})
		h.append("a", 1, lines(1, "one"))
		h.post("/train/v1/close", `{"source":"a"}`)
		check(t, "late", h.append("a", 1, lines(2, "late")), `410 {"message":"the source is closed: exited","epoch":1,"num":1,"state":"exited"}`)
		check(t, "again", h.append("a", 2, lines(4, "four")), `200 {"epoch":2,"num":4,"state":"open"}`)
		check(t, "states", statuses(h.buffer()), "a exited\na open")
		h.buffer().Abandon()
		check(t, "abandoned", h.append("a", 2, lines(5, "five")), `410 {"message":"the source is closed: lost","epoch":2,"num":4,"state":"lost","stop":"syncstream: abandoned"}`)
		check(t, "back", h.append("a", 3, lines(5, "five")), `200 {"epoch":3,"num":5,"state":"open"}`)
		check(t, "states", statuses(h.buffer()), "a exited\na lost: syncstream: abandoned\na open")
	})
}
