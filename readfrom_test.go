package syncstream_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/syncstream/syncstream"
)

// text returns n checked lines of many lengths, and half a line at the end.
func text(seed uint64, n, longest int) string {
	rng := rand.New(rand.NewPCG(seed, 1))
	var text strings.Builder
	for i := range n {
		text.WriteString(checked("m", i, rng.IntN(longest)) + "\n")
	}
	return text.String() + checked("m", n, 50)
}

// readers are the ways to bring bytes to ReadFrom. Each gives text, in pieces
// of at most chunk bytes.
var readers = []struct {
	name string
	open func(t *testing.T, text string, chunk int) io.Reader
}{
	{"bytes.Reader", func(_ *testing.T, text string, _ int) io.Reader { return bytes.NewReader([]byte(text)) }},
	{"one byte", func(_ *testing.T, text string, _ int) io.Reader { return iotest.OneByteReader(strings.NewReader(text)) }},
	{"data and EOF", func(_ *testing.T, text string, _ int) io.Reader { return iotest.DataErrReader(strings.NewReader(text)) }},
	{"file", func(t *testing.T, text string, _ int) io.Reader {
		name := filepath.Join(t.TempDir(), "text")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}},
	{"pipe", func(t *testing.T, text string, chunk int) io.Reader {
		r, w := osPipe(t)
		go feed(w, text, chunk)
		return r
	}},
	{"blocking pipe", func(t *testing.T, text string, chunk int) io.Reader {
		r, w := osPipe(t)
		r.Fd() // makes it blocking
		go feed(w, text, chunk)
		return r
	}},
	{"io.Pipe", func(_ *testing.T, text string, chunk int) io.Reader {
		r, w := io.Pipe()
		go feed(w, text, chunk)
		return r
	}},
	{"tcp", func(t *testing.T, text string, chunk int) io.Reader {
		l, err := net.Listen("tcp", "localhost:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			if c, err := net.Dial("tcp", l.Addr().String()); err == nil {
				feed(c, text, chunk)
			}
		}()
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}},
}

func osPipe(t testing.TB) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}

// feed writes text in random pieces of at most chunk bytes, and closes w.
func feed(w io.WriteCloser, text string, chunk int) {
	defer w.Close()
	rng := rand.New(rand.NewPCG(uint64(chunk), 1))
	for text != "" {
		n := min(len(text), 1+rng.IntN(chunk))
		if _, err := io.WriteString(w, text[:n]); err != nil {
			return
		}
		text = text[n:]
	}
}

// Promises 1, 2 and 4 for all that can be read from, in the raw way (pipes and
// sockets that do not block) and in the ordinary one: all lines, whole, in
// order, and the last without its end.
func TestReadFrom(t *testing.T) {
	for _, r := range readers {
		for _, tt := range []struct{ lines, longest, chunk int }{
			{0, 1, 10}, {3, 20, 7}, {1000, 300, 5000}, {12, 200_000, 300_000}, {4000, 200, 300_000},
		} {
			if r.name == "one byte" {
				tt.lines, tt.longest = tt.lines/20, min(tt.longest, 1000)
			}
			t.Run(fmt.Sprintf("%s/%dx%d", r.name, tt.lines, tt.longest), func(t *testing.T) {
				want := text(1, tt.lines, tt.longest)
				b := syncstream.New(syncstream.Config{MaxMessages: 1 << 20})
				var sink recorder
				a := b.Attach(&sink)
				m := open(b, "m")
				n, err := io.Copy(m, r.open(t, want, tt.chunk)) // calls ReadFrom
				if err != nil || n != int64(len(want)) {
					t.Errorf("%d bytes, %v; want %d", n, err, len(want))
				}
				m.Close()
				if err := a.Drain(t.Context()); err != nil {
					t.Error(err)
				}
				a.Detach()
				for name, messages := range map[string][]syncstream.Message{"Last": all(t, b), "sink": sink.all()} {
					if len(messages) != tt.lines+1 || messages[len(messages)-1].End != syncstream.EndNone {
						t.Errorf("%s: %d messages, want %d", name, len(messages), tt.lines+1)
					}
					checkOrder(t, messages)
				}
			})
		}
	}
}

// A descriptor that blocks must not be read in the raw way: that would hold a
// thread of the scheduler, and the lock of the stream, for as long as nothing
// comes. Writing to the same stream shows it.
func TestReadFromBlockingPipe(t *testing.T) {
	r, w := osPipe(t)
	r.Fd() // makes it blocking
	b := syncstream.New(syncstream.Config{})
	m := open(b, "m")
	done := started(func() { m.ReadFrom(r) })
	write(t, w, "1\n")
	for b.Len() == 0 {
		time.Sleep(0)
	}
	within(t, started(func() { write(t, m, "2\n") }), "Write beside a reader that waits")
	w.Close()
	within(t, done, "ReadFrom")
	if got, want := shorts(all(t, b)), "m1 \"1\"\nm2 \"2\""; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// A reader that has put its own Read over a file's is read through that, not
// past it: what it decodes or counts is what r gives.
func TestReadFromReaderAroundFile(t *testing.T) {
	r, w := osPipe(t)
	go feed(w, "abc\n", 4)
	b := syncstream.New(syncstream.Config{})
	m := open(b, "m")
	if _, err := m.ReadFrom(upper{r}); err != nil {
		t.Error(err)
	}
	if got, want := shorts(all(t, b)), `m1 "ABC"`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

type upper struct{ *os.File }

func (u upper) Read(p []byte) (int, error) {
	n, err := u.File.Read(p)
	copy(p, bytes.ToUpper(p[:n]))
	return n, err
}

// Promise 5: a pipe that is closed while it is read, or whose deadline passes,
// ends ReadFrom with an error that says so and names the stream; what came
// before is delivered.
func TestReadFromEnds(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func(r *os.File) error
		want error
	}{
		{"closed", (*os.File).Close, os.ErrClosed},
		{"deadline", func(r *os.File) error { return r.SetReadDeadline(time.Unix(1, 0)) }, os.ErrDeadlineExceeded},
	} {
		for _, large := range []bool{false, true} {
			r, w := osPipe(t)
			b := syncstream.New(syncstream.Config{})
			m := open(b, "m")
			var n int64
			var err error
			done := started(func() { n, err = m.Stderr().ReadFrom(r) })
			first := "first\n"
			if large {
				first = strings.Repeat("x", 500_000) + "\n"
			}
			write(t, w, first+"half")
			for b.Len() == 0 || len(b.Partials()) == 0 {
				time.Sleep(0)
			}
			if err := tt.end(r); err != nil {
				t.Error(err)
			}
			within(t, done, tt.name)
			if !errors.Is(err, tt.want) || n != int64(len(first)+4) {
				t.Errorf("%s: %d bytes, %v", tt.name, n, err)
			}
			for _, want := range []string{"stderr", " m:"} {
				if err != nil && !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
			m.Close()
			if last := all(t, b); len(last) != 2 || last[1].Text != "half" {
				t.Errorf("%s: %d messages", tt.name, len(last))
			}
		}
	}
}

// An ordinary reader's error is returned as it is, behind what it gave.
func TestReadFromError(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	m := open(b, "m")
	bad := errors.New("bad")
	n, err := m.ReadFrom(io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(bad)))
	if n != 3 || err != bad {
		t.Errorf("%d, %v", n, err)
	}
}

// A closed mirror refuses, and ReadFrom ends with ErrClosed itself.
func TestReadFromToClosed(t *testing.T) {
	for _, r := range readers {
		for _, text := range []string{"a\n", "a"} {
			b := syncstream.New(syncstream.Config{})
			m := open(b, "m")
			m.Close()
			if _, err := m.ReadFrom(r.open(t, text, 10)); err != syncstream.ErrClosed {
				t.Errorf("%s: %v", r.name, err)
			}
		}
	}
}

// Pipes that could not be enlarged, since as many are as one process may have,
// are read to their end like the others.
func TestReadFromManyBusyPipes(t *testing.T) {
	const pipes = 24
	b := syncstream.New(syncstream.Config{MaxMessages: 1})
	var wg sync.WaitGroup
	block := strings.Repeat(strings.Repeat("x", 99)+"\n", 10_000)
	for range pipes {
		r, w := osPipe(t)
		m := open(b, "m")
		wg.Go(func() {
			if n, err := m.ReadFrom(r); err != nil || n != int64(len(block)) {
				t.Errorf("%d bytes, %v", n, err)
			}
			m.Close()
		})
		wg.Go(func() { feed(w, block, len(block)) })
	}
	wg.Wait()
	if s := b.Stats(); s.Written.Messages != pipes*10_000 {
		t.Errorf("%+v", s)
	}
}

// preparer is a sink that lets readers prepare batches: each message's first
// byte and its Num's place show that nothing is missing.
type preparer struct {
	got   bytes.Buffer
	enter chan struct{} // closed by the first Prepare; nil: not asked for
	leave chan struct{}
}

func (p *preparer) Prepare(dst []byte, b *syncstream.Batch) []byte {
	if p.enter != nil {
		close(p.enter)
		<-p.leave
	}
	return append(dst, b.Text()...)
}

func (p *preparer) WriteBatches(batches []*syncstream.Batch) error {
	for _, b := range batches {
		if prepared := b.Prepared(); prepared != nil {
			p.got.Write(prepared)
		} else {
			p.got.Write(b.Text())
		}
	}
	return nil
}

// fullPipe returns the end of a pipe that holds text and then ends: one read
// brings it all, and its block is handed on.
func fullPipe(t *testing.T, text string) *os.File {
	t.Helper()
	r, w := osPipe(t)
	if len(text) > 64<<10 {
		t.Fatal("more than a pipe holds")
	}
	write(t, w, text)
	w.Close()
	return r
}

// A sink that has batches prepared gets all text, also where a block came in
// several runs that stand side by side: a line that ends with CR CR LF is a
// run of its own.
func TestPrepared(t *testing.T) {
	line := strings.Repeat("x", 99) + "\n"
	for _, odd := range []string{line, "odd\r\r\n", "1\r2\n", "odd\r\n"} {
		text := strings.Repeat(line, 300) + odd + strings.Repeat(line, 400)
		text = text[:64<<10-1] + "\n"
		b := syncstream.New(syncstream.Config{})
		p := &preparer{}
		a := b.Attach(p)
		m := open(b, "m")
		if _, err := m.ReadFrom(fullPipe(t, text)); err != nil {
			t.Error(err)
		}
		b.Close()
		within(t, a.Done(), "the sink is done")
		if got, want := p.got.String(), strings.ReplaceAll(text, "1\r2\n", "2\n"); got != want {
			t.Errorf("with %q in between: %d bytes of %d arrived", odd, len(got), len(want))
		}
	}
}

// Drain waits for a batch that is still being prepared, too: the buffer took
// it before the call.
func TestDrainWaitsForPreparation(t *testing.T) {
	b := syncstream.New(syncstream.Config{})
	p := &preparer{enter: make(chan struct{}), leave: make(chan struct{})}
	a := b.Attach(p)
	m := open(b, "m")
	text := strings.Repeat(strings.Repeat("x", 63)+"\n", 1024)
	r := fullPipe(t, text)
	done := started(func() { m.ReadFrom(r) })
	within(t, p.enter, "Prepare is called")
	drained := make(chan error, 1)
	go func() { drained <- a.Drain(t.Context()) }()
	select {
	case err := <-drained:
		t.Errorf("Drain returned %v; %d messages are being prepared", err, b.Stats().Written.Messages)
		drained <- nil
	case <-time.After(20 * time.Millisecond): // Drain waits, as it should
	}
	close(p.leave)
	within(t, done, "ReadFrom")
	<-drained
	b.Close()
	within(t, a.Done(), "the sink is done")
	if p.got.Len() != len(text) {
		t.Errorf("%d bytes of %d", p.got.Len(), len(text))
	}
}
