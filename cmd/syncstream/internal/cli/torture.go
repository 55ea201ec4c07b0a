package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/syncstream/syncstream/cmd/syncstream/internal/torture"
)

type tortureOptions struct {
	list    bool
	json    bool
	timeout time.Duration

	rows []torture.Row
	tool torture.Tool
	out  io.Writer
}

func newTorture() *cobra.Command {
	o := &tortureOptions{}
	cmd := &cobra.Command{
		Use:   "torture [flags] [ROW]... [-- TOOL [ARG]...]",
		Short: "Check the promises: workers do their worst, here or under peers",
		Long: `Play stories that are hard on whoever shows the output of many workers, before
this program or before another TOOL, and tell which promises were kept. A ROW is
a number or a part of a name in --list; all are played if none is named. In the
tool's arguments stands, for the workers' commands (each is for sh),
  {}          all commands, an argument each; it must be an argument by itself
  {file}      the name of a file with a command a line
  {procfile}  the name of a Procfile
  {n}         how many there are`,
		Example: `  syncstream torture
  syncstream torture 'half a line' -- concurrently {}
  syncstream torture -- xargs -a {file} -d '\n' -P0 -I% sh -c %`,
		GroupID: groupRun,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.complete(cmd, args); err != nil {
				return err
			}
			if o.list {
				return o.printList()
			}
			return o.run(cmd.Context())
		},
	}
	cmd.Flags().BoolVar(&o.list, "list", false, "print the rows, and what is promised in each")
	cmd.Flags().BoolVar(&o.json, "json", false, "print each row as JSON, and the totals behind them")
	o.timeout = torture.Bound
	cmd.Flags().Var(&value{text: torture.Bound.String(), set: duration(&o.timeout)}, "timeout", "the `TIME` that a row may take; half of it for a\nline that is waited for")
	return cmd
}

func (o *tortureOptions) complete(cmd *cobra.Command, args []string) error {
	o.out = cmd.OutOrStdout()
	names, tool := args, []string(nil)
	if dash := cmd.ArgsLenAtDash(); dash >= 0 {
		names, tool = args[:dash], args[dash:]
	}
	if o.timeout <= 0 {
		return usagef(cmd, "--timeout %v: want a time, as in 30s", o.timeout)
	}
	if err := o.completeTool(cmd, tool); err != nil {
		return err
	}
	return o.completeRows(cmd, names)
}

// completeTool finds the tool: this program, if none is named.
func (o *tortureOptions) completeTool(cmd *cobra.Command, command []string) error {
	if len(command) == 0 {
		self, err := os.Executable()
		o.tool = torture.Ours(self)
		return err
	}
	o.tool = torture.Tool{Command: command}
	if !o.tool.Takes() {
		return usagef(cmd, "%s has no place for the workers' commands: want {}, {file} or {procfile} in its arguments", command[0])
	}
	if _, err := exec.LookPath(command[0]); err != nil {
		return &exitStatus{code: exitNotFound, err: err}
	}
	return nil
}

// completeRows finds the rows by number or by a part of their names.
func (o *tortureOptions) completeRows(cmd *cobra.Command, names []string) error {
	all := torture.Rows()
	if len(names) == 0 {
		o.rows = all
	}
	for _, name := range names {
		found := false
		for i, row := range all {
			number, err := strconv.Atoi(name)
			if number == i+1 || err != nil && name != "" && strings.Contains(strings.ToLower(row.Name), strings.ToLower(name)) {
				o.rows, found = append(o.rows, row), true
			}
		}
		if !found {
			return usagef(cmd, "there is no row %q; they have numbers from 1 to %d, and names%s; see 'syncstream torture --list'", name, len(all), meant(name, rowNames(all)))
		}
	}
	return nil
}

func rowNames(rows []torture.Row) (names []string) {
	for _, row := range rows {
		names = append(names, row.Name)
	}
	return names
}

func (o *tortureOptions) printList() error {
	for i, row := range torture.Rows() {
		if _, err := fmt.Fprintf(o.out, "%2d  %s\n    %s\n", i+1, row.Name, row.Why); err != nil {
			return outputError(err)
		}
	}
	return nil
}

// tortureRow is a row as it is printed, or the totals.
type tortureRow struct {
	Row      string          `json:"row"`
	Promise  string          `json:"promise"`
	Kept     bool            `json:"kept"`
	Reason   string          `json:"reason,omitempty"`    // why not
	NotTried string          `json:"not_tried,omitempty"` // why not
	Damage   *torture.Damage `json:"damage,omitempty"`
	Seconds  float64         `json:"seconds"`
}

// run plays the rows one after the other, and prints each when it is over.
func (o *tortureOptions) run(ctx context.Context) error {
	passed, failed, notTried := 0, 0, 0
	for _, row := range o.rows {
		r := o.play(ctx, row)
		switch {
		case r.NotTried != "":
			notTried++
		case r.Kept:
			passed++
		default:
			failed++
		}
		if err := o.print(r); err != nil {
			return outputError(err)
		}
	}
	if err := o.printTotals(passed, failed, notTried); err != nil {
		return outputError(err)
	}
	if failed > 0 {
		return &exitStatus{code: exitFailure}
	}
	return nil
}

func (o *tortureOptions) play(ctx context.Context, row torture.Row) tortureRow {
	r := tortureRow{Row: row.Name, Promise: row.Why}
	began := time.Now()
	err := torture.Run(ctx, o.tool, row, o.timeout)
	r.Seconds = time.Since(began).Seconds()
	var notTried *torture.NotTried
	switch {
	case errors.As(err, &notTried):
		r.NotTried = notTried.Because
	case err != nil:
		r.Reason = err.Error()
		errors.As(err, &r.Damage)
	default:
		r.Kept = true
	}
	return r
}

func (o *tortureOptions) print(r tortureRow) error {
	if o.json {
		return json.NewEncoder(o.out).Encode(r)
	}
	word := "kept"
	switch {
	case r.NotTried != "":
		word = "not tried"
	case !r.Kept:
		word = "FAILED"
	}
	_, err := fmt.Fprintf(o.out, "%-10s%6.2f s  %s\n%20s%s\n", word, r.Seconds, r.Row, "", r.Promise)
	if reason := r.Reason + r.NotTried; err == nil && reason != "" {
		_, err = fmt.Fprintf(o.out, "%20s%s\n", "", strings.ReplaceAll(reason, "\n", "\n"+strings.Repeat(" ", 20)))
	}
	return err
}

func (o *tortureOptions) printTotals(passed, failed, notTried int) error {
	if o.json {
		return json.NewEncoder(o.out).Encode(map[string]int{"passed": passed, "failed": failed, "not_tried": notTried})
	}
	skipped := ""
	if notTried > 0 {
		skipped = fmt.Sprintf(", %d not tried", notTried)
	}
	_, err := fmt.Fprintf(o.out, "%d passed, %d failed%s\n", passed, failed, skipped)
	return err
}

// outputError is the exit status for a table that could not be written.
func outputError(err error) error {
	return &exitStatus{code: exitFailure, err: fmt.Errorf("write the table: %w", err)}
}
