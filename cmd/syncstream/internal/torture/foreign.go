package torture

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// What another tool puts before a line, and what it says of its own, is not
// known beforehand. But each numbered line says whose it is, and its checksum
// says where it ends, so it is found behind anything.

var (
	heads = regexp.MustCompile(`w(\d+) n(\d+) `)
	sums  = regexp.MustCompile(` #[0-9a-f]{8}`)
)

// piece is what a row has of a numbered line.
type piece struct {
	worker, n int
	at        int // where in the row it begins
	whole     bool
	ended     bool // a checksum stands behind it, though it may not be its own
}

// pieces returns what a row has of lines, in order.
func pieces(row []byte) (found []piece) {
	for rest := row; ; {
		head := heads.FindSubmatchIndex(rest)
		if head == nil {
			return found
		}
		rest = rest[head[0]:]
		p := piece{at: len(row) - len(rest)}
		p.worker, _ = strconv.Atoi(string(rest[1 : head[3]-head[0]]))
		p.n, _ = strconv.Atoi(string(rest[head[4]-head[0] : head[5]-head[0]]))
		if _, _, ok := parse(bytes.TrimSuffix(rest, []byte("\r"))); ok { // as a rule
			p.whole = true
			return append(found, p)
		}
		next := head[1] - head[0]
		for _, end := range sums.FindAllIndex(rest, -1) {
			p.ended = true
			if _, _, ok := parse(rest[:end[1]]); ok {
				p.whole, next = true, end[1]
				break
			}
		}
		found = append(found, p)
		rest = rest[next:]
	}
}

// foreignRow is a row of the output.
type foreignRow struct {
	text   []byte
	pieces []piece
}

// readForeign reads the output to its end, as rows, and tells what it shows: a
// line whose row has not ended, too, since its worker may not have ended it.
// Rest is what stands behind the last line end.
func (s *stage) readForeign(r io.Reader) (rows []foreignRow, rest []byte, err error) {
	chunk := make([]byte, 1<<16)
	for {
		n, err := r.Read(chunk)
		rest = append(rest, chunk[:n]...)
		for {
			row, after, found := bytes.Cut(rest, []byte("\n"))
			if !found {
				break
			}
			rows, rest = append(rows, s.newForeignRow(row)), after
		}
		if end := rest[max(0, len(rest)-10):]; sums.Match(end) {
			s.newForeignRow(rest)
		}
		if err != nil {
			if err == io.EOF {
				err = nil
			}
			return rows, rest, err
		}
	}
}

// newForeignRow copies a row, and tells what it shows.
func (s *stage) newForeignRow(text []byte) foreignRow {
	row := foreignRow{slices.Clone(text), slices.DeleteFunc(pieces(text), func(p piece) bool { return p.worker >= len(s.row.Workers) })}
	for _, p := range row.pieces {
		if p.whole {
			s.conductor.show(p.worker, p.n)
		}
	}
	return row
}

// Damage is what a tool has done to its workers' lines. It is an error.
type Damage struct {
	Lost      int    `json:"lost,omitempty"`       // lines of which nothing was shown
	LastWords int    `json:"last_words,omitempty"` // workers whose last line is not there, or not whole
	Torn      int    `json:"torn,omitempty"`       // lines that were shown in part
	Changed   int    `json:"changed,omitempty"`    // lines with other bytes than were written
	Mixed     int    `json:"mixed,omitempty"`      // rows with more than one line
	Reordered int    `json:"reordered,omitempty"`  // lines that came after a later one
	Doubled   int    `json:"doubled,omitempty"`    // lines that came again
	Stopped   int    `json:"stopped,omitempty"`    // workers ended by the tool before they were done
	Late      string `json:"late,omitempty"`       // what workers waited for in vain
	Status    string `json:"status,omitempty"`     // how the exit status is wrong
	Hung      string `json:"hung,omitempty"`       // how long, and what for
	Left      string `json:"left,omitempty"`       // what was left behind
}

// Error tells what there is in words.
func (d *Damage) Error() string {
	var all []string
	for _, c := range []struct {
		n    int
		what string
	}{
		{d.Lost, "LINE lost"},
		{d.LastWords, "WORKER without its last words"},
		{d.Torn, "LINE torn"},
		{d.Changed, "LINE changed"},
		{d.Mixed, "ROW mixed of several lines"},
		{d.Reordered, "LINE out of order"},
		{d.Doubled, "LINE doubled"},
		{d.Stopped, "WORKER stopped before its end"},
	} {
		if c.n > 0 {
			all = append(all, fmt.Sprintf("%d %s", c.n, plural(c.n, c.what)))
		}
	}
	for _, s := range []string{d.Late, d.Status, d.Hung, d.Left} {
		if s != "" {
			all = append(all, s)
		}
	}
	return strings.Join(all, "; ")
}

// plural puts the word in capitals into the number that goes with n.
func plural(n int, what string) string {
	noun, rest, _ := strings.Cut(what, " ")
	noun = strings.ToLower(noun)
	if n != 1 {
		noun += "s"
	}
	return noun + " " + rest
}

// assess counts the damage in rows. When over is false, the story was broken
// off, and nothing is said of lines that may not have been written.
func (s *stage) assess(rows []foreignRow, over bool) *Damage {
	d := &Damage{}
	ledger := newLedger(len(s.row.Workers))
	for _, row := range rows {
		if len(row.pieces) > 1 {
			d.Mixed++
		}
		for _, p := range row.pieces {
			ledger.enter(p, len(row.pieces) == 1, d)
		}
	}
	if over && s.row.Empty > 0 {
		d.Lost += max(0, s.row.Empty-emptyRows(rows))
	}
	for worker := range s.row.Workers {
		ledger.close(worker, s.wanted(worker, ledger.shown(worker), over, d), d)
	}
	if !over {
		d.LastWords = 0 // they may be still to come
	}
	return d
}

// emptyRows counts the rows that have what stands before a line, and no line.
func emptyRows(rows []foreignRow) (n int) {
	prefixes := map[string]bool{}
	for _, row := range rows {
		if len(row.pieces) == 1 && row.pieces[0].whole {
			prefixes[string(bytes.TrimSpace(row.text[:row.pieces[0].at]))] = true
		}
	}
	for _, row := range rows {
		if prefixes[string(bytes.TrimSpace(row.text))] {
			n++
		}
	}
	return n
}

// wanted returns how many lines the worker must have written.
func (s *stage) wanted(worker, shown int, over bool, d *Damage) int {
	w := &s.row.Workers[worker]
	switch {
	case !over:
		return shown
	case w.Script == nil && !s.conductor.isDone(worker):
		d.Stopped++
		return shown
	}
	return w.want() + s.conductor.wroteMore(worker)
}

// ledger has what was shown of each line.
type ledger struct {
	lines []map[int]piece // by worker and number
	alone []map[int]bool  // lines that had their row to themselves
	last  []int           // the highest number of each worker that was whole
}

func newLedger(workers int) *ledger {
	l := &ledger{make([]map[int]piece, workers), make([]map[int]bool, workers), make([]int, workers)}
	for i := range workers {
		l.lines[i], l.alone[i] = map[int]piece{}, map[int]bool{}
	}
	return l
}

func (l *ledger) enter(p piece, alone bool, d *Damage) {
	old, known := l.lines[p.worker][p.n]
	if known && !p.whole {
		return
	}
	l.lines[p.worker][p.n], l.alone[p.worker][p.n] = p, alone
	switch {
	case !p.whole: // its number may be anything
	case old.whole:
		d.Doubled++
	case p.n < l.last[p.worker]:
		d.Reordered++
	default:
		l.last[p.worker] = p.n
	}
}

// shown returns the number of the last line that was shown at least in part.
func (l *ledger) shown(worker int) int {
	n := l.last[worker]
	if _, known := l.lines[worker][n+1]; known {
		n++
	}
	return n
}

// close counts what is missing of a worker that has written so many lines.
func (l *ledger) close(worker, wrote int, d *Damage) {
	for n := 1; n <= wrote; n++ {
		p, known := l.lines[worker][n]
		switch {
		case p.whole:
		case !known:
			d.Lost++
		case p.ended && l.alone[worker][n]:
			d.Changed++
		default:
			d.Torn++
		}
	}
	if wrote > 0 && !l.lines[worker][wrote].whole {
		d.LastWords++
	}
}
