//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/process"
)

const (
	startsMeasured = 200
	idleWorkers    = 1000
	idleFor        = time.Second
)

// guarded calls process.Guard if how says so, and waits until the guard is up.
func guarded(ctx context.Context, how string) error {
	if how != "guard" {
		return nil
	}
	if err := process.Guard(); err != nil {
		return err
	}
	p, err := process.Start(ctx, syncstream.New(syncstream.Config{}), exec.Command("/bin/true"), process.Config{})
	if err != nil {
		return err
	}
	return p.Wait().Err
}

// starts is the helper `starts process|guard`: it starts /bin/true, once by
// os/exec and once as a worker, in turns, and prints the medians.
func starts(ctx context.Context, args []string) error {
	if len(args) != 1 {
		return errors.New("usage: starts process|guard")
	}
	if err := guarded(ctx, args[0]); err != nil {
		return err
	}
	b := syncstream.New(syncstream.Config{MaxSources: 10})
	bare := func(cmd *exec.Cmd) (func() error, error) { return cmd.Wait, cmd.Start() }
	worker := func(cmd *exec.Cmd) (func() error, error) {
		p, err := process.Start(ctx, b, cmd, process.Config{})
		if err != nil {
			return nil, err
		}
		return func() error { return p.Wait().Err }, nil
	}
	var ofBare, ofWorker startTimes
	for range startsMeasured {
		if err := errors.Join(ofBare.measure(bare), ofWorker.measure(worker)); err != nil {
			return err
		}
	}
	ofBare.print("bare")
	ofWorker.print("worker")
	return nil
}

// startTimes are how long starts took, in ns, alone and with their ends.
type startTimes struct{ start, end []float64 }

func (t *startTimes) measure(start func(*exec.Cmd) (wait func() error, err error)) error {
	cmd := exec.Command("/bin/true")
	began := time.Now()
	wait, err := start(cmd)
	if err != nil {
		return err
	}
	t.start = append(t.start, float64(time.Since(began)))
	err = wait()
	t.end = append(t.end, float64(time.Since(began)))
	return err
}

func (t *startTimes) print(name string) {
	fmt.Printf("%s start: %g\n%s end: %g\n", name, median(t.start), name, median(t.end))
}

// idle is the helper `idle process|guard`: it starts workers that do nothing, and
// prints what that costs this process, and how long it takes to stop them all.
func idle(ctx context.Context, args []string) error {
	if len(args) != 1 {
		return errors.New("usage: idle process|guard")
	}
	if err := guarded(ctx, args[0]); err != nil {
		return err
	}
	b := syncstream.New(syncstream.Config{})
	var group process.Group
	for range idleWorkers {
		if _, err := group.Start(ctx, b, exec.Command("/bin/sleep", "1000"), process.Config{}); err != nil {
			group.Stop()
			group.Wait()
			return err
		}
	}
	memory, err := memoryInUse()
	if err != nil {
		return err
	}
	before := processorTime()
	time.Sleep(idleFor)
	used := processorTime() - before
	began := time.Now()
	group.Stop()
	_ = group.Wait() // its error is the stop
	fmt.Printf("memory: %g\nprocessors: %g\nstop: %g\n", memory, float64(used)/float64(idleFor), float64(time.Since(began)))
	return nil
}

// memoryInUse is what this process has in memory, in bytes.
func memoryInUse() (float64, error) {
	kib, err := strconv.ParseFloat(strings.TrimSuffix(field("/proc/self/status", "VmRSS"), " kB"), 64)
	if err != nil {
		return 0, fmt.Errorf("reading the memory in use: %w", err)
	}
	return kib * 1024, nil
}

// processHows are the two ways of starting workers, as rows call them.
var processHows = []struct{ how, name string }{{"process", "without a guard"}, {"guard", "through the guard"}}

// processContenders are a helper in both ways.
func processContenders(w *workshop, helper string) []contender {
	var all []contender
	for _, h := range processHows {
		all = append(all, w.needsHelper(helper, contender{name: h.how, run: func(ctx context.Context) (figures, error) {
			return runForFigures(ctx, w.self, helper, h.how)
		}}))
	}
	return all
}

func processExperiments(w *workshop) []experiment {
	start := experiment{
		name: "start of a worker",
		how: fmt.Sprintf("One process starts /bin/true %d times by os/exec, which gives it no pipes, and as often by `process.Start`, in turns; "+
			"each waits for its end before the next. The medians of a round are compared.", startsMeasured),
		contenders: processContenders(w, "starts"),
	}
	idling := experiment{
		name: "idle workers",
		how: fmt.Sprintf("One process starts %d times `sleep 1000`. Its memory is what is resident then (a guard's own is not in it), "+
			"its processor time that of the next second, and the stop lasts until `Group.Wait` returns.", idleWorkers),
		runs:       3,
		contenders: processContenders(w, "idle"),
	}
	for _, h := range processHows {
		of := func(figure string) ref { return ref{h.how, figure} }
		start.rows = append(start.rows,
			row{what: "start by os/exec, beside that " + h.name, of: of("bare start"), unit: microseconds},
			row{what: "start of a worker " + h.name, of: of("worker start"), against: of("bare start"), unit: microseconds, demand: ratioAtMost(1.5)},
			row{what: "start and end of a worker " + h.name, of: of("worker end"), against: of("bare end"), unit: microseconds, demand: ratioAtMost(1.5)})
		what := strconv.Itoa(idleWorkers) + " idle workers " + h.name + ": "
		idling.rows = append(idling.rows,
			row{what: what + "memory", of: of("memory"), unit: mebibytes, demand: under(40<<20, mebibytes)},
			row{what: what + "processors in use", of: of("processors"), unit: each, demand: under(0.01, each)},
			row{what: what + "their stop", of: of("stop"), unit: seconds, demand: under(2e9, seconds)})
	}
	return []experiment{start, idling}
}

const firstLines = 15 // starts of a round

func firstLineExperiment(w *workshop) experiment {
	ours := func(w *workshop) contender {
		return w.needsCommand(contender{name: "run", run: func(ctx context.Context) (figures, error) { return timeToFirstLine(ctx, w.syncstream) }})
	}
	return experiment{
		name: "first line",
		how: fmt.Sprintf("`syncstream run -- echo x` into a pipe, from before its start until its first byte can be read; the median of %d in each round.",
			firstLines),
		ours:       ours,
		contenders: []contender{ours(w)},
		rows: []row{{
			what: "`syncstream run`: from its start to the first line", of: ref{"run", "first line"}, unit: microseconds,
			demand: under(40e6, microseconds), kept: asShort,
		}},
	}
}

func timeToFirstLine(ctx context.Context, syncstream string) (figures, error) {
	argv := []string{syncstream, "run", "--", "echo", "x"}
	var all []float64
	for range firstLines {
		took, err := runToFirstByte(ctx, argv)
		if err != nil {
			return nil, err
		}
		all = append(all, float64(took))
	}
	return figures{"first line": median(all)}, nil
}

// runToFirstByte returns how long a program took to print something.
func runToFirstByte(ctx context.Context, argv []string) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	r, w, err := os.Pipe()
	if err != nil {
		return 0, fmt.Errorf("making a pipe: %w", err)
	}
	defer r.Close()
	cmd, said := command(ctx, argv)
	cmd.Stdout = w
	began := time.Now()
	err = cmd.Start()
	w.Close()
	if err != nil {
		return 0, failed(ctx, argv, err, said)
	}
	_, readErr := r.Read(make([]byte, 1<<10))
	took := time.Since(began)
	return took, errors.Join(readErr, failed(ctx, argv, cmd.Wait(), said))
}
