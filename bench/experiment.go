//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
)

// figures are what one run of a contender measured, by name.
type figures map[string]float64

func (f figures) has(name string) bool {
	_, ok := f[name]
	return ok
}

// A contender is one program, or one way of calling it, that takes part.
type contender struct {
	name   string
	run    func(ctx context.Context) (figures, error)
	absent string // why it can't take part; if empty, it can
}

// An experiment runs its contenders in turn, A B then B A and so on, so that whatever
// else the machine does falls on all of them alike.
type experiment struct {
	name       string // -only selects by it
	how        string // how it is measured and why that is fair, for the page
	runs       int    // if zero, what -runs says
	contenders []contender
	rows       []row

	// ours, if not nil, makes one of the contenders out of the programs of a
	// workshop: of ours, and of the base.
	ours func(*workshop) contender
}

// A ref names a figure of a contender.
type ref struct{ contender, figure string }

// A row is a line of the table: a figure, alone or beside another of the same round.
type row struct {
	what    string
	of      ref
	against ref // if zero, the figure stands alone
	unit    unit
	demand  demand
	kept    demand // of the ratio to the base's figure; if zero, the base has no row
}

// A result is an experiment and what its rounds brought: runs[contender][round].
type result struct {
	experiment
	got    map[string][]figures
	errors map[string]error
}

// measure runs all rounds. A contender that fails once is not run again.
func measure(ctx context.Context, e experiment, rounds int) (result, error) {
	if e.runs > 0 {
		rounds = e.runs
	}
	r := result{experiment: e, got: map[string][]figures{}, errors: map[string]error{}}
	for round := range rounds {
		order := slices.Clone(e.contenders)
		if round%2 == 1 {
			slices.Reverse(order)
		}
		for _, c := range order {
			if ctx.Err() != nil {
				return r, context.Cause(ctx)
			}
			r.runOnce(ctx, c, round, rounds)
		}
	}
	return r, nil
}

func (r *result) runOnce(ctx context.Context, c contender, round, rounds int) {
	if c.absent != "" || r.errors[c.name] != nil {
		return
	}
	fmt.Fprintf(os.Stderr, "%s: round %d of %d: %s\n", r.name, round+1, rounds, c.name)
	got, err := c.run(ctx)
	if err != nil {
		r.errors[c.name] = fmt.Errorf("%s: %s: %w", r.name, c.name, err)
		return
	}
	r.got[c.name] = append(r.got[c.name], got)
}

// values are the figure's values, one a round.
func (r *result) values(f ref) []float64 {
	var v []float64
	for _, got := range r.got[f.contender] {
		v = append(v, got[f.figure])
	}
	return v
}

// ratios are the paired ratios, one a round that both finished.
func (r *result) ratios(of, against ref) []float64 {
	a, b := r.values(of), r.values(against)
	var v []float64
	for i := range min(len(a), len(b)) {
		v = append(v, a[i]/b[i])
	}
	return v
}

// missing says why there is no such figure, or "".
func (r *result) missing(f ref) string {
	if r.errors[f.contender] != nil {
		return "failed"
	}
	i := slices.IndexFunc(r.contenders, func(c contender) bool { return c.name == f.contender })
	switch {
	case i < 0:
		return "no such contender"
	case r.contenders[i].absent != "":
		return r.contenders[i].absent
	case slices.ContainsFunc(r.got[f.contender], func(got figures) bool { return !got.has(f.figure) }):
		return f.contender + " does not measure it"
	}
	return ""
}

func failures(results []result) error {
	var all []error
	for _, r := range results {
		for _, c := range r.contenders {
			all = append(all, r.errors[c.name])
		}
	}
	return errors.Join(all...)
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}

// percentile takes sorted values.
func percentile(sorted []float64, p float64) float64 {
	return sorted[min(len(sorted)-1, int(p/100*float64(len(sorted))))]
}
