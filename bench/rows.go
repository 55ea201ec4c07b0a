//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const (
	limitOfBlocks = "limit, pieces of 64 KiB"
	limitOfLines  = "limit, one write a line"
)

// measureAll measures what -only asks for, and the LIMIT that it needs.
func measureAll(ctx context.Context, w *workshop, o options) ([]result, error) {
	var all []result
	wanted := func(e experiment) bool { return o.only.MatchString(e.name) }
	add := func(experiments ...experiment) error {
		for _, e := range experiments {
			if !wanted(e) {
				continue
			}
			r, err := measure(ctx, e.withBase(w.base), o.runs)
			if err != nil {
				return err
			}
			all = append(all, r)
		}
		return nil
	}
	for _, group := range []struct {
		load load
		of   func(*workshop, load, contender) []experiment
	}{
		{load{limitOfBlocks, "block", 4_000_000}, blockExperiments},
		{load{limitOfLines, "line", 100_000}, lineExperiments},
	} {
		// Whether one is wanted does not depend on its load and LIMIT.
		if !slices.ContainsFunc(group.of(w, group.load, contender{}), wanted) {
			continue
		}
		l, err := sized(ctx, w, group.load, o.lines)
		if err != nil {
			return nil, err
		}
		limit, r, err := chooseLimit(ctx, w, l)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
		if err := add(group.of(w, l, limit)...); err != nil {
			return nil, err
		}
	}
	rest := append(latencyExperiments(w), mirrorWriteExperiment(w), readingExperiment(w), memoryExperiment(w), thousandExperiment(w), firstLineExperiment(w))
	err := add(append(rest, processExperiments(w)...)...)
	return all, err
}

// throughput is a row that compares lines a second.
func throughput(what, of, against string, d demand) row {
	r := row{what: what, of: ref{of, lineRate}, unit: perSecond, demand: d}
	if against != "" {
		r.against = ref{against, lineRate}
	}
	return r
}

// blockExperiments are those whose generators write pieces of 64 KiB.
func blockExperiments(w *workshop, l load, limit contender) []experiment {
	return []experiment{
		{
			name: "buffer",
			how: "`process.Start` on each of the four generators, one buffer of the last 1000 messages, `Wait`. " +
				"Time is from before the program's start to after its exit, as for LIMIT; the program checks that every line and byte was counted.",
			ours:       l.collect,
			contenders: []contender{limit, l.polling(w), l.collect(w)},
			rows: []row{
				throughput("four programs into a buffer of the last 1000", "buffer", "LIMIT", ratioAtLeast(0.75)).keptFast(),
				throughput("the same beside a reader of one thread", "buffer", polling, demand{}),
			},
		},
		{
			name: "run to /dev/null",
			how: "`syncstream run -n 4 -- gen …`, its standard output the file /dev/null. " +
				"GNU parallel has a tenth of the lines, since it would need a minute for all; it is given no pipe either. " +
				"`--json` has a twentieth.",
			ours:       l.runToNull,
			contenders: []contender{limit, l.polling(w), l.runToNull(w), l.colored(w), l.toJSON(w), l.gnuParallel(w)},
			rows: []row{
				throughput("`syncstream run` to /dev/null, tagged", "run", "LIMIT", ratioAtLeast(0.60)).keptFast(),
				throughput("the same beside a reader of one thread", "run", polling, demand{}),
				throughput("`syncstream run --color always -t` to /dev/null", colored, "LIMIT", ratioAtLeast(0.40)),
				throughput("`syncstream run --json` to /dev/null", asJSON, "", atLeast(1.5e6, perSecond)),
				throughput("GNU parallel --line-buffer --tag to /dev/null", "GNU parallel", "LIMIT", demand{}),
				throughput("`syncstream run` beside GNU parallel", "run", "GNU parallel", demand{}),
			},
		},
		groupExperiment(w, l.mode),
		{
			name: "run to cat",
			how: "`syncstream run -n 4 -- gen … | cat >/dev/null` beside a C program that copies from the four pipes to a pipe of 1 MiB " +
				"without tags, into the same cat: whatever merges into a pipe copies each byte once more.",
			ours: l.runToCat,
			contenders: []contender{
				{name: "relay", run: l.toCat(append([]string{w.c("relay"), strconv.Itoa(generators)}, l.gen(w)...))},
				l.runToCat(w),
			},
			rows: []row{
				throughput("C relay without tags into cat", "relay", "", demand{}),
				throughput("`syncstream run` into cat, tagged (beside the relay)", "run", "relay", ratioAtLeast(0.60)).keptFast(),
			},
		},
	}
}

// lineExperiments are those whose generators call write(2) for each line.
func lineExperiments(w *workshop, l load, limit contender) []experiment {
	return []experiment{{
		name: "one write a line",
		how: "As the buffer above, with generators that call write(2) for each line. It can beat a LIMIT that reads as soon as there is something: " +
			"who leaves the generators alone for a moment gets more at once.",
		ours:       l.collect,
		contenders: []contender{limit, l.collect(w)},
		rows:       []row{throughput("one write(2) a line, four programs into a buffer", "buffer", "LIMIT", ratioAtLeast(1.1)).keptFast()},
	}}
}

func (l load) collect(w *workshop) contender {
	return w.needsHelper("collect", contender{name: "buffer", run: func(ctx context.Context) (figures, error) {
		r, err := run(ctx, append([]string{w.self, "collect", strconv.Itoa(generators), strconv.Itoa(l.total())}, l.gen(w)...)...)
		return l.rate(r), err
	}})
}

func (l load) runToNull(w *workshop) contender {
	return w.needsCommand(contender{name: "run", run: l.toNull(l.tagged(w))})
}

func (l load) runToCat(w *workshop) contender {
	return w.needsCommand(contender{name: "run", run: l.toCat(l.tagged(w))})
}

// The contenders that are the command with other flags.
const (
	colored = "coloured and timestamped"
	asJSON  = "JSON"
)

func (l load) colored(w *workshop) contender {
	return w.needsCommand(contender{name: colored, run: l.toNull(l.tagged(w, "--color", "always", "-t"))})
}

func (l load) toJSON(w *workshop) contender {
	part := l.part(20)
	return w.needsCommand(contender{name: asJSON, run: part.toNull(part.tagged(w, "--json"))})
}

// tagged is the command line of the command.
func (l load) tagged(w *workshop, flags ...string) []string {
	argv := append([]string{w.syncstream, "run", "-n", strconv.Itoa(generators)}, flags...)
	return append(append(argv, "--"), l.gen(w)...)
}

const (
	heldLines = 15_000 // of each generator: with their tags, 6.5 MiB of the 8 that are held in memory
	heldRuns  = 10     // in each round
)

// groupExperiment has a load that stays in memory. That is so little that starting
// takes longer than it, so what one line a generator takes is measured too, and
// taken off.
func groupExperiment(w *workshop, mode string) experiment {
	l := load{mode: mode, lines: heldLines}
	reader := func(name, mode string) contender {
		return contender{name: name, run: l.lessStart(func(l load) []string {
			return append([]string{w.c("limit"), mode, strconv.Itoa(generators)}, l.gen(w)...)
		})}
	}
	return experiment{
		name: "group in memory",
		how: fmt.Sprintf("`syncstream run -n 4 --output group -- gen …` to /dev/null. Each generator writes %d lines, so that all are held in memory; "+
			"that takes less time than starting. So the time is the median of %d runs less the median of so many with one line a generator, for LIMIT "+
			"(C, a thread for each pipe) too; the row with its start is not. Whoever keeps what comes pays for memory that nobody has touched before, "+
			"which LIMIT needs none of: so a LIMIT that reads into such memory, without copying, takes part too.", heldLines, heldRuns),
		contenders: []contender{
			reader("LIMIT", "threads"), reader(keeping, "keep"),
			w.needsCommand(contender{name: "run", run: l.lessStart(func(l load) []string { return l.tagged(w, "--output", "group") })}),
		},
		rows: []row{
			throughput("C, a thread for each pipe, all bytes stay in memory", keeping, "LIMIT", demand{}),
			throughput("`syncstream run --output group` in memory, less its start", "run", "LIMIT", ratioAtLeast(0.50)),
			throughput("the same beside the C program that keeps all", "run", keeping, demand{}),
			{what: "the same with its start", of: ref{"run", "with start"}, unit: perSecond},
		},
	}
}

// keeping is the LIMIT that keeps what it reads.
const keeping = "C, keeping"

// lessStart measures a load that takes less time than the start of its programs.
func (l load) lessStart(argv func(load) []string) func(context.Context) (figures, error) {
	return func(ctx context.Context) (figures, error) {
		var all, start []float64
		for range heldRuns {
			whole, errWhole := runToNull(ctx, argv(l)...)
			one, errOne := runToNull(ctx, argv(l.part(l.lines))...)
			if err := errors.Join(errWhole, errOne); err != nil {
				return nil, err
			}
			all, start = append(all, whole.elapsed.Seconds()), append(start, one.elapsed.Seconds())
		}
		took := median(all) - median(start)
		if took <= 0 {
			return nil, errors.New("the load took no longer than the start")
		}
		return figures{lineRate: float64(l.total()) / took, "with start": float64(l.total()) / median(all)}, nil
	}
}

func (l load) toNull(argv []string) func(context.Context) (figures, error) {
	return func(ctx context.Context) (figures, error) {
		r, err := runToNull(ctx, argv...)
		return l.rate(r), err
	}
}

func (l load) toCat(argv []string) func(context.Context) (figures, error) {
	return func(ctx context.Context) (figures, error) {
		r, err := runPipeline(ctx, argv, []string{"/bin/sh", "-c", "exec cat >/dev/null"})
		return l.rate(r), err
	}
}

func (l load) gnuParallel(w *workshop) contender {
	c := contender{name: "GNU parallel"}
	if w.parallel == "" {
		c.absent = "not installed"
		return c
	}
	part := l.part(10)
	argv := []string{w.parallel, "--line-buffer", "--tag", "-j", strconv.Itoa(generators), strings.Join(part.gen(w), " "), ":::"}
	for i := range generators {
		argv = append(argv, strconv.Itoa(i))
	}
	c.run = part.toNull(argv)
	return c
}

func mirrorWriteExperiment(w *workshop) experiment {
	ours := func(w *workshop) contender { return w.helperFigures("mirrorwrite") }
	e := experiment{
		name: "mirror write",
		how: "One process writes 100-byte lines with `Mirror.Write` and, in turns of some 50 ms, with a baseline that takes a mutex, copies the bytes " +
			"and reads the clock. Where each goroutine has its own mirror, it also has its own baseline; where they share a mirror, they share it. " +
			"One baseline for all is what is fair to mirrors of one buffer: whatever they do, their lines end in one order. " +
			"The time is that of all goroutines together, divided by all lines.",
		ours:       ours,
		contenders: []contender{ours(w)},
	}
	for _, c := range mirrorCases {
		of := func(figure string) ref { return ref{"mirrorwrite", c.name + " " + figure} }
		e.rows = append(e.rows,
			row{what: "the baseline, " + c.name, of: of("baseline"), unit: nanoseconds},
			row{what: "Mirror.Write, " + c.name, of: of("mirror"), against: of("baseline"), unit: nanoseconds, demand: ratioAtMost(1.5), kept: asShort},
			row{what: "Mirror.Write, " + c.name + ": allocations a line", of: of("allocations"), unit: each})
		if c.writers > 1 && !c.shared {
			e.rows = append(e.rows, row{
				what: "Mirror.Write, " + c.name + ", beside one baseline for all",
				of:   of("mirror"), against: of("one baseline"), unit: nanoseconds, demand: ratioAtMost(1.5),
			})
		}
	}
	return e
}

// helperFigures runs a helper that takes no arguments and prints its figures.
func (w *workshop) helperFigures(helper string) contender {
	return w.needsHelper(helper, contender{name: helper, run: func(ctx context.Context) (figures, error) {
		return runForFigures(ctx, w.self, helper)
	}})
}

// runForFigures runs a helper that prints `name: value` lines.
func runForFigures(ctx context.Context, argv ...string) (figures, error) {
	r, err := run(ctx, argv...)
	if err != nil {
		return nil, err
	}
	got := figures{}
	for line := range strings.Lines(string(r.stdout)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		if got[name], err = strconv.ParseFloat(value, 64); err != nil {
			return nil, fmt.Errorf("reading what %s printed: %w", filepath.Base(argv[0]), err)
		}
	}
	return got, nil
}

const (
	memoryBytes   = 10 << 30
	memoryPauseUS = "150" // see slow.c
)

func memoryExperiment(w *workshop) experiment {
	l := load{mode: "block", lines: memoryBytes / generators / lineBytes}
	return experiment{
		name: "memory",
		how: "10 GiB through `syncstream run -n 4 -- gen … | slow`, one run. The reader takes 256 KiB at a time, pauses irregularly and counts lines; " +
			"a wrong count fails the row. Peak memory is what wait4(2) says of the command, asked by a C program of a few pages " +
			"(Linux hands the parent's peak to the child).",
		runs: 1,
		contenders: []contender{w.needsCommand(contender{name: "run", run: func(ctx context.Context) (figures, error) {
			return w.throughSlowReader(ctx, l)
		}})},
		rows: []row{
			{what: "10 GiB through a slow reader: peak memory", of: ref{"run", "peak"}, unit: mebibytes, demand: under(32<<20, mebibytes)},
			{what: "10 GiB through a slow reader: time", of: ref{"run", "time"}, unit: seconds},
		},
	}
}

func (w *workshop) throughSlowReader(ctx context.Context, l load) (figures, error) {
	peak := w.c("peak.txt")
	r, err := runPipeline(ctx, append([]string{w.c("peak"), peak}, l.tagged(w)...), []string{w.c("slow"), memoryPauseUS})
	if err != nil {
		return nil, err
	}
	var lines, bytes int
	if _, err := fmt.Sscan(string(r.stdout), &lines, &bytes); err != nil {
		return nil, fmt.Errorf("reading the counts of slow: %w", err)
	}
	if lines != l.total() {
		return nil, fmt.Errorf("%d lines arrived of %d", lines, l.total())
	}
	return timeAndPeak(r, peak)
}

func timeAndPeak(r ran, peak string) (figures, error) {
	text, err := os.ReadFile(peak)
	if err != nil {
		return nil, fmt.Errorf("reading the peak memory: %w", err)
	}
	kib, err := strconv.ParseFloat(strings.TrimSpace(string(text)), 64)
	if err != nil {
		return nil, fmt.Errorf("reading the peak memory: %w", err)
	}
	return figures{"time": float64(r.elapsed), "peak": kib * 1024}, nil
}

func thousandExperiment(w *workshop) experiment {
	ours := func(w *workshop) contender { return w.needsCommand(contender{name: "run", run: w.thousandWorkers}) }
	return experiment{
		name: "1000 workers",
		how: "`syncstream run -n 1000 -- sh -c 'echo $SYNCSTREAM_RANK'`, three runs. Each of the 1000 ranks has to arrive once; peak memory as above, " +
			"of the command and not of its workers.",
		runs:       3,
		ours:       ours,
		contenders: []contender{ours(w)},
		rows: []row{
			{what: "1000 workers: time", of: ref{"run", "time"}, unit: seconds, demand: under(10e9, seconds), kept: asShort},
			{what: "1000 workers: peak memory", of: ref{"run", "peak"}, unit: mebibytes, demand: under(150<<20, mebibytes)},
		},
	}
}

func (w *workshop) thousandWorkers(ctx context.Context) (figures, error) {
	const workers = 1000
	peak := w.c("peak.txt")
	argv := []string{w.c("peak"), peak, w.syncstream, "run", "-n", strconv.Itoa(workers), "--", "sh", "-c", "echo $SYNCSTREAM_RANK"}
	r, err := run(ctx, argv...)
	if err != nil {
		return nil, err
	}
	lines, ranks := 0, map[string]bool{}
	for line := range strings.Lines(string(r.stdout)) {
		lines++
		words := strings.Fields(line)
		ranks[words[len(words)-1]] = true
	}
	if lines != workers || len(ranks) != workers {
		return nil, fmt.Errorf("%d lines with %d ranks arrived of %d", lines, len(ranks), workers)
	}
	return timeAndPeak(r, peak)
}
