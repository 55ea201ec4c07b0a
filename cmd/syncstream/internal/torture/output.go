package torture

import (
	"bytes"
	"fmt"
	"strings"
)

// Output is what a tool printed.
type Output struct {
	Rows   []OutRow // in order
	Rest   []byte   // behind the last line end
	Status int      // exit status
	row    *Row
	more   map[int]int    // lines that were not planned, by worker
	owner  map[string]int // who has a tag
	last   []int          // the last line of each worker
}

// OutRow is one row of the output: "tag | text", or "tag ! text" where the tool
// itself speaks of a worker.
type OutRow struct {
	Tag   string
	Says  bool // the tool itself
	Text  []byte
	plain bool // there is no tag
}

// itself is the tag of what the tool says of the run.
const itself = "syncstream"

// splitRow splits what stands before a line end.
func splitRow(b []byte) OutRow {
	if bytes.HasPrefix(b, []byte(itself+": ")) || bytes.HasPrefix(b, []byte("  ")) {
		return OutRow{Tag: itself, Says: true, Text: b} // a notice, or the verdict
	}
	said, written := bytes.Index(b, []byte(" ! ")), bytes.Index(b, []byte(" | "))
	switch {
	case said >= 0 && (written < 0 || said < written):
		return OutRow{Tag: string(b[:said]), Says: true, Text: b[said+3:]}
	case written >= 0:
		return OutRow{Tag: string(b[:written]), Text: b[written+3:]}
	}
	return OutRow{Text: b, plain: true}
}

// check checks what every story promises, and then what is its own.
func (o *Output) check() error {
	if err := o.rows(); err != nil {
		return err
	}
	if err := o.ends(); err != nil {
		return err
	}
	if o.Status != o.row.Status {
		return fmt.Errorf("exit status %d; want %d; the tool says %q", o.Status, o.row.Status, o.said())
	}
	if o.row.Check != nil {
		return o.row.Check(o)
	}
	return nil
}

// rows checks that each line of each worker is there once, whole, in order, and
// always under the same name.
func (o *Output) rows() error {
	o.owner = map[string]int{}
	o.last = make([]int, len(o.row.Workers))
	last := o.last
	tags := map[int]string{}
	seen := map[[2]int]bool{}
	for i, r := range o.Rows {
		text := bytes.TrimSuffix(r.Text, []byte("\r")) // the kind of line end may come along
		if r.Says || len(text) == 0 {
			continue
		}
		worker, n, ok := parse(text)
		if !ok || r.plain || worker >= len(last) {
			return fmt.Errorf("torn: row %d is no worker's line: tag %q, text %s", i+1, r.Tag, excerpt(r.Text))
		}
		if tag, known := tags[worker]; known && tag != r.Tag {
			return fmt.Errorf("mixed: worker %d's line %d stands under %q; its others under %q", worker, n, r.Tag, tag)
		}
		if owner, known := o.owner[r.Tag]; known && owner != worker {
			return fmt.Errorf("mixed: worker %d's line %d stands under %q, worker %d's name", worker, n, r.Tag, owner)
		}
		tags[worker], o.owner[r.Tag] = r.Tag, worker
		switch {
		case seen[[2]int{worker, n}]:
			return fmt.Errorf("doubled: worker %d's line %d, after its line %d", worker, n, last[worker])
		case n > last[worker]+1:
			if o.later(i, worker, last[worker]+1) {
				return fmt.Errorf("disorder: worker %d's line %d comes before its line %d", worker, n, last[worker]+1)
			}
			return fmt.Errorf("lost: worker %d's lines %d to %d, before its line %d", worker, last[worker]+1, n-1, n)
		}
		seen[[2]int{worker, n}] = true
		last[worker] = n
	}
	return nil
}

// ends checks that nothing is missing at the end.
func (o *Output) ends() error {
	if len(o.Rest) > 0 {
		return fmt.Errorf("torn: the output ends without a line end: %s", excerpt(o.Rest))
	}
	for w, n := range o.last {
		if want := o.row.Workers[w].want() + o.more[w]; n != want {
			return fmt.Errorf("lost: worker %d's lines %d to %d, at its end; the tool says %q", w, n+1, want, o.said())
		}
	}
	return nil
}

// later reports whether a line comes behind row i.
func (o *Output) later(i, worker, n int) bool {
	for _, r := range o.Rows[i:] {
		if w, m, ok := parse(bytes.TrimSuffix(r.Text, []byte("\r"))); ok && w == worker && m == n {
			return true
		}
	}
	return false
}

// said returns what the tool says itself, and rows without a tag.
func (o *Output) said() string {
	var b strings.Builder
	for _, r := range o.Rows {
		if r.Says || r.plain {
			fmt.Fprintf(&b, "%s ! %.200s\n", r.Tag, r.Text)
		}
	}
	return b.String()
}

// Of returns the texts of one worker in order.
func (o *Output) Of(worker int) (texts []string) {
	for _, r := range o.Rows {
		if w, ok := o.owner[r.Tag]; ok && w == worker && !r.Says {
			texts = append(texts, string(r.Text))
		}
	}
	return texts
}

// endedWith checks that the last that the output says of a worker is how it
// ended, and that it says nothing of the others.
func endedWith(worker int, reason string) func(*Output) error {
	return func(o *Output) error {
		var last *OutRow
		for i := range o.Rows {
			r := &o.Rows[i]
			owner, known := o.owner[r.Tag]
			switch {
			case known && owner == worker:
				last = r
			case r.Says && r.Tag != itself:
				return fmt.Errorf("the tool says of %q, who has done nothing: %s", r.Tag, excerpt(r.Text))
			}
		}
		if last == nil || !last.Says || !strings.Contains(string(last.Text), reason) {
			return fmt.Errorf("worker %d's last row is not the tool's, that it ended: want %q; the tool says %q", worker, reason, o.said())
		}
		return nil
	}
}

// quiet checks that the tool says nothing of its own.
func quiet(o *Output) error {
	if said := o.said(); said != "" {
		return fmt.Errorf("the tool says %q; want nothing", said)
	}
	return nil
}

// excerpt returns a text for an error, not too long.
func excerpt(b []byte) string {
	const most = 150
	if len(b) <= 2*most {
		return fmt.Sprintf("%q", b)
	}
	return fmt.Sprintf("%q … %q, %d bytes in all", b[:most], b[len(b)-most:], len(b))
}
