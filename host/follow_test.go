package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/host/internal/wire"
)

// following is a stream of events that is being read.
type following struct {
	t      testing.TB
	answer *http.Response
	events *wire.EventReader
	beats  int
	cancel context.CancelFunc
}

// follow begins to follow; last is the header Last-Event-ID.
func (h *testHost) follow(query, last string) *following {
	h.t.Helper()
	ctx, cancel := context.WithCancel(h.t.Context())
	header := http.Header{}
	if last != "" {
		header.Set("Last-Event-ID", last)
	}
	answer := h.open(ctx, http.MethodGet, "/train/v1/follow"+query, header, nil)
	return &following{h.t, answer, wire.NewEventReader(answer.Body, 1<<20), 0, cancel}
}

// next returns the next event, in short: position and text of a message, or type
// and data.
func (f *following) next() string {
	e, err := f.events.Next(func() { f.beats++ })
	if err != nil {
		return err.Error()
	}
	if e.Type != "" {
		return e.Type + " " + string(e.Data)
	}
	m, err := wire.ParseMessage(e.Data)
	if err != nil {
		f.t.Errorf("%s: %v", e.Data, err)
	}
	if m.Position != 0 && !strings.HasSuffix(e.ID, fmt.Sprint("-", uint64(m.Position))) {
		f.t.Errorf("id %s of position %d", e.ID, m.Position)
	}
	switch m.Kind {
	case syncstream.Gap:
		return fmt.Sprintf("%d gap %d", m.Position, m.Missing)
	case syncstream.Partial:
		return "partial " + m.Text
	}
	return fmt.Sprintf("%d %s", m.Position, m.Text)
}

func (f *following) want(all ...string) {
	f.t.Helper()
	for _, want := range all {
		if got := f.next(); got != want {
			f.t.Errorf("got %q, want %q", got, want)
		}
	}
}

func (f *following) close() {
	f.cancel()
	f.answer.Body.Close()
}

// What is kept and what comes is one sequence, from wherever it begins.
func TestFollow(t *testing.T) {
	for _, tt := range []struct {
		query, last string
		want        []string
	}{
		{"", "", []string{"1 one", "2 two", "3 three", "4 four"}},
		{"?after=oldest", "", []string{"1 one", "2 two"}},
		{"?after=2", "", []string{"3 three", "4 four"}},
		{"?after=latest", "", []string{"4 four"}},
		{"?last=1", "", []string{"3 three", "4 four"}},
		{"?last=99", "", []string{"1 one", "2 two"}},
		{"?last=0", "", []string{"4 four"}},
		{"?last=99", "2", []string{"3 three", "4 four"}},
		{"?after=1", "ID-2", []string{"3 three", "4 four"}},
		{"?after=ID-1", "", []string{"2 two"}},
		{"", "other-2", []string{`anew {"message":"the place other-2 is in another buffer than this one, which is ID"}`, "1 one"}},
	} {
		t.Run(tt.query+" "+tt.last, func(t *testing.T) {
			t.Parallel()
			h := start(t, Config{})
			h.append("a", 1, lines(1, "one", "two", "three"))
			s, err := h.h.served("train")
			if err != nil {
				t.Fatal(err)
			}
			id := func(text string) string { return strings.ReplaceAll(text, "ID", s.id) }
			f := h.follow(id(tt.query), id(tt.last))
			defer f.close()
			h.append("a", 1, lines(4, "four"))
			for _, want := range tt.want {
				f.want(id(want))
			}
		})
	}
}

// Who does not know where the stream begins is told at once, so that nothing falls
// between one connection and the next, though the first brought no message.
func TestFollowTellsPlace(t *testing.T) {
	for _, query := range []string{"?after=latest", "?last=0"} {
		synctest.Test(t, func(t *testing.T) {
			h := start(t, Config{})
			h.append("a", 1, lines(1, "one"))
			f := h.follow(query, "")
			go f.events.Next(nil)
			synctest.Wait()
			f.close()
			synctest.Wait()
			h.append("a", 1, lines(2, "two"))
			again := h.follow(query, f.events.LastID())
			defer again.close()
			h.append("a", 1, lines(3, "three"))
			again.want("2 two", "3 three")
		})
	}
}

// Where a request to follow can't be, it is refused before the stream begins.
func TestFollowRefuses(t *testing.T) {
	h := start(t, Config{})
	h.append("a", 1, lines(1, "one"))
	for query, want := range map[string]string{
		"?after=2":       `409 {"message":"there is no message at position 2; the newest is at 1"}`,
		"?after=x":       `400 {"message":"place \"x\": want a position, BUFFER-POSITION, oldest or latest"}`,
		"?last=-1":       `400 {"message":"last \"-1\": want a whole number"}`,
		"?partials=true": `400 {"message":"partials \"true\": want yes or no"}`,
		"?until=never":   `400 {"message":"until \"never\": want done"}`,
	} {
		status, text := h.do(http.MethodGet, "/train/v1/follow"+query, "", nil)
		check(t, query, fmt.Sprint(status, " ", text), want)
	}
}

// A stream ends when no source is open, if that was asked for, and when the
// buffer or the host comes to its end; and says so.
func TestFollowEnds(t *testing.T) {
	for _, tt := range []struct {
		name, query string
		end         func(*testHost)
		want        []string
	}{
		{"done", "?until=done", func(h *testHost) {
			h.post("/train/v1/close", `{"source":"a"}`)
		}, []string{"1 one", `end {"reason":"done"}`}},
		{"closed", "", func(h *testHost) { h.buffer().Close() }, []string{"1 one", `end {"reason":"closed"}`}},
		{"shutdown", "", func(h *testHost) { go h.h.Shutdown(context.Background()) }, []string{"1 one", `end {"reason":"shutdown"}`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := start(t, Config{})
			h.append("a", 1, lines(1, "one"))
			f := h.follow(tt.query, "")
			defer f.close()
			f.want(tt.want[0])
			tt.end(h)
			f.want(tt.want[1:]...)
			f.want(io.EOF.Error())
		})
	}
}

// Partial lines come to those who ask for them, without an id of their own.
func TestFollowPartials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, Config{})
		h.append("a", 1, lines(1, "one"))
		f := h.follow("?partials=yes", "")
		defer f.close()
		f.want("1 one")
		begun := time.Now()
		h.append("a", 1, wire.Batch{Kind: syncstream.Partial, Text: []byte("half")})
		f.want("partial half")
		h.append("a", 1, lines(2, "half a line"))
		f.want("2 half a line")
		if took := time.Since(begun); took > 100*time.Millisecond {
			t.Errorf("it took %v", took)
		}
	})
}

// What a follower has missed is a gap.
func TestFollowGap(t *testing.T) {
	h := start(t, Config{Buffer: syncstream.Config{MaxMessages: 2}})
	h.append("a", 1, lines(1, "one", "two", "three", "four"))
	f := h.follow("?after=1", "")
	defer f.close()
	f.want("2 gap 1", "3 three", "4 four")
}

// A stream that has nothing to say gives signs of life.
func TestFollowHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, Config{})
		f := h.follow("", "")
		defer f.close()
		for name, want := range map[string]string{
			"Content-Type": "text/event-stream", "X-Accel-Buffering": "no", "Cache-Control": "no-store",
		} {
			if got := f.answer.Header.Get(name); got != want {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
		}
		h.later(35*time.Second, func() { h.append("a", 1, lines(1, "one")) })
		f.want("1 one")
		if f.beats != 3 {
			t.Errorf("%d signs of life in 35 s, want 3", f.beats)
		}
	})
}

// limited is an answer whose limits for writing are known; before is called before
// each is set.
type limited struct {
	*httptest.ResponseRecorder
	before func()
	end    time.Time
}

func (l *limited) SetWriteDeadline(t time.Time) error {
	if before := l.before; before != nil {
		l.before = nil
		before()
	}
	l.end = t
	return nil
}

// A follower that is stuck does not hold up a host that shuts down, though that
// begins just before the follower's write.
func TestFollowHurries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &limited{ResponseRecorder: httptest.NewRecorder()}
		e := &events{w: w, rc: http.NewResponseController(w)}
		w.before = e.hurry
		e.start()
		e.stop()
		if left := time.Until(w.end); left > lastWriteTimeout {
			t.Errorf("the write may take %v", left)
		}
	})
}

// A client that reads nothing is let go; it holds up nobody.
func TestFollowStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, Config{})
		f := h.follow("", "")
		defer f.close()
		long := strings.Repeat("x", 500_000)
		h.append("a", 1, lines(1, long, long))
		synctest.Wait()
		time.Sleep(writeTimeout + time.Second)
		h.h.mu.Lock()
		waiting := len(h.h.waiting)
		h.h.mu.Unlock()
		if waiting != 0 {
			t.Error("the follower is still there")
		}
	})
}

// So is one that does not read an answer with an end.
func TestMessagesStuck(t *testing.T) {
	for _, path := range []string{"/train/v1/messages", "/train"} {
		synctest.Test(t, func(t *testing.T) {
			h := start(t, Config{})
			long := strings.Repeat("x", 500_000)
			h.append("a", 1, lines(1, long, long))
			c, err := h.network.dialFrom(t.Context(), "10.0.0.1")
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: h\r\n\r\n")
			time.Sleep(writeTimeout + time.Second)
			h.h.mu.Lock()
			requests := h.h.requests
			h.h.mu.Unlock()
			if requests != 0 {
				t.Errorf("%s: %d requests are still there", path, requests)
			}
		})
	}
}

// Messages that are kept are read without waiting.
func TestMessages(t *testing.T) {
	h := start(t, Config{Buffer: syncstream.Config{MaxMessages: 3}})
	h.append("a", 1, lines(1, "zero", "one", "two", "three", "four"))
	for query, want := range map[string]string{
		"":                  "3 two, 4 three, 5 four",
		"?last=2":           "4 three, 5 four",
		"?last=0":           "",
		"?after=3":          "4 three, 5 four",
		"?after=1":          "2 gap 1, 3 two, 4 three, 5 four",
		"?after=oldest&n=1": "3 two",
		"?after=5":          "",
		"?after=latest":     "",
		"?n=2":              "3 two, 4 three",
	} {
		var got []string
		for line := range strings.Lines(h.get("/train/v1/messages" + query)) {
			m, err := wire.ParseMessage([]byte(line))
			if err != nil {
				t.Fatalf("%s: %s: %v", query, line, err)
			}
			if m.Kind == syncstream.Gap {
				m.Text = fmt.Sprintf("gap %d", m.Missing)
			}
			got = append(got, fmt.Sprintf("%d %s", m.Position, m.Text))
		}
		check(t, query, strings.Join(got, ", "), want)
	}
	for query, want := range map[string]string{
		"?after=6":       `{"message":"there is no message at position 6; the newest is at 5"}`,
		"?after=other-1": `{"message":"the place other-1 is in another buffer than this one, which is ID"}`,
		"?n=x":           `{"message":"n \"x\": want a whole number"}`,
	} {
		s, err := h.h.served("train")
		if err != nil {
			t.Fatal(err)
		}
		check(t, query, strings.ReplaceAll(h.get("/train/v1/messages"+query), s.id, "ID"), want)
	}
	h.buffer().Clear()
	check(t, "after Clear", h.get("/train/v1/messages"), "")
}

// A large answer comes in pieces, and whole.
func TestManyMessages(t *testing.T) {
	h := start(t, Config{Buffer: syncstream.Config{MaxMessages: 5000}})
	var texts []string
	for i := range 5000 {
		texts = append(texts, fmt.Sprint("line ", i))
	}
	h.append("a", 1, lines(1, texts...))
	n := 0
	for line := range strings.Lines(h.get("/train/v1/messages?last=5000")) {
		m, err := wire.ParseMessage([]byte(line))
		if err != nil || m.Text != texts[n] {
			t.Fatalf("message %d: %q, %v", n, m.Text, err)
		}
		n++
	}
	if n != 5000 {
		t.Errorf("%d messages", n)
	}
}

// The account is one snapshot.
func TestStatus(t *testing.T) {
	h := start(t, Config{Buffer: syncstream.Config{MaxMessages: 1}})
	h.append("a", 1, lines(1, "one", "two"))
	h.post("/train/v1/clear", "{}")
	h.append("a", 1, lines(3, "three"))
	s := decoded[wire.Status](t, h.get("/train/v1/status"))
	if s.Newest != 3 || s.Stats.Written != (wire.Count{Messages: 3, Bytes: 14}) || s.Stats.Kept.Messages != 1 ||
		s.Stats.Rotated.Messages != 1 || s.Stats.Cleared.Messages != 1 || len(s.Sources) != 1 {
		t.Errorf("%+v", s)
	}
	core, err := s.Sources[0].Core()
	if err != nil || len(core.Tail) != 1 || core.Tail[0].Text != "three" || core.Tail[0].Position != 3 || core.Source.ID != "a" {
		t.Errorf("%+v, %v", core, err)
	}
	s = decoded[wire.Status](t, h.get("/train/v1/status?tails=no"))
	if len(s.Sources) != 1 || s.Sources[0].Tail != nil {
		t.Errorf("without tails: %+v", s)
	}
	if s = decoded[wire.Status](t, h.get("/train/v1/status?sources=no")); s.Sources != nil || s.Stats.Sources != 1 {
		t.Errorf("without sources: %+v", s)
	}
}

// Lines of text come as they are written, and end as their request does.
func TestLines(t *testing.T) {
	h := start(t, Config{})
	r, w := io.Pipe()
	type result struct {
		status int
		text   string
	}
	put := func(query string, body io.Reader) <-chan result {
		done := make(chan result, 1)
		go func() {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://localhost/train/v1/lines"+query, body)
			if err != nil {
				panic(err)
			}
			answer, err := h.client.Do(r)
			if err != nil {
				done <- result{0, err.Error()}
				return
			}
			defer answer.Body.Close()
			text, _ := io.ReadAll(answer.Body)
			done <- result{answer.StatusCode, string(text)}
		}()
		return done
	}
	f := h.follow("", "")
	defer f.close()

	done := put("?name=build&stream=stderr", r)
	io.WriteString(w, "one\ntw")
	f.want("1 one")
	io.WriteString(w, "o\nlast")
	f.want("2 two")
	w.Close()
	f.want("3 last")
	if got := <-done; got != (result{200, `{"message":"success"}` + "\n"}) {
		t.Errorf("%+v", got)
	}
	all, _ := h.buffer().Last(t.Context(), 1)
	if m := all[0]; m.Stream != syncstream.Stderr || m.Source.Name != "build" || m.Source.Host != "10.0.0.1" || m.Source.PID != 0 {
		t.Errorf("%+v of %+v", m, m.Source)
	}

	r, w = io.Pipe()
	done = put("?name=cut&host=node7", r)
	io.WriteString(w, "half")
	w.CloseWithError(errors.New("gone"))
	f.want("4 half", "5 the connection was cut off")
	<-done

	r, w = io.Pipe()
	done = put("?name=idle", r)
	io.WriteString(w, "begin\n")
	f.want("6 begin")
	h.post("/train/v1/stop", `{"cause":"enough"}`)
	if got := <-done; got != (result{410, `{"message":"the source should end: enough"}` + "\n"}) {
		t.Errorf("%+v", got)
	}
	w.Close()
	if all := h.buffer().Sources(); all[2].Source.Name != "idle" || all[2].State != syncstream.StateExited || all[2].Heard.IsZero() {
		t.Errorf("%+v", all[2])
	}
	for query, want := range map[string]string{
		"":                   `{"message":"name missing: want ?name=NAME"}`,
		"?name=x&lines=x":    `{"message":"lines \"x\": want fold or split or keep or python"}`,
		"?name=x&stream=one": `{"message":"stream \"one\": want stdout or stderr or merged"}`,
	} {
		got := <-put(query, strings.NewReader(""))
		check(t, query, got.text, want)
	}
}
