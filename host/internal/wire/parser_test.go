package wire

import (
	"bytes"
	"testing"
	"time"

	"github.com/syncstream/syncstream"
)

// parserMessages are messages as they are written, of two sources in turn.
func parserMessages() []syncstream.Message {
	a := &syncstream.Source{ID: "a", Name: `x","num":`, Host: "h", PID: 7, Rank: 1, Size: 2}
	b := &syncstream.Source{ID: "b", Name: "b"}
	at := time.Date(2026, 11, 26, 13, 20, 0, 123456789, time.UTC)
	return []syncstream.Message{
		{Source: a, Num: 1, Time: at, Text: "one", Position: 1},
		{Source: a, Num: 2, Time: at, Text: "\x1b[32m\"two\"\x1b[0m \\", Position: 2},
		{Source: a, Num: 3, Time: at, Text: "thr\xffee", Position: 3},
		{Source: a, Num: 4, Time: at, Text: "", End: syncstream.EndCRLF, Position: 4},
		{Source: b, Num: 1, Text: "no time", End: syncstream.EndNone, Position: 5},
		{Source: b, Num: 2, Time: at, Text: "ü 世界 \u2028", End: syncstream.EndNEL, Position: 6},
		{Source: b, Stream: syncstream.Control, Kind: syncstream.Gap, Num: 3, Time: at, Missing: 9, End: syncstream.EndNone, Position: 7},
		{Source: b, Num: 12, Time: at, Text: "bar", Redraws: 4, Position: 8},
		{Source: b, Num: 13, Time: at, Text: "first", Part: syncstream.PartFirst, End: syncstream.EndNone, Position: 9},
		{Source: b, Kind: syncstream.Partial, Time: at, Text: "50 %", End: syncstream.EndNone},
		{Num: 1, Time: at, Text: "nobody's"},
	}
}

func TestParser(t *testing.T) {
	var p Parser
	messages := parserMessages()
	for i := range 3 * len(messages) {
		want := messages[i%len(messages)]
		got, err := p.Parse(AppendMessage(nil, &want))
		if err != nil {
			t.Fatal(err)
		}
		if (got.Source == nil) != (want.Source == nil) || got.Source != nil && *got.Source != *want.Source {
			t.Errorf("the source is %+v, want %+v", got.Source, want.Source)
		}
		got.Source = want.Source
		if got != want {
			t.Errorf("got\n%+v\nwant\n%+v", got, want)
		}
	}
}

// What one has in common with the one before is not read again.
func TestParserRemembers(t *testing.T) {
	var p Parser
	m := parserMessages()[0]
	p.Parse(AppendMessage(nil, &m))
	for i, m := range parserMessages()[:4] {
		if _, again := p.again(AppendMessage(nil, &m)); again != (i != 2) { // base64 is rare
			t.Errorf("message %d: %t", i, again)
		}
	}
}

// Whatever comes, a Parser gives what ParseMessage gives.
func FuzzParser(f *testing.F) {
	for _, m := range parserMessages() {
		data := AppendMessage(nil, &m)
		f.Add(data, data)
		f.Add(data, bytes.Replace(data, []byte(`"text"`), []byte(`"more":1,"text"`), 1))
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		var p Parser
		for _, data := range [][]byte{first, second, first, second} {
			got, err := p.Parse(data)
			want, wantErr := ParseMessage(data)
			if (err == nil) != (wantErr == nil) {
				t.Fatalf("%q: %v, want %v", data, err, wantErr)
			}
			if got.Source != nil && want.Source != nil {
				if *got.Source != *want.Source {
					t.Errorf("%q: %+v, want %+v", data, got.Source, want.Source)
				}
				got.Source = want.Source
			}
			if err == nil && got != want {
				t.Errorf("%q:\n%+v\nwant\n%+v", data, got, want)
			}
		}
	})
}
