package cli

import (
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// wordsOf is the annotation of a flag with the words that it takes.
const wordsOf = "syncstream/words"

// completeFlags has shells complete the values of cmd's flags, and after -f the
// names of the Procfile.
func completeFlags(cmd *cobra.Command, o *commandOptions) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if words := f.Annotations[wordsOf]; words != nil && f.Name != "success" {
			_ = cmd.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)) // the flag is there
		}
	})
	for _, name := range []string{"cwd", "log-dir"} {
		_ = cmd.MarkFlagDirname(name) // as above
	}
	for _, name := range []string{"stdin", "success"} {
		_ = cmd.RegisterFlagCompletionFunc(name, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) { // as above
			return append(o.knownNames(), cmd.Flag(name).Annotations[wordsOf]...), cobra.ShellCompDirectiveNoFileComp
		})
	}
	cmd.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if o.procfile == "" {
			return nil, cobra.ShellCompDirectiveDefault
		}
		names := slices.DeleteFunc(o.procfileNames(), func(name string) bool { return slices.Contains(args, name) })
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// knownNames returns the workers' names, as far as flags tell them.
func (o *commandOptions) knownNames() []string {
	if o.names != "" {
		return strings.Split(o.names, ",")
	}
	return o.procfileNames()
}

// procfileNames returns the names in the Procfile, if there is one and it can be
// read.
func (o *commandOptions) procfileNames() []string {
	text, _ := os.ReadFile(o.procfile)
	workers, _ := parseProcfile(o.procfile, string(text))
	return namesOf(workers)
}
