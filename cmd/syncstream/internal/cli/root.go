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
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/syncstream/syncstream/cmd/syncstream/internal/torture"
	"github.com/syncstream/syncstream/cmd/syncstream/internal/view"
)

// Main runs the program and returns its exit status.
func Main() int {
	torture.Play() // this program plays the workers of torture too
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

// complain tells people of an error. Some of its words may be a host's, or a file's.
func complain(w io.Writer, err error) {
	fmt.Fprintf(w, "syncstream: %s\n", view.Safe(err.Error()))
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "syncstream",
		Short: "Bring the output of many workers together, every line whole",
		Long: `syncstream runs many commands at once and brings their output together:
every line whole, in the order its worker wrote it, none lost.`,
		Example: `  syncstream run 'npm start' 'go run ./api'
  syncstream run -n 4 -- python3 train.py
  syncstream run -f Procfile --stop-on fail`,
		Args:          usageArgs(cobra.NoArgs),
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,

		SuggestionsMinimumDistance: 2, // at most, in fact
	}
	root.SetFlagErrorFunc(flagError)
	root.SetHelpFunc(showHelp)
	root.AddGroup(&cobra.Group{ID: groupRun, Title: "Run"}, &cobra.Group{ID: groupHosts, Title: "Hosts"})
	run := newRun()
	root.AddCommand(run, newServe(), newSend(), newFollow(), newRead(), newWait(), newStop(), newClear(), newStatus())
	root.AddCommand(newTorture(), newCompletion(), newMan(), newFlagsTopic(run))
	root.SetHelpCommand(newHelp())
	return root
}

// The groups of verbs, as help lists them.
const (
	groupRun   = "run"
	groupHosts = "hosts"
)

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

// flagError says of an unknown flag which one is nearest, and of a wrong value,
// or one that is not there, what would be right.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var invalid *pflag.InvalidValueError
	var missing *pflag.ValueRequiredError
	switch {
	case errors.As(err, &missing):
		return usagef(cmd, "%s needs a value: %s", flagName(missing.GetFlag()), flagSynopsis(missing.GetFlag()))
	case errors.As(err, &invalid):
		return usagef(cmd, "%s %s: %v", flagName(invalid.GetFlag()), shownValue(invalid.GetValue()), errors.Unwrap(invalid))
	case !errors.As(err, &unknown):
		return usagef(cmd, "%s", err)
	}
	name := unknown.GetSpecifiedName()
	if len(name) == 1 && strings.Contains(cmd.Use, "-- ") {
		return usagef(cmd, "there is no flag -%s; a program and its own flags stand behind --", name)
	}
	if len(name) == 1 {
		return usagef(cmd, "there is no flag -%s", name)
	}
	if near := nearestFlag(cmd, name); near != "" {
		return usagef(cmd, "there is no flag --%s; did you mean --%s?", name, near)
	}
	return usagef(cmd, "there is no flag --%s", name)
}

// flagName is what an error calls a flag.
func flagName(f *pflag.Flag) string {
	if f.Shorthand != "" {
		return "-" + f.Shorthand
	}
	return "--" + f.Name
}

// shownValue quotes a value where it has to be.
func shownValue(s string) string {
	if q := strconv.Quote(s); s == "" || strings.ContainsAny(s, " \t") || q[1:len(q)-1] != s {
		return q
	}
	return s
}

// nearestFlag returns the flag whose name is nearest to name, if one is near.
func nearestFlag(cmd *cobra.Command, name string) string {
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	return nearest(name, names)
}
