package host

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/host/internal/wire"
)

// A position that came from a host before it was started again is no place in the
// buffer that it has now, whatever else has been read of that; positions go up.
func TestClientPositionsOfOldBuffer(t *testing.T) {
	m := newMachine(t)
	client, err := NewClient(ClientConfig{URL: "http://" + m.addr + "/train", Stderr: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close(t.Context())
	fill := func(texts ...string) { // and closes the buffer's only source
		mirror := openMirror(m.buffer(), "m")
		fmt.Fprintln(mirror, strings.Join(texts, "\n"))
		mirror.Close()
	}
	behind := func(p syncstream.Position) string {
		t.Helper()
		var texts []string
		for m, err := range client.Follow(t.Context(), p, syncstream.FollowUntilDone) {
			if err != nil {
				t.Fatal(err)
			}
			if m.Kind == syncstream.Gap {
				m.Text = "gap"
			}
			texts = append(texts, m.Text)
		}
		return strings.Join(texts, " ")
	}
	last := func() syncstream.Message {
		t.Helper()
		all, err := client.Last(t.Context(), 1)
		if err != nil || len(all) != 1 {
			t.Fatal(all, err)
		}
		return all[0]
	}

	fill("1", "2")
	before := last()
	m.stop()
	m.start(NewHandler(Config{}))
	fill("a", "b", "c")
	_, sources, err := client.Snapshot(t.Context()) // the new buffer is known
	if err != nil {
		t.Fatal(err)
	}
	after := last()
	if after.Position <= before.Position {
		t.Errorf("position %d comes behind %d", after.Position, before.Position)
	}
	if tail := sources[0].Tail; tail[len(tail)-1].Position != after.Position {
		t.Errorf("of the last message the position is %d, and %d in the account", after.Position, tail[len(tail)-1].Position)
	}
	check(t, "behind the old position", behind(before.Position), "gap a b c")
	check(t, "behind the new position", behind(after.Position-1), "c")
}

// Each position is given once, and is of one buffer.
func TestEras(t *testing.T) {
	var all eras
	check(t, "of none", all.place(7).String(), "7")
	for i, tt := range []struct {
		buffer string
		p      syncstream.Position
		want   syncstream.Position
	}{
		{"a", 5, 5},
		{"a", 3, 3},
		{"b", 2, 7}, // behind a's
		{"a", 9, 5}, // too late to have one of its own
		{"b", 0, 0}, // a partial line
		{"b", 4, 9},
		{"c", 1, 10},
	} {
		if got := all.position(tt.buffer, tt.p); got != tt.want {
			t.Errorf("row %d: position %d of %s is %d, want %d", i, tt.p, tt.buffer, got, tt.want)
		}
	}
	for p, want := range map[syncstream.Position]string{3: "a-3", 5: "a-5", 6: "b-1", 9: "b-4", 10: "c-1", 20: "c-11"} {
		check(t, fmt.Sprint("place ", p), all.place(p).String(), want)
	}
	for i := range 2 * maxEras {
		all.position(fmt.Sprint("d", i), 1)
	}
	if p := all.place(3); len(all) != maxEras || p.Buffer != all[0].buffer {
		t.Errorf("of %d buffers, an old position is %v", len(all), p)
	}
	if p, want := all.place(all[maxEras-1].newest), (wire.Place{Buffer: fmt.Sprint("d", 2*maxEras-1), Position: 1}); p != want {
		t.Errorf("the newest position is %v, want %v", p, want)
	}
}
