package cli

import (
	"errors"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/cmd/syncstream/internal/mask"
	"github.com/syncstream/syncstream/cmd/syncstream/internal/view"
	"github.com/syncstream/syncstream/process"
)

// stepsEvery is how often a progress bar has a row where it is not a live one.
const stepsEvery = 5 * time.Second

// showOptions say how messages are shown.
type showOptions struct {
	config view.Config
	color  string // auto, always or never
	lines  syncstream.Lines
	order  string // split or merged
	json   bool
	masks  []string
	mask   *mask.Mask
}

func (o *showOptions) define(f flags) {
	c := &o.config
	c.Steps = stepsEvery
	o.defineRows(f)
	f.onOff("raw", "let all escape sequences through to the terminal", func(on bool) { c.Raw = on })
	f.words("cr", "fold", "`WHAT` a carriage return does, as progress bars have it: fold, it starts the line again, and in a file or pipe the bar is its last state, and a row each 5 s before that; split, it ends it; keep, it is text", parsed(&o.lines, view.ParseCR), "fold", "split", "keep")
	f.words("output", "stream", "`WHAT` is shown: stream, lines as they come; group, a worker's together when it ends; errors, so, but only of one that failed; none", parsed(&c.Output, view.ParseOutput), "stream", "group", "errors", "none")
	f.choice("order", "`HOW` a worker's stdout and stderr are taken: split, each on our own; merged, on one pipe, in their exact order, all on our stdout", &o.order, "split", "merged")
	f.add("include", "", "show only lines that match `REGEX`; it may be given more than once; logs and --json have all", expressions(&c.Include))
	f.add("exclude", "", "hide lines that match `REGEX`; it may be given more than once; logs and --json have them", expressions(&c.Exclude))
	f.add("mask", "", "put *** where `REGEX` matches, in all that is shown or kept, and before --until, --fail-on and other flags look at a line; it may be given more than once", o.addMask)
	f.onOff("json", "print each message, and what happens to workers, as JSON, one object a line, all on stdout", func(on bool) { o.json = on })
}

// defineRows defines the flags that say how a row begins.
func (o *showOptions) defineRows(f flags) {
	c := &o.config
	f.words("prefix,p", "name", "`WHAT` stands before each line: name, index, pid, rank, host, time, command, none, or a template such as '[{name} {pid}] '", parsed(&c.Prefix, view.ParsePrefix), "name", "index", "pid", "rank", "host", "time", "command", "none")
	f.add("timestamps,t", "", "the time before each line, as `FORMAT`: %H:%M:%S and the like, 15:04:05, iso, or unix; without one, %H:%M:%S.%L", parsed(&c.Timestamps, view.ParseTimestamps)).
		NoOptDefVal = view.DefaultTimestamps
	f.choice("color", "`WHEN` tags are in colour, auto, always or never; NO_COLOR, FORCE_COLOR and CLICOLOR_FORCE count too, and workers get them", &o.color, "auto", "always", "never")
}

// parsed takes what parse understands.
func parsed[T any](to *T, parse func(string) (T, error)) func(string) error {
	return func(s string) error {
		v, err := parse(s)
		if err == nil {
			*to = v
		}
		return err
	}
}

// expressions takes one more regular expression.
func expressions(to *[]*regexp.Regexp) func(string) error {
	return func(s string) error {
		re, err := compile(s)
		if err != nil {
			return err
		}
		*to = append(*to, re)
		return nil
	}
}

func (o *showOptions) addMask(s string) error {
	if _, err := compile(s); err != nil {
		return err
	}
	all := append(o.masks, s)
	m, err := mask.New(all...)
	if err != nil {
		return errors.New("it matches where there is nothing; want a pattern for the secret only")
	}
	o.masks, o.mask = all, m
	return nil
}

// complete fills in what the view has to know of the workers and of where it
// shows them.
func (o *showOptions) complete(workers []worker, stdout, stderr *os.File) {
	c := &o.config
	c.Stdout, c.Stderr, c.Mask, c.Dumb = stdout, stderr, o.mask, os.Getenv("TERM") == "dumb"
	c.Color = view.WantColor(o.color, os.Getenv, view.IsTerminal(stdout))
	if o.json {
		c.Output = view.None
	}
	for _, w := range workers {
		c.Workers = append(c.Workers, view.Worker{Name: w.name, Command: o.mask.String(w.command())})
	}
}

// shownCommands returns the workers' commands without secrets.
func (o *showOptions) shownCommands() (commands []string) {
	for _, w := range o.config.Workers {
		commands = append(commands, w.Command)
	}
	return commands
}

// buffer returns a buffer whose messages have no secrets.
func (o *showOptions) buffer() *syncstream.Buffer {
	var c syncstream.Config
	if o.mask != nil {
		c.Parse = o.mask.Parse
	}
	return syncstream.New(c)
}

// processOrder returns the order as package process has it.
func (o *showOptions) processOrder() process.Order {
	if o.order == "merged" {
		return process.Merged
	}
	return process.Labels
}

// colorEnv returns env with what tells workers, who see no terminal, whether they
// shall print in colour: as we do, where we are on one. What says the contrary
// goes, since programs differ in which of two they believe.
func (o *showOptions) colorEnv(env []string, stdout *os.File) []string {
	if o.json || !view.IsTerminal(stdout) {
		return env
	}
	forced := []string{"FORCE_COLOR", "CLICOLOR_FORCE"}
	if !o.config.Color {
		return append(without(env, forced...), "NO_COLOR=1")
	}
	env = without(env, "NO_COLOR")
	for _, name := range forced {
		switch value := lookup(env, name); value {
		case "", "0", "false":
			env = append(without(env, name), name+"=1")
		default: // it may say how many colours
		}
	}
	return env
}

// command returns what people call the command of a worker.
func (w *worker) command() string {
	if w.shell {
		return w.argv[2]
	}
	return strings.Join(w.argv, " ")
}
