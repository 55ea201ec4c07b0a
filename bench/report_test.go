//go:build linux

package main

import (
	"context"
	"errors"
	"slices"
	"testing"
)

// Two contenders in four rounds: the second is three quarters of the first in each
// pair, though not in the medians of all.
func TestCells(t *testing.T) {
	gone := errors.New("gone")
	e := experiment{name: "e", contenders: []contender{
		{name: "LIMIT", run: rates(100e6, 40e6, 60e6, 80e6)},
		{name: "ours", run: rates(75e6, 30e6, 45e6, 60e6)},
		{name: "broken", run: func(context.Context) (figures, error) { return nil, gone }},
		{name: "peer", absent: "not installed"},
	}}
	r, err := measure(t.Context(), e, 4)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		why  string
		row  row
		want []string
	}{
		{
			"a ratio is the median of the paired ones",
			throughput("x", "ours", "LIMIT", ratioAtLeast(0.75)),
			[]string{"x", "52.5 M lines/s", "30.0 M lines/s – 75.0 M lines/s", "0.75", "≥ 0.75", "ok"},
		},
		{
			"a demand that is not met is said",
			throughput("x", "ours", "LIMIT", ratioAtLeast(0.76)),
			[]string{"x", "52.5 M lines/s", "30.0 M lines/s – 75.0 M lines/s", "0.75", "≥ 0.76", "**missed**"},
		},
		{
			"a demand may be on the figure itself",
			row{what: "x", of: ref{"ours", lineRate}, unit: nanoseconds, demand: under(60e6, nanoseconds)},
			[]string{"x", "52500000 ns", "30000000 ns – 75000000 ns", "", "< 60000000 ns", "ok"},
		},
		{
			"what was not measured has no verdict",
			row{what: "x", of: ref{"peer", lineRate}, unit: perSecond, demand: under(1, perSecond)},
			[]string{"x", "not installed", "", "", "< 0 k lines/s", ""},
		},
		{
			"a failed neighbour fails the row",
			throughput("x", "ours", "broken", ratioAtLeast(0.75)),
			[]string{"x", "failed", "", "", "≥ 0.75", ""},
		},
	} {
		if got := r.cells(tt.row); !slices.Equal(got, tt.want) {
			t.Errorf("%s:\n got %q\nwant %q", tt.why, got, tt.want)
		}
	}
	if err := failures([]result{r}); !errors.Is(err, gone) {
		t.Errorf("failures: got %v, want %v", err, gone)
	}
}

// rates is a contender's run that has these figures in turn.
func rates(perRound ...float64) func(context.Context) (figures, error) {
	return func(context.Context) (figures, error) {
		next := perRound[0]
		perRound = perRound[1:]
		return figures{lineRate: next}, nil
	}
}

func TestPercentile(t *testing.T) {
	var v []float64
	for i := range 100 {
		v = append(v, float64(i))
	}
	for p, want := range map[float64]float64{0: 0, 50: 50, 99: 99, 100: 99} {
		if got := percentile(v, p); got != want {
			t.Errorf("percentile %g of 0 to 99: got %g, want %g", p, got, want)
		}
	}
}
