package cli

import (
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/cmd/syncstream/internal/view"
)

// shownFlags say how messages are shown.
type shownFlags struct {
	prefix, timestamps, color, output, cr string
	raw                                   bool

	config view.Config
	lines  syncstream.Lines
	view   *view.View // nil: something else shows them
}

func (f *shownFlags) add(flags *pflag.FlagSet) {
	flags.StringVarP(&f.prefix, "prefix", "p", "name", "name, index, pid, rank, time, command, none, or a `TEMPLATE` with {name}")
	flags.StringVarP(&f.timestamps, "timestamps", "t", "", "the time before each line, as `FORMAT`: %H:%M:%S, 15:04:05, iso, unix")
	flags.Lookup("timestamps").NoOptDefVal = view.DefaultTimestamps
	flags.StringVar(&f.color, "color", "auto", "`WHEN` tags are in colour: auto, always, never")
	flags.StringVar(&f.output, "output", "stream", "`WHAT` is shown: stream, group, errors, none")
	flags.StringVar(&f.cr, "cr", "fold", "`WHAT` a carriage return does: fold, split, keep")
	flags.BoolVar(&f.raw, "raw", false, "let all escape sequences through to the terminal")
}

// complete makes the view's configuration of the flags.
func (f *shownFlags) complete(cmd *cobra.Command, o *runOptions) (err error) {
	c := &f.config
	*c = view.Config{Stdout: o.stdout, Stderr: o.stderr, Raw: f.raw, Dumb: os.Getenv("TERM") == "dumb"}
	for _, w := range o.workers {
		c.Workers = append(c.Workers, view.Worker{Name: w.name, Command: w.argv[len(w.argv)-1]})
	}
	if c.Prefix, err = view.ParsePrefix(f.prefix); err != nil {
		return usagef(cmd, "--prefix %q: %s", f.prefix, err)
	}
	if cmd.Flags().Changed("timestamps") {
		if c.Timestamps, err = view.ParseTimestamps(f.timestamps); err != nil {
			return usagef(cmd, "--timestamps %q: %s", f.timestamps, err)
		}
	}
	if err := view.ParseWhen(f.color); err != nil {
		return usagef(cmd, "--color %q: %s", f.color, err)
	}
	c.Color = view.WantColor(f.color, os.LookupEnv, view.IsTerminal(o.stdout))
	if c.Output, err = view.ParseOutput(f.output); err != nil {
		return usagef(cmd, "--output %q: %s", f.output, err)
	}
	if f.lines, err = view.ParseCR(f.cr); err != nil {
		return usagef(cmd, "--cr %q: %s", f.cr, err)
	}
	if len(o.workers) > 0 && strings.Join(o.workers[0].argv[:1], "") != "sh" {
		for i := range c.Workers {
			c.Workers[i].Command = strings.Join(o.workers[i].argv, " ")
		}
	}
	return nil
}
