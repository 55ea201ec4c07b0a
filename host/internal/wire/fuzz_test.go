package wire

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"testing"

	"github.com/syncstream/syncstream"
)

// Whatever comes, DecodeBatches returns; and what it takes is encoded to something
// that it takes as the same.
func FuzzAppend(f *testing.F) {
	f.Add(encode(&worker, 1, lines(1, "a\n", "b\n"), lines(3, "c\n")))
	f.Add(encode(&syncstream.Source{ID: "x"}, 1<<63))
	f.Add(encode(&worker, 2, Batch{Kind: syncstream.Partial, Text: []byte("75 %")}, Batch{Kind: syncstream.Error, First: 9, Count: 1, Text: []byte("a\nb")}))
	f.Add(encodeAll(
		Append{Source: worker, Batches: []Batch{lines(1, "a\n")}, Mark: syncstream.StateAsked},
		Append{Source: worker, Close: &Close{State: syncstream.StateKilled, Last: 9, Error: "killed"}},
	))
	f.Fuzz(func(t *testing.T, body []byte) {
		all, err := DecodeBatches(nil, body)
		if err != nil {
			return
		}
		encoded := encodeAll(all...)
		again, err := DecodeBatches(nil, encoded)
		if err != nil {
			t.Fatalf("%q was taken, %q is not: %v", body, encoded, err)
		}
		if !reflect.DeepEqual(all, again) {
			t.Fatalf("%+v comes back as %+v", all, again)
		}
		size := 0
		for _, a := range all {
			for _, b := range a.Batches {
				size += len(b.Text)
			}
		}
		if size > len(body) {
			t.Fatalf("%d bytes of text come from %d bytes", size, len(body))
		}
	})
}

// What lines say can be said in batches too.
func FuzzLines(f *testing.F) {
	for _, m := range []syncstream.Message{
		{Source: &worker, Num: 1, Text: "a"},
		{Source: &worker, Num: 1, Text: "\xff", End: syncstream.EndCRLF},
		{Source: &worker, Num: 7, Text: "a\nb", Kind: syncstream.Error, End: syncstream.EndNone},
		{Source: &worker, Num: 7, Text: "x", Stream: syncstream.Stderr, Part: syncstream.PartLast, End: syncstream.EndNEL, Redraws: 4},
	} {
		data := append(m.AppendJSON(nil), '\n')
		m.Num++
		f.Add(append(m.AppendJSON(data), '\n'))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var a, b Append
		if a.DecodeLines(body) != nil {
			return
		}
		if err := decode(&b, encode(&a.Source, a.Epoch, a.Batches...)); err != nil {
			t.Fatalf("%+v can't be said in batches: %v", a, err)
		}
		if !reflect.DeepEqual(a, b) {
			t.Fatalf("%+v\nbecomes %+v", a, b)
		}
	})
}

// A stream of events is read to its end, whatever it is, and never an event over
// the maximum given.
func FuzzEvents(f *testing.F) {
	m := syncstream.Message{Source: &worker, Num: 3, Position: 42, Text: "a"}
	f.Add(AppendOther(AppendEvent(nil, "k3v9", &m), EventEnd, []byte("{}")))
	f.Add([]byte(": beat\n\ndata: a\r\ndata: b\r\n\r\n"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		r := NewEventReader(bytes.NewReader(stream), 100)
		for {
			e, err := r.Next(nil)
			if err == io.EOF || err == ErrLongEvent {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(e.Data) > 2*100 {
				t.Fatalf("%d bytes of data", len(e.Data))
			}
			if m, err := ParseMessage(e.Data); err == nil {
				AppendMessage(nil, &m)
			}
		}
	})
}

// A place that is taken comes back from its text.
func FuzzPlace(f *testing.F) {
	f.Add("k3v9-12")
	f.Add("oldest")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePlace(s)
		if err != nil || p.Position == syncstream.Latest {
			return
		}
		if again, err := ParsePlace(p.String()); err != nil || again != p {
			t.Fatalf("%q is %v, and %q is %v, %v", s, p, p.String(), again, err)
		}
	})
}

// What is taken of small bodies can be written and taken again.
func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"sources":[{"id":"a","heard":true}],"seconds":1.5}`))
	f.Add([]byte(`{"source":"a","state":"killed","error":"x","last":7}`))
	f.Add([]byte(`{"stats":{"open":1},"sources":[{"source":{"id":"a","name":"b"},"state":"open","tail":[]}]}`))
	f.Add([]byte(`{"done":true,"failure":{"source":{"id":"a"},"error":"x","time":"2026-11-22T21:33:22.5Z"}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, v := range []any{new(HeldRequest), new(CloseRequest), new(CommandRequest), new(Status), new(Outcome), new(Problem)} {
			if Unmarshal(body, v) != nil {
				continue
			}
			data, err := json.Marshal(v)
			if err != nil {
				t.Fatalf("%T of %q: %v", v, body, err)
			}
			if err := Unmarshal(data, v); err != nil {
				t.Fatalf("%T of %q: %q is not taken: %v", v, body, data, err)
			}
			if s, ok := v.(*Status); ok {
				for i := range s.Sources {
					s.Sources[i].Core()
				}
			}
		}
	})
}
