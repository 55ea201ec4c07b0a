package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/cmd/syncstream/internal/view"
	"github.com/syncstream/syncstream/process"
	"github.com/syncstream/syncstream/sink"
)

type runOptions struct {
	copies int
	names  string
	json   bool
	shown  shownFlags

	workers        []worker
	stdout, stderr *os.File
}

// worker is a command that is to be run.
type worker struct {
	name string
	argv []string
}

func newRun() *cobra.Command {
	o := &runOptions{stdout: os.Stdout, stderr: os.Stderr}
	cmd := &cobra.Command{
		Use:   "run [flags] 'COMMAND'... | run [flags] [-n N] -- PROGRAM [ARG]...",
		Short: "Run commands and show their lines, each under its worker's name",
		Long: `Run commands at once, and show their lines whole, each under its worker's
name: stdout on stdout, stderr on stderr, as 'name | text'. Each argument is a
command for the shell; what follows -- is one program and its arguments. Every
worker finds its number, from 0, in SYNCSTREAM_RANK, and how many there are in
SYNCSTREAM_SIZE. Its stdin is empty. Ctrl-C sends it SIGTERM, and SIGKILL after
10 s or at a second Ctrl-C.
The exit status is 0; or that of the worker that failed first, 128 and the
signal's number if one killed it, 126 or 127 if it can't be run or found; 130
and the like after Ctrl-C; 141 if the output goes nowhere; 2 for wrong usage.`,
		Example: `  syncstream run 'npm start' 'go run ./api'
  syncstream run -n 4 -- python3 train.py
  syncstream run --name web,db --json './web' './db' >log.jsonl`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.complete(cmd, args); err != nil {
				return err
			}
			return o.run(cmd.Context())
		},
	}
	cmd.Flags().IntVarP(&o.copies, "copies", "n", 1, "run `N` copies of the program that follows --")
	cmd.Flags().StringVar(&o.names, "name", "", "the workers' `NAMES`, in order, with commas between them")
	cmd.Flags().BoolVar(&o.json, "json", false, "print each message as JSON, one a line, all on stdout")
	o.shown.add(cmd.Flags())
	return cmd
}

// complete turns flags and arguments into workers.
func (o *runOptions) complete(cmd *cobra.Command, args []string) error {
	dash := cmd.ArgsLenAtDash()
	switch {
	case o.copies < 1:
		return usagef(cmd, "-n %d: want at least one copy", o.copies)
	case len(args) == 0:
		return usagef(cmd, "nothing to run: want a command, as in: syncstream run 'make -j8'")
	case dash > 0:
		return usagef(cmd, "want either commands or -- and one program, not both: %q stands before --", args[0])
	case dash < 0 && cmd.Flags().Changed("copies"):
		return usagef(cmd, "-n %d is for one program after --, as in: syncstream run -n %[1]d -- %s", o.copies, args[0])
	}
	if dash == 0 {
		if args[0] == "" {
			return usagef(cmd, "the program after -- is empty: want its name")
		}
		for range o.copies {
			o.workers = append(o.workers, worker{name: programName(args[0]), argv: args})
		}
	} else {
		for i, command := range args {
			if strings.TrimSpace(command) == "" {
				return usagef(cmd, "command %d of %d is empty: want something for the shell to run", i+1, len(args))
			}
			o.workers = append(o.workers, worker{name: commandName(command), argv: []string{"sh", "-c", command}})
		}
	}
	if err := o.completeNames(cmd); err != nil {
		return err
	}
	return o.shown.complete(cmd, o)
}

// completeNames gives each worker a name that no other has.
func (o *runOptions) completeNames(cmd *cobra.Command) error {
	if !cmd.Flags().Changed("name") {
		count := map[string]int{}
		for _, w := range o.workers {
			count[w.name]++
		}
		for i := range o.workers {
			w := &o.workers[i]
			for number := "-" + strconv.Itoa(i); count[w.name] > 1; {
				w.name += number
				count[w.name]++
			}
		}
		return nil
	}
	names := strings.Split(o.names, ",")
	if len(names) != len(o.workers) {
		return usagef(cmd, "--name %q: want a name for each of the %d workers, not %d", o.names, len(o.workers), len(names))
	}
	seen := map[string]bool{}
	for i, name := range names {
		switch {
		case name == "":
			return usagef(cmd, "--name %q: name %d is empty", o.names, i+1)
		case len(name) > maxName:
			return usagef(cmd, "--name %.20q…: want at most %d bytes, not %d", name, maxName, len(name))
		case !utf8.ValidString(name) || strings.ContainsFunc(name, unprintable):
			return usagef(cmd, "--name %q: want printable characters only", name)
		case seen[name]:
			return usagef(cmd, "--name %q stands there twice; want each worker's own", name)
		}
		seen[name] = true
		o.workers[i].name = name
	}
	return nil
}

// maxName is how many bytes a worker's name may have: it stands before each of
// its lines.
const maxName = 100

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

// programName returns a name for a worker that runs the program at path.
func programName(path string) string {
	name := strings.ToValidUTF8(filepath.Base(path), "?")
	name = strings.Map(func(r rune) rune {
		if unprintable(r) {
			return '?'
		}
		return r
	}, name)
	if len(name) > maxName {
		name = strings.ToValidUTF8(name[:maxName], "")
	}
	return name
}

// reserved are words of the shell that begin a command but name no program.
var reserved = []string{"for", "while", "until", "if", "case", "function", "select", "time", "exec"}

// commandName returns the name of the first program in a shell command, or sh.
func commandName(command string) string {
	for word := range strings.FieldsSeq(command) {
		if strings.Contains(word, "=") {
			continue // an assignment before the program
		}
		name := filepath.Base(word)
		if !slices.Contains(reserved, name) && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-") == "" {
			return name
		}
		break
	}
	return "sh"
}

// errOutput stops the workers when nobody takes their lines any more.
var errOutput = errors.New("the output can't be written")

// run runs the workers and returns the exit status as an error.
func (o *runOptions) run(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	signals := catchSignals(stop)
	defer signals.stop()

	buf := syncstream.New(syncstream.Config{})
	output := buf.Attach(o.newSink())
	go func() { // ends with the program, if the output can always be written
		<-output.Done()
		stop(errOutput)
	}()
	if o.shown.view != nil {
		go o.shown.view.Follow(context.Background(), buf) // ends when buf is closed
	}

	var group process.Group
	for i, w := range o.workers {
		if ctx.Err() != nil {
			break // those that do not run yet need not start
		}
		p, _ := group.Start(ctx, buf, o.command(i, w), process.Config{
			Source: syncstream.Source{Name: w.name, Rank: i, Size: len(o.workers)}, Lines: o.shown.lines,
		})
		signals.add(p)
	}
	group.Wait()
	if err := output.Drain(context.Background()); err != nil {
		return outputStatus(err)
	}
	buf.Close()
	<-output.Done() // it may have rows at the bottom of a terminal
	if err := output.Err(); err != nil {
		return outputStatus(err)
	}
	if sig := signals.first(); sig != 0 {
		return &exitStatus{code: exitSignal + int(sig)}
	}
	if err := buf.Wait(context.Background()); err != nil {
		return &exitStatus{code: statusOf(err)}
	}
	return nil
}

// newSink returns what shows the messages.
func (o *runOptions) newSink() syncstream.Sink {
	if o.json {
		view.EnlargePipe(o.stdout)
		return sink.NewJSON(view.Patient(o.stdout))
	}
	o.shown.view = view.New(o.shown.config)
	return o.shown.view
}

// command returns the command of worker number rank.
func (o *runOptions) command(rank int, w worker) *exec.Cmd {
	cmd := exec.Command(w.argv[0], w.argv[1:]...)
	cmd.Env = append(os.Environ(),
		"SYNCSTREAM_RANK="+strconv.Itoa(rank), "SYNCSTREAM_SIZE="+strconv.Itoa(len(o.workers)))
	return cmd
}

// outputStatus returns the exit status for output that could not be written: as
// if SIGPIPE had ended the program, where its reader has gone away.
func outputStatus(err error) error {
	if errors.Is(err, syscall.EPIPE) {
		return &exitStatus{code: exitSignal + int(syscall.SIGPIPE)}
	}
	return &exitStatus{code: exitFailure, err: fmt.Errorf("write the workers' lines: %w", err)}
}
