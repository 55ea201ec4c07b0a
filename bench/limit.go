//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	lineBytes  = 100 // of a generator's line, its newline included
	generators = 4

	lineRate  = "lines/s"                // the figure that all throughput is given in
	probeFor  = 1_200 * time.Millisecond // what LIMIT should take
	limitRuns = 3                        // of each kind of LIMIT, to choose the fastest
)

// A load is what the generators write in one comparison.
type load struct {
	name  string // of the experiment that chose its LIMIT
	mode  string // of gen
	lines int    // of each generator
}

func (l load) total() int { return l.lines * generators }

// gen is the command line of one generator.
func (l load) gen(w *workshop) []string {
	return []string{w.c("gen"), l.mode, strconv.Itoa(l.lines)}
}

// part is a smaller load, for a program that would take too long with the whole.
func (l load) part(divisor int) load {
	l.lines = max(1, l.lines/divisor)
	return l
}

// rate is the throughput of a run that moved the whole load.
func (l load) rate(r ran) figures {
	return figures{lineRate: float64(l.total()) / r.elapsed.Seconds()}
}

// limits are the readers that do nothing with what they read. The fastest is LIMIT.
func limits(w *workshop, l load) []contender {
	prefix := map[string][]string{
		"C, a thread for each pipe": {w.c("limit"), "threads"},
		polling:                     {w.c("limit"), "poll"},
		"Go":                        {w.self, "golimit"},
	}
	var all []contender
	for _, name := range []string{"C, a thread for each pipe", polling, "Go"} {
		all = append(all, contender{name: name, run: func(ctx context.Context) (figures, error) {
			return runLimit(ctx, l, append(prefix[name], append([]string{strconv.Itoa(generators)}, l.gen(w)...)...))
		}})
	}
	return all
}

// polling is the LIMIT of one thread, which takes part where it is not LIMIT
// itself: with few cores, threads that sleep in read(2) are much ahead of it.
const polling = "C, poll"

func (l load) polling(w *workshop) contender {
	for _, c := range limits(w, l) {
		if c.name == polling {
			return c
		}
	}
	panic("no " + polling)
}

func runLimit(ctx context.Context, l load, argv []string) (figures, error) {
	r, err := run(ctx, argv...)
	if err != nil {
		return nil, err
	}
	if got, want := strings.TrimSpace(string(r.stdout)), strconv.Itoa(l.total()*lineBytes); got != want {
		return nil, fmt.Errorf("it read %s bytes of %s", got, want)
	}
	return l.rate(r), nil
}

// sized is the load with enough lines for LIMIT to take probeFor on this machine.
func sized(ctx context.Context, w *workshop, l load, lines int) (load, error) {
	if lines > 0 {
		l.lines = lines
		return l, nil
	}
	probe, err := limits(w, l)[0].run(ctx)
	if err != nil {
		return l, fmt.Errorf("finding how many lines a run needs: %w", err)
	}
	l.lines = max(1, int(probe[lineRate]*probeFor.Seconds()/generators))
	return l, nil
}

// chooseLimit measures all kinds of LIMIT and returns the one with the best median.
func chooseLimit(ctx context.Context, w *workshop, l load) (contender, result, error) {
	e := experiment{
		name: l.name,
		how: "The kinds of LIMIT: programs that start the generators on pipes of 1 MiB, read 256 KiB at a time " +
			"and do nothing with the bytes. The one with the best median is LIMIT in what follows, where it runs anew in each round.",
		runs:       limitRuns,
		contenders: limits(w, l),
	}
	for _, c := range e.contenders {
		e.rows = append(e.rows, row{what: l.name + ": " + c.name, of: ref{c.name, lineRate}, unit: perSecond})
	}
	r, err := measure(ctx, e, limitRuns)
	if err != nil {
		return contender{}, r, err
	}
	best, bestRate := contender{}, 0.0
	for _, c := range e.contenders {
		if v := r.values(ref{c.name, lineRate}); len(v) > 0 && median(v) > bestRate {
			best, bestRate = c, median(v)
		}
	}
	if bestRate == 0 {
		return best, r, failures([]result{r})
	}
	best.name = "LIMIT"
	return best, r, nil
}

// goLimit is the helper `golimit N GEN ARGS...`: the Go program that only reads, by the
// fastest way known here: raw reads inside the callback of SyscallConn until there is
// nothing left, and a yield after a large one, which lets the generator fill the pipe.
func goLimit(_ context.Context, args []string) error {
	if len(args) < 2 {
		return errors.New("usage: golimit N GEN [ARG]…")
	}
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	var total atomic.Int64
	var group errgroup.Group
	for range n {
		group.Go(func() error { return readOnly(args[1:], &total) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	fmt.Println(total.Load())
	return nil
}

func readOnly(argv []string, total *atomic.Int64) error {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	conn, err := stdout.(*os.File).SyscallConn()
	if err != nil {
		return err
	}
	if err := conn.Control(enlarge); err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	n, err := drainPipe(conn)
	total.Add(n)
	if err != nil {
		return err
	}
	return cmd.Wait()
}

// enlarge asks for a pipe of 1 MiB and takes a refusal.
func enlarge(fd uintptr) {
	const setPipeSize = 1031 // F_SETPIPE_SZ
	syscall.RawSyscall(syscall.SYS_FCNTL, fd, setPipeSize, 1<<20)
}

func drainPipe(conn syscall.RawConn) (total int64, err error) {
	buf := make([]byte, 256<<10)
	var last error
	err = conn.Read(func(fd uintptr) (done bool) {
		for {
			var n int
			n, last = rawRead(fd, buf)
			total += int64(n)
			switch {
			case last == syscall.EAGAIN:
				return false
			case last != nil:
				return true
			case n >= 16<<10:
				syscall.RawSyscall(syscall.SYS_SCHED_YIELD, 0, 0, 0)
			}
		}
	})
	if err == nil && last != io.EOF {
		err = last
	}
	if err != nil {
		return total, fmt.Errorf("reading a pipe: %w", err)
	}
	return total, nil
}
