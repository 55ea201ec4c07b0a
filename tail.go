package syncstream

import (
	"cmp"
	"slices"
)

// How much of a source is remembered, whatever else has been written since.
const (
	tailMessages = 10
	tailBytes    = 64 << 10
)

// tail is the last messages of a source that the ring has let go, by position.
// It uses its memory again, since with many sources nearly every message passes
// through one.
type tail []tailMessage

type tailMessage struct {
	Message // without its text
	text    []byte
}

// departed keeps the last messages of b, which the ring lets go or has not
// taken; none where so many of the source follow there that nobody asks for
// them. Of the pieces of a line nobody knows what follows: they leave before
// what stands between them.
func (a *account) departed(b *Batch) {
	n := tailMessages
	if b.part == PartWhole {
		n -= a.kept
	}
	if n <= 0 {
		for len(a.tail) > 0 && a.tail[0].Position < b.pos {
			a.tail.drop()
		}
		return
	}
	if b.count == 0 {
		return
	}
	skip := max(0, b.count-n)
	m := b.message(skip)
	data := b.data[b.offset(skip):]
	if b.single() {
		a.tail.push(m, data)
	}
	for !b.single() && len(data) > 0 {
		text, end, size := b.lines.Cut(data)
		m.End = End(end)
		a.tail.push(m, text)
		data = data[size:]
		m.Num++
		m.Position++
	}
}

// push puts a message in its place, and lets the oldest go when there is more
// than a tail has.
func (t *tail) push(m Message, text []byte) {
	var buf []byte
	if n := len(*t); n < cap(*t) {
		buf = (*t)[:n+1][n].text
	}
	text = text[max(0, len(text)-tailBytes):]
	*t = append(*t, tailMessage{m, append(shrink(buf, len(text)), text...)})
	all := *t
	for i := len(all) - 1; i > 0 && all[i].Position < all[i-1].Position; i-- {
		all[i], all[i-1] = all[i-1], all[i]
	}
	for len(*t) > tailMessages || t.bytes() > tailBytes {
		t.drop()
	}
}

func (t *tail) bytes() (n int) {
	for i := range *t {
		n += len((*t)[i].text)
	}
	return n
}

// drop lets the oldest message go, and leaves its memory behind the others.
func (t *tail) drop() {
	all := *t
	first := all[0]
	if cap(first.text) > 2*tailBytes/tailMessages {
		first.text = nil
	}
	last := copy(all, all[1:])
	all[last] = first
	*t = all[:last]
}

// messages returns copies of the messages.
func (t tail) messages() []Message {
	var all []Message
	for _, m := range t {
		m.Text = string(m.text)
		all = append(all, m.Message)
	}
	return all
}

// boundTail returns the last of messages, so many as a tail has.
func boundTail(messages []Message) []Message {
	slices.SortFunc(messages, func(a, b Message) int { return cmp.Compare(a.Position, b.Position) })
	first, size := len(messages), 0
	for first > 0 && len(messages)-first < tailMessages {
		text := &messages[first-1].Text
		if size += len(*text); size > tailBytes {
			if first < len(messages) {
				break
			}
			*text = (*text)[len(*text)-tailBytes:]
		}
		first--
	}
	return messages[first:]
}

// tailPart is messages at the end of a batch that belong to a source's tail.
type tailPart struct {
	batch  Batch // its block is retained
	skip   int
	status int // whose tail, as an index
}

// tailsLocked finds the last messages of each source in the ring; statuses
// begin at first. It looks no further back than to the last one that is wanted.
func (s *memory) tailsLocked(first int) []tailPart {
	wanted := 0
	index := make(map[*account]int, len(s.accounts))
	for i, a := range s.accounts {
		a.want = min(tailMessages, a.kept)
		wanted += a.want
		index[a] = first + i
	}
	var parts []tailPart
	for i := s.ring.n - 1; i >= 0 && wanted > 0; i-- {
		b := s.ring.at(i)
		at, listed := index[b.account]
		n := min(b.account.want, b.count)
		if !listed || n <= 0 {
			continue
		}
		b.account.want -= n
		wanted -= n
		b.block.retain()
		parts = append(parts, tailPart{*b, b.count - n, at})
	}
	slices.Reverse(parts)
	return parts
}
