// Package cli is the command line: one file for each verb, with the options of
// the verb, the command that sets them, and the function that runs it.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Main runs the program and returns its exit status.
func Main() int {
	err := newRoot().ExecuteContext(context.Background())
	var status *exitStatus
	switch {
	case err == nil:
		return 0
	case errors.As(err, &status):
		if status.err != nil {
			complain(os.Stderr, status.err)
		}
		return status.code
	}
	complain(os.Stderr, err)
	return exitUsage
}

func complain(w io.Writer, err error) { fmt.Fprintf(w, "syncstream: %v\n", err) }

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "syncstream",
		Short: "Bring the output of many workers together, every line whole",
		Long: `syncstream runs many commands at once and brings their output together:
every line whole, in the order its worker wrote it, none lost.`,
		Example: `  syncstream run 'npm start' 'go run ./api'
  syncstream run -n 4 -- python3 train.py`,
		Args:          usageArgs(cobra.NoArgs),
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,

		SuggestionsMinimumDistance: 2, // at most, in fact
	}
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(newRun())
	return root
}

// version returns the module's version, or the commit that was built.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	version := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && version == "(devel)" {
			version = s.Value
		}
	}
	return version
}

// usageArgs lets cobra name the nearest verb when an argument is none.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return check(cmd, args)
		}
		near := cmd.SuggestionsFor(args[0])
		if len(near) == 0 {
			return usagef(cmd, "there is no command %q", args[0])
		}
		return usagef(cmd, "there is no command %q; did you mean %q?", args[0], strings.Join(near, `" or "`))
	}
}

// usagef returns an error for wrong usage of cmd.
func usagef(cmd *cobra.Command, format string, args ...any) error {
	return &exitStatus{
		code: exitUsage,
		err:  fmt.Errorf(format+"\nsee '%s --help'", append(args, cmd.CommandPath())...),
	}
}

// flagError says of an unknown flag which one is nearest.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &invalid) && invalid.GetFlag().Value.Type() == "int":
		return usagef(cmd, "-%s %s: want a whole number, from 1", invalid.GetFlag().Shorthand, invalid.GetValue())
	case !errors.As(err, &unknown):
		return usagef(cmd, "%s", err)
	}
	name := unknown.GetSpecifiedName()
	if len(name) == 1 {
		return usagef(cmd, "there is no flag -%s; a program and its own flags stand behind --", name)
	}
	if near := nearestFlag(cmd, name); near != "" {
		return usagef(cmd, "there is no flag --%s; did you mean --%s?", name, near)
	}
	return usagef(cmd, "there is no flag --%s", name)
}

// nearestFlag returns the flag whose name is nearest to name, if one is near.
func nearestFlag(cmd *cobra.Command, name string) (near string) {
	most := max(2, len(name)/3)
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if d := distance(f.Name, name); d <= most && !f.Hidden {
			near, most = f.Name, d-1
		}
	})
	return near
}

// distance returns the Levenshtein distance of two names: how many characters
// must be added, removed or changed to make one of the other.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j]+1, row[j+1]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
