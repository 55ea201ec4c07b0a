package cli

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// helpWidth is how many columns help may have.
const helpWidth = 80

// showHelp prints a help that fits a screen: of the flags of a verb that has many
// only the names stand beside that of their group, and what each does is told by
// 'syncstream help flags' and the man page.
func showHelp(cmd *cobra.Command, _ []string) {
	var b strings.Builder
	b.WriteString(strings.TrimSpace(orElse(cmd.Long, cmd.Short)) + "\n")
	if cmd.HasExample() {
		b.WriteString("\n" + cmd.Example + "\n")
	}
	if verbs := verbsAndTopics(cmd); len(verbs) > 0 {
		b.WriteString("\n")
		writeVerbs(&b, cmd, verbs)
	}
	if groups := flagGroups(cmd); len(groups) > 0 {
		b.WriteString("\n")
		write := listGroup
		if isLong(groups) {
			write = writeGroup
		}
		for _, g := range groups {
			write(&b, g)
		}
	} else if usages := cmd.LocalFlags().FlagUsagesWrapped(helpWidth); usages != "" && cmd.Runnable() {
		b.WriteString("\n" + usages)
	}
	if footer := cmd.Annotations[footerOf]; footer != "" {
		b.WriteString(footer + "\n")
	}
	fmt.Fprint(cmd.OutOrStdout(), b.String())
}

// writeVerbs lists verbs, each group behind its title.
func writeVerbs(b *strings.Builder, cmd *cobra.Command, verbs []*cobra.Command) {
	titles := map[string]string{"": "More"}
	order := []string{}
	for _, g := range cmd.Groups() {
		titles[g.ID] = g.Title
		order = append(order, g.ID)
	}
	for _, group := range append(order, "") {
		title := titles[group]
		for _, verb := range verbs {
			if verb.GroupID == group {
				fmt.Fprintf(b, "%-*s%-11s%s\n", verbIndent, title, verb.Name(), verb.Short)
				title = ""
			}
		}
	}
}

// verbIndent is how many columns the title of a group of verbs has.
const verbIndent = 6

// isLong reports whether there are too many flags to say what each does.
func isLong(groups []flagGroup) bool {
	n := 0
	for _, g := range groups {
		n += len(g.flags)
	}
	return n > 20
}

// verbsAndTopics returns what there is help for below cmd.
func verbsAndTopics(cmd *cobra.Command) (all []*cobra.Command) {
	for _, verb := range cmd.Commands() {
		if verb.IsAvailableCommand() || verb.IsAdditionalHelpTopicCommand() {
			all = append(all, verb)
		}
	}
	return all
}

// newHelp returns the verb help.
func newHelp() *cobra.Command {
	names := func(cmd *cobra.Command) (names []string) {
		for _, verb := range verbsAndTopics(cmd.Root()) {
			names = append(names, verb.Name())
		}
		return names
	}
	return &cobra.Command{
		Use:   "help [VERB | TOPIC]",
		Short: "Help for a verb or a topic",
		ValidArgsFunction: func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			return names(cmd), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				what := strings.Join(args, " ")
				return usagef(cmd.Root(), "there is no help for %q%s", what, meant(what, names(cmd)))
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
	}
}

// footerOf is the annotation of a command with what its help ends with.
const footerOf = "syncstream/footer"

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// flagGroup is flags that belong together.
type flagGroup struct {
	name  string
	flags []*pflag.Flag
}

// flagGroups returns the groups of a command's flags, in the order in which
// they were defined.
func flagGroups(cmd *cobra.Command) (groups []flagGroup) {
	cmd.Flags().SortFlags = false
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		group := f.Annotations[groupOf]
		if f.Hidden || len(group) == 0 {
			return
		}
		if n := len(groups); n == 0 || groups[n-1].name != group[0] {
			groups = append(groups, flagGroup{name: group[0]})
		}
		last := &groups[len(groups)-1]
		last.flags = append(last.flags, f)
	})
	return groups
}

// groupIndent is how many columns the name of a group has.
const groupIndent = 9

// listGroup writes what each flag of a group does, up to the first semicolon.
func listGroup(b *strings.Builder, g flagGroup) {
	const indent = groupIndent + 25
	name := g.name
	for _, f := range g.flags {
		_, usage := pflag.UnquoteUsage(f)
		usage, _, _ = strings.Cut(usage, ";")
		if f.DefValue != "" && f.NoOptDefVal == "" {
			usage += " (" + f.DefValue + ")"
		}
		text := strings.TrimSpace(wrapped(usage, indent))
		fmt.Fprintf(b, "%-*s%-*s%s\n", groupIndent, name, indent-groupIndent, flagSynopsis(f)+" ", text)
		name = ""
	}
}

// writeGroup writes the names of a group's flags beside its own, as many in a
// row as fit.
func writeGroup(b *strings.Builder, g flagGroup) {
	const indent = groupIndent
	column := 0
	fmt.Fprintf(b, "%-*s", indent, g.name)
	for _, f := range g.flags {
		word := flagSynopsis(f)
		width := utf8.RuneCountInString(word) + 2
		switch {
		case column == 0:
			column = indent
		case column+width > helpWidth:
			fmt.Fprintf(b, "\n%*s", indent, "")
			column = indent
		default:
			b.WriteString("  ")
		}
		b.WriteString(word)
		column += width
	}
	b.WriteString("\n")
}

// flagSynopsis returns a flag with the name of its value: "-n/--copies N".
func flagSynopsis(f *pflag.Flag) string {
	s := "--" + f.Name
	if f.Shorthand != "" {
		s = "-" + f.Shorthand + "/" + s
	}
	value := valueName(f)
	switch {
	case value == "value" || f.NoOptDefVal == "true":
		return s
	case f.NoOptDefVal != "":
		return s + "[=" + value + "]"
	}
	return s + " " + value
}

// valueName returns what a flag's value is called.
func valueName(f *pflag.Flag) string {
	if name := f.Annotations[valueOf]; len(name) > 0 {
		return name[0]
	}
	name, _ := pflag.UnquoteUsage(f)
	return name
}

// newFlagsTopic is 'syncstream help flags': what each flag of of does.
func newFlagsTopic(of *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "flags",
		Short: "What each flag of " + of.Name() + " does (a topic of help)",
		Long:  flagsText(of),
	}
}

// flagsText describes each flag.
func flagsText(cmd *cobra.Command) string {
	var b strings.Builder
	b.WriteString(wrapped("The flags of "+cmd.CommandPath()+". "+envText(), 0))
	for _, g := range flagGroups(cmd) {
		fmt.Fprintf(&b, "\n%s\n", g.name)
		for _, f := range g.flags {
			fmt.Fprintf(&b, "  %s\n%s", flagSynopsis(f), wrapped(withDefault(f, f.Usage), 6))
		}
	}
	return b.String()
}

// envText tells of the variables that stand for flags.
func envText() string {
	return "Each flag has a variable too, which the flag overrides and which workers do not get: " +
		envPrefix + "STOP_ON is --stop-on. Times are as in 1m30s, bytes as in 10M."
}

// withDefault adds what a flag means that is not given.
func withDefault(f *pflag.Flag, usage string) string {
	if f.DefValue == "" || f.NoOptDefVal != "" {
		return usage
	}
	return usage + " (if not given: " + f.DefValue + ")"
}

// wrapped returns text in lines that fit help, each behind so many spaces.
func wrapped(text string, indent int) string {
	var b strings.Builder
	column := 0
	for word := range strings.FieldsSeq(text) {
		width := utf8.RuneCountInString(word)
		switch {
		case column == 0:
			fmt.Fprintf(&b, "%*s", indent, "")
			column = indent
		case column+1+width > helpWidth:
			fmt.Fprintf(&b, "\n%*s", indent, "")
			column = indent
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += width
	}
	return b.String() + "\n"
}
