package syncstream_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/syncstream/syncstream"
)

// Three workers write at the same time, in pieces; each line arrives whole.
func ExampleBuffer() {
	ctx := context.Background()
	b := syncstream.New(syncstream.Config{})
	for i := range 3 {
		b.Go(fmt.Sprint("worker-", i), func(_ context.Context, m *syncstream.Mirror) error {
			for _, piece := range []string{"hel", "lo\nlast ", "words"} {
				io.WriteString(m, piece)
			}
			return nil
		})
	}
	if err := b.Wait(ctx); err != nil {
		fmt.Println(err)
	}
	messages, err := b.Last(ctx, 100)
	if err != nil {
		fmt.Println(err)
	}
	var lines []string
	for _, m := range messages {
		lines = append(lines, m.Source.Name+": "+m.Text)
	}
	slices.Sort(lines) // the workers' order among each other is open
	fmt.Println(strings.Join(lines, "\n"))
	// Output:
	// worker-0: hello
	// worker-0: last words
	// worker-1: hello
	// worker-1: last words
	// worker-2: hello
	// worker-2: last words
}

func ExampleBuffer_Partials() {
	b := syncstream.New(syncstream.Config{})
	m := b.Mirror(syncstream.MirrorConfig{})
	fmt.Fprint(m, "done\n10 %\r20 %\r30 %")
	for _, m := range b.Partials() {
		fmt.Println(m.Text)
	}
	fmt.Println(b.Len(), "message")
	// Output:
	// 30 %
	// 1 message
}

// A mirror stands in for a worker's stdout and stderr: as those of an exec.Cmd,
// of a logger, or of a function's.
func ExampleMirror() {
	b := syncstream.New(syncstream.Config{})
	m := b.Mirror(syncstream.MirrorConfig{Source: syncstream.Source{Name: "tool"}})
	log.New(m.Stderr(), "", 0).Print("starting")
	fmt.Fprint(m, "1 of 3 done")
	m.CloseWithError(errors.New("no space left"))

	messages, _ := b.Last(context.Background(), 100)
	for _, m := range messages {
		fmt.Println(m.Stream, m.Kind, m.Text)
	}
	// Output:
	// stderr line starting
	// stdout line 1 of 3 done
	// control error no space left
}

// What is logged from LevelWarn on is one message, with a line for each
// attribute.
func ExampleMirror_Handler() {
	b := syncstream.New(syncstream.Config{})
	m := b.Mirror(syncstream.MirrorConfig{Source: syncstream.Source{Name: "worker"}})
	l := slog.New(m.Handler(&slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == slog.SourceKey {
			return slog.Attr{} // they differ from run to run
		}
		return a
	}}))
	l.Info("loaded", "rows", 3)
	l.With("epoch", 7).Error("can't save", "file", "model.bin", "err", errors.New("disk full"))

	messages, _ := b.Last(context.Background(), 100)
	for _, m := range messages {
		fmt.Println(m.Kind, m.Text)
	}
	// Output:
	// line level=INFO msg=loaded rows=3
	// error can't save
	//   epoch=7
	//   file=model.bin
	//   err="disk full"
}

func ExampleWriter() {
	b := syncstream.New(syncstream.Config{})
	m := b.Mirror(syncstream.MirrorConfig{})
	var out, err *syncstream.Writer = m.Stdout(), m.Stderr()
	fmt.Fprint(out, "this line ")
	fmt.Fprint(err, "and this one ")
	fmt.Fprint(out, "is whole\n")
	fmt.Fprint(err, "too\n")
	messages, _ := b.Last(context.Background(), 2)
	for _, m := range messages {
		fmt.Println(m.Stream, m.Text)
	}
	// Output:
	// stdout this line is whole
	// stderr and this one too
}

func ExampleMirrorConfig() {
	for _, lines := range []syncstream.Lines{syncstream.Fold, syncstream.Split, syncstream.Keep} {
		b := syncstream.New(syncstream.Config{})
		m := b.Mirror(syncstream.MirrorConfig{Lines: lines})
		fmt.Fprint(m, "10 %\r20 %\n")
		messages, _ := b.Last(context.Background(), 10)
		for _, m := range messages {
			fmt.Printf("%s: %q, drawn %d times before\n", lines, m.Text, m.Redraws)
		}
	}
	// Output:
	// fold: "20 %", drawn 1 times before
	// split: "10 %", drawn 0 times before
	// split: "20 %", drawn 0 times before
	// keep: "10 %\r20 %", drawn 0 times before
}

// counter is a sink that counts lines. It looks at whole batches, so a line
// costs it next to nothing.
type counter struct{ lines, bytes atomic.Int64 }

func (c *counter) WriteBatches(batches []*syncstream.Batch) error {
	for _, b := range batches {
		c.lines.Add(int64(b.Len()))
		c.bytes.Add(int64(len(b.Text())))
	}
	return nil
}

func ExampleSink() {
	b := syncstream.New(syncstream.Config{MaxMessages: 1}) // a sink gets all
	var c counter
	a := b.Attach(&c)
	b.Go("worker", func(_ context.Context, m *syncstream.Mirror) error {
		for i := range 1000 {
			fmt.Fprintln(m, "line", i)
		}
		return nil
	})
	b.Wait(context.Background())
	b.Close()
	<-a.Done()
	fmt.Println(c.lines.Load(), "lines,", c.bytes.Load(), "bytes")
	// Output:
	// 1000 lines, 8890 bytes
}

// A sink that fails is detached, and the attachment tells.
func ExampleAttachment() {
	ctx := context.Background()
	b := syncstream.New(syncstream.Config{})
	var out bytes.Buffer
	a := b.Attach(sinkFunc(func(batches []*syncstream.Batch) error {
		for _, b := range batches {
			if out.Len()+len(b.Text()) > 10 {
				return errors.New("disk full")
			}
			out.Write(b.Text())
		}
		return nil
	}))
	m := b.Mirror(syncstream.MirrorConfig{})
	fmt.Fprintln(m, "one")
	fmt.Println(a.Drain(ctx), out.Len())
	fmt.Fprintln(m, "two, three, four")
	<-a.Done()
	fmt.Println(a.Err())
	// Output:
	// <nil> 4
	// disk full
}

// Lines gives the texts of a batch without copying them.
func ExampleBatch() {
	b := syncstream.New(syncstream.Config{})
	a := b.Attach(sinkFunc(func(batches []*syncstream.Batch) error {
		for _, b := range batches {
			fmt.Printf("%s %s, %d messages from %d on\n", b.Source(), b.Stream(), b.Len(), b.First())
			for text, end := range b.Lines() {
				fmt.Printf("  %q, then %s\n", text, end)
			}
		}
		return nil
	}))
	m := b.Mirror(syncstream.MirrorConfig{Source: syncstream.Source{Name: "worker"}})
	fmt.Fprint(m, "unix\ndos\r\n")
	b.Close()
	<-a.Done()
	// Output:
	// worker stdout, 2 messages from 1 on
	//   "unix", then lf
	//   "dos", then crlf
}

// A Message is a value; a line over MaxLine is several, which say so.
func ExampleMessage() {
	b := syncstream.New(syncstream.Config{MaxLine: 4})
	m := b.Mirror(syncstream.MirrorConfig{Source: syncstream.Source{Name: "worker"}})
	fmt.Fprint(m, "ab\n1234567890\r\n")
	m.Warn(errors.New("two\nlines"))
	messages, _ := b.Last(context.Background(), 10)
	for _, m := range messages {
		fmt.Printf("%d %s %s %q %s\n", m.Num, m.Kind, m.Part, m.Text, m.End)
	}
	// Output:
	// 1 line whole "ab" lf
	// 2 line first "1234" none
	// 3 line middle "5678" none
	// 4 line last "90" crlf
	// 5 warning whole "two\nlines" none
}

func ExampleSource() {
	b := syncstream.New(syncstream.Config{})
	first := b.Mirror(syncstream.MirrorConfig{Source: syncstream.Source{Name: "train", Rank: 0, Size: 2}}).Source()
	second := b.Mirror(syncstream.MirrorConfig{Source: syncstream.Source{Name: "train", Rank: 1, Size: 2}}).Source()
	fmt.Println(first, second, first.ID == second.ID, first.Host == second.Host, second.Rank)
	// Output:
	// train train false true 1
}

// What is kept is bounded by messages and by bytes.
func ExampleConfig() {
	b := syncstream.New(syncstream.Config{MaxMessages: 2, MaxBytes: 1 << 20})
	m := b.Mirror(syncstream.MirrorConfig{})
	fmt.Fprint(m, "one\ntwo\nthree\n")
	messages, _ := b.Last(context.Background(), 100)
	for _, m := range messages {
		fmt.Println(m.Num, m.Text)
	}
	// Output:
	// 2 two
	// 3 three
}

// What was written is kept, has left to make room, or came too late.
func ExampleStats() {
	b := syncstream.New(syncstream.Config{MaxMessages: 2})
	m := b.Mirror(syncstream.MirrorConfig{})
	fmt.Fprint(m, "one\ntwo\nthree\n")
	b.Close()
	fmt.Fprint(m, "late\n")
	s := b.Stats()
	fmt.Println("written", s.Written.Messages, "kept", s.Kept.Messages, "rotated", s.Rotated.Messages, "lost", s.Lost.Messages)
	// Output:
	// written 4 kept 2 rotated 1 lost 1
}

func ExampleSourceStatus() {
	b := syncstream.New(syncstream.Config{})
	m := b.Mirror(syncstream.MirrorConfig{Source: syncstream.Source{Name: "worker"}})
	fmt.Fprint(m, "one\n")
	m.CloseWithError(errors.New("no space left"))
	for _, s := range b.Sources() {
		fmt.Println(s.Source, s.State, s.Written.Messages, s.Err)
	}
	// Output:
	// worker exited 2 no space left
}

// Wait names the first worker that failed, and hands out its error.
func ExampleFailure() {
	b := syncstream.New(syncstream.Config{})
	b.Go("reader", func(context.Context, *syncstream.Mirror) error { return io.ErrUnexpectedEOF })
	b.Go("writer", func(context.Context, *syncstream.Mirror) error { return nil })
	err := b.Wait(context.Background())
	if f, ok := errors.AsType[*syncstream.Failure](err); ok {
		fmt.Println(f.Source, "failed:", f.Err)
	}
	fmt.Println(errors.Is(err, io.ErrUnexpectedEOF))
	// Output:
	// reader failed: unexpected EOF
	// true
}

// When its context ends, Wait says whom it has waited for.
func ExampleWaitError() {
	b := syncstream.New(syncstream.Config{})
	b.Mirror(syncstream.MirrorConfig{Source: syncstream.Source{Name: "sleeper"}})
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	err := b.Wait(ctx)
	if w, ok := errors.AsType[*syncstream.WaitError](err); ok {
		fmt.Println(w.Open[0].Source, "is", w.Open[0].State)
	}
	fmt.Println(errors.Is(err, context.DeadlineExceeded))
	// Output:
	// sleeper is open
	// true
}

// A panic ends the worker, not the program.
func ExamplePanicError() {
	b := syncstream.New(syncstream.Config{})
	b.Go("worker", func(context.Context, *syncstream.Mirror) error {
		var none []int
		fmt.Println(none[3])
		return nil
	})
	err := b.Wait(context.Background())
	if p, ok := errors.AsType[*syncstream.PanicError](err); ok {
		fmt.Println(p.Value)
		fmt.Println(bytes.Contains(p.Stack, []byte("ExamplePanicError")))
	}
	// Output:
	// runtime error: index out of range [3] with length 0
	// true
}
