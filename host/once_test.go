package host

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/host/internal/wire"
)

// numbered returns lines whose text is their number, in two batches.
func numbered(first uint64, n int) []wire.Batch {
	var texts []string
	for i := range n {
		texts = append(texts, fmt.Sprint(first+uint64(i)))
	}
	half := n / 2
	if half == 0 {
		return []wire.Batch{lines(first, texts...)}
	}
	return []wire.Batch{lines(first, texts[:half]...), lines(first+uint64(half), texts[half:]...)}
}

// checkOnce checks that each line of a source is there once, in order, and that
// gaps stand for all others, up to the last; which it returns.
func checkOnce(t testing.TB, b *syncstream.Buffer) (last uint64) {
	t.Helper()
	all, err := b.Last(t.Context(), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		switch {
		case m.Num != last+1:
			t.Fatalf("message %d behind %d", m.Num, last)
		case m.Kind == syncstream.Gap:
			last += m.Missing
		case m.Text != fmt.Sprint(m.Num):
			t.Fatalf("message %d is %q", m.Num, m.Text)
		default:
			last++
		}
	}
	return last
}

// Whatever requests come, in whatever order and how often: each message is kept
// once and in order, what is missing is a gap, and the answer says how far it got.
func FuzzAppendOnce(f *testing.F) {
	f.Add([]byte{1, 1, 5, 1, 3, 6, 1, 20, 3, 2, 20, 3, 1, 1, 9, 2, 19, 9})
	f.Add([]byte{7, 40, 1, 7, 41, 1, 7, 39, 4, 3, 1, 1})
	f.Fuzz(func(t *testing.T, ops []byte) {
		h := NewHandler(Config{Buffer: syncstream.Config{MaxMessages: 1 << 20}})
		defer h.Shutdown(t.Context())
		b, err := h.Buffer("train")
		if err != nil {
			t.Fatal(err)
		}
		for ; len(ops) >= 3; ops = ops[3:] {
			first, n := uint64(ops[1])+1, int(ops[2]%40)+1
			body := request("a", uint64(ops[0]), numbered(first, n)...)
			r := httptest.NewRequest(http.MethodPost, "/train/v1/append", bytes.NewReader(body))
			r.Header.Set("Content-Type", wire.Batches)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			last := checkOnce(t, b)
			p := decoded[wire.Problem](t, w.Body.String())
			end := first + uint64(n) - 1
			if p.Progress == nil || p.Num != last || w.Code == http.StatusOK && last < end || w.Code == http.StatusConflict && last >= end {
				t.Fatalf("%d to %d of epoch %d: %d %s, and the last is %d", first, end, ops[0], w.Code, w.Body, last)
			}
			if w.Code != http.StatusOK && w.Code != http.StatusConflict {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
		}
	})
}

// A request that comes many times at once is kept once.
func TestAppendAtOnce(t *testing.T) {
	h := start(t, Config{Buffer: syncstream.Config{MaxMessages: 1 << 20}})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 50 {
				got := h.append("a", 1, numbered(uint64(i*10+1), 10)...)
				if !strings.HasPrefix(got, "200 ") {
					t.Error(got)
				}
			}
		})
	}
	all.Wait()
	if last := checkOnce(t, h.buffer()); last != 500 {
		t.Errorf("the last is %d, want 500", last)
	}
}

// Whatever a body is, the host answers, and what it refuses changes nothing.
func FuzzBody(f *testing.F) {
	f.Add(request("a", 1, lines(1, "one", "two")), false)
	f.Add(request("a", 1, wire.Batch{Lines: syncstream.Python, Part: syncstream.PartLast, First: 3, Count: 1, Text: []byte("a\r\nb")}), false)
	f.Add([]byte(`{"v":1,"source":{"id":"a","name":"A"},"stream":"stdout","kind":"line","num":9,"text":"nine"}`), true)
	f.Fuzz(func(t *testing.T, body []byte, asLines bool) {
		h := NewHandler(Config{Buffer: syncstream.Config{MaxLine: 64}})
		defer h.Shutdown(t.Context())
		r := httptest.NewRequest(http.MethodPost, "/train/v1/append", bytes.NewReader(body))
		r.Header.Set("Content-Type", wire.Batches)
		if asLines {
			r.Header.Set("Content-Type", wire.Lines)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		p := decoded[wire.Problem](t, w.Body.String())
		b, err := h.Buffer("train")
		if err != nil {
			t.Fatal(err)
		}
		switch stats := b.Stats(); {
		case w.Code == http.StatusOK && p.Progress != nil:
		case w.Code >= 400 && w.Code < 500 && p.Message != "" && stats.Sources == 0 && stats.Written.Messages == 0:
		default:
			t.Fatalf("%d %s, and %+v", w.Code, w.Body, stats)
		}
		all, err := b.Last(t.Context(), 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range all {
			if m.Kind == syncstream.Line && len(m.Text) > 64 {
				t.Fatalf("a line of %d bytes is kept", len(m.Text))
			}
		}
	})
}

// A source that is taken for lost is not forgotten before those that ended earlier:
// what it sends once more is there once.
func TestLostIsNotForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, Config{})
		end := func(from, to int) {
			for i := from; i < to; i++ {
				id := fmt.Sprint("short-", i)
				h.append(id, 1, lines(1, "x"))
				h.post("/train/v1/close", `{"source":"`+id+`"}`)
			}
		}
		end(0, 1)
		time.Sleep(time.Second)
		end(1, 700)
		time.Sleep(time.Second)
		h.append("a", 1, lines(1, "one", "two"))
		time.Sleep(wire.MaxSilence)
		synctest.Wait()
		end(700, 1400)
		check(t, "the oldest", h.get("/train/v1/progress?source=short-0"), `{"message":"the host does not know the source \"short-0\""}`)
		check(t, "the lost one", h.get("/train/v1/progress?source=a"), `{"epoch":1,"num":2,"state":"lost"}`)
		check(t, "once more", h.append("a", 1, lines(1, "one", "two")), `200 {"epoch":1,"num":2,"state":"open"}`)
	})
}
