//go:build linux

package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// A report is the page and its raw figures.
type report struct {
	machine machine
	base    string   // its commit, if it takes part
	args    []string // of the driver
	results []result
}

func (r *report) markdown() string {
	var s strings.Builder
	fmt.Fprintf(&s, "# Benchmarks\n\nThis page was written by a program; change that, not this. To make it anew:\n\n"+
		"    cd bench && %s\n\n", strings.Join(append([]string{"go run ."}, quoted(r.args)...), " "))
	r.machine.write(&s)
	s.WriteString("## Figures\n\n" +
		"**LIMIT** is the fastest program we could write that only reads: four generators of 100-byte lines, each on a pipe of 1 MiB, and nothing is done with the bytes. " +
		"A ratio is taken in each round, between neighbours in time; the median of these is shown. Where there is none, the demand is on the median.\n\n")
	if r.base != "" {
		fmt.Fprintf(&s, "**base** is this repository at %s: its own programs, built here. They run in the same rounds, next to ours, and do not know what has come since.\n\n", r.base)
	}
	s.WriteString("| what | median | min – max | ratio | demanded | |\n|---|---|---|---|---|---|\n")
	for _, result := range r.results {
		for _, row := range result.rows {
			fmt.Fprintf(&s, "| %s |\n", strings.Join(result.cells(row), " | "))
		}
	}
	r.writeHow(&s)
	return s.String()
}

func (m machine) write(s *strings.Builder) {
	fmt.Fprintf(s, "| measured on | |\n|---|---|\n")
	for _, f := range [][2]string{
		{"date", m.Date},
		{"processor", fmt.Sprintf("%s, %d cores", m.CPU, m.Cores)},
		{"memory", m.Memory},
		{"kernel", m.Kernel},
		{"Go", m.Go},
		{"C", m.CC + ", -O2"},
		{"load average at the end", m.Load},
	} {
		fmt.Fprintf(s, "| %s | %s |\n", f[0], f[1])
	}
	s.WriteByte('\n')
}

// The marks between which writeInto writes.
const (
	summaryBegins = "<!-- figures, by make bench -->\n"
	summaryEnds   = "<!-- end of figures -->\n"
)

// writeInto puts the rows that have a demand between the marks of a file.
func (r *report) writeInto(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, begins := strings.Cut(string(text), summaryBegins)
	_, after, ends := strings.Cut(rest, summaryEnds)
	if !begins || !ends {
		return fmt.Errorf("%s has no lines %q and %q", file, summaryBegins, summaryEnds)
	}
	return os.WriteFile(file, []byte(before+summaryBegins+r.summary()+summaryEnds+after), 0o644)
}

func (r *report) summary() string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s, %d cores, %s:\n\n| | median | beside its limit | demanded | |\n|---|---|---|---|---|\n",
		r.machine.CPU, r.machine.Cores, r.machine.Date)
	for _, result := range r.results {
		for _, row := range result.rows {
			if row.demand.met != nil {
				c := result.cells(row)
				fmt.Fprintf(&s, "| %s |\n", strings.Join([]string{c[0], c[1], c[3], c[4], c[5]}, " | "))
			}
		}
	}
	return s.String()
}

// cells are one row of the table.
func (r *result) cells(w row) []string {
	for _, f := range []ref{w.of, w.against} {
		if f == (ref{}) {
			continue
		}
		if why := r.missing(f); why != "" {
			return []string{w.what, why, "", "", w.demand.words, ""}
		}
	}
	values := r.values(w.of)
	value, ratio, shown := median(values), 0.0, ""
	if w.against != (ref{}) {
		ratio = median(r.ratios(w.of, w.against))
		shown = fmt.Sprintf("%.2f", ratio)
	}
	spread := w.unit(slices.Min(values)) + " – " + w.unit(slices.Max(values))
	return []string{w.what, w.unit(value), spread, shown, w.demand.words, w.demand.verdict(value, ratio)}
}

func (r *report) writeHow(s *strings.Builder) {
	s.WriteString("\n## How it is measured, and why that is fair\n\n" +
		"Whatever is compared runs in the same round, first one way round and then the other, so that what else the machine does falls on both. " +
		"Times are wall-clock, from before a program's start to after its exit, for LIMIT as for the others. " +
		"A generator writes lines with a sequence number, in pieces of 64 KiB that cut lines, from memory that stays in its core's cache: " +
		"making them costs next to nothing, which leaves the machine to the reader.\n\n")
	for _, result := range r.results {
		fmt.Fprintf(s, "- **%s** (%s). %s\n", result.name, counted(result.rounds()), result.how)
	}
	if err := failures(r.results); err != nil {
		fmt.Fprintf(s, "\nFailed:\n\n    %s\n", strings.ReplaceAll(err.Error(), "\n", "\n    "))
	}
}

// rounds is how many rounds the most patient contender ran.
func (r *result) rounds() int {
	most := 0
	for _, got := range r.got {
		most = max(most, len(got))
	}
	return most
}

func counted(rounds int) string {
	if rounds == 1 {
		return "1 run"
	}
	return fmt.Sprintf("%d rounds", rounds)
}

// raw is everything measured, to be written as JSON.
func (r *report) raw() any {
	type experiment struct {
		Name   string
		Runs   map[string][]figures
		Errors map[string]string `json:",omitempty"`
	}
	var all []experiment
	for _, result := range r.results {
		e := experiment{Name: result.name, Runs: result.got, Errors: map[string]string{}}
		for name, err := range result.errors {
			e.Errors[name] = err.Error()
		}
		all = append(all, e)
	}
	return struct {
		Machine     machine
		Experiments []experiment
	}{r.machine, all}
}

// quoted are arguments as a shell wants them.
func quoted(args []string) []string {
	var all []string
	for _, a := range args {
		if strings.ContainsAny(a, " |&;()<>$`\\\"'*?[]#~=%!{}") {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		all = append(all, a)
	}
	return all
}
