package syncstream_test

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/internal/split"
)

// model is the simplest buffer: a list of messages, of which the oldest go one
// at a time. It cuts lines with the splitter, which has tests of its own.
type model struct {
	config syncstream.Config
	kept   []modelMessage
	bytes  int // of kept
	left   syncstream.Count
	all    syncstream.Count
	held   map[*syncstream.Mirror]bool // the first piece of its stdout line is kept
	tails  map[*syncstream.Source][]syncstream.Message
}

type modelMessage struct {
	syncstream.Message
	from *syncstream.Mirror
	size int
}

// modelStream is one stream of a mirror, as the model sees it.
type modelStream struct {
	mirror  *syncstream.Mirror
	num     uint64
	split   split.Splitter
	partial []byte
}

func (c *model) write(s *modelStream, p string, final bool) {
	held := len(s.partial)
	data := append(slices.Clone(s.partial), p...)
	for {
		run, used := s.split.Next(data, held, final)
		if run.Lines == 0 {
			s.partial = slices.Clone(s.split.Hold(data[used:]))
			return
		}
		for rest := data[run.Off : run.Off+run.Len]; len(rest) > 0; {
			text, end, n := rest, split.None, len(rest)
			if run.Part == split.Whole || run.Part == split.Last {
				text, end, n = s.split.Mode.Cut(rest)
			}
			c.add(s, n, syncstream.Message{
				Text: string(text), End: syncstream.End(end), Part: syncstream.Part(run.Part), Redraws: run.Redraws,
			})
			rest = rest[n:]
		}
		data, held = data[used:], 0
	}
}

func (c *model) add(s *modelStream, size int, m syncstream.Message) {
	s.num++
	m.Num, m.Source = s.num, s.mirror.Source()
	c.all.Messages++
	m.Position = syncstream.Position(c.all.Messages)
	c.all.Bytes += uint64(size)
	switch m.Part {
	case syncstream.PartFirst:
		c.held[s.mirror] = true
	case syncstream.PartMiddle, syncstream.PartLast:
		if !c.held[s.mirror] { // a chain goes whole
			c.leave(size)
			return
		}
		c.held[s.mirror] = m.Part != syncstream.PartLast
	}
	c.kept = append(c.kept, modelMessage{m, s.mirror, size})
	tail := append(c.tails[m.Source], m)
	c.tails[m.Source] = tail[max(0, len(tail)-10):]
	c.bytes += size
	for c.over() {
		c.drop()
	}
}

func (c *model) leave(size int) {
	c.left.Messages++
	c.left.Bytes += uint64(size)
}

func (c *model) over() bool { return c.bytes > c.config.MaxBytes || len(c.kept) > c.config.MaxMessages }

// drop lets the oldest message go, and all pieces of its line with it.
func (c *model) drop() {
	first := c.remove(0)
	if first.Part != syncstream.PartFirst {
		return
	}
	for i := 0; i < len(c.kept); {
		m := c.kept[i]
		if m.from != first.from || m.Kind != syncstream.Line {
			i++
		} else if c.remove(i).Part == syncstream.PartLast {
			return
		}
	}
	c.held[first.from] = false
}

func (c *model) remove(i int) modelMessage {
	m := c.kept[i]
	if i == 0 {
		c.kept = c.kept[1:]
	} else {
		c.kept = slices.Delete(c.kept, i, i+1)
	}
	c.bytes -= m.size
	c.leave(m.size)
	return m
}

// Promises 3 and 6: whatever is written, however it is cut, the ring keeps
// exactly what the model keeps, and its account is the model's.
func TestRingModel(t *testing.T) {
	seeds := uint64(150)
	if race {
		seeds = 30 // for time: it is all one goroutine
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { ringModel(t, rand.New(rand.NewPCG(seed, 5))) })
	}
}

func ringModel(t *testing.T, rng *rand.Rand) {
	c := syncstream.Config{
		MaxMessages: 1 + rng.IntN(60),
		MaxBytes:    1 + rng.IntN(1500),
		MaxLine:     1 + rng.IntN(60),
	}
	large := rng.IntN(10) == 0 // blocks are given away
	if large {
		c.MaxBytes, c.MaxMessages = 200_000+rng.IntN(1000), 100+rng.IntN(5_000)
	}
	if rng.IntN(3) == 0 {
		c.MaxMessages = 5_000 // only the bytes count
	}
	if rng.IntN(3) == 0 {
		c.MaxBytes = 1 << 20 // only the messages count
	}
	c.MaxLine = min(c.MaxLine, c.MaxBytes)
	b := syncstream.New(c)
	want := &model{
		config: c, held: map[*syncstream.Mirror]bool{}, tails: map[*syncstream.Source][]syncstream.Message{},
	}
	followers := []*modelFollower{follow(t, b, 1), follow(t, b, 10), follow(t, b, 300)}
	var streams []*modelStream
	for i := range 1 + rng.IntN(4) {
		lines := syncstream.Lines(rng.IntN(4))
		m := b.Mirror(syncstream.MirrorConfig{Source: syncstream.Source{Name: fmt.Sprint("m", i)}, Lines: lines})
		streams = append(streams, &modelStream{mirror: m, split: split.Splitter{Mode: split.Mode(lines), Max: c.MaxLine}})
	}
	steps := 60
	if large {
		steps = 6
	}
	for range steps {
		s := streams[rng.IntN(len(streams))]
		if rng.IntN(12) == 0 {
			text := strings.Repeat("e\n", rng.IntN(30)) + "e"
			s.mirror.Error(errors.New(text))
			want.add(s, len(text), syncstream.Message{
				Text: text, End: syncstream.EndNone, Stream: syncstream.Control, Kind: syncstream.Error,
			})
		} else {
			p := randomText(rng, large)
			write(t, s.mirror, p)
			want.write(s, p, false)
		}
		checkModel(t, b, want)
		for _, f := range followers {
			f.read(t, rng, want)
		}
	}
	for n := range min(len(want.kept)+3, 200) {
		checkLast(t, b, want, n)
	}
	for _, s := range streams {
		s.mirror.Close()
		want.write(s, "", true)
		checkModel(t, b, want)
	}
}

func randomText(rng *rand.Rand, large bool) string {
	var text strings.Builder
	size := rng.IntN(120)
	if large && rng.IntN(2) == 0 {
		size = 60_000 + rng.IntN(80_000)
	}
	ends := []string{"\n", "\n", "\n", "\n", "\r\n", "\r", "", "\r\r\n"}
	if rng.IntN(2) == 0 {
		ends = ends[:4]
	}
	for text.Len() < size {
		n := rng.IntN(20)
		if rng.IntN(8) == 0 {
			n = rng.IntN(200)
		}
		text.WriteString(strings.Repeat(string(rune('a'+rng.IntN(26))), n))
		text.WriteString(ends[rng.IntN(len(ends))])
	}
	return text.String()
}

func checkModel(t *testing.T, b *syncstream.Buffer, want *model) {
	t.Helper()
	s := b.Stats()
	kept := syncstream.Count{Messages: uint64(len(want.kept)), Bytes: uint64(want.bytes)}
	if s.Kept != kept || s.Rotated != want.left || s.Written != want.all || b.Len() != len(want.kept) {
		t.Fatalf("%+v\n got %+v\nwant kept %+v, rotated %+v, written %+v", want.config, s, kept, want.left, want.all)
	}
	checkStats(t, b)
	checkLast(t, b, want, 10)
	checkLast(t, b, want, 1<<30)
	for _, s := range b.Sources() {
		// Which pieces of a line that went whole are among the last ten, before
		// older messages that stayed, is not promised.
		whole := func(m syncstream.Message) bool { return m.Part == syncstream.PartWhole }
		if tail := want.tails[s.Source]; !slices.ContainsFunc(tail, func(m syncstream.Message) bool { return !whole(m) }) {
			checkTail(t, s.Tail, tail)
		}
	}
}

func checkTail(t *testing.T, got, want []syncstream.Message) {
	t.Helper()
	for size := 0; len(want) > 0 && len(got) < len(want); want = want[1:] { // long lines may be missing
		for _, m := range want {
			size += len(m.Text)
		}
		if size <= 64<<10 {
			t.Fatalf("a tail of %d messages, want %d", len(got), len(want))
		}
	}
	for i, m := range got {
		if m.Time = want[i].Time; m != want[i] {
			t.Fatalf("tail, message %d:\n got %+v\nwant %+v", i, m, want[i])
		}
	}
}

// modelFollower reads a buffer from its beginning, now and then.
type modelFollower struct {
	after syncstream.Position
	most  int // messages in one go
	next  func() (syncstream.Message, error, bool)
}

func follow(t *testing.T, b *syncstream.Buffer, most int) *modelFollower {
	next, stop := iter.Pull2(b.Follow(t.Context(), syncstream.Oldest))
	t.Cleanup(stop)
	return &modelFollower{most: most, next: next}
}

// read reads some messages, and checks that they are those of the model. Those
// that the follower had taken already may have left the buffer.
func (f *modelFollower) read(t *testing.T, rng *rand.Rand, want *model) {
	t.Helper()
	for range rng.IntN(f.most + 1) {
		if f.after == syncstream.Position(want.all.Messages) || f.after == 0 && len(want.kept) == 0 {
			return // it would wait
		}
		m, err, ok := f.next()
		if err != nil || !ok {
			t.Fatal(m, err, ok)
		}
		if m.Kind == syncstream.Gap {
			if f.after+syncstream.Position(m.Missing) != m.Position {
				t.Fatalf("a gap of %d up to %d, behind %d", m.Missing, m.Position, f.after)
			}
			for _, kept := range want.kept {
				if kept.Position > f.after && kept.Position <= m.Position {
					t.Fatalf("a gap hides %+v", kept.Message)
				}
			}
			f.after = m.Position
			continue
		}
		if f.after++; f.after == 1 {
			f.after = m.Position // the first one that is kept
		}
		if m.Position != f.after {
			t.Fatalf("position %d, want %d", m.Position, f.after)
		}
		i, kept := slices.BinarySearchFunc(want.kept, m.Position, func(w modelMessage, p syncstream.Position) int {
			return cmp.Compare(w.Position, p)
		})
		if kept {
			if m.Time = want.kept[i].Time; m != want.kept[i].Message {
				t.Fatalf("got %+v\nwant %+v", m, want.kept[i].Message)
			}
		}
	}
}

func checkLast(t *testing.T, b *syncstream.Buffer, want *model, n int) {
	t.Helper()
	got, err := b.Last(t.Context(), n)
	if err != nil || len(got) != min(n, len(want.kept)) {
		t.Fatalf("Last(%d): %d messages, %v; want %d", n, len(got), err, min(n, len(want.kept)))
	}
	for i, m := range want.kept[len(want.kept)-len(got):] {
		got[i].Time = m.Time
		if got[i] != m.Message {
			t.Fatalf("%+v\nLast(%d)[%d]:\n got %+v\nwant %+v", want.config, n, i, got[i], m.Message)
		}
	}
}

// A chain goes whole, since the rest of it would pass for a line: also its
// pieces that come later, also when others stand between, and the line after
// it stays.
func TestChainGoesWhole(t *testing.T) {
	b := syncstream.New(syncstream.Config{MaxMessages: 4, MaxLine: 2})
	long, noise := open(b, "long"), open(b, "noise")
	for _, tt := range []struct {
		w          *syncstream.Mirror
		text, want string
	}{
		{long, "aabbc", "long1/first \"aa\" none\nlong2/middle \"bb\" none"},
		{noise, "1\n2\n", "long1/first \"aa\" none\nlong2/middle \"bb\" none\nnoise1 \"1\"\nnoise2 \"2\""},
		{noise, "3\n", "noise1 \"1\"\nnoise2 \"2\"\nnoise3 \"3\""},
		{long, "cd", "noise1 \"1\"\nnoise2 \"2\"\nnoise3 \"3\""},
		{long, "\n", "noise1 \"1\"\nnoise2 \"2\"\nnoise3 \"3\""},
		{long, "xyz\n", "noise2 \"2\"\nnoise3 \"3\"\nlong5/first \"xy\" none\nlong6/last \"z\""},
	} {
		write(t, tt.w, tt.text)
		if got := shorts(all(t, b)); got != tt.want {
			t.Errorf("after %q:\n%s\nwant:\n%s", tt.text, got, tt.want)
		}
		checkStats(t, b)
	}
}

// Blocks are used again for other text. Nobody who reads meanwhile, neither
// Last nor a sink, may see it: a message's checksum would tell.
func TestBlocksAreNotReusedTooEarly(t *testing.T) {
	writes := 60
	if race {
		writes = 20
	}
	b := syncstream.New(syncstream.Config{MaxMessages: 60})
	attachment := b.Attach(sinkFunc(func(batches []*syncstream.Batch) error {
		for _, b := range batches {
			for text := range b.Lines() {
				if _, _, err := check(string(text)); err != nil {
					return err
				}
			}
		}
		return nil
	}))
	var writers, readers sync.WaitGroup
	for i, size := range []int{100, 70_000, 200_000} { // chunks, blocks, larger ones
		m := open(b, fmt.Sprint("m", i))
		writers.Go(func() {
			for j := range writes {
				var text strings.Builder
				for text.Len() < size {
					text.WriteString(checked(m.Source().Name, j, min(2000, size-10)) + "\n")
				}
				write(t, m, text.String())
			}
		})
	}
	stop := make(chan struct{})
	for range 2 {
		readers.Go(func() {
			for {
				for _, m := range all(t, b) {
					if _, _, err := check(m.Text); err != nil {
						t.Error(err)
						return
					}
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	writers.Wait()
	close(stop)
	readers.Wait()
	if err := attachment.Drain(t.Context()); err != nil {
		t.Errorf("the sink: %v", err)
	}
}
