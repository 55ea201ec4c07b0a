package cli

import (
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/process"
)

// ends makes results of the workers a, b, …: err ends each, one second after
// the last.
func ends(results ...process.Result) []process.Result {
	for i := range results {
		results[i].Source = &syncstream.Source{Name: string(rune('a' + i))}
		if results[i].Ended.IsZero() {
			results[i].Ended = time.Unix(int64(i), 0)
		}
	}
	return results
}

func TestStatus(t *testing.T) {
	code := func(n int) process.Result { return process.Result{Err: &process.ExitError{Code: n}} }
	ok, failed, stopped := process.Result{}, code(3), code(4)
	stopped.Stopped = true
	early := code(5)
	early.Ended = time.Unix(-1, 0)
	killed := process.Result{Err: &process.ExitError{Code: -1, Signal: syscall.SIGKILL}}
	until, fails := &hit{}, &hit{fails: true}
	timeout := &stopReason{status: exitTimeout}
	others := &stopReason{status: undecided}
	for _, c := range []struct {
		success string
		until   bool
		out     outcome
		want    int
		why     string
	}{
		{"all", false, outcome{results: ends(ok, ok)}, 0, "all is well"},
		{"all", false, outcome{results: ends(ok, failed, early)}, 5, "of several failures the first in time counts"},
		{"all", false, outcome{results: ends(ok, killed)}, 137, "a signal that killed it"},
		{"all", false, outcome{results: ends(stopped, ok)}, 0, "what our stop brought about is no failure"},
		{"all", false, outcome{results: ends(stopped, ok), reason: timeout}, exitTimeout, "--timeout decides"},
		{"all", false, outcome{results: ends(stopped, failed), reason: others}, 3, "after --stop-on the failure decides"},
		{"all", false, outcome{results: append(ends(failed), process.Result{})}, 3, "a worker that was not started counts for nothing"},
		{"first", false, outcome{results: ends(ok, failed)}, 0, "the first that ended"},
		{"first", false, outcome{results: ends(ok, early)}, 5, "the first that ended, not the first of the command line"},
		{"last", false, outcome{results: ends(failed, ok)}, 0, "the last that ended"},
		{"last", false, outcome{results: ends(ok, failed, stopped)}, 3, "the last that ended by itself"},
		{"b", false, outcome{results: ends(failed, ok, failed)}, 0, "the one that is named"},
		{"b", false, outcome{results: ends(failed, stopped)}, 3, "the one that is named was stopped: then the failure that was the reason"},
		{"b", false, outcome{results: ends(failed, ok), stopped: time.Unix(0, 1)}, 3, "the one that is named exited with 0 since it was told to end"},
		{"last", false, outcome{results: ends(failed, ok), stopped: time.Unix(0, 1)}, 3, "the last that ended by itself"},
		{"b", false, outcome{results: ends(ok, failed), stopped: time.Unix(0, 1)}, 3, "the one that is named failed on its own meanwhile"},
		{"all", true, outcome{results: ends(ok, ok)}, 1, "--until has found no line"},
		{"all", true, outcome{results: ends(ok, failed)}, 3, "--until has found no line, and a failure may say why"},
		{"all", true, outcome{results: ends(failed, stopped), hit: until, reason: others}, 0, "--until has found a line"},
		{"all", false, outcome{results: ends(ok, stopped), hit: fails, reason: others}, 1, "--fail-on has found a line"},
		{"all", true, outcome{results: ends(stopped), hit: until, reason: timeout}, exitTimeout, "a line that came after the time was over"},
	} {
		o := endingOptions{success: c.success}
		if c.until {
			o.until = &match{}
		}
		if got := o.status(c.out); got != c.want {
			t.Errorf("%s: exit status %d; want %d", c.why, got, c.want)
		}
	}
}

func TestSettle(t *testing.T) {
	now := time.Unix(100, 0)
	early, late := &hit{match: &match{text: "x"}, source: &syncstream.Source{Name: "a"}, at: now.Add(-1)}, &hit{at: now.Add(1)}
	timeout, others := &stopReason{text: "time", status: exitTimeout}, &stopReason{text: "b has failed", status: undecided}
	for _, c := range []struct {
		out    outcome
		hit    *hit
		reason string
		why    string
	}{
		{outcome{reason: others}, nil, others.text, "no line"},
		{outcome{reason: others, hit: early}, early, "a line of a matches --until x", "a line that came before another worker failed"},
		{outcome{reason: others, hit: late}, nil, others.text, "a line that came after the stop"},
		{outcome{reason: timeout, hit: early}, nil, timeout.text, "a line that was seen when the time was over"},
	} {
		c.out.stopped = now
		got := c.out.settle()
		if got.hit != c.hit || got.reason.text != c.reason {
			t.Errorf("%s: the line is %v and the reason %q; want %v and %q", c.why, got.hit, got.reason.text, c.hit, c.reason)
		}
	}
}

func TestPresses(t *testing.T) {
	type press struct {
		sig   os.Signal
		after time.Duration
	}
	for _, c := range []struct {
		presses []press
		want    int
		why     string
	}{
		{[]press{{syscall.SIGHUP, 0}, {syscall.SIGHUP, 10 * time.Millisecond}}, 0, "a terminal that goes away says so twice"},
		{[]press{{syscall.SIGINT, 0}, {syscall.SIGINT, 50 * time.Millisecond}}, 2, "a finger is slower"},
		{[]press{{syscall.SIGINT, 0}, {syscall.SIGTERM, 0}}, 2, "two signals are two"},
		{[]press{{syscall.SIGINT, 0}, {syscall.SIGINT, time.Second}, {syscall.SIGINT, time.Second}}, 3, "only the first has such an echo"},
	} {
		var p presses
		got := 0
		for _, s := range c.presses {
			got = p.add(s.sig, time.Unix(0, 0).Add(s.after))
		}
		if got != c.want {
			t.Errorf("%s: the last counts as %d; want %d", c.why, got, c.want)
		}
	}
}

func TestMatch(t *testing.T) {
	workers := []worker{{name: "web"}, {name: "db"}}
	for _, c := range []struct {
		text, source, line string
		want               bool
		why                string
	}{
		{"ready", "web", "I am ready.", true, "anywhere in the line"},
		{"web:^ready$", "web", "ready", true, "the worker that is named"},
		{"web:^ready$", "db", "ready", false, "another worker"},
		{"error: .", "db", "error: x", true, "a colon behind no worker's name is the expression's"},
		{"db:web:x", "db", "web:x", true, "only the first name is one"},
		{"^ready on :80$", "db", "\x1b[1;32mready\x1b[0m on :\x1b[36m80\x1b[0m", true, "a line in colours"},
		{"\x1b\\[31m", "db", "\x1b[31mred", true, "a colour"},
		{"(?i)READY", "db", "Ready", true, "Go's expressions"},
	} {
		var m *match
		if err := matchValue(&m)(c.text); err != nil {
			t.Fatal(err)
		}
		if err := m.complete(workers); err != nil {
			t.Fatal(err)
		}
		if got := m.matches(&syncstream.Source{Name: c.source}, []byte(c.line)); got != c.want {
			t.Errorf("%s: %q matches %q of %s: %v", c.why, c.text, c.line, c.source, got)
		}
	}
	m := &match{text: "web:*"}
	if err := m.complete(workers); err == nil {
		t.Error("the expression behind a name is not checked")
	}
}
