package host

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/host/internal/wire"
)

// A held request is answered as soon as there is something to say, and after 25 s
// in any case.
func TestHeld(t *testing.T) {
	const held = "/train/v1/held"
	for _, tt := range []struct {
		name    string
		request string
		after   func(*testHost) // a second later
		want    string
		took    time.Duration
	}{
		{"nothing", `{"sources":[{"id":"a"}]}`, nil, `{"sources":[]}`, 25 * time.Second},
		{"nothing, for a while", `{"sources":[{"id":"a"}],"seconds":1.5}`, nil, `{"sources":[]}`, 1500 * time.Millisecond},
		{"no longer than it may", `{"sources":[{"id":"a"}],"seconds":99}`, nil, `{"sources":[]}`, 25 * time.Second},
		{"no source", `{}`, nil, `{"sources":[]}`, 25 * time.Second},
		{"a stop", `{"sources":[{"id":"b"}]}`, func(h *testHost) { // of several the answer may come before all are asked
			h.post("/train/v1/stop", `{"cause":"enough"}`)
		}, `{"sources":[{"id":"b","state":"asked","stop":"enough"}]}`, time.Second},
		{"a stop of the host's own program", `{"sources":[{"id":"a"}]}`, func(h *testHost) {
			h.buffer().Stop(nil)
		}, `{"sources":[{"id":"a","state":"asked","stop":"syncstream: stopped"}]}`, time.Second},
		{"abandoned", `{"sources":[{"id":"a"}]}`, func(h *testHost) {
			h.post("/train/v1/abandon", `{}`)
		}, `{"sources":[{"id":"a","state":"lost","stop":"syncstream: abandoned"}]}`, time.Second},
		{"closed", `{"sources":[{"id":"a"},{"id":"b"}]}`, func(h *testHost) {
			h.post("/train/v1/close", `{"source":"b"}`)
		}, `{"sources":[{"id":"b","state":"exited"}]}`, time.Second},
		{"unknown", `{"sources":[{"id":"a"},{"id":"x"}]}`, nil, `{"sources":[{"id":"x","state":"unknown"}]}`, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := start(t, Config{})
				h.append("a", 1)
				h.append("b", 1)
				if tt.after != nil {
					h.later(time.Second, func() { tt.after(h) })
				}
				begun := time.Now()
				check(t, "answer", h.post(held, tt.request), tt.want)
				if took := time.Since(begun); took != tt.took {
					t.Errorf("it took %v, want %v", took, tt.took)
				}
			})
		})
	}
}

// One that has heard of the stop is not told again, and the buffer knows.
func TestHeldHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, Config{})
		h.append("a", 1)
		h.buffer().Stop(nil)
		check(t, "told", h.post("/train/v1/held", `{"sources":[{"id":"a"}]}`), `{"sources":[{"id":"a","state":"asked","stop":"syncstream: stopped"}]}`)
		check(t, "not told", h.post("/train/v1/held", `{"sources":[{"id":"a","heard":true}]}`), `{"sources":[]}`)
		if s := h.buffer().Sources()[0]; s.State != syncstream.StateAcknowledged || s.Heard.IsZero() {
			t.Errorf("%s, heard %v", s.State, s.Heard)
		}
	})
}

// One request speaks for all sources of a program: one that was told waits for
// the others, though nobody knows whether its worker has heard of it.
func TestHeldTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, Config{})
		h.append("a", 1, lines(1, "one"))
		h.post("/train/v1/stop", `{"cause":"enough"}`)
		check(t, "told", h.post("/train/v1/held", `{"sources":[{"id":"a","told":true}],"seconds":1}`), `{"sources":[]}`)
		check(t, "state", statuses(h.buffer()), "a asked")
	})
}

// A source that was asked at its own end has not failed, however it ends.
func TestAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, Config{})
		h.append("a", 1, lines(1, "one"))
		h.post("/train/v1/acknowledge", `{"source":"a","state":"asked"}`)
		check(t, "state", statuses(h.buffer()), "a asked")
		check(t, "wrong", h.post("/train/v1/acknowledge", `{"source":"a","state":"exited"}`),
			`{"message":"body: state \"exited\": want acknowledged or asked"}`)
		h.post("/train/v1/close", `{"source":"a","error":"interrupted"}`)
		if err := h.buffer().Wait(t.Context()); err != nil {
			t.Errorf("Wait: %v", err)
		}
	})
}

// One request is for all sources of a program, though some were taken for lost and
// others have their places.
func TestHeldMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, Config{MaxOpen: 2})
		h.append("a", 1)
		h.append("b", 1)
		time.Sleep(time.Minute)
		h.append("c", 1)
		h.append("d", 1)
		h.buffer().Stop(nil) // of all, before the request: it asks one after the other
		check(t, "answer", h.post("/train/v1/held", `{"sources":[{"id":"a"},{"id":"b"},{"id":"c"},{"id":"d"}]}`), `{"sources":[`+
			`{"id":"a","state":"asked","stop":"syncstream: stopped"},{"id":"b","state":"asked","stop":"syncstream: stopped"},`+
			`{"id":"c","state":"asked","stop":"syncstream: stopped"},{"id":"d","state":"asked","stop":"syncstream: stopped"}]}`)
	})
}

// A source that is named twice is one: it is told, unless all who name it were.
func TestHeldTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, Config{})
		h.append("a", 1)
		h.buffer().Stop(nil)
		const told = `{"sources":[{"id":"a","state":"asked","stop":"syncstream: stopped"}]}`
		check(t, "one was told", h.post("/train/v1/held", `{"sources":[{"id":"a","told":true},{"id":"a"}]}`), told)
		check(t, "none was told", h.post("/train/v1/held", `{"sources":[{"id":"a"},{"id":"a"}]}`), told)
		check(t, "both were told", h.post("/train/v1/held", `{"sources":[{"id":"a","told":true},{"id":"a","told":true}],"seconds":1}`), `{"sources":[]}`)
		check(t, "one has heard", h.post("/train/v1/held", `{"sources":[{"id":"a"},{"id":"a","heard":true}],"seconds":1}`), `{"sources":[]}`)
	})
}

// statuses tells the state of each source, and what it ended with.
func statuses(b *syncstream.Buffer) string {
	var s []string
	for _, source := range b.Sources() {
		text := source.Source.ID + " " + source.State.String()
		if source.Err != nil {
			text += ": " + source.Err.Error()
		}
		s = append(s, text)
	}
	return strings.Join(s, "\n")
}

// The highest number leaves room for messages of the host's own before it, and what
// is higher is refused before it changes anything.
func TestHighestNumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, Config{})
		h.append("a", 1, lines(1, "one"))
		time.Sleep(wire.MaxSilence)
		synctest.Wait()
		check(t, "back", h.append("a", 1), `200 {"epoch":1,"num":1,"state":"open"}`)
		for _, last := range []uint64{math.MaxUint64, wire.MaxNum + 1} {
			check(t, "too high", h.post("/train/v1/close", fmt.Sprintf(`{"source":"a","last":%d}`, last)), fmt.Sprintf(`{"message":"body: last %d: want at most 2^61"}`, last))
		}
		check(t, "highest", h.append("a", 2, lines(wire.MaxNum, "last")), fmt.Sprintf(`200 {"epoch":2,"num":%d,"state":"open"}`, uint64(wire.MaxNum)))
		check(t, "close", h.post("/train/v1/close", fmt.Sprintf(`{"source":"a","last":%d}`, uint64(wire.MaxNum))), fmt.Sprintf(`{"epoch":2,"num":%d,"state":"exited"}`, uint64(wire.MaxNum)))
	})
}

// A source that gives no sign is closed with an error; one that comes back goes
// on, marked.
func TestSilence(t *testing.T) {
	const lost = "no sign of it for 15s: it is taken for lost"
	synctest.Test(t, func(t *testing.T) {
		h := start(t, Config{})
		half := func(stream syncstream.Stream, text string) wire.Batch {
			return wire.Batch{Stream: stream, Kind: syncstream.Partial, Text: []byte(text)}
		}
		h.append("a", 1, lines(1, "one"), half(syncstream.Merged, "ha"), half(syncstream.Stderr, "err"), half(syncstream.Control, "at\nwhat"))
		h.append("a", 1, half(syncstream.Merged, "half"))
		time.Sleep(14 * time.Second)
		h.append("a", 1)
		time.Sleep(14 * time.Second)
		check(t, "after signs", statuses(h.buffer()), "a open")
		time.Sleep(time.Second + time.Millisecond)
		check(t, "after silence", statuses(h.buffer()), "a lost: "+lost)
		if _, failed := h.buffer().Wait(t.Context()).(*syncstream.Failure); !failed {
			t.Errorf("Wait does not tell of the failure")
		}
		time.Sleep(30 * time.Second)
		check(t, "answer", h.append("a", 1, lines(2, "two", "three")), `200 {"epoch":1,"num":3,"state":"open"}`)
		check(t, "answer", h.append("a", 1, lines(3, "three", "four")), `200 {"epoch":1,"num":4,"state":"open"}`)
		check(t, "after it is back", statuses(h.buffer()), "a lost: "+lost+"\na open")
		// The half lines became messages, before the error, and have numbers of their
		// own as the host's do.
		check(t, "messages", shorts(h.buffer()), strings.Join([]string{
			"a 1 one", "a 2 half", "a 3 err", "a 4 at", "a 5 what", "a 6 error " + lost,
			"a 7 warning it is back, after 45s without a sign", "a 8 two", "a 9 three", "a 10 four",
		}, "\n"))
	})
}

// Held requests are signs of life as long as they last, and one brings a lost
// source back.
func TestSilenceHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, Config{Silence: 5 * time.Second})
		h.append("a", 1, lines(1, "one"))
		for range 3 {
			h.post("/train/v1/held", `{"sources":[{"id":"a"}]}`)
		}
		check(t, "held", statuses(h.buffer()), "a open")
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			time.Sleep(time.Second)
			cancel()
		}()
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://localhost/train/v1/held", strings.NewReader(`{"sources":[{"id":"a"}]}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", wire.JSON)
		if answer, err := h.client.Do(r); err == nil {
			answer.Body.Close()
			t.Error("an answer came to a request that was given up")
		}
		time.Sleep(4 * time.Second)
		check(t, "4 s after the end of the connection", statuses(h.buffer()), "a open")
		time.Sleep(2 * time.Second)
		const lost = "a lost: no sign of it for 5s: it is taken for lost"
		check(t, "6 s after it", statuses(h.buffer()), lost)
		check(t, "held again", h.post("/train/v1/held", `{"sources":[{"id":"a"}],"seconds":1}`), `{"sources":[]}`)
		check(t, "back", statuses(h.buffer()), lost+"\na open")
	})
}

// How it ends is known, also of one that was taken for lost before.
func TestCloseSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, Config{})
		for _, id := range []string{"a", "b", "c", "d"} {
			h.append(id, 1)
		}
		check(t, "exited", h.post("/train/v1/close", `{"source":"a"}`), `{"epoch":0,"num":0,"state":"exited"}`)
		check(t, "killed", h.post("/train/v1/close", `{"source":"b","state":"killed","error":"killed by SIGKILL"}`), `{"epoch":0,"num":0,"state":"killed"}`)
		check(t, "failed", h.post("/train/v1/close", `{"source":"c","error":"exit status 3"}`), `{"epoch":0,"num":0,"state":"exited"}`)
		check(t, "wrong state", h.post("/train/v1/close", `{"source":"d","state":"open"}`), `{"message":"body: state \"open\": want exited, killed or lost"}`)
		check(t, "unknown", h.post("/train/v1/close", `{"source":"x"}`), `{"message":"the host does not know the source \"x\""}`)
		time.Sleep(time.Minute)
		check(t, "late", h.post("/train/v1/close", `{"source":"d","error":"exit status 4"}`), `{"epoch":0,"num":0,"state":"exited"}`)
		check(t, "statuses", statuses(h.buffer()), "a exited\nb killed: killed by SIGKILL\nc exited: exit status 3\nd exited: exit status 4")
		check(t, "outcome", fmt.Sprint(h.buffer().Wait(t.Context())), "name of c: exit status 3")
	})
}

// One that was taken for lost, and has been closed since, is not opened by what
// comes late; a later epoch opens it as one that can be lost, and stopped, again.
func TestCloseSourceLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, Config{})
		h.append("a", 1, lines(1, "one"))
		time.Sleep(time.Minute)
		h.post("/train/v1/close", `{"source":"a"}`)
		check(t, "held", h.post("/train/v1/held", `{"sources":[{"id":"a"}]}`), `{"sources":[{"id":"a","state":"exited"}]}`)
		check(t, "late", h.append("a", 1, lines(2, "two")),
			`410 {"message":"the source is closed: exited","epoch":1,"num":1,"state":"exited"}`)
		check(t, "closed", statuses(h.buffer()), "a exited")

		check(t, "later epoch", h.append("a", 2, lines(2, "two")), `200 {"epoch":2,"num":2,"state":"open"}`)
		h.post("/train/v1/stop", `{"cause":"enough"}`)
		check(t, "stopped", h.append("a", 2, lines(3, "three")), `200 {"epoch":2,"num":3,"state":"asked","stop":"enough"}`)
		time.Sleep(time.Minute)
		check(t, "lost again", statuses(h.buffer()), "a exited\na lost: no sign of it for 15s: it is taken for lost")
	})
}

// What one that was taken for lost has not delivered when it is closed is a gap.
func TestCloseSourceLateMisses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, Config{})
		h.append("a", 1, lines(1, "one"))
		time.Sleep(time.Minute)
		check(t, "close", h.post("/train/v1/close", `{"source":"a","last":4}`), `{"epoch":1,"num":4,"state":"exited"}`)
		check(t, "messages", shorts(h.buffer()), strings.Join([]string{
			"a 1 one", "a 2 error no sign of it for 15s: it is taken for lost",
			"a 3 warning it is back, after 1m0s without a sign", "a 4 gap 3",
		}, "\n"))
		check(t, "again", h.post("/train/v1/close", `{"source":"a","last":4}`), `{"epoch":1,"num":4,"state":"exited"}`)
		check(t, "statuses", statuses(h.buffer()), "a lost: no sign of it for 15s: it is taken for lost\na exited")
	})
}

// Sources that have ended are forgotten when there are many, the oldest first;
// those that are open never.
func TestSweep(t *testing.T) {
	h := start(t, Config{Buffer: syncstream.Config{MaxSources: 10}})
	h.append("open", 1)
	s, err := h.h.served("train")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3000 {
		m, err := s.remote(&syncstream.Source{ID: fmt.Sprint("s", i)})
		if err != nil {
			t.Fatal(err)
		}
		m.close(syncstream.StateExited, nil)
	}
	if n := len(s.remotes); n > 2000 {
		t.Errorf("%d sources are remembered, want at most 2000", n)
	}
	if s.known("open") == nil || s.known("s2999") == nil {
		t.Error("the open source, or the newest, is forgotten")
	}
}
