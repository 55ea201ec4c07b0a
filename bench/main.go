//go:build linux

// Command bench measures syncstream beside the limit of the machine and beside its
// peers, and writes docs/benchmarks.md.
//
//	cd bench && go run . -o ../docs/benchmarks.md
//
// Each figure is taken in the same round as what it is compared with, and every
// program that takes part is ours (see c/ and the helpers below) or comes from Debian.
// The benchmark needs Linux and a C compiler called cc.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"syscall"

	"github.com/syncstream/syncstream/process"
)

// helpers are the measured Go programs. They share the driver's file, so that
// nothing else needs to be built.
var helpers = map[string]func(ctx context.Context, args []string) error{
	"collect":     collect,
	"delays":      delays,
	"golimit":     goLimit,
	"idle":        idle,
	"mirrorwrite": mirrorWrite,
	"reading":     reading,
	"starts":      starts,
}

func main() {
	process.Main() // helpers have a guard, which is this program
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := dispatch(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func dispatch(ctx context.Context, args []string) error {
	if len(args) > 0 {
		if helper, ok := helpers[args[0]]; ok {
			return helper(ctx, args[1:])
		}
	}
	return drive(ctx, args)
}

// options are the driver's flags.
type options struct {
	runs       int
	only       *regexp.Regexp
	out        string
	readme     string
	json       bool
	setup      bool
	syncstream string
	base       string
	lines      int
}

func parseOptions(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.IntVar(&o.runs, "runs", 7, "rounds of each comparison")
	only := f.String("only", "", "measure only what this regular expression finds in a comparison's name")
	f.StringVar(&o.out, "o", "", "write the page to this file (else to standard output)")
	f.StringVar(&o.readme, "readme", "", "write the figures that have a demand into this file, between its marks")
	f.BoolVar(&o.json, "json", false, "write every run, as JSON, to standard output")
	f.BoolVar(&o.setup, "setup", false, "first install the peers (apt-get install parallel)")
	f.StringVar(&o.syncstream, "syncstream", "", "measure this binary (else ../cmd/syncstream is built)")
	f.StringVar(&o.base, "base", "", "measure beside this revision of the repository, which is built too")
	f.IntVar(&o.lines, "lines", 0, "lines of each generator (else enough for LIMIT to take 1.2 s)")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 || o.runs < 1 || o.lines < 0 {
		return o, errors.New("-runs is at least 1, -lines at least 0, and there are no arguments")
	}
	var err error
	if o.only, err = regexp.Compile(*only); err != nil {
		return o, fmt.Errorf("-only: %w", err)
	}
	return o, nil
}

// drive builds, measures and reports. What fails is said in its row, and in the end
// by the error; the rest is measured all the same.
func drive(ctx context.Context, args []string) error {
	o, err := parseOptions(args)
	if err != nil {
		return err
	}
	if o.setup {
		if err := installPeers(ctx); err != nil {
			return err
		}
	}
	w, err := newWorkshop(ctx, o.syncstream)
	if err != nil {
		return err
	}
	defer w.close()
	commit := ""
	if o.base != "" {
		if commit, err = w.addBase(ctx, "..", o.base); err != nil {
			return fmt.Errorf("-base %s: %w", o.base, err)
		}
	}

	results, err := measureAll(ctx, w, o)
	if err != nil {
		return err
	}
	if len(results) == 0 {
		return fmt.Errorf("-only %s finds no comparison", o.only)
	}
	page := report{machine: thisMachine(ctx), args: args, base: commit, results: results}
	if err := page.write(o); err != nil {
		return err
	}
	return failures(results)
}

func (r *report) write(o options) error {
	if o.json {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "\t")
		if err := e.Encode(r.raw()); err != nil {
			return fmt.Errorf("writing JSON: %w", err)
		}
	}
	if o.readme != "" {
		if err := r.writeInto(o.readme); err != nil {
			return fmt.Errorf("writing the summary: %w", err)
		}
	}
	switch {
	case o.out != "":
		if err := os.WriteFile(o.out, []byte(r.markdown()), 0o644); err != nil {
			return fmt.Errorf("writing the page: %w", err)
		}
	case !o.json:
		if _, err := io.WriteString(os.Stdout, r.markdown()); err != nil {
			return fmt.Errorf("writing the page: %w", err)
		}
	}
	return nil
}
