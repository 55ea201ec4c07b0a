package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/syncstream/syncstream/cmd/syncstream/internal/view"
)

// commandOptions say what is run, and with what around it.
type commandOptions struct {
	copies   int
	procfile string
	from     string
	names    string
	jobs     int
	dir      string
	env      []string
	stdin    string
	pty      bool

	workers []worker
	dotenv  []string // of the Procfile
}

// worker is a command that is to be run.
type worker struct {
	name  string
	argv  []string
	shell bool     // argv is sh -c and the command
	env   []string // what only this one gets
}

// shellWorker is a command for the shell.
func shellWorker(name, command string) worker {
	return worker{name: name, argv: []string{"sh", "-c", command}, shell: true}
}

func (o *commandOptions) define(f flags) {
	f.add("copies,n", "1", "run `N` copies of the program that follows --; each finds its number, from 0, in SYNCSTREAM_RANK, and how many there are in SYNCSTREAM_SIZE", copiesValue(&o.copies))
	f.add("procfile,f", "", "run the commands of a Procfile, `FILE`, or those whose names follow; a file .env beside it is read too; PORT is 5000, or what .env says, for its first command, and 100 more for each that follows", text(&o.procfile))
	f.add("from", "", "run each line of `FILE`, - for stdin, as a command; lines that begin with # are left out", text(&o.from))
	f.together("procfile", "from")
	f.add("name", "", "the workers' `NAMES`, in order, with commas between them; else the Procfile's, else their programs', with each one's number, from 0, where several have the same", text(&o.names))
	f.add("jobs,j", "", "run at most `N` workers at once, the others as these end", count(&o.jobs, 1))
	f.add("cwd", "", "run the workers in the folder `DIR`", folder(&o.dir))
	f.add("env", "", "set a variable, `K=V`, for all workers; it may be given more than once", assignment(&o.env))
	f.onOff("pty", "have each worker run on a terminal of its own, so that it prints what it prints to people, and at once; its stdout and stderr are one stream, on our stdout", func(on bool) { o.pty = on })
	f.add("stdin,i", "", "give our stdin to the worker `NAME`; all others, and without this flag all, have an empty one", text(&o.stdin))
}

// complete turns arguments and flags into workers.
func (o *commandOptions) complete(cmd *cobra.Command, args []string) error {
	if err := o.collect(cmd, args); err != nil {
		return err
	}
	if err := nameWorkers(cmd, o.workers, o.names); err != nil {
		return err
	}
	if o.stdin == "" {
		return nil
	}
	return o.checkName(cmd, "-i "+o.stdin, o.stdin)
}

// collect finds the commands where the arguments and flags say that they are.
func (o *commandOptions) collect(cmd *cobra.Command, args []string) error {
	dash := cmd.ArgsLenAtDash()
	switch {
	case o.procfile != "" && o.from != "":
		return usagef(cmd, "want either -f or --from, not both")
	case o.from == "-" && o.stdin != "":
		return usagef(cmd, "-i %s: our stdin has the commands, as --from - says", o.stdin)
	case o.copies > 0 && (o.procfile != "" || o.from != ""):
		return usagef(cmd, "-n %d is for one program after --, not for a file's commands", o.copies)
	case o.from != "" && len(args) > 0:
		return usagef(cmd, "want either --from or commands, not both: %q is one", args[0])
	case o.procfile != "" && dash >= 0:
		return usagef(cmd, "want either -f or -- and one program, not both")
	case o.procfile != "":
		return o.fromProcfile(cmd, args)
	case o.from != "":
		return o.fromFile(cmd)
	case len(args) > 0 && dash != 0 && looksLikeTime(cmd, args[0]):
		return usagef(cmd, "-t %s: a format stands behind =, as in -t=%[1]s", args[0])
	case len(args) == 0:
		return usagef(cmd, "nothing to run: want a command, as in: syncstream run 'make -j8'")
	case dash > 0:
		return usagef(cmd, "want either commands or -- and one program, not both: %q stands before --", args[0])
	case dash < 0 && o.copies > 0:
		return usagef(cmd, "-n %d is for one program after --, as in: syncstream run -n %[1]d -- %s", o.copies, args[0])
	case dash == 0 && args[0] == "":
		return usagef(cmd, "the program after -- is empty: want its name")
	case dash == 0:
		o.workers = slices.Repeat([]worker{{name: programName(args[0]), argv: args}}, max(1, o.copies))
		return nil
	}
	for i, command := range args {
		if strings.TrimSpace(command) == "" {
			return usagef(cmd, "command %d of %d is empty: want something for the shell to run", i+1, len(args))
		}
		o.workers = append(o.workers, shellWorker(commandName(command), command))
	}
	return nil
}

// looksLikeTime reports whether a command is the format that -t was given without.
func looksLikeTime(cmd *cobra.Command, command string) bool {
	t := cmd.Flags().Lookup("timestamps")
	if !t.Changed || t.Value.String() != view.DefaultTimestamps {
		return false
	}
	_, err := view.ParseTimestamps(command)
	return err == nil && (command == "iso" || command == "unix" || strings.HasPrefix(command, "%"))
}

// maxCopies is more than a machine has processes for; what is meant to be far more
// is a mistake.
const maxCopies = 1 << 22

// copiesValue takes a number of copies. For who comes from concurrently, -n has
// the names.
func copiesValue(to *int) func(string) error {
	number := count(to, 1)
	return func(s string) error {
		err := number(s)
		if err == nil && *to > maxCopies {
			err = fmt.Errorf("want %d copies at most", maxCopies)
		}
		if err != nil && strings.Contains(s, ",") {
			err = fmt.Errorf("%w; names are given by --name", err)
		}
		return err
	}
}

// fromProcfile takes the commands of a Procfile, or those that are named.
func (o *commandOptions) fromProcfile(cmd *cobra.Command, names []string) error {
	text, err := readText(o.procfile)
	if err != nil {
		return usagef(cmd, "-f %s: %v", o.procfile, reason(err))
	}
	if o.workers, err = parseProcfile(o.procfile, text); err != nil {
		return usagef(cmd, "%w", err)
	}
	dotenv := filepath.Join(filepath.Dir(o.procfile), ".env")
	switch text, err := readText(dotenv); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return usagef(cmd, "%s: %v", dotenv, reason(err))
	default:
		if o.dotenv, err = parseDotenv(dotenv, text); err != nil {
			return usagef(cmd, "%w", err)
		}
	}
	assignPorts(o.workers, orElse(lookup(o.dotenv, "PORT"), os.Getenv("PORT")))
	var chosen []worker
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			return usagef(cmd, "%q stands there twice", name)
		}
		if err := o.checkName(cmd, o.procfile, name); err != nil {
			return err
		}
		chosen = append(chosen, o.workers[slices.Index(namesOf(o.workers), name)])
	}
	if len(chosen) > 0 {
		o.workers = chosen
	}
	return nil
}

// fromFile takes each line of a file as a command.
func (o *commandOptions) fromFile(cmd *cobra.Command) error {
	text, err := readText(o.from)
	if err != nil {
		return usagef(cmd, "--from %s: %v", o.from, reason(err))
	}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			o.workers = append(o.workers, shellWorker(commandName(line), line))
		}
	}
	if len(o.workers) == 0 {
		return usagef(cmd, "--from %s: there is no command in it", o.from)
	}
	return nil
}

// checkName returns an error unless a worker has that name.
func (o *commandOptions) checkName(cmd *cobra.Command, where, name string) error {
	names := namesOf(o.workers)
	if slices.Contains(names, name) {
		return nil
	}
	near := meant(name, names)
	if near == "" && len(names) <= 10 {
		near = "; there are " + strings.Join(names, ", ")
	}
	return usagef(cmd, "%s: there is no worker %q%s", where, name, near)
}

// command returns the command of worker number rank, in an environment that what
// we were told is added to. Of a variable that is set twice the last counts.
func (o *commandOptions) command(rank int, env []string) *exec.Cmd {
	w := o.workers[rank]
	cmd := exec.Command(w.argv[0], w.argv[1:]...)
	cmd.Dir = o.dir
	cmd.Env = slices.Concat(env, o.dotenv, w.env, o.env, []string{
		"SYNCSTREAM_RANK=" + strconv.Itoa(rank), "SYNCSTREAM_SIZE=" + strconv.Itoa(len(o.workers)),
	})
	if o.stdin == w.name {
		// Not the file itself: a worker has a process group of its own, and the
		// terminal would stop it there.
		cmd.Stdin = struct{ io.Reader }{os.Stdin}
	}
	return cmd
}

// folder takes the path of a folder.
func folder(to *string) func(string) error {
	return func(s string) error {
		switch info, err := os.Stat(s); {
		case err != nil:
			return fmt.Errorf("%v; want a folder", reason(err))
		case !info.IsDir():
			return errors.New("it is a file; want a folder")
		}
		*to = s
		return nil
	}
}

// newFile takes the name of a file that can be made, or written anew.
func newFile(to *string) func(string) error {
	return func(s string) error {
		if info, err := os.Stat(s); err == nil && info.IsDir() {
			return errors.New("it is a folder; want a file")
		}
		if _, err := os.Stat(filepath.Dir(s)); err != nil {
			return fmt.Errorf("%v; want a file in a folder that is there", reason(err))
		}
		return text(to)(s)
	}
}

// newFolder takes the name of a folder that is there, or can be made.
func newFolder(to *string) func(string) error {
	return func(s string) error {
		if info, err := os.Stat(s); err == nil && !info.IsDir() {
			return errors.New("it is a file; want a folder")
		}
		return text(to)(s)
	}
}

// reason returns what went wrong with a file whose name has been said already.
func reason(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
