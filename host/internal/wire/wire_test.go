package wire

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/syncstream/syncstream"
)

var worker = syncstream.Source{ID: "k3v9q2", Name: "train-2", Host: "node7", PID: 4711, Rank: 2, Size: 4}

// encode returns a request of those batches.
func encode(s *syncstream.Source, epoch uint64, batches ...Batch) []byte {
	dst := AppendHead(nil, s, epoch)
	for i := range batches {
		dst = AppendBatch(dst, &batches[i])
	}
	return dst
}

// encodeAll returns a request of all that is in those, one after the other.
func encodeAll(all ...Append) (body []byte) {
	for _, a := range all {
		body = append(body, encode(&a.Source, a.Epoch, a.Batches...)...)
		if a.Mark != syncstream.StateOpen {
			body = AppendMark(body, a.Mark)
		}
		if a.Close != nil {
			body = AppendClose(body, a.Close)
		}
	}
	return body
}

// decode decodes a request for one source.
func decode(a *Append, body []byte) error {
	all, err := DecodeBatches([]Append{*a}, body)
	*a = all[0]
	return err
}

// lines returns a batch of stdout.
func lines(first uint64, texts ...string) Batch {
	return Batch{First: first, Count: len(texts), Time: 1_700_000_000_123_456_789, Text: []byte(strings.Join(texts, ""))}
}

// What is encoded comes back, whatever stood in the Append before.
func TestAppendRoundTrip(t *testing.T) {
	for name, want := range map[string]Append{
		"no batch":     {Source: worker, Epoch: 7},
		"bare source":  {Source: syncstream.Source{ID: "a"}},
		"lines":        {Source: worker, Epoch: 1, Batches: []Batch{lines(1, "a\n", "b\n"), lines(3, "c\n")}},
		"large number": {Source: worker, Epoch: 1<<64 - 1, Batches: []Batch{lines(MaxNum, "\xff\x00\n")}},
		"all fields": {Source: worker, Batches: []Batch{
			{
				Stream: syncstream.Stderr, Part: syncstream.PartLast, Lines: syncstream.Python, First: 9, Count: 1, Redraws: 3,
				Time: -5, Text: []byte("x\u2028"),
			},
			{Stream: syncstream.Stderr, Kind: syncstream.Partial, Text: []byte("75 %")},
			{Stream: syncstream.Control, Kind: syncstream.Error, First: 10, Count: 1, Text: []byte("two\nlines")},
			{Stream: syncstream.Control, Kind: syncstream.Gap, First: 11, Count: 1, Missing: 1 << 40, Text: []byte{}},
			{Stream: syncstream.Merged, Lines: syncstream.Split, First: 11 + 1<<40, Count: 1, Text: []byte{}},
		}},
	} {
		got := Append{Epoch: 99, Batches: []Batch{{Redraws: 4, Text: []byte("old")}}}
		if err := decode(&got, encode(&want.Source, want.Epoch, want.Batches...)); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(want.Batches) == 0 {
			got.Batches = nil
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n%+v\nwant\n%+v", name, got, want)
		}
	}
}

// So do several, whatever stood in their memory before.
func TestAppendsRoundTrip(t *testing.T) {
	other := syncstream.Source{ID: "b"}
	want := []Append{
		{Source: worker, Epoch: 1, Batches: []Batch{lines(1, "a\n", "b\n")}, Mark: syncstream.StateAcknowledged},
		{Source: other, Epoch: 2, Batches: []Batch{lines(7, "SSB1\n")}, Close: &Close{State: syncstream.StateExited}},
		{Source: worker, Epoch: 1, Mark: syncstream.StateAsked, Close: &Close{State: syncstream.StateLost, Last: MaxNum, Error: strings.Repeat("x", 1000)}},
		{Source: other, Epoch: 3, Batches: []Batch{lines(8, "c\n")}},
	}
	all := []Append{{Mark: syncstream.StateAsked, Close: new(Close), Batches: make([]Batch, 3)}, {Epoch: 9}}
	all, err := DecodeBatches(all, encodeAll(want...))
	if err != nil {
		t.Fatal(err)
	}
	for i := range all {
		if len(all[i].Batches) == 0 {
			all[i].Batches = nil
		}
	}
	if !reflect.DeepEqual(all, want) {
		t.Errorf("%+v\nwant\n%+v", all, want)
	}
}

// A bad request is refused with the place in it.
func TestAppendRefuses(t *testing.T) {
	good := encode(&worker, 1, lines(1, "a\n", "b\n"))
	with := func(change func(*Batch)) []byte {
		b := lines(3, "c\n")
		change(&b)
		return encode(&worker, 1, lines(1, "a\n", "b\n"), b)
	}
	for _, tt := range []struct {
		name string
		body []byte
		want string
	}{
		{"empty", nil, "byte 0: want 4 bytes more, and there are 0"},
		{"another version", []byte("SSB2...."), `byte 0: want "SSB1", which begins version 1 of application/x-syncstream`},
		{"cut head", good[:9], "byte 5: want 6 bytes more, and there are 4"},
		{"cut text", good[:len(good)-1], "batch 1: byte 46: want 4 bytes more, and there are 3"},
		{"cut number", good[:34], "batch 1: byte 34: the first number is cut off"},
		{"long id", encode(&syncstream.Source{ID: strings.Repeat("x", 257)}, 1), "byte 4: the source id has 257 bytes: want at most 256"},
		{"endless number", append([]byte(magic), bytes.Repeat([]byte{0xff}, 11)...), "byte 4: the source id does not fit 64 bits"},
		{"huge text", append(encode(&worker, 1), "\x00\x00\x00\x00\x01\x01\x0012345678\xff\xff\xff\xff\xff\xff\xff\xff\x7f"...), "batch 1: byte 54: want 9223372036854775807 bytes more, and there are 0"},
		{"no id", encode(&syncstream.Source{Name: "x"}, 1), "source id missing"},
		{"bad name", encode(&syncstream.Source{ID: "x", Name: "\xff"}, 1), `source name "\xff": want UTF-8`},
		{"rank", encode(&syncstream.Source{ID: "x", Rank: 4, Size: 4}, 1), "source rank 4: want less than the size, 4"},
		{"pid", encode(&syncstream.Source{ID: "x", PID: -1}, 1), "byte 8: the source pid is 18446744073709551615: want at most 2^31-1"},
		{"stream", with(func(b *Batch) { b.Stream = 4 }), "batch 2 at byte 50: stream 4: want 0 to 3"},
		{"kind", with(func(b *Batch) { b.Kind = 5 }), "batch 2 at byte 50: kind 5: want 0 to 4"},
		{"part", with(func(b *Batch) { b.Part = 4 }), "batch 2 at byte 50: part 4: want 0 to 3"},
		{"mode", with(func(b *Batch) { b.Lines = 4 }), "batch 2 at byte 50: line mode 4: want 0 to 3"},
		{"gap of none", with(func(b *Batch) { b.Kind, b.Text = syncstream.Gap, nil }), "batch 2 at byte 50: a gap of 0 with 0 bytes of text: want 1 to 2^61, and none"},
		{"gap with text", with(func(b *Batch) { b.Kind, b.Missing = syncstream.Gap, 4 }), "batch 2 at byte 50: a gap of 4 with 2 bytes of text: want 1 to 2^61, and none"},
		{"partial with a number", with(func(b *Batch) { b.Kind = syncstream.Partial }), "batch 2 at byte 50: a partial line has a number: want first number 0 and count 0"},
		{"number 0", with(func(b *Batch) { b.First = 0 }), "batch 2 at byte 50: first number 0: want 1 to 2^61"},
		{"number too large", with(func(b *Batch) { b.First = 1 << 63 }), "batch 2 at byte 50: first number 9223372036854775808: want 1 to 2^61"},
		{"count 0", with(func(b *Batch) { b.Count = 0 }), "batch 2 at byte 50: count 0: want at least 1"},
		{"more lines than bytes", with(func(b *Batch) { b.Count = 3 }), "batch 2 at byte 50: count 3 in 2 bytes: each line has a line end"},
		{"two warnings", with(func(b *Batch) { b.Kind, b.Count = syncstream.Warning, 2 }), "batch 2 at byte 50: count 2: want 1 for a warning, a piece, or a line with redraws"},
		{"a mark of no state", AppendMark(encode(&worker, 1), syncstream.StateExited), "byte 31: state 3: want 1 to 2"},
		{"an end of no state", AppendClose(encode(&worker, 1), &Close{State: syncstream.StateAsked}), "byte 31: state 1: want 3 to 5"},
		{"an end too high", AppendClose(encode(&worker, 1), &Close{State: syncstream.StateExited, Last: MaxNum + 1}), "byte 30: the last number is 2305843009213693953: want at most 2^61"},
		{"an end cut off", AppendClose(encode(&worker, 1), &Close{State: syncstream.StateExited, Error: "exit status 1"})[:40], "byte 34: want 13 bytes more, and there are 6"},
		{"behind a mark", append(AppendMark(encode(&worker, 1), syncstream.StateAsked), markTag, 1), "byte 32: something stands behind how far the source has come"},
		{"behind an end", append(AppendClose(encode(&worker, 1), &Close{State: syncstream.StateExited}), 0), "byte 34: something stands behind how far the source has come"},
		{"the second source", append(good[:len(good):len(good)], encode(&syncstream.Source{}, 1)...), "source 2: source id missing"},
		{"the second source's batch", append(good[:len(good):len(good)], encode(&worker, 1, lines(3, "c\n"), lines(5, "d\n"))...), "source 2: batch 2: first number 5: want 4, which follows on the batch before"},
		{"a hole", with(func(b *Batch) { b.First = 4 }), "batch 2: first number 4: want 3, which follows on the batch before"},
		{"backwards", with(func(b *Batch) { b.First = 2 }), "batch 2: first number 2: want 3, which follows on the batch before"},
	} {
		var a Append
		if err := decode(&a, tt.body); err == nil || err.Error() != tt.want {
			t.Errorf("%s:\n%v\nwant\n%s", tt.name, err, tt.want)
		}
	}
}

// The number of batches is bounded: each takes more memory than bytes.
func TestAppendBounds(t *testing.T) {
	body := AppendHead(nil, &worker, 1)
	for i := range maxBatches + 1 {
		b := lines(uint64(i+1), "\n")
		body = AppendBatch(body, &b)
	}
	var a Append
	if err := decode(&a, body); err == nil || !strings.HasSuffix(err.Error(), ": more than 32768 batches") {
		t.Errorf("%v, want an error about their number", err)
	}
	half := AppendHead(nil, &worker, 1)
	for i := range maxBatches/2 + 1 {
		b := lines(uint64(i+1), "\n")
		half = AppendBatch(half, &b)
	}
	if err := decode(&a, append(half, half...)); err == nil || !strings.HasSuffix(err.Error(), ": more than 32768 batches") {
		t.Errorf("%v, want an error about the number of all", err)
	}
	heads := bytes.Repeat(encode(&worker, 1), maxAppends+1)
	if err := decode(&a, heads); err == nil || !strings.HasSuffix(err.Error(), ": more than 1024 sources") {
		t.Errorf("%v, want an error about the number of sources", err)
	}
}

// A large request is decoded where it is: for one of 2,600 lines as for one
// line, only the source's three strings are made.
func TestDecodeAllocates(t *testing.T) {
	body := encode(&worker, 1, lines(1, strings.Repeat(strings.Repeat("x", 99)+"\n", 1)), Batch{
		First: 2, Count: 2600, Text: bytes.Repeat([]byte(strings.Repeat("x", 99)+"\n"), 2600),
	})
	var a Append
	n := testing.AllocsPerRun(100, func() {
		if err := decode(&a, body); err != nil {
			t.Fatal(err)
		}
	})
	if n > 3 {
		t.Errorf("%v allocations, want 3", n)
	}
}

func BenchmarkDecode(b *testing.B) {
	body := encode(&worker, 1, Batch{First: 1, Count: 2600, Text: bytes.Repeat([]byte(strings.Repeat("x", 99)+"\n"), 2600)})
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	var a Append
	for b.Loop() {
		if err := decode(&a, body); err != nil {
			b.Fatal(err)
		}
	}
}

// Messages as JSON become batches of which the same messages can be read.
func TestDecodeLines(t *testing.T) {
	body := `{"v":1,"source":{"id":"a","name":"A"},"stream":"stdout","kind":"line","num":4,"time":"2026-11-22T21:33:22.5Z","text":"one"}

{"v":1,"source":{"id":"a","name":"A"},"stream":"stderr","kind":"line","num":5,"time":"2026-11-22T21:33:22.5Z","end":"crlf","redraws":2,"base64":"/w=="}
{"v":1,"source":{"id":"a","name":"A"},"stream":"stderr","kind":"line","num":6,"time":"2026-11-22T21:33:22.5Z","part":"first","end":"none","text":"x"}
{"v":1,"source":{"id":"a","name":"A"},"stream":"stderr","kind":"line","num":7,"time":"2026-11-22T21:33:22.5Z","part":"last","end":"cr","text":"y"}
{"v":1,"source":{"id":"a","name":"A"},"stream":"control","kind":"warning","num":8,"time":"2026-11-22T21:33:22.5Z","end":"none","text":"two\nlines"}
{"v":1,"source":{"id":"a","name":"A"},"stream":"stdout","kind":"line","num":9,"time":"2026-11-22T21:33:22.5Z","end":"ls","text":"z"}
{"v":1,"source":{"id":"a","name":"A"},"stream":"stdout","kind":"partial","num":0,"time":"2026-11-22T21:33:22.5Z","end":"none","text":"75 %"}
{"v":1,"source":{"id":"a","name":"A"},"stream":"control","kind":"gap","num":10,"time":"2026-11-22T21:33:22.5Z","end":"none","missing":5}
`
	at := time.Date(2026, 11, 22, 21, 33, 22, 500_000_000, time.UTC).UnixNano()
	want := Append{Source: syncstream.Source{ID: "a", Name: "A"}, Batches: []Batch{
		{Lines: syncstream.Keep, First: 4, Count: 1, Time: at, Text: []byte("one\n")},
		{Stream: syncstream.Stderr, Lines: syncstream.Keep, First: 5, Count: 1, Redraws: 2, Time: at, Text: []byte("\xff\r\n")},
		{Stream: syncstream.Stderr, Part: syncstream.PartFirst, Lines: syncstream.Keep, First: 6, Count: 1, Time: at, Text: []byte("x")},
		{Stream: syncstream.Stderr, Part: syncstream.PartLast, Lines: syncstream.Split, First: 7, Count: 1, Time: at, Text: []byte("y\r")},
		{Stream: syncstream.Control, Kind: syncstream.Warning, Lines: syncstream.Keep, First: 8, Count: 1, Time: at, Text: []byte("two\nlines")},
		{Lines: syncstream.Python, First: 9, Count: 1, Time: at, Text: []byte("z\u2028")},
		{Kind: syncstream.Partial, Lines: syncstream.Keep, Time: at, Text: []byte("75 %")},
		{Stream: syncstream.Control, Kind: syncstream.Gap, Lines: syncstream.Keep, First: 10, Count: 1, Missing: 5, Time: at, Text: []byte{}},
	}}
	var got Append
	if err := got.DecodeLines([]byte(body)); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("\n%+v\nwant\n%+v", got, want)
	}
	if first, end := got.Numbers(); first != 4 || end != 15 {
		t.Errorf("numbers %d to %d, want 4 to 15", first, end)
	}
}

func TestDecodeLinesRefuses(t *testing.T) {
	line := func(more string) string {
		return `{"v":1,"source":{"id":"a","name":"A"},"stream":"stdout","kind":"line",` + more + "}\n"
	}
	good := line(`"num":1,"text":"one"`)
	for _, tt := range []struct{ name, body, want string }{
		{"empty", "\n \n", "no message"},
		{"no JSON", good + "\nepoch 1\n", "line 3: syncstream: decode message: invalid character 'e' looking for beginning of value"},
		{"no source", `{"v":1,"stream":"stdout","kind":"line","num":1}`, "line 1: source missing"},
		{"another source", good + strings.Replace(good, `"a"`, `"b"`, 1), `line 2: another source than before, "a": want one a request`},
		{"no id", strings.Replace(good, `"a"`, `""`, 1), "line 1: source id missing"},
		{"number 0", line(`"num":0`), "line 1: first number 0: want 1 to 2^61"},
		{"a hole", good + line(`"num":3`), "message 2: first number 3: want 2, which follows on the batch before"},
		{"line break", line(`"num":1,"text":"a\nb"`), `line 1: text "a\nb" with the end "lf": it has a line end in it`},
		{"CR before LF", line(`"num":1,"text":"a\r"`), `line 1: text "a\r" with the end "lf": it has a line end in it`},
		{"gap", strings.Replace(good, `"line"`, `"gap"`, 1), "line 1: a gap of 0 with 3 bytes of text: want 1 to 2^61, and none"},
	} {
		var a Append
		if err := a.DecodeLines([]byte(tt.body)); err == nil || err.Error() != tt.want {
			t.Errorf("%s:\n%v\nwant\n%s", tt.name, err, tt.want)
		}
	}
}

func TestPlace(t *testing.T) {
	for s, want := range map[string]Place{
		"0": {}, "12": {Position: 12}, "k3v9-12": {"k3v9", 12}, "oldest": {}, "latest": {Position: syncstream.Latest},
	} {
		got, err := ParsePlace(s)
		if err != nil || got != want {
			t.Errorf("ParsePlace(%q): %v, %v; want %v", s, got, err, want)
		}
		if again, err := ParsePlace(got.String()); s != "latest" && (err != nil || again != got) {
			t.Errorf("%q comes back as %v, %v", got, again, err)
		}
	}
	for _, s := range []string{"", "-", "x", "-1", "+1", "K-1", "a-b-1", "a-", " 1", "9223372036854775808", strings.Repeat("a", 33) + "-1"} {
		if got, err := ParsePlace(s); err == nil {
			t.Errorf("ParsePlace(%q): %v; want an error", s, got)
		}
	}
}

// A message with its position comes back; the rest of it is the JSON that
// others read.
func TestMessagePosition(t *testing.T) {
	m := syncstream.Message{Source: &worker, Num: 3, Position: 42, Text: "a\n\x00b\xff", End: syncstream.EndNone}
	data := AppendMessage(nil, &m)
	if want := `"base64":"YQoAYv8=","position":42}`; !strings.HasSuffix(string(data), want) {
		t.Errorf("%s\nwant …%s", data, want)
	}
	got, err := ParseMessage(data)
	if err != nil || !reflect.DeepEqual(got, m) {
		t.Errorf("%+v, %v\nwant %+v", got, err, m)
	}
	for _, bad := range []string{"", "{}", strings.Replace(string(data), "42", "-1", 1), strings.Replace(string(data), "42", `"x"`, 1)} {
		if got, err := ParseMessage([]byte(bad)); err == nil {
			t.Errorf("ParseMessage(%q): %+v; want an error", bad, got)
		}
	}
}

func TestEvents(t *testing.T) {
	m := syncstream.Message{Source: &worker, Num: 3, Position: 42, Text: "a\nb"}
	partial := syncstream.Message{Source: &worker, Kind: syncstream.Partial, Text: "75 %"}
	stream := AppendEvent(nil, "k3v9", &m)
	stream = AppendEvent(stream, "k3v9", &partial)
	stream = append(stream, ": beat\n\n"...)
	stream = AppendOther(stream, EventEnd, []byte(`{"reason":"done"}`))
	stream = append(stream, "retry: 5\r\ndata:x\r\ndata:  y\r\nfoo\r\n\r\nevent: lost\n\ndata: z\n\nid: k3v9-43\n\nid: 9\ndata: cut off\n"...)
	want := []Event{
		{"", "k3v9-42", AppendMessage(nil, &m)},
		{"", "k3v9-42", AppendMessage(nil, &partial)},
		{"end", "k3v9-42", []byte(`{"reason":"done"}`)},
		{"", "k3v9-42", []byte("x\n y")},
		{"", "k3v9-42", []byte("z")},
	}
	for name, r := range map[string]io.Reader{"whole": bytes.NewReader(stream), "by bytes": iotest.OneByteReader(bytes.NewReader(stream))} {
		var got []Event
		beats := 0
		events := NewEventReader(r, 1000)
		for {
			e, err := events.Next(func() { beats++ })
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			e.Data = bytes.Clone(e.Data)
			got = append(got, e)
		}
		if beats != 1 || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %d beats, %q\nwant 1, %q", name, beats, got, want)
		}
		if id := events.LastID(); id != "k3v9-43" {
			t.Errorf("%s: the last id is %s", name, id)
		}
	}
}

// No sender makes a reader hold more than its maximum.
func TestEventsAreBounded(t *testing.T) {
	for name, stream := range map[string]string{
		"line":   "data: " + strings.Repeat("x", 2000) + "\n\n",
		"lines":  strings.Repeat("data: "+strings.Repeat("x", 90)+"\n", 20) + "\n",
		"no end": strings.Repeat("x", 100_000),
	} {
		if _, err := NewEventReader(strings.NewReader(stream), 1000).Next(nil); err != ErrLongEvent {
			t.Errorf("%s: %v, want %v", name, err, ErrLongEvent)
		}
	}
}

// A status comes back as it was, but for the types of its errors.
func TestSourceStatus(t *testing.T) {
	at := time.Date(2026, 11, 22, 21, 33, 22, 5, time.UTC)
	for _, err := range []error{nil, syncstream.ErrAbandoned, remoteError("exit status 3")} {
		want := syncstream.SourceStatus{
			Source: &worker, State: syncstream.StateKilled, Why: "x", Opened: at, Closed: at.Add(time.Second),
			Written: syncstream.Count{Messages: 5, Bytes: 6}, Lost: syncstream.Count{Messages: 1, Bytes: 2}, Err: err, Folded: 3,
			Tail: []syncstream.Message{{Source: &worker, Num: 4, Position: 8, Text: "last"}},
		}
		data, failed := json.Marshal(SourceStatusOf(&want))
		if failed != nil {
			t.Fatal(failed)
		}
		var w SourceStatus
		if err := Unmarshal(data, &w); err != nil {
			t.Fatal(err)
		}
		if got, failed := w.Core(); failed != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, %v\nwant %+v", got, failed, want)
		}
	}
	if _, err := (&SourceStatus{State: "gone"}).Core(); err == nil || !strings.Contains(err.Error(), `state "gone"`) {
		t.Errorf("a wrong state: %v", err)
	}
}

func TestUnmarshal(t *testing.T) {
	for body, want := range map[string]string{
		``:                          "byte 0: unexpected end of JSON input",
		`{"sources":[{"id":"a"},}`:  "byte 24: invalid character '}' looking for beginning of value",
		`[]`:                        "byte 1: a JSON array: want an object",
		`{"sources":[{"id":5}]}`:    "byte 19: sources.id is a JSON number, which it can't be",
		`{"sources":[],"seconds":1`: "byte 25: unexpected end of JSON input",
	} {
		var r HeldRequest
		if err := Unmarshal([]byte(body), &r); err == nil || err.Error() != want {
			t.Errorf("%s: %v\nwant %s", body, err, want)
		}
	}
}
