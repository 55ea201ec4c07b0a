package syncstream

import (
	"strings"
	"testing"
)

// chain.next keeps the pieces of a line together on their way to a sink. Each
// batch of a row is a source, and how it stands in a line: "a<" is a first
// piece, "a-" one in the middle, "a>" a last one, "a" whole lines.
func TestChainNext(t *testing.T) {
	for _, tt := range []struct {
		open       string // the source whose line is open
		queue      string
		now, later string
		after      string // the source whose line is open then
		why        string
	}{
		{"", "", "", "", "", "nothing comes of nothing"},
		{"", "a b a", "a b a", "", "", "whole lines go as they come"},
		{"", "a<", "a<", "", "a", "a first piece need not wait for the next"},
		{"", "b a< a- a> b", "b a< a- a> b", "", "", "a line that is complete holds nobody up"},
		{"", "a< b a-", "a< a-", "b", "a", "others wait"},
		{"", "a< b a> b", "a< a> b b", "", "", "others go on, in order, behind the last piece"},
		{"a", "b c b", "", "b c b", "a", "others wait"},
		{"a", "b a- c", "a-", "b c", "a", "pieces overtake others"},
		{"a", "b a> c a", "a> b c a", "", "", "the last piece lets the others go"},
		{"a", "a> a", "a> a", "", "", "the next line of the same stream"},
		{"", "a< b< a> b>", "a< a> b< b>", "", "", "two lines at a time stand one behind the other"},
		{"", "a< b< a- b-", "a< a-", "b< b-", "a", "the second line waits whole"},
		{"", "a< b< c a> b- c b>", "a< a> b< b- b> c c", "", "", "who waited for two lines goes last"},
		{"", "a< b< c a> c", "a< a> b<", "c c", "b", "the next line is open at once"},
		{"", "a- b", "a-", "b", "a", "a line that was interrupted goes on, and is waited for again"},
		{"", "a> b", "a> b", "", "", "or ends"},
		{"", "a< a> b a< c", "a< a> b a<", "c", "a", "each line has its own chain"},
		{"a", "a", "a", "", "", "a whole line ends what a lost piece left open"},
	} {
		sources := map[byte]*account{}
		source := func(name byte) *account {
			if sources[name] == nil {
				sources[name] = &account{source: &Source{Name: string(name)}}
			}
			return sources[name]
		}
		var c chain
		if tt.open != "" {
			c = chain{open: true, key: streamKey{account: source(tt.open[0])}}
		}
		var queue []*Batch
		for s := range strings.FieldsSeq(tt.queue) {
			part := PartWhole
			if len(s) > 1 {
				part = PartFirst + Part(strings.IndexByte("<->", s[1]))
			}
			queue = append(queue, &Batch{account: source(s[0]), part: part, count: 1})
		}
		gotNow, gotLater := c.next(queue)
		now, later := batchNames(gotNow), batchNames(gotLater)
		after := ""
		if c.open {
			after = c.key.account.source.Name
		}
		if now != tt.now || later != tt.later || after != tt.after {
			t.Errorf("%s\nopen %q, queue %q:\n got now %q, later %q, open %q\nwant now %q, later %q, open %q",
				tt.why, tt.open, tt.queue, now, later, after, tt.now, tt.later, tt.after)
		}
	}
}

func batchNames(batches []*Batch) string {
	var names []string
	for _, b := range batches {
		names = append(names, b.Source().Name+[]string{"", "<", "-", ">"}[b.part])
	}
	return strings.Join(names, " ")
}

// The stream belongs to the key: stderr is not the line on stdout.
func TestChainOfOneStream(t *testing.T) {
	a := &account{source: &Source{Name: "a"}}
	c := chain{open: true, key: streamKey{a, Stdout}}
	now, later := c.next([]*Batch{
		{account: a, stream: Stderr, count: 1}, {account: a, stream: Control, kind: Error, count: 1}, {account: a, part: PartMiddle, count: 1},
	})
	if len(now) != 1 || now[0].part != PartMiddle || len(later) != 2 {
		t.Errorf("now %d, later %d", len(now), len(later))
	}
}
