package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// shell is one that there is completion for.
type shell struct {
	name  string
	load  string // what people type there
	write func(root *cobra.Command, w io.Writer) error
}

var shells = []shell{
	{"bash", "source <(syncstream completion bash)", func(root *cobra.Command, w io.Writer) error { return root.GenBashCompletionV2(w, true) }},
	{"zsh", "source <(syncstream completion zsh)", (*cobra.Command).GenZshCompletion},
	{"fish", "syncstream completion fish | source", func(root *cobra.Command, w io.Writer) error { return root.GenFishCompletion(w, true) }},
	{"powershell", "syncstream completion powershell | Out-String | Invoke-Expression", (*cobra.Command).GenPowerShellCompletionWithDesc},
}

// newCompletion returns the verb that prints what has a shell complete our words.
func newCompletion() *cobra.Command {
	var names []string
	var loads strings.Builder
	for _, s := range shells {
		names = append(names, s.name)
		fmt.Fprintf(&loads, "  %-12s%s\n", s.name, s.load)
	}
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "Print what has your shell complete verbs, flags and values",
		Long: "Print a script that has a shell complete verbs, flags, their values and the\n" +
			"names of a Procfile. This stands in the shell's start-up file (bash needs its\n" +
			"package bash-completion too):\n" + loads.String(),
		Example: `  syncstream completion bash >/etc/bash_completion.d/syncstream
  syncstream completion fish >~/.config/fish/completions/syncstream.fish
  syncstream completion zsh >~/.zfunc/_syncstream`,
		ValidArgs: names,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef(cmd, "want one shell, not %d: %s", len(args), strings.Join(names, ", "))
			}
			for _, s := range shells {
				if s.name != args[0] {
					continue
				}
				if err := s.write(cmd.Root(), cmd.OutOrStdout()); err != nil {
					return &exitStatus{code: exitFailure, err: fmt.Errorf("write the completion: %w", err)}
				}
				return nil
			}
			return usagef(cmd, "there is no completion for %q: want %s%s", args[0], strings.Join(names, ", "), meant(args[0], names))
		},
	}
}

// wordsOf is the annotation of a flag with the words that it takes.
const wordsOf = "syncstream/words"

// completeFlags has shells complete the values of cmd's flags, and after -f the
// names of the Procfile.
func completeFlags(cmd *cobra.Command, o *commandOptions) {
	completeWords(cmd)
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

// completeWords has shells complete the values of flags that take one of some
// words.
func completeWords(cmd *cobra.Command) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if words := f.Annotations[wordsOf]; words != nil && f.Name != "success" {
			_ = cmd.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)) // the flag is there
		}
	})
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
	text, _ := readText(o.procfile)
	workers, _ := parseProcfile(o.procfile, text)
	return namesOf(workers)
}
