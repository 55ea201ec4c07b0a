package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/cmd/syncstream/internal/view"
	"github.com/syncstream/syncstream/process"
	"github.com/syncstream/syncstream/sink"
)

// runOptions are what run was told: one struct for each idea.
type runOptions struct {
	commandOptions
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
killed it, 126 or 127 if it can't be run or found; 130 and so on after Ctrl-C;
141 if the output goes nowhere; 2 for wrong usage. More: syncstream help flags`},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.complete(cmd, args); err != nil {
				return err
			}
			return o.run(cmd.Context())
		},
	}
	o.commandOptions.define(flags{cmd.Flags(), "Run"})
	flags{cmd.Flags(), "Show"}.onOff("json", "print each message as JSON, one a line, all on stdout", func(on bool) { o.json = on })
	return cmd
}

// complete checks flags, variables and arguments, and reads the files that have
// the commands.
func (o *runOptions) complete(cmd *cobra.Command, args []string) error {
	if err := flagsFromEnv(cmd); err != nil {
		return err
	}
	return o.commandOptions.complete(cmd, args)
}

// errOutput stops the workers when nobody takes their lines any more.
var errOutput = errors.New("the output can't be written")

// run runs the workers and returns the exit status as an error.
func (o *runOptions) run(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	signals := catchSignals(stop)
	defer signals.stop()

	buf := syncstream.New(syncstream.Config{})
	output := buf.Attach(o.newSink())
	go func() { // ends with the program, if the output can always be written
		<-output.Done()
		stop(errOutput)
	}()

	group := process.Group{Limit: o.jobs}
	for i, w := range o.workers {
		if ctx.Err() != nil {
			break // those that do not run yet need not start
		}
		p, _ := group.Start(ctx, buf, o.command(i), process.Config{
			Source: syncstream.Source{Name: w.name, Rank: i, Size: len(o.workers)},
		})
		signals.add(p)
	}
	group.Wait()
	if err := output.Drain(context.Background()); err != nil {
		return outputStatus(err)
	}
	if sig := signals.first(); sig != 0 {
		return &exitStatus{code: exitSignal + int(sig)}
	}
	if err := buf.Wait(context.Background()); err != nil {
		return &exitStatus{code: statusOf(err)}
	}
	return nil
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
