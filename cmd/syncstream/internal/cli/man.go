package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

// newMan returns the verb that writes the man pages, for those who package the
// program.
func newMan() *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "Write the man pages into a folder",
		Long:  "Write a man page for syncstream, and one for each verb, into the folder DIR.",
		Example: `  syncstream man man
  syncstream man ~/.local/share/man/man1
  syncstream man /tmp/man && man -l /tmp/man/syncstream-run.1`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef(cmd, "want one folder, not %d", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := writeMan(cmd.Root(), args[0]); err != nil {
				return &exitStatus{code: exitFailure, err: fmt.Errorf("write the man pages: %w", err)}
			}
			return nil
		},
	}
}

func writeMan(root *cobra.Command, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, cmd := range append(root.Commands(), root) {
		if !hasPage(cmd) {
			continue
		}
		path := filepath.Join(dir, manName(cmd)+".1")
		if err := os.WriteFile(path, []byte(manPage(cmd)), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// hasPage reports whether a command has a man page: what packagers use, and help
// itself, have none.
func hasPage(cmd *cobra.Command) bool {
	switch cmd.Name() {
	case "completion", "help", "man":
		return false
	}
	return cmd.Runnable()
}

func manName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// manPage returns a page in the macros of man(7).
func manPage(cmd *cobra.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH %s 1 \"\" \"syncstream %s\"\n", roff(strings.ToUpper(manName(cmd))), roff(version()))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", roff(manName(cmd)), roff(cmd.Short))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n%s\n", roff(cmd.UseLine()))
	manText(&b, "DESCRIPTION", cmd.Long)
	for _, g := range flagGroups(cmd) {
		fmt.Fprintf(&b, ".SH FLAGS: %s\n", strings.ToUpper(g.name))
		for _, f := range g.flags {
			fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(flagSynopsis(f)), roff(withDefault(f, f.Usage)))
		}
	}
	if cmd.Name() == "run" {
		manText(&b, "ENVIRONMENT", envText())
		for _, section := range runManual {
			manText(&b, section.title, strings.ReplaceAll(section.text, "\n", "\n\n"))
		}
	}
	if footer := cmd.Annotations[footerOf]; cmd.Name() != "run" {
		manText(&b, "EXIT STATUS", footer)
	}
	if cmd.HasExample() {
		fmt.Fprintf(&b, ".SH EXAMPLES\n.nf\n%s\n.fi\n", roff(cmd.Example))
	}
	for _, verb := range cmd.Commands() {
		if hasPage(verb) {
			fmt.Fprintf(&b, ".SH SEE ALSO\n.BR %s (1)\n", roff(manName(verb)))
		}
	}
	return b.String()
}

// manText writes a section, if there is any text for it.
func manText(b *strings.Builder, title, text string) {
	if text != "" {
		fmt.Fprintf(b, ".SH %s\n%s\n", title, roff(strings.TrimSpace(text)))
	}
}

// roff escapes text: it has no macros, and its dashes are those that people
// type.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
