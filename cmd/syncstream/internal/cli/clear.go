package cli

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/syncstream/syncstream"
)

// clearOptions are what clear was told.
type clearOptions struct {
	askOptions
	reset bool
}

func newClear() *cobra.Command {
	o := &clearOptions{}
	cmd := newAsk(&o.askOptions, &cobra.Command{
		Use:   "clear [flags] URL",
		Short: "Remove all messages of a host's buffer",
		Long: `Remove all messages of a buffer, and say how many there were. Workers go on, and
the host still knows how they came out.`,
		Example: `  syncstream clear http://node1:7575/train
  syncstream clear --reset http://node1:7575/train   before the next run
  syncstream clear --json http://node1:7575/train`,
		Annotations: map[string]string{footerOf: askFooter},
	}, o.ask)
	flags{cmd.Flags(), "Clear"}.onOff("reset", "forget failures, a stop and closed workers too", func(on bool) { o.reset = on })
	return cmd
}

func (o *clearOptions) ask(ctx context.Context, client syncstream.Store) error {
	empty := client.Clear
	if o.reset {
		empty = client.Reset
	}
	before, _, err := client.Snapshot(ctx)
	if err != nil {
		return err
	}
	if err := empty(ctx); err != nil {
		return err
	}
	after, _, err := client.Snapshot(ctx)
	if err != nil {
		return err
	}
	removed := after.Cleared.Messages
	if removed >= before.Cleared.Messages { // else the host was started again, and has another buffer
		removed -= before.Cleared.Messages
	}
	return o.print(plural(int(removed), "message")+" removed\n", struct {
		Version int    `json:"v"`
		Cleared uint64 `json:"cleared"`
	}{1, removed})
}
