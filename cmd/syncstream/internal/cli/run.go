package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/cmd/syncstream/internal/view"
	"github.com/syncstream/syncstream/process"
	"github.com/syncstream/syncstream/sink"
)

// runOptions are what run was told: one struct for each idea.
type runOptions struct {
	commandOptions
	endingOptions
	json bool

	stdout, stderr *os.File
}

func newRun() *cobra.Command {
	o := &runOptions{stdout: os.Stdout, stderr: os.Stderr}
	cmd := &cobra.Command{
		Use:   "run [flags] ('COMMAND'... | [-n N] -- PROGRAM [ARG]... | -f PROCFILE [NAME]...)",
		Short: "Run commands and show their lines, each under its worker's name",
		Long:  "Run commands at once, and show their lines whole, each under its worker's name.",
		Example: `  syncstream run 'npm start' 'go run ./api'   each is a command for the shell
  syncstream run -n 4 -- python3 train.py     four copies of one program
  syncstream run -f Procfile web db           two commands of a Procfile`,
		Annotations: map[string]string{footerOf: `Exits with 0; or as the worker that failed first, with 128 and its signal if one
killed it, 126 or 127 if it can't be run or found; 124 after --timeout; 130 and
so on after Ctrl-C; 141 if the output goes nowhere; 2 for wrong usage.
What each flag does: syncstream help flags`},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.complete(cmd, args); err != nil {
				return err
			}
			return o.run(cmd.Context())
		},
	}
	o.commandOptions.define(flags{cmd.Flags(), "Run"})
	o.endingOptions.define(flags{cmd.Flags(), "End"})
	flags{cmd.Flags(), "Show"}.onOff("json", "print each message as JSON, one a line, all on stdout", func(on bool) { o.json = on })
	return cmd
}

// complete checks flags, variables and arguments, and reads the files that have
// the commands.
func (o *runOptions) complete(cmd *cobra.Command, args []string) error {
	if err := flagsFromEnv(cmd); err != nil {
		return err
	}
	if err := o.commandOptions.complete(cmd, args); err != nil {
		return err
	}
	return o.endingOptions.complete(cmd, &o.commandOptions)
}

// run runs the workers and returns the exit status as an error.
func (o *runOptions) run(ctx context.Context) error {
	c := newCourse(ctx, &o.endingOptions)
	defer c.cancel(nil)
	signals := catchSignals(c)
	defer signals.stop()

	buf := syncstream.New(syncstream.Config{})
	output := buf.Attach(o.newSink())
	lines := &lineWatcher{until: o.until, failOn: o.failOn, found: func(h *hit) { c.stop(h.reason()) }}
	watching := o.watch(buf, lines)
	go func() { // ends with the program, if the output can always be written
		<-output.Done()
		c.stop(&stopReason{text: "the output can't be written", status: undecided, quiet: true})
	}()
	ended := make(chan struct{})
	var telling sync.WaitGroup
	telling.Go(func() { c.tell(plain{o.stderr}, ended) })

	results := o.runWorkers(c, buf)
	close(ended)
	if err := errors.Join(output.Drain(context.Background()), watching.Drain(context.Background())); err != nil {
		return outputStatus(err)
	}
	telling.Wait()
	return exitWith(o.status(outcome{results: results, reason: c.reason(), hit: lines.hit.Load()}))
}

// watch has the lines looked at, if they are to be.
func (o *runOptions) watch(buf *syncstream.Buffer, w *lineWatcher) *syncstream.Attachment {
	a := buf.Attach(w)
	if o.until == nil && o.failOn == nil {
		a.Detach()
	}
	return a
}

// runWorkers returns when all workers have ended: a result for each, in their
// order; a zero one for those that were not started.
func (o *runOptions) runWorkers(c *course, buf *syncstream.Buffer) []process.Result {
	if o.timeout > 0 {
		text := fmt.Sprintf("the %v of --timeout are over", o.timeout)
		defer time.AfterFunc(o.timeout, func() { c.stop(&stopReason{text: text, status: exitTimeout}) }).Stop()
	}
	places := make(jobs, orAll(o.jobs, len(o.workers)))
	var group process.Group
	var ends sync.WaitGroup
	for i, w := range o.workers {
		if !places.enter(c.ctx) {
			break // those that do not run yet need not start
		}
		p, _ := group.Start(c.ctx, buf, o.command(i), process.Config{
			Source:     syncstream.Source{Name: w.name, Rank: i, Size: len(o.workers)},
			StopSignal: o.signal, StopGrace: o.stopGrace(),
		})
		if p == nil {
			break
		}
		c.add(p)
		ends.Go(func() {
			defer places.leave() // the next one starts only if this one is no reason to stop
			if why := o.ended(p.Wait()); why != nil {
				c.stop(why)
			}
		})
	}
	results := group.Wait()
	ends.Wait()
	return append(results, make([]process.Result, len(o.workers)-len(results))...)
}

// jobs are the places of the workers that run at once.
type jobs chan struct{}

// enter waits for a place. It reports false if ctx ends first.
func (j jobs) enter(ctx context.Context) bool {
	if ctx.Err() != nil {
		return false
	}
	select {
	case j <- struct{}{}:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

func (j jobs) leave() { <-j }

// orAll returns the limit, if there is one.
func orAll(limit, all int) int {
	if limit == 0 {
		return all
	}
	return limit
}

// plain says on a writer what there is to say.
type plain struct{ w io.Writer }

func (p plain) Notice(text string) { fmt.Fprintln(p.w, text) }
func (p plain) SetStatus(string)   {}

// exitWith returns the error that makes the program exit with that status.
func exitWith(status int) error {
	if status == 0 {
		return nil
	}
	return &exitStatus{code: status}
}

// newSink returns what shows the messages.
func (o *runOptions) newSink() syncstream.Sink {
	view.EnlargePipe(o.stdout)
	stdout, stderr := view.Patient(o.stdout), view.Patient(o.stderr)
	if o.json {
		return sink.NewJSON(stdout)
	}
	return sink.NewText(stdout, stderr)
}

// outputStatus returns the exit status for output that could not be written: as
// if SIGPIPE had ended the program, where its reader has gone away.
func outputStatus(err error) error {
	if errors.Is(err, syscall.EPIPE) {
		return &exitStatus{code: exitSignal + int(syscall.SIGPIPE)}
	}
	return &exitStatus{code: exitFailure, err: fmt.Errorf("write the workers' lines: %w", err)}
}
