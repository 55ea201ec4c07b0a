//go:build linux

package main

import (
	"fmt"
	"time"
)

// A unit writes a figure for people.
type unit func(float64) string

func perSecond(v float64) string {
	switch {
	case v >= 10e6:
		return fmt.Sprintf("%.1f M lines/s", v/1e6)
	case v >= 1e6:
		return fmt.Sprintf("%.2f M lines/s", v/1e6)
	}
	return fmt.Sprintf("%.0f k lines/s", v/1e3)
}

func nanoseconds(v float64) string { return fmt.Sprintf("%.0f ns", v) }

func microseconds(v float64) string { return fmt.Sprintf("%.0f µs", v/1e3) }

func seconds(v float64) string { return fmt.Sprintf("%.2f s", v/float64(time.Second)) }

func mebibytes(v float64) string { return fmt.Sprintf("%.1f MiB", v/(1<<20)) }

func each(v float64) string { return fmt.Sprintf("%.2g", v) }

// A demand is what a figure, or its ratio to another, has to reach. The zero demand
// asks for nothing.
type demand struct {
	words string
	met   func(value, ratio float64) bool
}

func ratioAtLeast(least float64) demand {
	return demand{fmt.Sprintf("≥ %.2f", least), func(_, ratio float64) bool { return ratio >= least }}
}

func ratioAtMost(most float64) demand {
	return demand{fmt.Sprintf("≤ %g", most), func(_, ratio float64) bool { return ratio <= most }}
}

// asFast and asShort allow what is not faster than the base to be 5 % slower.
var asFast, asShort = ratioAtLeast(0.95), ratioAtMost(1.05)

func under(limit float64, u unit) demand {
	return demand{"< " + u(limit), func(value, _ float64) bool { return value < limit }}
}

func atLeast(least float64, u unit) demand {
	return demand{"≥ " + u(least), func(value, _ float64) bool { return value >= least }}
}

func (d demand) verdict(value, ratio float64) string {
	switch {
	case d.met == nil:
		return ""
	case d.met(value, ratio):
		return "ok"
	}
	return "**missed**"
}
