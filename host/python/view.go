package python

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/syncstream/syncstream"
)

// hostItem is what a host keeps in one place: a line, or a grouped message.
type hostItem struct {
	kind syncstream.Kind
	text string
}

// decodeItems decodes the items of a host. A grouped message that is neither a
// warning nor an error is the lines that it groups, and what is no message at all
// is a line of JSON.
func decodeItems(data json.RawMessage) ([]hostItem, error) {
	var raws []json.RawMessage
	if err := json.Unmarshal(data, &raws); err != nil || raws == nil {
		return nil, fmt.Errorf("data %s: want an array of items", describe(data))
	}
	all := make([]hostItem, 0, len(raws))
	for _, raw := range raws {
		all = appendItems(all, raw)
	}
	return all, nil
}

func appendItems(all []hostItem, raw json.RawMessage) []hostItem {
	text := ""
	if raw[0] == '"' && json.Unmarshal(raw, &text) == nil {
		return append(all, hostItem{syncstream.Line, plain([]byte(text))})
	}
	o := &jsonObject{}
	if json.Unmarshal(raw, &o.fields) == nil && o.fields != nil {
		if text, err := o.lines(); err == nil {
			typ, _ := o.string("type")
			switch typ {
			case "warning":
				return append(all, hostItem{syncstream.Warning, text})
			case "error":
				return append(all, hostItem{syncstream.Error, text})
			}
			return append(all, hostItem{syncstream.Line, plain([]byte(text))})
		}
	}
	return append(all, hostItem{syncstream.Line, string(raw)})
}

// view is what a Store has seen of its host. All readers share it, so that a
// message has one position.
type view struct {
	lock             chan struct{}                // has room for one, who may use what follows
	at               time.Time                    // when the host was looked at last
	maxlen           int                          // zero: not known
	items            []hostItem                   // of the host, but for its open line
	open             string                       // that
	all              []syncstream.Message         // these, and what we have to say between them
	extra            map[syncstream.Position]bool // of those in all that the host does not keep
	newest           syncstream.Position          // that was ever in all
	rotated, cleared syncstream.Count
}

// seen is a view at one moment. Nobody changes it.
type seen struct {
	messages []syncstream.Message
	newest   syncstream.Position
	open     string // the host's open line
	stats    syncstream.Stats
}

// look returns what the host has, or had no longer ago than maxAge.
func (s *Store) look(ctx context.Context, maxAge time.Duration) (seen, error) {
	v := &s.view
	select {
	case v.lock <- struct{}{}:
	case <-ctx.Done():
		return seen{}, context.Cause(ctx)
	}
	defer func() { <-v.lock }()
	if v.at.IsZero() || time.Since(v.at) >= maxAge {
		if err := v.refresh(ctx, s); err != nil {
			return seen{}, err
		}
	}
	return seen{v.all[:len(v.all):len(v.all)], v.newest, v.open, v.stats()}, nil
}

// refresh asks the host what it keeps.
func (v *view) refresh(ctx context.Context, s *Store) error {
	number := func(state string) (int, error) {
		data, err := ask(ctx, s.config.Client, s.states+"?state="+state)
		if err != nil {
			return 0, err
		}
		return decodeNumber(data)
	}
	if v.maxlen <= 0 {
		n, err := number("maxlen")
		if err != nil {
			return err
		}
		v.maxlen = max(n, 0)
	}
	before, err := number("curlen")
	if err != nil {
		return err
	}
	data, err := ask(ctx, s.config.Client, s.items)
	if err != nil {
		return err
	}
	all, err := decodeItems(data)
	if err != nil {
		return err
	}
	after, err := number("curlen")
	if err != nil {
		return err
	}
	v.at = time.Now()
	v.open = ""
	if n := len(all); n > 0 && v.lastIsOpen(n, before, after) {
		v.open = all[n-1].text
		all = all[:n-1]
	}
	v.take(all, s.source)
	return nil
}

// lastIsOpen reports whether the last of n items is the open line, as far as the
// number of items tells that the host gave before and after them: it is one too
// high, until it is maxlen. Where that does not tell, the last one is taken for
// open, and comes when another follows; but of n items where maxlen is n, which are
// those of a host that is full, or, once in its life, one fewer and an open line.
func (v *view) lastIsOpen(n, before, after int) bool {
	if v.maxlen > 0 && before >= v.maxlen {
		return n > v.maxlen
	}
	return before != after || n >= before
}

// take puts what is new into all.
func (v *view) take(items []hostItem, source *syncstream.Source) {
	old := v.items
	gone, ok := v.overlap(old, items)
	if n := len(old) - 1; !ok && n >= 0 && old[n].kind == syncstream.Line {
		// The last one may have been an open line, which has grown: then it
		// comes again.
		at, found := v.overlap(old[:n], items)
		if found && n-at < len(items) && strings.HasPrefix(items[n-at].text, old[n].text) {
			old, gone, ok = old[:n], at, true
			v.extra[v.newest] = true
		}
	}
	if !ok {
		gone = len(old)
	}
	v.drop(gone)
	if !ok {
		v.add(hostItem{syncstream.Warning, mayMiss}, ours)
		v.extra[v.newest] = true
	}
	for _, it := range items[len(old)-gone:] {
		v.add(it, source)
	}
	v.items = items
}

// ours is the source of what a view itself says.
var ours = &syncstream.Source{Name: "syncstream"}

const mayMiss = "messages may be missing here: the host was cleared, or keeps none of those that were seen before"

func (v *view) add(it hostItem, source *syncstream.Source) {
	v.newest++
	m := syncstream.Message{
		Source: source, Stream: syncstream.Merged, Kind: it.kind, Num: uint64(v.newest), Position: v.newest,
		Time: v.at, Text: it.text,
	}
	if it.kind != syncstream.Line {
		m.Stream, m.End = syncstream.Control, syncstream.EndNone
	}
	v.all = append(v.all, m)
}

// drop removes the first n items of the host, and what stands before them.
func (v *view) drop(n int) {
	for n > 0 {
		if at := v.all[0].Position; v.extra[at] {
			delete(v.extra, at)
		} else {
			n--
		}
		v.rotated.Messages++
		v.rotated.Bytes += uint64(len(v.all[0].Text))
		v.all = v.all[1:]
	}
}

// overlap returns how many of the old items have left where new ones are what the
// host has now, the fewest if there is a choice; and whether that can be at all:
// a host lets go of items only where it is full.
func (v *view) overlap(old, items []hostItem) (gone int, ok bool) {
	gone = len(old) - common(old, items)
	full := v.maxlen == 0 || len(items) >= v.maxlen
	return gone, len(old) == 0 || gone == 0 || gone < len(old) && full
}

// common returns the length of the longest end of a that b begins with.
func common[T comparable](a, b []T) int {
	if len(b) == 0 {
		return 0
	}
	// As Knuth, Morris and Pratt look for b in a: back[i] is the length of the
	// longest end of b[:i+1], but for itself, that b begins with.
	back := make([]int, len(b))
	n := 0
	for i := 1; i < len(b); i++ {
		for n > 0 && b[i] != b[n] {
			n = back[n-1]
		}
		if b[i] == b[n] {
			n++
		}
		back[i] = n
	}
	n = 0
	for _, x := range a {
		for n > 0 && (n == len(b) || x != b[n]) {
			n = back[n-1]
		}
		if x == b[n] {
			n++
		}
	}
	return n
}

// clear forgets everything, since the host was cleared by us.
func (v *view) clear() {
	for _, m := range v.all {
		v.cleared.Messages++
		v.cleared.Bytes += uint64(len(m.Text))
	}
	v.items, v.all, v.open, v.at = nil, nil, "", time.Time{}
	clear(v.extra)
}

// stats returns the account of what was seen.
func (v *view) stats() syncstream.Stats {
	s := syncstream.Stats{Rotated: v.rotated, Cleared: v.cleared}
	for _, m := range v.all {
		s.Kept.Messages++
		s.Kept.Bytes += uint64(len(m.Text))
	}
	s.Written.Messages = s.Kept.Messages + s.Rotated.Messages + s.Cleared.Messages
	s.Written.Bytes = s.Kept.Bytes + s.Rotated.Bytes + s.Cleared.Bytes
	return s
}
