package syncstream

import (
	"sync"

	"github.com/syncstream/syncstream/internal/split"
)

// parser shows [Config.Parse] the messages of all mirrors.
type parser struct {
	maxLine int

	mu    sync.Mutex // held while parse is called; guards what follows
	parse func(*Message) (keep bool)
	// dropping are the lines in pieces of which the first was not kept.
	dropping map[streamKey]bool
}

func newParser(parse func(*Message) bool, maxLine int) *parser {
	if parse == nil {
		return nil
	}
	return &parser{parse: parse, maxLine: maxLine, dropping: make(map[streamKey]bool)}
}

// put brings to the store what is left of b. Messages that stay as they are
// stay where they are. What comes too late is lost, and not parsed.
func (p *parser) put(s sender, b *Batch) error {
	if b.entry < always && s.isClosed(b.account) {
		s.lose(b.account, b.count, len(b.data))
		return ErrClosed
	}
	kept, dropped := p.look(b)
	if dropped.Messages > 0 {
		s.parsedAway(b.account, int(dropped.Messages), int(dropped.Bytes))
	}
	var failed error
	for i := range kept {
		if err := s.append(&kept[i]); failed == nil {
			failed = err
		}
	}
	return failed
}

// look returns what of b is to be kept, and how much is not.
func (p *parser) look(b *Batch) ([]Batch, Count) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := remains{of: b, maxLine: p.maxLine}
	for before := range b.All() {
		before.Num, before.Position = 0, 0
		m := before
		keep, panicked := p.call(&m)
		if b.part != PartWhole {
			keep, m.Kind = p.piece(b, keep), before.Kind
		}
		switch n := b.sizeAt(r.end); {
		case !keep:
			r.drop(n)
		case m.Text == before.Text && m.Kind == before.Kind:
			r.keep(n)
		default:
			r.change(n, &m)
		}
		if panicked != nil {
			r.add(Batch{kind: Error, stream: Control, data: []byte(errorText(panicked))})
		}
	}
	r.flush()
	return r.kept, r.dropped
}

// piece decides about a piece of a line: the first one decides for all.
func (p *parser) piece(b *Batch, keep bool) bool {
	key := b.key()
	if b.part == PartFirst {
		if keep {
			delete(p.dropping, key)
		} else {
			p.dropping[key] = true
		}
		return keep
	}
	dropped := p.dropping[key]
	if b.part == PartLast {
		delete(p.dropping, key)
	}
	return !dropped
}

// call calls parse. A message in which it panics is kept as it was.
func (p *parser) call(m *Message) (keep bool, panicked error) {
	before := *m
	defer func() {
		if v := recover(); v != nil {
			*m = before
			keep, panicked = true, newPanicError(v)
		}
	}()
	return p.parse(m), nil
}

// sizeAt returns how many bytes the message takes that begins at off.
func (b *Batch) sizeAt(off int) int {
	if b.single() {
		return len(b.data)
	}
	_, _, n := b.lines.Cut(b.data[off:])
	return n
}

// remains is what is kept of a batch.
type remains struct {
	of      *Batch
	maxLine int
	kept    []Batch
	dropped Count

	// The messages from start to end are kept as they are, and not yet in kept.
	start, end, count int
}

func (r *remains) keep(n int) {
	r.end += n
	r.count++
}

func (r *remains) drop(n int) {
	r.skip(n)
	r.dropped.add(1, n)
}

// change has m stand in place of the next message, n bytes long. The text of a
// line is cut as if its worker had written it.
func (r *remains) change(n int, m *Message) {
	b := *r.of
	b.block, b.lent, b.odd = nil, false, false
	if b.single() || m.Kind != Line {
		r.skip(n)
		b.kind, b.data, b.count = m.Kind, []byte(m.Text), 1
		r.kept = append(r.kept, b)
		return
	}
	cut := split.Splitter{Mode: b.lines, Max: r.maxLine}
	data := []byte(m.Text + m.End.Bytes())
	if len(data) == 0 { // a stream's last text, and nothing is left of it
		r.drop(n)
		return
	}
	run, used := cut.Next(data, 0, true)
	if b.part == PartLast {
		if used < len(data) || run.Lines != 1 { // there would be a line more, or a piece
			r.keep(n)
			return
		}
		r.skip(n)
		b.data = data
		r.kept = append(r.kept, b)
		return
	}
	r.skip(n)
	for ; run.Lines > 0; run, used = cut.Next(data, 0, true) {
		b.data, b.count = data[run.Off:run.Off+run.Len], run.Lines
		b.part, b.redraws, b.odd = Part(run.Part), r.of.redraws+int32(run.Redraws), run.Odd
		r.kept = append(r.kept, b)
		data = data[used:]
	}
}

// skip goes past a message that does not stay as it is.
func (r *remains) skip(n int) {
	r.flush()
	r.end += n
	r.start = r.end
}

// flush adds what is kept as it is.
func (r *remains) flush() {
	if r.count > 0 {
		b := *r.of
		b.data, b.off, b.count = b.data[r.start:r.end], b.off+r.start, r.count
		r.kept = append(r.kept, b)
	}
	r.start, r.count = r.end, 0
}

// add adds one message that the worker did not write.
func (r *remains) add(b Batch) {
	r.flush()
	b.account, b.time, b.entry, b.count = r.of.account, r.of.time, r.of.entry, 1
	r.kept = append(r.kept, b)
}
