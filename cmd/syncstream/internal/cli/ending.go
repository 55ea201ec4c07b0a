package cli

import (
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/syncstream/syncstream/process"
)

// endingOptions say when the run ends, how its workers are stopped, and what
// counts as success.
type endingOptions struct {
	stopOn  string // never, fail or exit
	signal  os.Signal
	grace   time.Duration
	timeout time.Duration
	until   *match
	failOn  *match
	success string // all, first, last, or a worker's name
}

func (o *endingOptions) define(f flags) {
	o.success, o.signal, o.grace = "all", defaultSignal, process.DefaultStopGrace
	f.choice("stop-on", "stop all workers `WHEN` one has ended: never; fail, if it failed; or exit, in any case", &o.stopOn, "never", "fail", "exit")
	f.onOff("kill-others,k", "the same as --stop-on exit", func(on bool) { o.stopOn = map[bool]string{true: "exit", false: "never"}[on] })
	f.onOff("kill-others-on-fail", "the same as --stop-on fail", func(on bool) { o.stopOn = map[bool]string{true: "fail", false: "never"}[on] })
	f.together("stop-on", "kill-others", "kill-others-on-fail")
	f.add("stop-signal", "TERM", "the signal, by `NAME` or number, that asks workers to end, and what they have started", signalValue(&o.signal)).
		Annotations[wordsOf] = signalNames
	f.add("grace", "10s", "kill what has not ended after this `TIME`", duration(&o.grace))
	f.add("timeout", "", "stop all workers after this `TIME`, and exit with 124", duration(&o.timeout))
	f.add("until", "", "a line that matches `[NAME:]REGEX` is the run's success: stop the workers, and exit with 0; NAME is the worker's, if only one may print it; a run that ends without it has failed", matchValue(&o.until))
	f.add("fail-on", "", "a line that matches `[NAME:]REGEX` is the run's failure: stop the workers, and exit with 1", matchValue(&o.failOn))
	f.words("success", "all", "`WHO` decides the exit status: all, so that one failure is one of the run; the first or the last that ends; or one worker, by its name", text(&o.success), "all", "first", "last")
}

func (o *endingOptions) complete(cmd *cobra.Command, workers *commandOptions) error {
	for _, m := range []struct {
		flag  string
		match *match
	}{{"--until", o.until}, {"--fail-on", o.failOn}} {
		if err := m.match.complete(workers.workers); err != nil {
			return usagef(cmd, "%s %s: %w", m.flag, shownValue(m.match.text), err)
		}
	}
	switch o.success {
	case "all", "first", "last":
		return nil
	}
	if names := namesOf(workers.workers); len(names) > 0 && !slices.Contains(names, o.success) {
		return usagef(cmd, "--success %s: want all, first, last or a worker's name%s", shownValue(o.success), meant(o.success, append(names, "all", "first", "last")))
	}
	return nil
}

// stopGrace returns the grace for package process: longer than ours, so that we
// kill, and say so first.
func (o *endingOptions) stopGrace() time.Duration { return o.grace + time.Second }

// stopReason is why the workers were stopped.
type stopReason struct {
	text   string // for people: "web has ended"
	status int    // that the program exits with; undecided, if the workers decide
	again  string // how people have the workers killed, if they asked
	quiet  bool   // nobody is told
}

// undecided is the exit status of what leaves it to the workers.
const undecided = -1

func (r *stopReason) Error() string { return r.text }

// ended tells of a worker's end, and says whether it is a reason to stop the
// others.
func (o *endingOptions) ended(r process.Result) *stopReason {
	switch failed := isFailure(r); {
	case o.stopOn == "exit" && failed, o.stopOn == "fail" && failed:
		return &stopReason{text: r.Source.Name + " has failed", status: undecided}
	case o.stopOn == "exit":
		return &stopReason{text: r.Source.Name + " has ended", status: undecided}
	}
	return nil
}

// isFailure reports whether a worker has failed, and not by our own stop.
func isFailure(r process.Result) bool { return r.Err != nil && !r.Stopped }

// outcome is what is known when all workers have ended.
type outcome struct {
	results []process.Result // of all that were to be started
	reason  *stopReason      // nil, if nobody stopped them
	stopped time.Time        // when they were asked to end; zero, if they were not
	hit     *hit             // the line that --until or --fail-on found, if one did
	asides  *asides          // what of their messages no worker has printed
}

// isStopped reports whether a worker has not ended by itself, though it may have
// exited with 0 when it was told to.
func (o *outcome) isStopped(r process.Result) bool {
	return !isFailure(r) && (r.Stopped || !o.stopped.IsZero() && r.Ended.After(o.stopped))
}

// settle has one reason stand: a line that was found before the workers were
// stopped counts more than that one of them ended; one that they print on their
// way out, and one that comes beside a signal or --timeout, for nothing.
func (o outcome) settle() outcome {
	switch {
	case o.hit == nil:
	case o.reason != nil && o.reason.status != undecided, o.hit.at.After(o.stopped):
		o.hit = nil
	default:
		o.reason = o.hit.reason()
	}
	return o
}

// status returns the exit status of the run.
func (o *endingOptions) status(out outcome) int {
	switch {
	case out.reason != nil && out.reason.status != undecided:
		return out.reason.status
	case out.hit != nil && out.hit.fails:
		return exitFailure
	case out.hit != nil:
		return 0
	}
	status := statusOf(o.decisive(out).Err)
	if status == 0 && o.until != nil {
		return exitFailure
	}
	return status
}

// decisive returns the result that --success names; of all, the first failure;
// and that also if the one that it names was stopped before it could tell.
func (o *endingOptions) decisive(out outcome) process.Result {
	var decisive *process.Result
	for i := range out.results {
		r := &out.results[i]
		switch {
		case r.Source == nil, out.isStopped(*r):
		case o.success == "first" && (decisive == nil || r.Ended.Before(decisive.Ended)),
			o.success == "last" && (decisive == nil || r.Ended.After(decisive.Ended)),
			o.success == r.Source.Name:
			decisive = r
		}
	}
	if decisive != nil && o.success != "all" {
		return *decisive
	}
	if failed := failures(out.results); len(failed) > 0 {
		return out.results[failed[0]]
	}
	return process.Result{}
}

// failures returns the indexes of the workers that failed, the first one first.
func failures(results []process.Result) (failed []int) {
	for i, r := range results {
		if isFailure(r) {
			failed = append(failed, i)
		}
	}
	slices.SortStableFunc(failed, func(a, b int) int { return results[a].Ended.Compare(results[b].Ended) })
	return failed
}

// describe says of a signal what people call it.
func describe(sig os.Signal) string {
	if s := signalText(sig); s != "" {
		return s
	}
	return fmt.Sprint(sig)
}
