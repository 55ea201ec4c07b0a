package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/syncstream/syncstream/cmd/syncstream/internal/view"
	"github.com/syncstream/syncstream/process"
)

// runOptions are what run was told: one struct for each idea.
type runOptions struct {
	commandOptions
	endingOptions
	verdictOptions
	showOptions
	logOptions
	toOptions
	silence time.Duration // after which a hint is given

	stdout, stderr *os.File
}

func newRun() *cobra.Command {
	o := &runOptions{stdout: os.Stdout, stderr: os.Stderr, silence: defaultSilence}
	cmd := &cobra.Command{
		Use:   "run [flags] ('COMMAND'... | [-n N] -- PROGRAM [ARG]... | -f PROCFILE [NAME]...)",
		Short: "Run commands and show their lines, each under its worker's name",
		Long:  "Run commands at once, and show their lines whole, each under its worker's name.",
		Example: `  syncstream run 'npm start' 'go run ./api'   each is a command for the shell
  syncstream run -n 4 -- python3 train.py     four copies of one program
  syncstream run -f Procfile web db           two commands of a Procfile`,
		GroupID: groupRun,
		Annotations: map[string]string{footerOf: `Exits with 0; or as the worker that failed first, with 128 and its signal if one
killed it, 126 or 127 if it can't be run or found; 124 after --timeout; 130 and
so on after Ctrl-C; 141 if the output goes nowhere; 2 for wrong usage.
On Linux, nothing that was started outlives syncstream, even where it is killed.
What each flag does: syncstream help flags`},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.complete(cmd, args); err != nil {
				return err
			}
			return o.run(cmd.Context())
		},
	}
	o.commandOptions.define(flags{cmd.Flags(), "Run"})
	o.showOptions.define(flags{cmd.Flags(), "Show"})
	o.logOptions.define(flags{cmd.Flags(), "Keep"})
	o.toOptions.define(flags{cmd.Flags(), "Host"})
	o.endingOptions.define(flags{cmd.Flags(), "End"})
	o.verdictOptions.define(flags{cmd.Flags(), "Tell"})
	completeFlags(cmd, &o.commandOptions)
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
	if err := o.toOptions.complete(cmd); err != nil {
		return err
	}
	o.showOptions.complete(o.workers, o.stdout, o.stderr)
	if view.IsTerminal(os.Stdin) {
		o.config.Typed = o.stdin
	}
	return o.endingOptions.complete(cmd, &o.commandOptions)
}

// run runs the workers and returns the exit status as an error.
func (o *runOptions) run(ctx context.Context) error {
	started := time.Now()
	c := newCourse(ctx, &o.endingOptions)
	defer c.cancel(nil)
	buf := o.buffer()
	outs, err := o.attach(buf, c)
	if err != nil {
		return &exitStatus{code: exitFailure, err: err}
	}
	to, err := o.deliver(ctx, buf, c)
	if err != nil {
		return &exitStatus{code: exitFailure, err: err}
	}
	signals := catchSignals(c, outs)
	defer signals.stop()
	if err := process.Guard(); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		c.notice(fmt.Sprintf("what workers start may outlive this program: %v", err))
	}

	ended := make(chan struct{})
	var telling sync.WaitGroup
	telling.Go(func() { c.tell(outs.notices, ended) })
	r := &runner{o: o, course: c, buf: buf, outs: outs, places: make(jobs, orAll(o.jobs, len(o.workers)))}
	results := r.run()
	close(ended)
	outErr := outs.drain()
	if outErr == nil { // else nobody may ever take what there is to tell
		telling.Wait()
	}
	out := outcome{
		results: results, reason: c.reason(), stopped: c.askedAt(), hit: outs.lines.hit.Load(), asides: &outs.asides,
	}
	v := o.judge(out.settle(), buf, &r.words, started)
	if err := to.close(); err != nil {
		outs.notices.Notice("syncstream: " + view.Safe(err.Error()))
		v.Status = max(v.Status, exitFailure)
	}
	if err := outs.close(buf); outErr == nil {
		outErr = err
	}
	if outErr != nil {
		return o.keepVerdict(v, outputStatus(outErr))
	}
	return o.tellVerdict(v, outs.notices)
}

// tellVerdict shows the verdict and returns the exit status as an error. What
// went well has a row on a terminal, and nothing to say elsewhere.
func (o *runOptions) tellVerdict(v *verdict, to notifier) error {
	if !v.isWell() || view.IsTerminal(o.stderr) {
		to.Notice(v.String())
	}
	return o.keepVerdict(v, &exitStatus{code: v.Status})
}

// keepVerdict writes the verdict's file, if there is to be one, and returns the
// exit status as an error.
func (o *runOptions) keepVerdict(v *verdict, status *exitStatus) error {
	v.Status = status.code
	if o.verdictOptions.file != "" {
		if err := v.writeFile(o.verdictOptions.file); err != nil {
			status = &exitStatus{code: max(v.Status, exitFailure), err: errors.Join(status.err, err)}
		}
	}
	if status.code == 0 {
		return nil
	}
	return status
}

// outputStatus returns the exit status for output that could not be written: as
// if SIGPIPE had ended the program, where its reader has gone away.
func outputStatus(err error) *exitStatus {
	if errors.Is(err, syscall.EPIPE) {
		return &exitStatus{code: exitSignal + int(syscall.SIGPIPE)}
	}
	return &exitStatus{code: exitFailure, err: fmt.Errorf("write the workers' lines: %w", err)}
}
