package mask

import (
	"regexp/syntax"
	"unicode/utf8"
)

// begun returns where the first match begins that text, could it go on, might
// have begun; the length of text, if there is none.
func (m *Mask) begun(text string) int {
	first := len(text)
	for _, p := range m.patterns {
		first = min(first, begun(p.prog, text))
	}
	return first
}

// threads are the states that an automaton is in, each with where in the text
// its match began, the first of them.
type threads struct {
	prog  *syntax.Prog
	start []int // by state; -1: it is not in it
	in    []int // the states that it is in
}

// begun runs the automaton of a pattern, from each place in text at once
// (https://swtch.com/~rsc/regexp/regexp2.html), and returns where the first
// begins of those that are still running at the end.
func begun(prog *syntax.Prog, text string) int {
	now, next := newThreads(prog), newThreads(prog)
	before := rune(-1)
	for at := 0; ; {
		r, n := rune(-1), 0
		if at < len(text) {
			r, n = utf8.DecodeRuneInString(text[at:])
		}
		cond := syntax.EmptyOpContext(before, r)
		if n == 0 {
			cond = ^syntax.EmptyOp(0) // anything may follow
		}
		for _, pc := range next.in {
			now.add(pc, next.start[pc], cond)
		}
		next.clear()
		now.add(prog.Start, at, cond)
		if n == 0 {
			return now.first(len(text))
		}
		for _, pc := range now.in {
			if i := &prog.Inst[pc]; consumes(i) && i.MatchRune(r) {
				next.note(int(i.Out), now.start[pc])
			}
		}
		now.clear()
		before = r
		at += n
	}
}

func newThreads(prog *syntax.Prog) *threads {
	t := &threads{prog: prog, start: make([]int, len(prog.Inst))}
	for i := range t.start {
		t.start[i] = -1
	}
	return t
}

func (t *threads) clear() {
	for _, pc := range t.in {
		t.start[pc] = -1
	}
	t.in = t.in[:0]
}

// note adds a state and reports whether that is news.
func (t *threads) note(pc, start int) bool {
	switch old := t.start[pc]; {
	case old < 0:
		t.in = append(t.in, pc)
	case old <= start:
		return false
	}
	t.start[pc] = start
	return true
}

// add adds a state and those that it leads to without a character.
func (t *threads) add(pc, start int, cond syntax.EmptyOp) {
	if !t.note(pc, start) {
		return
	}
	switch i := &t.prog.Inst[pc]; i.Op {
	case syntax.InstAlt, syntax.InstAltMatch:
		t.add(int(i.Out), start, cond)
		t.add(int(i.Arg), start, cond)
	case syntax.InstCapture, syntax.InstNop:
		t.add(int(i.Out), start, cond)
	case syntax.InstEmptyWidth:
		if syntax.EmptyOp(i.Arg)&^cond == 0 {
			t.add(int(i.Out), start, cond)
		}
	}
}

// first returns where the first match begins that may go on.
func (t *threads) first(end int) int {
	for _, pc := range t.in {
		if consumes(&t.prog.Inst[pc]) {
			end = min(end, t.start[pc])
		}
	}
	return end
}

func consumes(i *syntax.Inst) bool {
	switch i.Op {
	case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
		return true
	}
	return false
}
