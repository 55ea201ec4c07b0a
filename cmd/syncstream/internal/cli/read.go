package cli

import (
	"context"
	"os"

	"github.com/spf13/cobra"
	"github.com/syncstream/syncstream"
)

// readOptions are what read was told.
type readOptions struct {
	askOptions
	rowOptions
	n int
}

func newRead() *cobra.Command {
	o := &readOptions{n: 10}
	cmd := newAsk(&o.askOptions, &cobra.Command{
		Use:   "read [flags] URL",
		Short: "Show the last messages of a host's buffer",
		Long:  "Show the last messages of a buffer, each behind its worker's name.",
		Example: `  syncstream read -n 20 http://node1:7575/train
  syncstream read -t http://node1:7575/train          with the time of each
  syncstream read --json -n 1000 http://node1:7575/train`,
		Annotations: map[string]string{footerOf: askFooter},
	}, o.ask)
	flags{cmd.Flags(), "Print"}.add("lines,n", "10", "show the last `N`", count(&o.n, 0))
	o.rowOptions.define(flags{cmd.Flags(), "Print"})
	completeWords(cmd)
	return cmd
}

func (o *readOptions) ask(ctx context.Context, client syncstream.Store) error {
	messages, err := client.Last(ctx, o.n)
	if err != nil {
		return err
	}
	rows := o.rows(o.askOptions.json, os.Stdout)
	for _, m := range messages {
		rows.add(&m)
	}
	if err := rows.close(); err != nil {
		return outputStatus(err)
	}
	return nil
}
