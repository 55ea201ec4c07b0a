package cli

import (
	"os"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// wordsOf is the annotation of a flag with the words that it takes.
const wordsOf = "syncstream/words"

// oneOf has a flag's value completed by one of words.
func oneOf(f *pflag.Flag, words ...string) { f.Annotations[wordsOf] = words }

// completeFlags has shells complete the values of cmd's flags, and after -f the
// names of the Procfile.
func completeFlags(cmd *cobra.Command, o *commandOptions) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if words := f.Annotations[wordsOf]; words != nil {
			_ = cmd.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)) // the flag is there
		}
	})
	for _, name := range []string{"cwd", "log-dir"} {
		_ = cmd.MarkFlagDirname(name) // as above
	}
	cmd.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if o.procfile == "" {
			return nil, cobra.ShellCompDirectiveDefault
		}
		text, _ := os.ReadFile(o.procfile)
		workers, _ := parseProcfile(o.procfile, string(text)) // with an error there is nothing to complete
		names := slices.DeleteFunc(namesOf(workers), func(name string) bool { return slices.Contains(args, name) })
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}
