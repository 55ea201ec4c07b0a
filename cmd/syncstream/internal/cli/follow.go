package cli

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/syncstream/syncstream"
)

// followOptions are what follow was told.
type followOptions struct {
	hostOptions
	rowOptions
	n    int
	done bool
	json bool
}

func newFollow() *cobra.Command {
	o := &followOptions{n: 10}
	cmd := &cobra.Command{
		Use:   "follow [flags] URL",
		Short: "Show a host's buffer: its last messages, and those that come",
		Long: `Show the last messages of a buffer and go on with those that come. A host
that is gone is tried again; what is missed meanwhile is counted in its place.`,
		Example: `  syncstream follow http://node1:7575/train
  syncstream follow -n 0 -t http://node1:7575/train      only what comes
  syncstream follow --json --until-done http://node1:7575/train | jq .text`,
		GroupID:           groupHosts,
		ValidArgsFunction: cobra.NoFileCompletions,
		Annotations: map[string]string{footerOf: `Exits with 0, after Ctrl-C and SIGTERM too; 1 if the host refuses, or the output
can't be written; 141 if nobody reads it any more; 2 for wrong usage.`},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.addressArgs(cmd, args); err != nil {
				return err
			}
			return o.run(cmd.Context(), os.Stdout)
		},
	}
	o.hostOptions.define(flags{cmd.Flags(), "Host"})
	f := flags{cmd.Flags(), "Print"}
	f.add("lines,n", "10", "begin with the last `N`", count(&o.n, 0))
	f.onOff("until-done", "end when no worker is open", func(on bool) { o.done = on })
	f.onOff("json", "print each message as JSON, one a line", func(on bool) { o.json = on })
	o.rowOptions.define(f)
	completeWords(cmd)
	return cmd
}

// run shows messages until there are no more, or a signal comes.
func (o *followOptions) run(ctx context.Context, stdout *os.File) error {
	client, err := o.open(ctx, os.Stderr)
	if err != nil {
		return &exitStatus{code: exitFailure, err: err}
	}
	defer signal.Stop(ignorePipe())
	ctx, cancel := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer cancel()
	context.AfterFunc(ctx, cancel) // a second signal ends the program, wherever it is
	rows := o.rows(o.json, stdout)
	err = o.follow(ctx, client, rows)
	if failed := rows.close(); failed != nil {
		return outputStatus(failed)
	}
	if err != nil && ctx.Err() == nil {
		return &exitStatus{code: exitFailure, err: errors.New(words(err.Error()))}
	}
	return nil
}

// follow shows messages; an error of rows ends it too.
func (o *followOptions) follow(ctx context.Context, client syncstream.Store, rows *rows) error {
	after, err := o.begin(ctx, client, rows)
	if err != nil {
		return err
	}
	var options []syncstream.FollowOption
	if o.done {
		options = append(options, syncstream.FollowUntilDone)
	}
	for m, err := range client.Follow(ctx, after, options...) {
		if err != nil {
			return err
		}
		rows.add(&m)
		if rows.flush(); rows.err != nil {
			return rows.err
		}
	}
	return nil
}

// begin shows the last messages, and returns behind which to go on.
func (o *followOptions) begin(ctx context.Context, client syncstream.Store, rows *rows) (syncstream.Position, error) {
	if o.n == 0 {
		return syncstream.Latest, nil
	}
	last, err := client.Last(ctx, o.n)
	if err != nil || len(last) == 0 {
		return syncstream.Oldest, err
	}
	for _, m := range last {
		rows.add(&m)
	}
	rows.flush()
	return last[len(last)-1].Position, rows.err
}

// ignorePipe has a write to a pipe that nobody reads fail, not end the program,
// until signals are no longer sent to what it returns.
func ignorePipe() chan os.Signal {
	ch := make(chan os.Signal, 1)
	signal.Notify(ch, syscall.SIGPIPE)
	return ch
}
