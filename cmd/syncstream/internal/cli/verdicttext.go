package cli

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// isWell reports whether there is nothing that anybody should know.
func (v *verdict) isWell() bool { return v.Status == 0 && v.Totals.Failed == 0 && v.Totals.Lost == 0 }

// String returns the verdict for people: rows without a line end behind the
// last. They read the end first, so it has the totals, and the first failure
// stands close above it. If all is well, there are only totals.
func (v *verdict) String() string {
	var b strings.Builder
	if v.isWell() {
		v.writeTotals(&b)
		return b.String()
	}
	v.writeReason(&b)
	for n, i := range v.Failed {
		w := &v.Workers[i]
		if n == 0 {
			v.writeFirst(&b, w)
		} else if n <= mostNamed {
			first := v.Workers[v.Failed[0]].at
			fmt.Fprintf(&b, "syncstream: %s failed %s later: %s\n", w.Name, short(w.at.Sub(first)), w.Error)
		}
	}
	if n := len(v.Failed) - 1 - mostNamed; n > 0 {
		fmt.Fprintf(&b, "syncstream: %d more failed\n", n)
	}
	v.writeStopped(&b)
	v.writeTotals(&b)
	return b.String()
}

// writeReason writes why the workers were stopped, or what did not come, if that
// decides.
func (v *verdict) writeReason(b *strings.Builder) {
	decides := v.Line != nil || v.reason != nil && v.reason.status != undecided
	switch {
	case decides && v.Line != nil && v.Status != 0:
		fmt.Fprintf(b, "syncstream: %s\n    %s\n", v.reason.text, shortened(v.Line.Text))
	case decides:
		fmt.Fprintf(b, "syncstream: %s\n", v.reason.text)
	case v.until != nil && v.Status != 0 && v.Totals.Failed == 0:
		fmt.Fprintf(b, "syncstream: no line matched --until %s%s\n", v.until.text, v.until.meant)
	}
}

// mostNamed is how many workers the verdict names one by one.
const mostNamed = 10

// writeFirst writes who failed first, and why.
func (v *verdict) writeFirst(b *strings.Builder, w *workerVerdict) {
	after := ", after " + short(w.After.duration())
	if strings.Contains(w.Error, " after ") { // as process.ExitError has it of a worker that lived long
		after = ""
	}
	fmt.Fprintf(b, "syncstream: %s failed first%s: %s\n", w.Name, after, w.Error)
	if c := w.Cause; c != nil {
		fmt.Fprintf(b, "  its cause: %s\n", shortened(c.String()))
		for c = c.Behind; c != nil; c = c.Behind {
			fmt.Fprintf(b, "  behind it: %s\n", shortened(c.String()))
		}
	}
	if len(w.Tail) > 0 {
		b.WriteString("  its last lines:\n")
		for _, line := range w.Tail {
			fmt.Fprintf(b, "    %s\n", shortened(line))
		}
	}
}

// shortened returns a line as long as people read one.
func shortened(line string) string {
	const most = 1000
	if len(line) <= most {
		return line
	}
	end := most
	for end > most-utf8.UTFMax && !utf8.RuneStart(line[end]) {
		end--
	}
	return fmt.Sprintf("%s… (%s more)", line[:end], amount(uint64(len(line)-end)))
}

// writeStopped writes whom we stopped.
func (v *verdict) writeStopped(b *strings.Builder) {
	var names []string
	for _, w := range v.Workers {
		if w.Outcome != workerStopped {
			continue
		}
		name := w.Name
		if w.Signal == "SIGKILL" {
			name += " (killed)"
		}
		names = append(names, name)
	}
	if n := len(names) - mostNamed; n > 0 {
		names = append(names[:mostNamed:mostNamed], fmt.Sprintf("%d more", n))
	}
	if len(names) > 0 {
		fmt.Fprintf(b, "syncstream: stopped: %s\n", strings.Join(names, ", "))
	}
}

// writeTotals writes the last row.
func (v *verdict) writeTotals(b *strings.Builder) {
	t := &v.Totals
	fmt.Fprintf(b, "syncstream: %s in %s: %d ok, %d failed, %d stopped", plural(len(v.Workers), "worker"),
		short(v.Seconds.duration()), t.OK, t.Failed, t.Stopped)
	if t.Unstarted > 0 {
		fmt.Fprintf(b, ", %d not started", t.Unstarted)
	}
	fmt.Fprintf(b, "; %s, %s, %d lost", plural(int(t.Lines), "line"), amount(t.Bytes), t.Lost)
}

// short returns a time in as many digits as people read.
func short(d time.Duration) string {
	switch {
	case d >= time.Minute:
		return d.Round(time.Second).String()
	case d >= time.Second:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Millisecond).String()
}

// amount returns a number of bytes in as many digits as people read.
func amount(n uint64) string {
	value, units := float64(n), []string{"B", "kB", "MB", "GB", "TB"}
	for value >= 1000 && len(units) > 1 {
		value /= 1000
		units = units[1:]
	}
	if value < 10 && units[0] != "B" {
		return fmt.Sprintf("%.1f %s", value, units[0])
	}
	return fmt.Sprintf("%.0f %s", value, units[0])
}
