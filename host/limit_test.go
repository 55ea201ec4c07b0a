package host

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/host/internal/wire"
)

// Bodies and lines are bounded, packed ones by what they are unpacked.
func TestMaxBody(t *testing.T) {
	h := start(t, Config{MaxBody: 10_000, Buffer: syncstream.Config{MaxLine: 100}})
	long := strings.Repeat("x", 101)
	check(t, "line", h.append("a", 1, lines(1, "one"), lines(2, "two", long, "three")), `413 {"message":"body: batch 2: a message has more than 100 bytes"}`)
	check(t, "just short enough", h.append("a", 1, lines(1, "one", long[1:])), `200 {"epoch":1,"num":2,"state":"open"}`)
	check(t, "body", h.append("a", 1, lines(3, strings.Repeat("x\n", 5000))), `413 {"message":"the body has 10039 bytes: want at most 10000"}`)

	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write(make([]byte, 1<<20))
	z.Close()
	send := func(header http.Header, body io.Reader) string {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost/train/v1/append", body)
		if err != nil {
			t.Fatal(err)
		}
		header.Set("Content-Type", wire.Batches)
		r.Header = header
		answer, err := h.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, _ := io.ReadAll(answer.Body)
		return fmt.Sprint(answer.StatusCode, " ", string(text))
	}
	const tooLong = `413 {"message":"the body is too long: want at most 10000 bytes, unpacked"}`
	check(t, "packed", send(http.Header{"Content-Encoding": {"gzip"}}, &packed), tooLong)
	check(t, "of no known length", send(http.Header{}, io.MultiReader(strings.NewReader(strings.Repeat("x", 20_000)))), tooLong)
	check(t, "not packed", send(http.Header{"Content-Encoding": {"gzip"}}, strings.NewReader("SSB1")), `400 {"message":"body: unexpected EOF"}`)
	check(t, "packed otherwise", send(http.Header{"Content-Encoding": {"br"}}, strings.NewReader("x")), `415 {"message":"Content-Encoding \"br\": want gzip, or none"}`)
	check(t, "after all that", h.append("a", 1, lines(3, "three")), `200 {"epoch":1,"num":3,"state":"open"}`)
}

// A body that does not come is not waited for long; nor are headers.
func TestSlow(t *testing.T) {
	for name, tt := range map[string]struct {
		request, want string
		took          time.Duration
	}{
		"body":     {"POST /train/v1/append HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-syncstream\r\nContent-Length: 100\r\n\r\nSSB1", "HTTP/1.1 408 Request Timeout", 30 * time.Second},
		"Python":   {"POST /train HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{", "HTTP/1.1 408 Request Timeout", 30 * time.Second},
		"refused":  {"POST /train/v1/x HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n{", "HTTP/1.1 404 Not Found", time.Second},
		"not read": {"GET /v1/health HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n{", "HTTP/1.1 408 Request Timeout", 30 * time.Second},
		"follower": {"GET /train/v1/follow HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n{", "HTTP/1.1 408 Request Timeout", 30 * time.Second},
		"header":   {"POST /train/v1/append HTTP/1.1\r\nHost: h\r\nX: ", "", 10 * time.Second},
		"idle":     {"GET /v1/health HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 OK", 5 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := start(t, Config{})
				c, err := h.network.dialFrom(t.Context(), "10.0.0.1")
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				begun := time.Now()
				io.WriteString(c, tt.request)
				answer, err := io.ReadAll(c)
				if err != nil || !strings.HasPrefix(string(answer), tt.want) {
					t.Errorf("%s, %v", answer, err)
				}
				// The server gives a client a moment to read what it was told.
				if took := time.Since(begun); took < tt.took || took > tt.took+time.Second {
					t.Errorf("it took %v, want %v", took, tt.took)
				}
			})
		})
	}
}

// The time for headers can be another.
func TestHeaderTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := startServer(t, Config{}, ServerConfig{HeaderTimeout: 3 * time.Second})
		c, err := h.network.dialFrom(t.Context(), "10.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		begun := time.Now()
		io.WriteString(c, "GET /v1/health HTTP/1.1\r\nX: ")
		io.ReadAll(c)
		if took := time.Since(begun); took != 3*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// A body that has come ends nothing that waits, whether it is looked at or not.
func TestBodyThenWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, Config{BodyTimeout: time.Second})
		check(t, "open", h.append("a", 1), `200 {"epoch":0,"num":0,"state":"open"}`)
		for _, tt := range []struct{ method, path, kind, body, want string }{
			{http.MethodGet, "/train/v1/wait?seconds=3", "", "{}", `"done":false`},
			{http.MethodPost, "/train/v1/held", wire.JSON, `{"sources":[{"id":"a"}],"seconds":3}`, `{"sources":[]}`},
		} {
			begun := time.Now()
			status, text := h.do(tt.method, tt.path, tt.kind, []byte(tt.body))
			if status != http.StatusOK || !strings.Contains(text, tt.want) || time.Since(begun) != 3*time.Second {
				t.Errorf("%s: %d %s after %v", tt.path, status, text, time.Since(begun))
			}
		}
	})
}

// Of large answers only a few are under way at a time, so that who does not read
// makes a host keep no more copies; others have their turn when he is let go. Who
// asks for little does not wait.
func TestLargeAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, Config{Silence: time.Hour})
		for i := range 4 {
			h.append("a", 1, lines(uint64(10*i+1), slices.Repeat([]string{strings.Repeat("x", 100_000)}, 10)...))
		}
		begun := time.Now()
		for i, path := range []string{"/train/v1/messages?last=100", "/train/v1/messages?after=0", "/train", "/train/v1/messages"} {
			c, err := h.network.dialFrom(t.Context(), "10.0.0.1")
			if err != nil {
				t.Fatal(i, err)
			}
			defer c.Close()
			io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: h\r\n\r\n")
		}
		synctest.Wait()
		h.get("/train/v1/messages?last=2")
		h.get("/train/v1/status?sources=no")
		h.append("a", 1, lines(41, "x"))
		if took := time.Since(begun); took != 0 {
			t.Errorf("who asks for little has waited %v", took)
		}
		if n := strings.Count(h.get("/train/v1/messages?last=100"), "\n"); n != 41 {
			t.Errorf("%d messages", n)
		}
		// A client has a second more for each MiB; the first to be let go has got 64 KiB.
		if took := time.Since(begun); took < writeTimeout || took > writeTimeout+paceTime {
			t.Errorf("the fifth answer has waited %v", took)
		}
	})
}

// Only so many large bodies come at a time; another has its turn when one of them
// has come or is given up, and small ones do not wait.
func TestLargeBodies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, Config{Silence: time.Hour})
		var stuck []net.Conn
		stick := func(path, kind string) {
			c, err := h.network.dialFrom(t.Context(), "10.0.0.1")
			if err != nil {
				t.Fatal(err)
			}
			stuck = append(stuck, c)
			fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: h\r\nContent-Type: %s\r\nContent-Length: 400000\r\n\r\n", path, kind)
			c.Write(make([]byte, 300_000))
			go io.Copy(io.Discard, c)
		}
		for range maxLargeBodies - 1 {
			stick("/train/v1/append", wire.Batches)
		}
		stick("/train/v1/held", wire.JSON)
		time.Sleep(time.Second)
		begun := time.Now()
		large := lines(1, slices.Repeat([]string{strings.Repeat("x", 1000)}, 400)...)
		h.later(time.Second, func() {
			check(t, "small", h.append("b", 1, lines(1, "one")), `200 {"epoch":1,"num":1,"state":"open"}`)
			if took := time.Since(begun); took != time.Second {
				t.Errorf("the small body has waited %v", took)
			}
		})
		check(t, "large", h.append("a", 1, large), `200 {"epoch":1,"num":400,"state":"open"}`)
		if took := time.Since(begun); took != DefaultBodyTimeout-time.Second {
			t.Errorf("the large body has waited %v", took)
		}
		for _, c := range stuck {
			c.Close()
		}
		synctest.Wait()
		for i := range uint64(maxLargeBodies + 1) {
			large.First = 401 + 400*i
			check(t, "no turn is lost", h.append("a", 1, large), fmt.Sprintf(`200 {"epoch":1,"num":%d,"state":"open"}`, 800+400*i))
		}
	})
}

// Lines that come as they are written may take longer than a body.
func TestLinesTakeTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, Config{BodyTimeout: time.Second})
		body, program := io.Pipe()
		h.later(3*time.Second, func() {
			io.WriteString(program, "slow\n")
			program.Close()
		})
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://localhost/train/v1/lines?name=a", body)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := h.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if got := shorts(h.buffer()); answer.StatusCode != http.StatusOK || !strings.HasSuffix(got, " 1 slow") {
			t.Errorf("%d, and the buffer has %s", answer.StatusCode, got)
		}
	})
}

// Headers may have so many bytes, and 4 KiB at least.
func TestLongHeader(t *testing.T) {
	for _, tt := range []struct {
		max, size int
		want      string
	}{
		{0, 16_000, "HTTP/1.1 200"},
		{0, 16_500, "HTTP/1.1 431"},
		{8 << 10, 8_000, "HTTP/1.1 200"},
		{8 << 10, 8_300, "HTTP/1.1 431"},
		{1, 4_000, "HTTP/1.1 200"},
		{1, 4_200, "HTTP/1.1 431"},
	} {
		h := startServer(t, Config{}, ServerConfig{MaxHeader: tt.max})
		c, err := h.network.dialFrom(t.Context(), "10.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		go io.WriteString(c, "GET /v1/health HTTP/1.1\r\nHost: h\r\nX: "+strings.Repeat("x", tt.size)+"\r\n\r\n")
		answer := make([]byte, 12)
		if _, err := io.ReadFull(c, answer); err != nil || string(answer) != tt.want {
			t.Errorf("%d bytes where %d are the limit: %s, %v", tt.size, tt.max, answer, err)
		}
	}
}

// Buffers and open sources are bounded; what is there goes on.
func TestMaxBuffersAndSources(t *testing.T) {
	h := start(t, Config{MaxBuffers: 2, MaxOpen: 2})
	const noMore = `{"message":"the buffer has 2 open sources, and may have no more"}`
	h.append("a", 1, lines(1, "one"))
	h.append("b", 1)
	check(t, "third source", h.append("c", 1), "507 "+noMore)
	_, text := h.do(http.MethodPut, "/train/v1/lines?name=x", "", nil)
	check(t, "lines", text, noMore)
	h.post("/train/v1/close", `{"source":"b"}`)
	check(t, "third source, when the second has ended", h.append("c", 1), `200 {"epoch":0,"num":0,"state":"open"}`)
	check(t, "first source", h.append("a", 1, lines(2, "two")), `200 {"epoch":1,"num":2,"state":"open"}`)
	h.get("/other/v1/status")
	status, text := h.do(http.MethodGet, "/third/v1/status", "", nil)
	check(t, "third buffer", fmt.Sprint(status, " ", text), `507 {"message":"the host has 2 buffers, and may have no more"}`)
	for _, name := range []string{"a/v1/x", "train-state", "key/0123456789abcdef/x", "", "third"} {
		if _, err := h.h.Buffer(name); err == nil {
			t.Errorf("Buffer(%q) is there", name)
		}
	}
}

// However they come, and though at the same time, no more sources are open than may
// be.
func TestMaxOpenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, Config{MaxOpen: 2})
		r, w := io.Pipe()
		statuses := make(chan int, 60)
		for i := range 20 {
			go func() {
				status, _ := h.do(http.MethodPost, "/train", wire.JSON, []byte(`{"type":"str","data":{"value":"x"}}`))
				statuses <- status
			}()
			go func() {
				q, err := http.NewRequest(http.MethodPut, "http://localhost/train/v1/lines?name=x", io.NopCloser(r))
				if err != nil {
					panic(err)
				}
				answer, err := h.client.Do(q)
				if err != nil {
					panic(err)
				}
				answer.Body.Close()
				statuses <- answer.StatusCode
			}()
			go func() {
				status, _, _ := strings.Cut(h.append(fmt.Sprint(i), 1), " ")
				n, _ := strconv.Atoi(status)
				statuses <- n
			}()
		}
		synctest.Wait()
		if n := h.buffer().NumOpen(); n != 2 {
			t.Errorf("%d sources are open, want 2", n)
		}
		w.Close()
		full := 0
		for range cap(statuses) {
			if <-statuses == http.StatusInsufficientStorage {
				full++
			}
		}
		if full < 50 {
			t.Errorf("%d requests were refused", full)
		}
	})
}

// A source that was closed and that a later epoch opens again gets in when there
// is room.
func TestMaxOpenAgain(t *testing.T) {
	h := start(t, Config{MaxOpen: 1})
	h.append("a", 1, lines(1, "one"))
	h.post("/train/v1/close", `{"source":"a"}`)
	h.append("b", 1)
	check(t, "no room", h.append("a", 2, lines(2, "two")), `507 {"message":"the buffer has 1 open sources, and may have no more"}`)
	h.post("/train/v1/close", `{"source":"b"}`)
	check(t, "room", h.append("a", 2, lines(2, "two")), `200 {"epoch":2,"num":2,"state":"open"}`)
}

// One address may have so many requests that wait, and so many connections;
// others are not affected.
func TestMaxWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, Config{MaxWaiting: 2})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		first := h.open(ctx, http.MethodGet, "/train/v1/follow", nil, nil)
		second := h.open(ctx, http.MethodGet, "/train/v1/follow", nil, nil)
		status, text := h.do(http.MethodGet, "/train/v1/follow", "", nil)
		check(t, "third", fmt.Sprint(status, " ", text), `429 {"message":"2 requests of this address are waiting, and there may be no more"}`)
		if got := h.exchangeFrom("10.0.0.2", "GET /train/v1/wait HTTP/1.1\nHost: h\nConnection: close\n\n"); !strings.HasPrefix(got, "HTTP/1.1 200 OK") {
			t.Errorf("from another address: %s", got)
		}
		cancel()
		first.Body.Close()
		second.Body.Close()
		synctest.Wait()
		check(t, "after they have ended", h.get("/train/v1/wait"), `{"done":true,"sources":0}`)
	})
}

// A request for many sources counts as several.
func TestMaxWaitingForMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, Config{MaxWaiting: 10})
		h.append("a", 1)
		held := func(n int) string {
			q, err := json.Marshal(wire.HeldRequest{Sources: slices.Repeat([]wire.HeldSource{{ID: "a"}}, n), Seconds: 2})
			if err != nil {
				t.Error(err)
			}
			status, text := h.do(http.MethodPost, "/train/v1/held", wire.JSON, q)
			return fmt.Sprint(status, " ", text)
		}
		const none, no = `200 {"sources":[]}`, `429 {"message":"10 requests of this address are waiting, and there may be no more"}`
		check(t, "many, alone", held(2000), none)
		go held(900)
		synctest.Wait()
		check(t, "many more", held(200), no)
		check(t, "few more", held(99), none)
		synctest.Wait()
		check(t, "when it has ended", held(200), none)
	})
}

func TestMaxConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := startServer(t, Config{}, ServerConfig{MaxConnections: 2})
		// ask returns the status on a connection of its own, which is left open.
		ask := func() (string, io.Closer) {
			c, err := h.network.dialFrom(t.Context(), "10.0.0.1")
			if err != nil {
				t.Fatal(err)
			}
			io.WriteString(c, "GET /v1/health HTTP/1.1\r\nHost: h\r\n\r\n")
			answer := make([]byte, 12)
			n, _ := io.ReadFull(c, answer)
			go io.Copy(io.Discard, c)
			return string(answer[:n]), c
		}
		var open []io.Closer
		for i, want := range []string{"HTTP/1.1 200", "HTTP/1.1 200", "HTTP/1.1 429"} {
			got, c := ask()
			if got != want {
				t.Errorf("connection %d: %q, want %q", i+1, got, want)
			}
			open = append(open, c)
		}
		if got := h.exchangeFrom("10.0.0.2", "GET /v1/health HTTP/1.1\nHost: h\nConnection: close\n\n"); !strings.HasPrefix(got, "HTTP/1.1 200") {
			t.Errorf("from another address: %s", got)
		}
		for _, c := range open {
			c.Close()
		}
		synctest.Wait()
		got, c := ask()
		if got != "HTTP/1.1 200" {
			t.Errorf("when the others have ended: %q", got)
		}
		c.Close()
	})
}

// Connections far beyond what one address may have are closed without a word.
func TestFarTooManyConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := startServer(t, Config{}, ServerConfig{MaxConnections: 1})
		var open []io.Closer
		for range 2 {
			c, err := h.network.dialFrom(t.Context(), "10.0.0.1")
			if err != nil {
				t.Fatal(err)
			}
			open = append(open, c)
		}
		c, err := h.network.dialFrom(t.Context(), "10.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		if n, err := c.Read(make([]byte, 1)); err != io.EOF || time.Since(begun) > 0 {
			t.Errorf("%d, %v after %v", n, err, time.Since(begun))
		}
		for _, c := range open {
			c.Close()
		}
	})
}
