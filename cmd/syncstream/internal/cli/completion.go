package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
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
		Short: "Print what has your shell complete verbs, flags and their values",
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
