package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"github.com/syncstream/syncstream"
)

// askOptions are those of a verb that asks a host for something, and prints what
// came of it.
type askOptions struct {
	hostOptions
	patienceOptions
	json   bool
	stdout io.Writer
}

// newAsk returns a command that does so; ask gets a client, and a context that
// ends with our patience.
func newAsk(o *askOptions, cmd *cobra.Command, ask func(context.Context, syncstream.Store) error) *cobra.Command {
	cmd.GroupID = groupHosts
	cmd.ValidArgsFunction = cobra.NoFileCompletions
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := o.addressArgs(cmd, args); err != nil {
			return err
		}
		o.stdout = os.Stdout
		return o.run(cmd.Context(), ask)
	}
	o.hostOptions.define(flags{cmd.Flags(), "Host"})
	o.patienceOptions.define(flags{cmd.Flags(), "Host"})
	flags{cmd.Flags(), "Print"}.onOff("json", "print JSON, one object a line", func(on bool) { o.json = on })
	return cmd
}

func (o *askOptions) run(ctx context.Context, ask func(context.Context, syncstream.Store) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, o.patience, errPatience)
	defer cancel()
	client, err := o.open(ctx, io.Discard) // the error says it
	if err != nil {
		return &exitStatus{code: exitFailure, err: err}
	}
	err = ask(ctx, client)
	if _, ok := errors.AsType[*exitStatus](err); err == nil || ok {
		return err
	}
	return &exitStatus{code: exitFailure, err: errors.New(words(err.Error()))}
}

// print prints a text, or with --json a value.
func (o *askOptions) print(text string, value any) (err error) {
	if o.json {
		err = printJSON(o.stdout, value)
	} else {
		_, err = io.WriteString(o.stdout, text)
	}
	if err != nil {
		return fmt.Errorf("write what the host has said: %w", err)
	}
	return nil
}

// printJSON prints a value in one line.
func printJSON(w io.Writer, value any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false) // as messages have it
	return e.Encode(value)
}
