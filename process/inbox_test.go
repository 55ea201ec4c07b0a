package process

import (
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/syncstream/syncstream"
)

// received is a mirror that keeps what it is sent.
type received struct {
	sent         []string
	acknowledged int
}

func (r *received) Send(kind syncstream.Kind, text string) error {
	r.sent = append(r.sent, fmt.Sprintf("%s %q", kind, text))
	return nil
}

func (r *received) Acknowledge() { r.acknowledged++ }

// The examples of docs/protocol.md are what a child may say.
func TestProtocolChild(t *testing.T) {
	doc, err := os.ReadFile("../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)```jsonl\n(.*?)```").FindAllSubmatch(doc, -1)
	if len(examples) != 1 {
		t.Fatalf("docs/protocol.md has %d blocks of examples, want 1", len(examples))
	}
	r := &received{}
	in := &inbox{name: "w", mirror: r}
	in.take(1, examples[0][1], false)
	in.end()
	want := []string{
		`warning "low disk"`, `line "epoch 1 is done"`, `error "can't save\ncaused by: disk full"`,
		`error "a long story"`, `error "d\xe9j\xe0 vu"`, `partial "75 %"`,
	}
	if !slices.Equal(r.sent, want) || r.acknowledged != 1 {
		t.Errorf("received %q, acknowledged %d times; want %q", r.sent, r.acknowledged, want)
	}
}

// Whatever text a Go child sends arrives as it was, also between those of other
// processes.
func TestRecords(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	letters := []string{"a", "é", "日本", "\x00", "\x1b\"\\", "\n", "\xff", "\u2028"}
	var queues [4][][]byte
	var want []string
	for pid := range queues {
		for range 20 {
			text := strings.Repeat(letters[rng.IntN(len(letters))], rng.IntN(1<<rng.IntN(17))) + letters[rng.IntN(len(letters))]
			want = append(want, fmt.Sprintf("error %q", text))
			all := records(syncstream.Message{Kind: syncstream.Error, Text: text})
			for _, record := range all {
				if len(record) > maxRecord || len(record) < maxRecord/4 && len(all) > 2 && len(record) < len(all[len(all)-1]) {
					t.Errorf("a record of %d bytes, one of %d", len(record), len(all))
				}
			}
			queues[pid] = append(queues[pid], all...)
		}
	}
	r := &received{}
	in := &inbox{name: "w", mirror: r}
	for left := true; left; {
		left = false
		for pid, queue := range queues {
			if len(queue) > 0 {
				left = true
				in.take(int32(pid), queue[0], false)
				queues[pid] = queue[1:]
			}
		}
	}
	if len(in.senders) != 0 {
		t.Errorf("%d processes are remembered", len(in.senders))
	}
	slices.Sort(want)
	slices.Sort(r.sent)
	if !slices.Equal(r.sent, want) {
		t.Errorf("%d messages arrived, want %d, and some differ", len(r.sent), len(want))
	}
}

// A flood of bad input becomes one warning a second, which counts the others.
func TestComplaints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &received{}
		in := &inbox{name: "w", mirror: r}
		for range 250 {
			in.take(1, []byte("bad\n"), false)
			time.Sleep(10 * time.Millisecond)
		}
		in.end()
		in.end()
		const text = `w: a message that it sent can't be read: want an object; it begins \"bad\"`
		want := []string{
			`warning "` + text + `"`, `warning "` + text + `\nso it was with 99 more since the last warning"`,
			`warning "` + text + `\nso it was with 99 more since the last warning"`,
			`warning "w: 49 more of its messages could not be read"`,
		}
		if !slices.Equal(r.sent, want) {
			t.Errorf("received\n%s\nwant\n%s", strings.Join(r.sent, "\n"), strings.Join(want, "\n"))
		}
	})
}

// What is not completed is delivered all the same, and memory is bounded.
func TestUnfinished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &received{}
		in := &inbox{name: "w", mirror: r}
		in.take(1, []byte(`{"kind":"error","part":"first","text":"one"}`), false)
		in.take(1, []byte(`{"kind":"error","part":"first","text":"two"}`), false)
		in.take(1, []byte(`{"kind":"warning","part":"middle","text":"another kind"}`), false)
		in.take(2, []byte(`{"kind":`), false)
		time.Sleep(complaintPause)
		in.end()
		for pid := range int32(100) {
			in.take(pid, []byte(`{"kind":"error","part":"first","text":"x"}`), false)
			in.take(pid, []byte(`{"kind":`), false)
		}
		if n := len(in.senders); n != maxSenders {
			t.Errorf("%d processes are remembered, want %d", n, maxSenders)
		}
		const more = `\n(the end of this message has not come)"`
		got := r.sent[:4]
		slices.Sort(got)
		want := []string{
			`error "one` + more, `error "two` + more,
			`warning "w: a message that it sent can't be read: its end has not come; it begins \"{\\\"kind\\\":\""`,
			`warning "w: a message that it sent can't be read: part \"middle\" of kind \"warning\": want the first part before it; it begins \"{\\\"kind\\\":\\\"warning\\\",\\\"part\\\":\\\"middle\\\",\\\"text\\\":\\\"another kind\\\"}\""`,
		}
		if !slices.Equal(got, want) {
			t.Errorf("received\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		for _, part := range records(syncstream.Message{Kind: syncstream.Error, Text: strings.Repeat("x", 3*maxText)}) {
			in.take(1000, part, false)
			if s := in.senders[1000]; s != nil && len(s.text) > maxText {
				t.Fatalf("%d bytes are kept of a text", len(s.text))
			}
		}
		for range 3 * maxRecord {
			in.take(1, []byte(`{"kind":"line","text":"`)[:1], false)
		}
		if s := in.senders[1]; s != nil && len(s.line) > maxRecord {
			t.Errorf("%d bytes are kept of a line", len(s.line))
		}
	})
}

// FuzzInbox has children send anything: nothing panics, and memory is bounded.
func FuzzInbox(f *testing.F) {
	f.Add([]byte("{\"kind\":\"line\",\"text\":\"x\"}\n{\"kind\":"), []byte("\"error\"}"), int32(1), int32(1), false)
	f.Add([]byte(`{"kind":"error","part":"first","text":"x"}`), []byte(`{"kind":"error","part":"last"}`), int32(1), int32(1), false)
	f.Add([]byte(`{"kind":"error","part":"first","text":"x"}`), []byte(`{"kind":"error","part":"last"}`), int32(1), int32(2), true)
	f.Add([]byte(`{"kind":"acknowledge"}{}`), []byte(" {} \r\n\n[]"), int32(0), int32(0), false)
	f.Add([]byte(`{"kind":"line","base64":"/w=="}`), []byte(`{"Kind":"line","kind":null,"v":2}`), int32(0), int32(0), false)
	f.Fuzz(func(t *testing.T, one, two []byte, from, other int32, cut bool) {
		r := &received{}
		in := &inbox{name: "w", mirror: r}
		for range 2 {
			in.take(from, one, cut)
			in.take(other, two, false)
		}
		for _, s := range in.senders {
			if len(s.line) > maxRecord+max(len(one), len(two)) || len(s.line) == 0 && !s.parts {
				t.Errorf("%q is kept", s.line)
			}
		}
		in.end()
		if len(in.senders) > 0 || in.more > 0 {
			t.Errorf("%d senders and %d complaints are left", len(in.senders), in.more)
		}
		for _, text := range r.sent {
			if !strings.HasPrefix(text, "line ") && !strings.HasPrefix(text, "warning ") && !strings.HasPrefix(text, "error ") && !strings.HasPrefix(text, "partial ") {
				t.Errorf("sent %s", text)
			}
		}
	})
}
