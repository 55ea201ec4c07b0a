package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/syncstream/syncstream"
)

// waitOptions are what wait was told.
type waitOptions struct {
	hostOptions
	timeout time.Duration
	expect  int
	json    bool
}

func newWait() *cobra.Command {
	o := &waitOptions{}
	cmd := &cobra.Command{
		Use:   "wait [flags] URL",
		Short: "Wait until the workers of a host's buffer have ended",
		Long: `Wait until no worker of a buffer is open, and exit as the one that failed first.
A buffer that nobody has written to yet has none: see --expect.`,
		Example: `  syncstream wait http://node1:7575/train
  syncstream wait --expect 8 http://node1:7575/train   also for those to come
  syncstream wait --timeout 1h http://node1:7575/train`,
		GroupID:           groupHosts,
		ValidArgsFunction: cobra.NoFileCompletions,
		Annotations: map[string]string{footerOf: `Exits with 0 if none has failed, or all were stopped; as the worker that failed
first, if its exit status is known; else with 1, also if the host refuses; 124
after --timeout, and tells who is open; 2 for wrong usage.`},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.addressArgs(cmd, args); err != nil {
				return err
			}
			return o.run(cmd.Context())
		},
	}
	o.hostOptions.define(flags{cmd.Flags(), "Host"})
	f := flags{cmd.Flags(), "Wait"}
	f.add("timeout", "", "wait for this `TIME` at most", duration(&o.timeout))
	f.add("expect", "", "wait until `N` workers have come, and all have ended", o.setExpect)
	f.onOff("json", "print how it went as JSON", func(on bool) { o.json = on })
	return cmd
}

// setExpect takes how many workers are expected: as many as a host tells of one by
// one, at most.
func (o *waitOptions) setExpect(s string) error {
	if err := count(&o.expect, 1)(s); err != nil || o.expect > syncstream.DefaultMaxSources {
		return fmt.Errorf("want a whole number, from 1 to %d", syncstream.DefaultMaxSources)
	}
	return nil
}

var errTimeout = errors.New("the time of --timeout is over")

// waited is how it went, as JSON.
type waited struct {
	Version int           `json:"v"`
	Status  int           `json:"status"` // the exit status
	Done    bool          `json:"done"`   // nobody is open
	Failed  *sourceName   `json:"failed,omitempty"`
	Error   string        `json:"error,omitempty"`
	Stopped string        `json:"stopped,omitempty"` // why
	Open    []sourceState `json:"open,omitempty"`
}

// sourceName is a source in short.
type sourceName struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

func (o *waitOptions) run(ctx context.Context) error {
	client, err := o.open(ctx, os.Stderr)
	if err != nil {
		return &exitStatus{code: exitFailure, err: err}
	}
	if o.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, o.timeout, errTimeout)
		defer cancel()
	}
	err = o.arrive(ctx, client)
	if err == nil {
		err = client.Wait(ctx)
	}
	result, text := o.judge(client, err)
	if o.json {
		if err := printJSON(os.Stdout, result); err != nil {
			return &exitStatus{code: exitFailure, err: fmt.Errorf("write how it went: %w", err)}
		}
	}
	if text == "" {
		return exitWith(result.Status)
	}
	complain(os.Stderr, errors.New(text))
	return exitWith(result.Status)
}

// expectEvery is how often the host is asked whether workers have come: nothing
// else tells it.
const expectEvery = 200 * time.Millisecond

// arrive waits until as many workers have come as are expected.
func (o *waitOptions) arrive(ctx context.Context, client syncstream.Store) error {
	for o.expect > 0 {
		_, sources, err := client.Snapshot(ctx)
		if err != nil {
			return err
		}
		if countWorkers(sources) >= o.expect {
			return nil
		}
		select {
		case <-time.After(expectEvery):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// countWorkers counts sources, those once that have come back, and none that was
// there before the buffer was reset: these, and those of which the host no longer
// tells one by one, are in a row of totals.
func countWorkers(all []syncstream.SourceStatus) int {
	seen := map[string]bool{}
	for _, s := range all {
		if s.Folded == 0 {
			seen[s.Source.ID] = true
		}
	}
	return len(seen)
}

// judge says what came of it, and what people are told.
func (o *waitOptions) judge(client syncstream.Store, err error) (w waited, text string) {
	w = waited{Version: 1, Done: true}
	var failure *syncstream.Failure
	switch {
	case err == nil:
	case errors.As(err, &failure):
		w.Status, w.Error = statusOfText(failure.Err.Error()), failure.Err.Error()
		w.Failed = &sourceName{failure.Source.ID, failure.Source.Name}
		text = words(failure.Error())
	case errors.Is(err, errTimeout):
		w.Status, w.Done, w.Error = exitTimeout, false, err.Error()
		return w, o.tellOpen(client, &w)
	case errors.Is(err, syncstream.ErrStopped):
		w.Stopped = err.Error()
		text = "the workers were stopped: " + words(err.Error())
	default:
		w.Status, w.Error = exitFailure, err.Error()
		w.Done = errors.Is(err, syncstream.ErrAbandoned)
		text = words(err.Error())
	}
	return w, text
}

// tellOpen says who is open after --timeout, if the host can still be asked.
func (o *waitOptions) tellOpen(client syncstream.Store, w *waited) string {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_, sources, err := client.Snapshot(ctx)
	if err != nil {
		return fmt.Sprintf("the %v of --timeout are over, and the host can't be asked who is open: %v", o.timeout, err)
	}
	var names []string
	for _, s := range sources {
		if !s.State.IsOpen() {
			continue
		}
		w.Open = append(w.Open, stateOf(&s))
		if len(names) < 10 {
			names = append(names, words(s.Source.Name+": "+s.Why))
		}
	}
	text := fmt.Sprintf("the %v of --timeout are over: %s open", o.timeout, plural(len(w.Open), "worker"))
	if o.expect > 0 {
		text += fmt.Sprintf(", and %d of %d have come", countWorkers(sources), o.expect)
	}
	if more := len(w.Open) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(append([]string{text}, names...), "\n  ")
}

// These are the words of process.ExitError, which are all that a host knows of an
// end.
var (
	exitedAs = regexp.MustCompile(`^exit status (\d{1,3})\b`)
	killedBy = regexp.MustCompile(`^killed by [^(]*\(signal (\d{1,2})\)`)
)

// statusOfText returns the exit status for a worker of whose end only the words
// are known.
func statusOfText(text string) int {
	if m := exitedAs.FindStringSubmatch(text); m != nil {
		if n, _ := strconv.Atoi(m[1]); n > 0 && n < 256 {
			return n
		}
	}
	if m := killedBy.FindStringSubmatch(text); m != nil {
		n, _ := strconv.Atoi(m[1])
		return exitSignal + n
	}
	return exitFailure
}
