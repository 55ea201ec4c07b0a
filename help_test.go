package syncstream_test

import (
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/syncstream/syncstream"
)

// open returns a mirror with a name and the default mode.
func open(b *syncstream.Buffer, name string) *syncstream.Mirror {
	return b.Mirror(syncstream.MirrorConfig{Source: syncstream.Source{Name: name}})
}

func write(t testing.TB, w io.Writer, text string) {
	t.Helper()
	if n, err := io.WriteString(w, text); err != nil || n != len(text) {
		t.Errorf("Write of %d bytes: %d, %v", len(text), n, err)
	}
}

// all returns what b keeps.
func all(t testing.TB, b *syncstream.Buffer) []syncstream.Message {
	t.Helper()
	messages, err := b.Last(t.Context(), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	return messages
}

// short writes a message as the tests' tables do: name, Num, stream, and what
// is not a whole line that LF ends.
func short(m syncstream.Message) string {
	s := fmt.Sprintf("%s%d", m.Source, m.Num)
	if m.Stream != syncstream.Stdout {
		s += "/" + m.Stream.String()
	}
	if m.Kind != syncstream.Line {
		s += "/" + m.Kind.String()
	}
	if m.Part != syncstream.PartWhole {
		s += "/" + m.Part.String()
	}
	s += fmt.Sprintf(" %q", m.Text)
	if m.End != syncstream.EndLF && m.Kind == syncstream.Line {
		s += " " + m.End.String()
	}
	return s
}

func shorts(messages []syncstream.Message) string {
	var s []string
	for _, m := range messages {
		s = append(s, short(m))
	}
	return strings.Join(s, "\n")
}

// checked returns a line of about n bytes that tells who wrote it, which one
// it is, and a checksum of both and of what fills it. A line that was torn or
// mixed with another does not pass.
func checked(name string, i, n int) string {
	text := fmt.Sprintf("%s %d ", name, i)
	text += strings.Repeat(string(rune('a'+i%26)), max(1, n-len(text)))
	return fmt.Sprintf("%s %08x", text, crc32.ChecksumIEEE([]byte(text)))
}

// check returns who wrote a line of checked, and which one it is.
func check(line string) (name string, i int, err error) {
	at := len(line) - 9
	if at < 0 || fmt.Sprintf(" %08x", crc32.ChecksumIEEE([]byte(line[:at]))) != line[at:] {
		return "", 0, fmt.Errorf("torn line %.100q", line)
	}
	_, err = fmt.Sscanf(line, "%s %d", &name, &i)
	return name, i, err
}

// recorder is a sink that keeps all messages.
type recorder struct {
	mu       sync.Mutex
	messages []syncstream.Message
}

func (r *recorder) WriteBatches(batches []*syncstream.Batch) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, b := range batches {
		for m := range b.All() {
			r.messages = append(r.messages, m)
		}
	}
	return nil
}

func (r *recorder) all() []syncstream.Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.messages[:len(r.messages):len(r.messages)]
}

func (r *recorder) text() string { return shorts(r.all()) }

// sinkFunc is a sink made of a function.
type sinkFunc func([]*syncstream.Batch) error

func (f sinkFunc) WriteBatches(batches []*syncstream.Batch) error { return f(batches) }

// gate is a sink that says when it is called, and records once it may go on.
type gate struct {
	recorder
	called chan struct{} // has room for one
	pass   chan struct{} // closed: let all pass
}

func newGate() *gate {
	return &gate{called: make(chan struct{}, 1), pass: make(chan struct{})}
}

func (g *gate) WriteBatches(batches []*syncstream.Batch) error {
	select {
	case g.called <- struct{}{}:
	default:
	}
	<-g.pass
	return g.recorder.WriteBatches(batches)
}

// within waits for done, in the time that even a slow machine needs.
func within(t testing.TB, done <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("not within 10 s: " + what)
	}
}

// started runs f in a new goroutine; the channel is closed when f has returned.
func started(f func()) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	return done
}
