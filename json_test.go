package syncstream_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/syncstream/syncstream"
)

var jsonTime = time.Date(2026, 11, 22, 21, 33, 22, 123456789, time.UTC)

func jsonSource() *syncstream.Source {
	return &syncstream.Source{ID: "k3v9", Name: "train", Host: "node7", PID: 4711, Rank: 2, Size: 4}
}

func ExampleMessage_AppendJSON() {
	m := syncstream.Message{
		Source: &syncstream.Source{ID: "k3v9", Name: "train-2", PID: 4711, Rank: 2, Size: 4},
		Stream: syncstream.Stderr,
		Kind:   syncstream.Line,
		Num:    1,
		Time:   time.Date(2026, 11, 22, 21, 33, 22, 0, time.UTC),
		Text:   "\x1b[31mloss is NaN",
	}
	fmt.Printf("%s\n", m.AppendJSON(nil))
	// Output:
	// {"v":1,"source":{"id":"k3v9","name":"train-2","pid":4711,"rank":2,"size":4},"stream":"stderr","kind":"line","num":1,"time":"2026-11-22T21:33:22.000000000Z","text":"\u001b[31mloss is NaN"}
}

func ExampleMessage_UnmarshalJSON() {
	var m syncstream.Message
	err := json.Unmarshal([]byte(`{"v":1,"stream":"stdin","kind":"line","num":1,"text":""}`), &m)
	fmt.Println(err)
	// Output:
	// syncstream: decode message: stream "stdin": want stdout, stderr, merged or control
}

// Each row is a message and its one form; the form must come back as the same
// message.
func TestMessageJSON(t *testing.T) {
	const head, tail = `{"v":1,"stream":"stdout","kind":"line","num":0`, `,"text":""}`
	text := func(s string) syncstream.Message { return syncstream.Message{Text: s} }
	for _, tt := range []struct {
		name string
		m    syncstream.Message
		want string
		why  string
	}{
		{"zero", syncstream.Message{}, head + tail, "what is always present, and no more"},
		{
			"all fields",
			syncstream.Message{
				Source: jsonSource(), Stream: syncstream.Merged, Kind: syncstream.Error, Num: 7,
				Time: jsonTime, Text: "x", End: syncstream.EndCRLF, Part: syncstream.PartMiddle,
				Redraws: 3, Missing: 4,
			},
			`{"v":1,"source":{"id":"k3v9","name":"train","host":"node7","pid":4711,"rank":2,"size":4},` +
				`"stream":"merged","kind":"error","num":7,"time":"2026-11-22T21:33:22.123456789Z",` +
				`"part":"middle","end":"crlf","redraws":3,"missing":4,"text":"x"}`,
			"the order is fixed, the version stands first",
		},
		{
			"empty source",
			syncstream.Message{Source: &syncstream.Source{}},
			`{"v":1,"source":{"id":"","name":""},"stream":"stdout","kind":"line","num":0,"text":""}`,
			"a source without a name is not the absence of a source",
		},
		{
			"rank 0 of 1",
			syncstream.Message{Source: &syncstream.Source{Size: 1}},
			`{"v":1,"source":{"id":"","name":"","rank":0,"size":1},"stream":"stdout","kind":"line","num":0,"text":""}`,
			"rank 0 is a rank",
		},
		{
			"largest numbers",
			syncstream.Message{
				Source: &syncstream.Source{PID: math.MaxInt, Rank: math.MaxInt, Size: math.MaxInt},
				Num:    math.MaxUint64, Redraws: math.MaxInt, Missing: math.MaxUint64,
			},
			strings.ReplaceAll(`{"v":1,"source":{"id":"","name":"","pid":MAX,"rank":MAX,"size":MAX},`+
				`"stream":"stdout","kind":"line","num":18446744073709551615,`+
				`"redraws":MAX,"missing":18446744073709551615,"text":""}`, "MAX", strconv.Itoa(math.MaxInt)),
			"no number passes through a float",
		},
		{
			"one nanosecond",
			syncstream.Message{Time: jsonTime.Truncate(time.Second).Add(1)},
			head + `,"time":"2026-11-22T21:33:22.000000001Z"` + tail, "zeros before the digit stay",
		},
		{
			"whole second",
			syncstream.Message{Time: jsonTime.Truncate(time.Second)},
			head + `,"time":"2026-11-22T21:33:22.000000000Z"` + tail, "nine digits always, so that times sort as text",
		},
		{
			"first year",
			syncstream.Message{Time: time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)},
			head + `,"time":"0000-01-01T00:00:00.000000000Z"` + tail, "the edge of RFC 3339",
		},
		{
			"last year",
			syncstream.Message{Time: time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC)},
			head + `,"time":"9999-12-31T23:59:59.999999999Z"` + tail, "the edge of RFC 3339",
		},
		{
			"zero time but a nanosecond",
			syncstream.Message{Time: time.Time{}.Add(1)},
			head + `,"time":"0001-01-01T00:00:00.000000001Z"` + tail, "only the zero Time is no time",
		},
		{"quotes", text(`"\`), head + `,"text":"\"\\"}`, "JSON"},
		{"short forms", text("\n\r\t\b\f"), head + `,"text":"\n\r\t\b\f"}`, "no line break inside"},
		{
			"other controls", text("\x00\x07\v\x1b\x1f\x7f"),
			head + `,"text":"\u0000\u0007\u000b\u001b\u001f\u007f"}`, "a terminal obeys them",
		},
		{
			"C1 and separators", text("\u0080\u009b\u009f\u00a0\u00bf\u2027\u2028\u2029\u202a"),
			head + `,"text":"\u0080\u009b\u009f` + "\u00a0\u00bf\u2027" + `\u2028\u2029` + "\u202a" + `"}`,
			"U+009B is a CSI to some terminals; U+2028 a line break to some readers; their neighbours are not",
		},
		{"no HTML", text("<a>&'/"), head + `,"text":"<a>&'/"}`, "it is a line for people too"},
		{"not ASCII", text("é日本😀\uFFFD"), head + `,"text":"é日本😀` + "\uFFFD" + `"}`, "U+FFFD itself is valid text"},
		{"not UTF-8", text("a\xff"), head + `,"base64":"Yf8="}`, "bytes are truth"},
		{"half a rune after eight bytes", text("12345678\xe2\x80"), head + `,"base64":"MTIzNDU2NzjigA=="}`, "a piece of a long line may end so"},
		{"surrogate", text("\xed\xa0\x80"), head + `,"base64":"7aCA"}`, "it is not UTF-8, though some write it"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := string(tt.m.AppendJSON(nil))
			if got != tt.want {
				t.Errorf("got  %s\nwant %s\nwhy: %s", got, tt.want, tt.why)
			}
			checkJSONSafe(t, got)
			jsonRoundTrip(t, tt.m)
		})
	}
}

// What can't come back as it was: it comes back as the documentation says.
func TestMessageJSONLossy(t *testing.T) {
	for _, tt := range []struct {
		name     string
		in, want syncstream.Message
		why      string
	}{
		{
			"source not UTF-8",
			syncstream.Message{Source: &syncstream.Source{ID: "\xff\xfe-1", Name: "\xe9t\xe9", Host: "n\xc2"}},
			syncstream.Message{Source: &syncstream.Source{ID: "\uFFFD-1", Name: "\uFFFDt\uFFFD", Host: "n\uFFFD"}},
			"a run of bad bytes is one U+FFFD",
		},
		{
			"rank without size",
			syncstream.Message{Source: &syncstream.Source{Rank: 3}},
			syncstream.Message{Source: &syncstream.Source{}},
			"it has no meaning",
		},
		{
			"local time",
			syncstream.Message{Time: jsonTime.In(time.FixedZone("", 3600))},
			syncstream.Message{Time: jsonTime},
			"times are in UTC",
		},
		{
			"zero time elsewhere",
			syncstream.Message{Time: time.Time{}.In(time.FixedZone("", 3600))},
			syncstream.Message{},
			"it is the zero Time still",
		},
		{
			"year 10000",
			syncstream.Message{Time: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)},
			syncstream.Message{},
			"no time is better than a wrong one",
		},
		{
			"year 10000 only in UTC",
			syncstream.Message{Time: time.Date(9999, 12, 31, 23, 0, 0, 0, time.FixedZone("", -7200))},
			syncstream.Message{},
			"the year that is written is the one in UTC",
		},
		{
			"year -1",
			syncstream.Message{Time: time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC)},
			syncstream.Message{},
			"RFC 3339 has no sign",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got syncstream.Message
			if err := json.Unmarshal(tt.in.AppendJSON(nil), &got); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %+v\nwant %+v\nwhy: %s", got, tt.want, tt.why)
			}
		})
	}
}

func TestMessageJSONNames(t *testing.T) {
	source := jsonSource()
	for stream := syncstream.Stdout; stream <= syncstream.Control; stream++ {
		for kind := syncstream.Line; kind <= syncstream.Gap; kind++ {
			for part := syncstream.PartWhole; part <= syncstream.PartLast; part++ {
				for end := syncstream.EndLF; end <= syncstream.EndPS; end++ {
					jsonRoundTrip(t, syncstream.Message{Source: source, Stream: stream, Kind: kind, Part: part, End: end})
				}
			}
		}
	}
}

func TestMessageJSONTexts(t *testing.T) {
	var runes, bytes strings.Builder
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if utf8.ValidRune(r) {
			runes.WriteRune(r)
		}
	}
	for b := range 256 {
		bytes.WriteByte(byte(b))
		// Each byte at each place of the eight that are looked at together.
		for at := range 17 {
			jsonRoundTrip(t, syncstream.Message{Text: strings.Repeat("x", at) + string([]byte{byte(b)}) + strings.Repeat("y", 16-at)})
		}
	}
	for _, text := range []string{
		runes.String(), bytes.String(), bytes.String()[:128],
		strings.Repeat("0123456789", 1<<17), strings.Repeat("\x1b\xff", 1<<19),
	} {
		jsonRoundTrip(t, syncstream.Message{Text: text})
	}
}

// encoding/json calls the methods wherever a message stands.
func TestMessageJSONInside(t *testing.T) {
	type page struct{ First, Second syncstream.Message }
	in := page{First: syncstream.Message{Source: jsonSource(), Time: jsonTime, Text: "<&>\u2028\xff"}, Second: syncstream.Message{Text: "<&>"}}
	b, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	var got page
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, in) {
		t.Errorf("got %+v, want %+v", got, in)
	}
}

func TestMessageAppendJSONKeepsPrefix(t *testing.T) {
	for _, text := range []string{"plain", "a\nb", "\xff"} {
		m := syncstream.Message{Source: jsonSource(), Time: jsonTime, Text: text}
		got, want := string(m.AppendJSON([]byte("before "))), "before "+string(m.AppendJSON(nil))
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestDecodeMessage(t *testing.T) {
	const must = `"v":1,"stream":"stdout","kind":"line","num":1`
	is := func(change func(*syncstream.Message)) syncstream.Message {
		m := syncstream.Message{Num: 1, Text: "x"}
		change(&m)
		return m
	}
	plain := is(func(*syncstream.Message) {})
	for _, tt := range []struct {
		name string
		in   string
		want syncstream.Message
		why  string
	}{
		{"unknown fields", `{` + must + `,"text":"x","colour":{"v":2},"x":[1]}`, plain, "fields may be added"},
		{"unknown field of the source", `{` + must + `,"text":"x","source":{"id":"a","name":"b","gpu":[1]}}`, is(func(m *syncstream.Message) {
			m.Source = &syncstream.Source{ID: "a", Name: "b"}
		}), "fields may be added there too"},
		{"any order and space", " { \"text\" : \"x\" , \"num\" : 1 ,\n\"kind\":\"line\",\"stream\":\"stdout\", \"v\" : 1 } ", plain, "JSON"},
		{"defaults written out", `{` + must + `,"text":"x","part":"whole","end":"lf","redraws":0,"missing":0}`, plain, "they mean the same"},
		{"exact case", `{` + must + `,"text":"x","Text":"y","NUM":5,"Kind":"?"}`, plain, "another case is another, unknown field"},
		{"last wins", `{"num":"?",` + must + `,"text":"y","text":"x"}`, plain, "the last of two fields counts"},
		{"null", `{` + must + `,"text":"x","base64":null,"source":null,"part":null,"end":null,"time":null,"missing":null}`, plain, "null is as good as absent"},
		{"no text", `{` + must + `}`, is(func(m *syncstream.Message) { m.Text = "" }), "a gap has none to say"},
		{"base64 of text", `{` + must + `,"base64":"eA=="}`, plain, "a writer may not care to look"},
		{"escapes", `{` + must + `,"text":"\u0078"}`, plain, "JSON"},
		{"half a surrogate pair", `{` + must + `,"text":"x\ud800"}`, is(func(m *syncstream.Message) { m.Text = "x\uFFFD" }), "it is no character"},
		{"time of another zone", `{` + must + `,"text":"x","time":"2026-11-22T22:33:22.123456789+01:00"}`, is(func(m *syncstream.Message) { m.Time = jsonTime }), "in UTC"},
		{"short time", `{` + must + `,"text":"x","time":"2026-11-22T21:33:22Z"}`, is(func(m *syncstream.Message) { m.Time = jsonTime.Truncate(time.Second) }), "RFC 3339 asks for no fraction"},
		{"zero time", `{` + must + `,"text":"x","time":"0001-01-01T00:00:00Z"}`, plain, "the zero Time"},
		{"rank without size", `{` + must + `,"text":"x","source":{"id":"a","name":"b","rank":3}}`, is(func(m *syncstream.Message) {
			m.Source = &syncstream.Source{ID: "a", Name: "b"}
		}), "it has no meaning"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got syncstream.Message
			if err := got.UnmarshalJSON([]byte(tt.in)); err != nil {
				t.Fatalf("%v; why: %s", err, tt.why)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %+v\nwant %+v\nwhy: %s", got, tt.want, tt.why)
			}
		})
	}
}

func TestDecodeMessageErrors(t *testing.T) {
	// A field that stands twice counts the second time, so a row adds one.
	const must = `{"v":1,"stream":"stdout","kind":"line","num":1,`
	const source = must + `"source":{"id":"a","name":"b",`
	wantInt := fmt.Sprintf("want a whole number from 0 to %d", math.MaxInt)
	const (
		wantUint = `want a whole number from 0 to 18446744073709551615`
		wantTime = `want RFC 3339, in UTC a year from 0000 to 9999`
	)
	for _, tt := range []struct {
		in   string
		want string
		why  string
	}{
		{`{}`, `v missing: want 1`, "every message says its version"},
		{`{"v":2,"kind":"melody"}`, `v 2: want 1`, "of another version nothing else is known"},
		{must + `"v":"1"}`, `v "1": want 1`, "a number, not a string"},
		{must + `"v":1.0}`, `v 1.0: want 1`, "written in one way"},
		{must + `"stream":"stdin"}`, `stream "stdin": want stdout, stderr, merged or control`, "unknown"},
		{must + `"stream":"STDOUT"}`, `stream "STDOUT": want stdout, stderr, merged or control`, "exact case"},
		{must + `"kind":"Kind(200)"}`, `kind "Kind(200)": want line, warning, error, gap or partial`, "what AppendJSON makes of it"},
		{must + `"kind":1}`, `kind 1: want line, warning, error, gap or partial`, "names, not numbers"},
		{must + `"kind":true}`, `kind true: want line, warning, error, gap or partial`, "names"},
		{must + `"kind":{"\u001b":1}}`, `kind an object: want line, warning, error, gap or partial`, "it may be large and wild"},
		{must + `"kind":["line"]}`, `kind an array: want line, warning, error, gap or partial`, "one only"},
		{must + `"kind":"` + strings.Repeat("é", 61) + `"}`, `kind "` + strings.Repeat("é", 60) + `"…: want line, warning, error, gap or partial`, "an error is short"},
		{must + `"kind":"\u001b[2J\u009b\u202e"}`, `kind "\x1b[2J\u009b\u202e": want line, warning, error, gap or partial`, "an error is safe to print"},
		{must + `"part":""}`, `part "": want whole, first, middle or last`, "unknown"},
		{must + `"end":"\n"}`, `end "\n": want lf, crlf, cr, none, vt, ff, fs, gs, rs, nel, ls or ps`, "a name, not the bytes"},
		{must + `"num":-1}`, `num -1: ` + wantUint, "negative"},
		{must + `"num":1.5}`, `num 1.5: ` + wantUint, "not whole"},
		{must + `"num":1e3}`, `num 1e3: ` + wantUint, "written in one way"},
		{must + `"num":"1"}`, `num "1": ` + wantUint, "a number, not a string"},
		{must + `"num":18446744073709551616}`, `num 18446744073709551616: ` + wantUint, "one too large"},
		{must + `"num":` + strings.Repeat("9", 61) + `}`, `num ` + strings.Repeat("9", 60) + `…: ` + wantUint, "an error is short"},
		{must + `"missing":-1}`, `missing -1: ` + wantUint, "negative"},
		{must + `"redraws":-1}`, `redraws -1: ` + wantInt, "negative"},
		{must + `"redraws":9223372036854775808}`, `redraws 9223372036854775808: ` + wantInt, "no int"},
		{must + `"text":1}`, `text 1: want a string`, "type"},
		{must + `"text":"","base64":""}`, `base64 "": want only one of text and base64`, "which one is true?"},
		{must + `"base64":"_w=="}`, `base64 "_w==": want standard base64 with padding`, "not the URL alphabet"},
		{must + `"base64":"/w"}`, `base64 "/w": want standard base64 with padding`, "no padding"},
		{must + `"base64":"/x=="}`, `base64 "/x==": want standard base64 with padding`, "bits left over"},
		{must + `"base64":1}`, `base64 1: want a string`, "type"},
		{must + `"time":"yesterday"}`, `time "yesterday": ` + wantTime, "no time"},
		{must + `"time":"2026-11-22 21:33:22Z"}`, `time "2026-11-22 21:33:22Z": ` + wantTime, "no T"},
		{must + `"time":"9999-12-31T23:59:59-01:00"}`, `time "9999-12-31T23:59:59-01:00": ` + wantTime, "year 10000 in UTC could not be written again"},
		{must + `"time":"0000-01-01T00:00:00+01:00"}`, `time "0000-01-01T00:00:00+01:00": ` + wantTime, "year -1 in UTC"},
		{must + `"time":5}`, `time 5: want a string`, "no seconds since 1970"},
		{must + `"source":"a"}`, `source "a": want an object`, "type"},
		{must + `"source":{}}`, `source.id missing`, "always present"},
		{must + `"source":{"id":"a"}}`, `source.name missing`, "always present"},
		{source + `"id":5}}`, `source.id 5: want a string`, "type"},
		{source + `"pid":-5}}`, `source.pid -5: ` + wantInt, "negative"},
		{source + `"rank":-1,"size":2}}`, `source.rank -1: ` + wantInt, "negative"},
		{source + `"size":-2}}`, `source.size -2: ` + wantInt, "negative"},
		{source + `"host":[]}}`, `source.host an array: want a string`, "type"},
		{`{"v":1,"kind":"line","num":1}`, `stream missing`, "always present"},
		{`{"v":1,"stream":"stdout","num":1}`, `kind missing`, "always present"},
		{`{"v":1,"stream":"stdout","kind":null,"num":1}`, `kind missing`, "null is absent"},
		{`{"v":1,"stream":"stdout","kind":"line"}`, `num missing`, "a reader counts by it"},
		{` [] `, `an array: want an object`, "type"},
		{`5`, `5: want an object`, "type"},
		{must + "\"text\":\"a\xff\"}", `bytes that are not UTF-8: want them in base64`, "they would be changed in silence"},
		{must, `unexpected end of JSON input`, "cut short"},
		{``, `unexpected end of JSON input`, "nothing"},
		{must + "\"text\":\"a\nb\"}", `invalid character '\n' in string literal`, "raw control character"},
		{`{}{}`, `invalid character '{' after top-level value`, "one message only"},
	} {
		m := syncstream.Message{Text: "before"}
		err := m.UnmarshalJSON([]byte(tt.in))
		if want := "syncstream: decode message: " + tt.want; err == nil || err.Error() != want {
			t.Errorf("%s\ngot  %v\nwant %s\nwhy: %s", tt.in, err, want, tt.why)
		}
		if !reflect.DeepEqual(m, syncstream.Message{Text: "before"}) {
			t.Errorf("%s: an error changed the message: %+v", tt.in, m)
		}
	}
}

func TestDecodeMessageNull(t *testing.T) {
	m := syncstream.Message{Text: "before"}
	if err := m.UnmarshalJSON([]byte(" null ")); err != nil || m.Text != "before" {
		t.Errorf("got %+v, %v; want the message as it was", m, err)
	}
}

// A value without a meaning doesn't break the line, and a reader refuses it
// with its name.
func TestMessageJSONNoMeaning(t *testing.T) {
	for _, tt := range []struct {
		m    syncstream.Message
		want string
	}{
		{syncstream.Message{Kind: 200}, `kind "Kind(200)"`},
		{syncstream.Message{Stream: 200}, `stream "Stream(200)"`},
		{syncstream.Message{Part: 200}, `part "Part(200)"`},
		{syncstream.Message{End: 200}, `end "End(200)"`},
		{syncstream.Message{Redraws: -1}, `redraws -1`},
		{syncstream.Message{Source: &syncstream.Source{PID: -1}}, `source.pid -1`},
		{syncstream.Message{Source: &syncstream.Source{Rank: -1, Size: 1}}, `source.rank -1`},
		{syncstream.Message{Source: &syncstream.Source{Size: -1}}, `source.size -1`},
	} {
		b := tt.m.AppendJSON(nil)
		checkJSONSafe(t, string(b))
		var got syncstream.Message
		if err := json.Unmarshal(b, &got); err == nil || !strings.Contains(err.Error(), tt.want+": want ") {
			t.Errorf("%s: got error %v, want one with %s", b, err, tt.want)
		}
	}
}

func TestMessageAppendJSONAllocs(t *testing.T) {
	buf := make([]byte, 0, 4096)
	for _, text := range []string{
		strings.Repeat("plain ASCII ", 20), strings.Repeat("\x1b[1m\"é日\u2028", 20), strings.Repeat("a\xff", 100),
	} {
		m := syncstream.Message{
			Source: jsonSource(), Stream: syncstream.Stderr, Kind: syncstream.Error, Num: math.MaxUint64,
			Time: jsonTime, Text: text, End: syncstream.EndNone, Part: syncstream.PartLast, Redraws: 1000, Missing: 1000,
		}
		if n := testing.AllocsPerRun(100, func() { buf = m.AppendJSON(buf[:0]) }); n != 0 {
			t.Errorf("%q: %v allocations", text, n)
		}
	}
}

// The examples of docs/protocol.md are messages, in the very bytes that
// AppendJSON writes.
func TestProtocolExamples(t *testing.T) {
	doc, err := os.ReadFile("docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	_, doc, _ = bytes.Cut(doc, []byte("\n### Examples\n"))
	doc, _, _ = bytes.Cut(doc, []byte("\n### "))
	examples := regexp.MustCompile("(?s)```json\n(.*?)\n```").FindAllSubmatch(doc, -1)
	if len(examples) != 3 {
		t.Fatalf("docs/protocol.md has %d examples of messages, want 3", len(examples))
	}
	for _, example := range examples {
		var m syncstream.Message
		if err := json.Unmarshal(example[1], &m); err != nil {
			t.Errorf("%s\n%v", example[1], err)
		} else if got := m.AppendJSON(nil); !bytes.Equal(got, example[1]) {
			t.Errorf("docs %s\ngot  %s", example[1], got)
		}
	}
}

func FuzzMessageJSON(f *testing.F) {
	f.Add("k3v9", "train", "node7", 4711, 2, 4, uint8(0), uint8(0), uint8(0), uint8(0), uint64(1), jsonTime.Unix(), int64(5), "text", 0, uint64(0))
	f.Add("\xff\xfe", "\u2028", "\x1b", 0, 1, 0, uint8(3), uint8(3), uint8(3), uint8(11), uint64(math.MaxUint64), int64(math.MaxInt64), int64(-1), "\x00\xff", 1, uint64(9))
	f.Add("", "", "", -1, -1, -1, uint8(4), uint8(200), uint8(4), uint8(12), uint64(0), int64(-62135596800), int64(0), "\u009b\x7f\"\\", -1, uint64(0))
	f.Fuzz(func(t *testing.T, id, name, host string, pid, rank, size int, stream, kind, part, end uint8, num uint64, sec, nsec int64, text string, redraws int, missing uint64) {
		m := syncstream.Message{
			Source: &syncstream.Source{ID: id, Name: name, Host: host, PID: pid, Rank: rank, Size: size},
			Stream: syncstream.Stream(stream), Kind: syncstream.Kind(kind), Num: num, Time: time.Unix(sec, nsec), Text: text,
			End: syncstream.End(end), Part: syncstream.Part(part), Redraws: redraws, Missing: missing,
		}
		meant := m.Stream <= syncstream.Control && m.Kind <= syncstream.Gap && m.Part <= syncstream.PartLast &&
			m.End <= syncstream.EndPS && pid >= 0 && size >= 0 && (rank >= 0 || size == 0) && redraws >= 0
		if !meant {
			b := m.AppendJSON(nil)
			checkJSONSafe(t, string(b))
			if err := new(syncstream.Message).UnmarshalJSON(b); err == nil {
				t.Errorf("%s was decoded, want an error", b)
			}
			return
		}
		jsonRoundTrip(t, m)
	})
}

func FuzzDecodeMessage(f *testing.F) {
	f.Add(syncstream.Message{Source: jsonSource(), Time: jsonTime, Text: "x", Part: syncstream.PartFirst, Redraws: 1, Missing: 2}.AppendJSON(nil))
	f.Add(syncstream.Message{Text: "\xff", End: syncstream.EndNone}.AppendJSON(nil))
	f.Add([]byte(`{"v":1,"stream":"stdout","kind":"gap","num":1,"source":{"id":"\ud800","name":"","rank":3},"time":"2026-11-22T21:33:22.5+01:00","x":[{}]}`))
	f.Add([]byte(`{"v":2}`))
	f.Add([]byte(" null\n"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		var m syncstream.Message
		if err := m.UnmarshalJSON(b); err != nil {
			checkPrintable(t, err.Error())
			return
		}
		got := jsonRoundTrip(t, m)
		if !reflect.DeepEqual(got, m) {
			t.Errorf("got  %+v\nwant %+v", got, m)
		}
	})
}

func BenchmarkMessageAppendJSON(b *testing.B) {
	// Each text is 100 bytes, and dst is kept, as a sink does; the source is
	// written anew each time, which a sink can spare.
	for _, text := range []struct{ name, of string }{
		{"ascii", "INFO step 1200 of 5000 finished "},
		{"colours", "\x1b[32mINFO\x1b[0m step 1200 of 5000 "},
		{"utf8", "Schritt über 日本語 fertig – "},
		{"binary", "INFO \xff "},
	} {
		b.Run(text.name, func(b *testing.B) {
			m := syncstream.Message{Source: jsonSource(), Num: 123456, Time: jsonTime, Text: strings.Repeat(text.of, 20)[:100]}
			if text.name == "utf8" {
				m.Text = strings.ToValidUTF8(m.Text, "?")
			}
			buf := m.AppendJSON(nil)
			b.SetBytes(int64(len(m.Text)))
			b.ReportAllocs()
			for b.Loop() {
				buf = m.AppendJSON(buf[:0])
			}
		})
	}
}

func BenchmarkMessageUnmarshalJSON(b *testing.B) {
	in := syncstream.Message{Source: jsonSource(), Num: 123456, Time: jsonTime, Text: strings.Repeat("INFO step ", 10)}
	data := in.AppendJSON(nil)
	b.SetBytes(int64(len(in.Text)))
	b.ReportAllocs()
	for b.Loop() {
		var m syncstream.Message
		if err := m.UnmarshalJSON(data); err != nil {
			b.Fatal(err)
		}
	}
}

// jsonRoundTrip checks what m's form promises, and returns what came back.
func jsonRoundTrip(t *testing.T, m syncstream.Message) syncstream.Message {
	t.Helper()
	b, err := m.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	checkJSONSafe(t, string(b))
	var got syncstream.Message
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatalf("%.1000s: %v", b, err)
	}
	want := m
	want.Time = m.Time.UTC()
	if want.Time.Year() < 0 || want.Time.Year() > 9999 {
		want.Time = time.Time{}
	}
	if m.Source != nil {
		s := *m.Source
		s.ID, s.Name, s.Host = strings.ToValidUTF8(s.ID, "\uFFFD"), strings.ToValidUTF8(s.Name, "\uFFFD"), strings.ToValidUTF8(s.Host, "\uFFFD")
		if s.Size == 0 {
			s.Rank = 0
		}
		want.Source = &s
	}
	if !got.Time.Equal(want.Time) || got.Time.Location() != time.UTC {
		t.Errorf("got time %v, want %v", got.Time, want.Time)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %.1000s\nwant %.1000s", fmt.Sprintf("%+v %+v", got, got.Source), fmt.Sprintf("%+v %+v", want, want.Source))
	}
	if again := got.AppendJSON(nil); !bytes.Equal(again, b) {
		t.Errorf("the second form differs:\n%.1000s\n%.1000s", b, again)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(b, &fields); err != nil {
		t.Fatal(err)
	}
	if _, ok := fields["text"]; ok != utf8.ValidString(m.Text) {
		t.Errorf("text present: %v", ok)
	}
	if _, ok := fields["base64"]; ok == utf8.ValidString(m.Text) {
		t.Errorf("base64 present: %v", ok)
	}
	return got
}

func checkJSONSafe(t *testing.T, s string) {
	t.Helper()
	if !json.Valid([]byte(s)) {
		t.Errorf("not valid JSON: %.1000q", s)
	}
	checkPrintable(t, s)
}

// checkPrintable checks that s can't take a terminal over.
func checkPrintable(t *testing.T, s string) {
	t.Helper()
	if !utf8.ValidString(s) {
		t.Errorf("not UTF-8: %.1000q", s)
	}
	if i := strings.IndexFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }); i >= 0 {
		t.Errorf("not escaped: %.20q in %.1000q", s[i:], s)
	}
}
