package process

import (
	"fmt"
	"strings"
	"time"
)

// Usage is what a process has used, and those of its children that it has
// waited for.
type Usage struct {
	User   time.Duration // processor time of its own code
	System time.Duration // processor time of the system's, for it
	// PeakMemory is the most memory, in bytes, that one of the processes had at
	// once; zero where the system does not tell. Linux counts from the start:
	// it is at least what the program had in memory that forked the worker.
	PeakMemory int64
}

// tellTime is how long a worker must have lived for its error to say what it
// has used. Of one that failed at once, that says nothing.
const tellTime = 2 * time.Second

// String is "1.9 GiB peak memory, 11s processor time".
func (u Usage) String() string {
	text := fmtSeconds(u.User+u.System) + " processor time"
	if u.PeakMemory > 0 {
		text = fmtBytes(u.PeakMemory) + " peak memory, " + text
	}
	return text
}

// fmtSeconds returns a duration with three digits, as far as it has seconds.
func fmtSeconds(d time.Duration) string {
	switch {
	case d >= 100*time.Second:
		return d.Round(time.Second).String()
	case d >= 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(10 * time.Millisecond).String()
}

// fmtBytes returns a number of bytes with two digits or more.
func fmtBytes(n int64) string {
	value, units := float64(n), []string{"B", "KiB", "MiB", "GiB", "TiB"}
	for value >= 1024 && len(units) > 1 {
		value /= 1024
		units = units[1:]
	}
	if value < 10 && units[0] != "B" {
		return fmt.Sprintf("%.1f %s", value, units[0])
	}
	return fmt.Sprintf("%.0f %s", value, units[0])
}

// text is what stands in an error message: how it ended, after which time, what
// else is known of it, and what it had used.
func (e *ExitError) text() string {
	var b strings.Builder
	if e.Signal != 0 {
		b.WriteString("killed by " + signalName(e.Signal))
	} else {
		fmt.Fprintf(&b, "exit status %d", e.Code)
	}
	tell := e.Elapsed >= tellTime || e.OutOfMemory
	if tell {
		b.WriteString(" after " + fmtSeconds(e.Elapsed))
	}
	var more []string
	if e.OutOfMemory {
		more = append(more, "the kernel's out-of-memory killer")
	}
	if e.CoreDumped {
		more = append(more, "core dumped")
	}
	if tell {
		more = append(more, e.Usage.String())
	}
	if len(more) > 0 {
		b.WriteString(": " + strings.Join(more, "; "))
	}
	return b.String()
}
