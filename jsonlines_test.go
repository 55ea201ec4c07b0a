package syncstream_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/syncstream/syncstream"
)

// jsonSink makes JSON of batches in both ways, into memory that it uses again.
type jsonSink struct {
	lines, all, buf []byte
	kinds           map[string]bool // seen
}

func (s *jsonSink) WriteBatches(batches []*syncstream.Batch) error {
	for _, b := range batches {
		for m := range b.All() {
			s.all = append(m.AppendJSON(s.all), '\n')
			s.kinds[m.Kind.String()], s.kinds[m.Part.String()], s.kinds[m.End.String()] = true, true, true
		}
		for line := range b.JSONLines(s.buf) {
			s.buf = line
			s.lines = append(s.lines, line...)
		}
	}
	return nil
}

// The two ways to JSON give the same bytes, whatever the batch is.
func TestBatchJSONLines(t *testing.T) {
	s := jsonSink{kinds: map[string]bool{}}
	buffer := syncstream.New(syncstream.Config{MaxLine: 200})
	a := buffer.Attach(&s)
	m := open(buffer, "wörker \"1\"")
	m.Write([]byte("one\ntwo\r\n\x1b[32mthree\x1b[0m\n\nfünf\n\xff\n" + strings.Repeat("many\n", 2000)))
	m.Write([]byte("10 %\r20 %\r30 %\n" + strings.Repeat("long ", 150) + "\nlast"))
	m.Stderr().Write([]byte("careful\n"))
	m.Warn(errors.New("a\nb"))
	m.CloseWithError(errors.New("failed"))
	if err := a.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(s.lines, s.all) {
		t.Errorf("JSONLines and AppendJSON differ:\n%s\n%s", s.lines, s.all)
	}
	for _, want := range []string{"line", "warning", "error", "whole", "first", "middle", "last", "lf", "crlf", "none"} {
		if !s.kinds[want] {
			t.Errorf("no message was %s", want)
		}
	}
	if want := `"redraws":2`; !bytes.Contains(s.lines, []byte(want)) {
		t.Errorf("no message has %s", want)
	}
}

func TestBatchJSONLinesAllocs(t *testing.T) {
	if race {
		return
	}
	var buf []byte
	allocs := -1.0
	buffer := syncstream.New(syncstream.Config{})
	a := buffer.Attach(sinkFunc(func(batches []*syncstream.Batch) error {
		allocs = testing.AllocsPerRun(100, func() {
			for line := range batches[0].JSONLines(buf) {
				buf = line
			}
		})
		return nil
	}))
	write(t, open(buffer, "m"), strings.Repeat("a \"line\"\r\n\n", 100))
	if err := a.Drain(t.Context()); err != nil || allocs != 0 {
		t.Errorf("%g allocations a batch, %v", allocs, err)
	}
}
