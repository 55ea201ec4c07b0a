package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/syncstream/syncstream"
)

// stopOptions are what stop was told.
type stopOptions struct {
	askOptions
	cause string
}

func newStop() *cobra.Command {
	o := &stopOptions{cause: "stopped by syncstream stop"}
	cmd := newAsk(&o.askOptions, &cobra.Command{
		Use:   "stop [flags] URL",
		Short: "Ask the workers of a host's buffer to end",
		Long: `Ask all workers of a buffer to end, those too that come later, and say how many
are open. Workers that never write hear it too. It waits for none of them.`,
		Example: `  syncstream stop http://node1:7575/train
  syncstream stop --cause 'the loss is not a number' http://node1:7575/train
  syncstream stop --json http://node1:7575/train`,
		Annotations: map[string]string{footerOf: askFooter},
	}, o.ask)
	flags{cmd.Flags(), "Stop"}.add("cause", "", "tell workers and those who wait this `TEXT` as the reason", text(&o.cause))
	return cmd
}

// askFooter says how verbs end that ask a host.
const askFooter = `Exits with 0; 1 if the host does not answer, or refuses; 2 for wrong usage.`

func (o *stopOptions) ask(ctx context.Context, client syncstream.Store) error {
	_, before, err := client.Snapshot(ctx)
	if err != nil {
		return err
	}
	if err := client.Stop(ctx, errors.New(o.cause)); err != nil {
		return err
	}
	_, after, err := client.Snapshot(ctx)
	if err != nil {
		return fmt.Errorf("the workers are asked to end, but who is open is not known: %w", err)
	}
	n := asked(before, after)
	return o.print(plural(n, "open worker")+" asked to end\n", struct {
		Version int `json:"v"`
		Open    int `json:"open"`
	}{1, n})
}

// asked counts the workers that are open, and those that were and have already
// ended as they were asked to.
func asked(before, after []syncstream.SourceStatus) (n int) {
	open := make(map[string]bool)
	for _, s := range before {
		open[s.Source.ID] = s.State.IsOpen()
	}
	for _, s := range after {
		if s.State.IsOpen() || open[s.Source.ID] && !s.Asked.IsZero() {
			n++
		}
	}
	return n
}
