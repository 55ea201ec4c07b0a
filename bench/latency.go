//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"github.com/syncstream/syncstream"
)

const (
	pacedRate  = 2500 // lines a second of each generator
	pacedWarm  = 500  // lines of each generator that come before the counted ones
	pacedLines = pacedWarm + 3*pacedRate

	stampDigits  = 19 // of a paced line's time, in ns
	numberAt     = 20 // where its number begins
	numberDigits = 10
)

// latencyExperiments compare a sink of a buffer with a bare read(2), once alone and
// once beside two programs that keep both cores busy.
func latencyExperiments(w *workshop) []experiment {
	alone := w.latencyContenders(func(run latencyRun) latencyRun { return run })
	beside := w.latencyContenders(w.besideBusyPrograms)
	p50, p99 := func(c string) ref { return ref{c, "p50"} }, func(c string) ref { return ref{c, "p99"} }
	return []experiment{
		{
			name: "latency, two busy programs",
			how: "Four generators write 2500 lines a second each, one write(2) a line, with the time in the line; a sink looks at the clock when it is given them. " +
				"The first 0.2 s do not count. Beside them two programs run that only count.",
			contenders: beside,
			rows: []row{
				{what: "latency beside two busy programs, p50", of: p50("sink"), against: p50("read(2)"), unit: microseconds, demand: under(200e3, microseconds)},
				{what: "latency beside two busy programs, p99", of: p99("sink"), against: p99("read(2)"), unit: microseconds},
			},
		},
		{
			name:       "latency, alone",
			how:        "The same without the busy programs. The ratio is to a C program with a thread for each pipe in a bare blocking read(2).",
			contenders: alone,
			rows: []row{
				{what: "latency of a bare read(2), p50", of: p50("read(2)"), unit: microseconds},
				{what: "latency of a bare read(2), p99", of: p99("read(2)"), unit: microseconds},
				{what: "latency, p50", of: p50("sink"), against: p50("read(2)"), unit: microseconds, demand: ratioAtMost(8)},
				{what: "latency, p99", of: p99("sink"), against: p99("read(2)"), unit: microseconds, demand: ratioAtMost(4)},
			},
		},
	}
}

type latencyRun = func(ctx context.Context) (figures, error)

func (w *workshop) latencyContenders(around func(latencyRun) latencyRun) []contender {
	paced := []string{w.c("gen"), "paced", strconv.Itoa(pacedLines), strconv.Itoa(pacedRate)}
	args := append([]string{strconv.Itoa(generators), strconv.Itoa(pacedWarm), strconv.Itoa(pacedLines)}, paced...)
	read := append([]string{w.c("latency")}, args...)
	sink := append([]string{w.self, "delays"}, args...)
	return []contender{
		{name: "read(2)", run: around(func(ctx context.Context) (figures, error) { return percentiles(ctx, read) })},
		{name: "sink", run: around(func(ctx context.Context) (figures, error) { return percentiles(ctx, sink) })},
	}
}

// percentiles runs a program that prints one latency a line.
func percentiles(ctx context.Context, argv []string) (figures, error) {
	r, err := run(ctx, argv...)
	if err != nil {
		return nil, err
	}
	var ns []float64
	for line := range strings.Lines(string(r.stdout)) {
		v, err := strconv.ParseFloat(strings.TrimSpace(line), 64)
		if err != nil {
			return nil, fmt.Errorf("reading latencies: %w", err)
		}
		ns = append(ns, v)
	}
	if want := generators * (pacedLines - pacedWarm); len(ns) != want {
		return nil, fmt.Errorf("%d lines were measured, not %d", len(ns), want)
	}
	slices.Sort(ns)
	return figures{"p50": percentile(ns, 50), "p99": percentile(ns, 99), "max": ns[len(ns)-1]}, nil
}

func (w *workshop) besideBusyPrograms(run latencyRun) latencyRun {
	return func(ctx context.Context) (figures, error) {
		ctx, stop := context.WithCancel(ctx)
		var busy []*exec.Cmd
		defer func() {
			stop()
			for _, cmd := range busy {
				cmd.Wait() // its error is the kill
			}
		}()
		for range 2 {
			cmd, _ := command(ctx, []string{w.c("busy"), "60"})
			if err := cmd.Start(); err != nil {
				return nil, fmt.Errorf("starting a busy program: %w", err)
			}
			busy = append(busy, cmd)
		}
		return run(ctx)
	}
}

// delays is the helper `delays N WARM LINES GEN ARGS...`: a sink that notes how old each
// line is. It prints one latency a line, in ns, as latency.c does.
func delays(ctx context.Context, args []string) error {
	if len(args) < 4 {
		return errors.New("usage: delays N WARM LINES GEN [ARG]…")
	}
	n, warm, err := twoNumbers(args)
	if err != nil {
		return err
	}
	lines, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	s := &delaySink{warm: warm, ns: make([]int, 0, n*lines)}
	b := syncstream.New(syncstream.Config{MaxMessages: kept})
	attached := b.Attach(s)
	if err := startAll(ctx, b, n, args[3:]); err != nil {
		return err
	}
	if err := errors.Join(b.Wait(ctx), attached.Drain(ctx)); err != nil {
		return err
	}
	return s.print()
}

type delaySink struct {
	warm int
	ns   []int
}

func (s *delaySink) WriteBatches(batches []*syncstream.Batch) error {
	now := int(monotonic())
	for _, b := range batches {
		for line := range b.Lines() {
			if len(line) < numberAt+numberDigits {
				continue // the partial line of a generator that died: the count tells
			}
			if number(line[numberAt:numberAt+numberDigits]) >= s.warm {
				s.ns = append(s.ns, now-number(line[:stampDigits]))
			}
		}
	}
	return nil
}

func (s *delaySink) print() error {
	w := bufio.NewWriter(os.Stdout)
	for _, v := range s.ns {
		fmt.Fprintln(w, v)
	}
	return w.Flush()
}

// number reads digits.
func number(digits []byte) int {
	n := 0
	for _, d := range bytes.TrimLeft(digits, " ") {
		n = n*10 + int(d-'0')
	}
	return n
}
