package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/syncstream/syncstream/cmd/syncstream/internal/torture"
)

// The marks between which writeInto writes.
const (
	tablesBegin = "<!-- tables, by make promises -->\n"
	tablesEnd   = "<!-- end of tables -->\n"
)

// report is what is written.
type report struct {
	date    time.Time
	bound   time.Duration
	rows    []torture.Row
	columns []column
	missing []peer
}

// writeInto puts the tables between the marks of a page.
func (r *report) writeInto(page string) error {
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	before, rest, begins := strings.Cut(string(text), tablesBegin)
	_, after, ends := strings.Cut(rest, tablesEnd)
	if !begins || !ends {
		return fmt.Errorf("%s has no lines %q and %q", page, tablesBegin, tablesEnd)
	}
	return os.WriteFile(page, []byte(before+tablesBegin+r.markdown()+tablesEnd+after), 0o644)
}

func (r *report) markdown() string {
	var s strings.Builder
	fmt.Fprintf(&s, "Played %s; a story may take %v, and half of that is for a line that is waited for.\n\n", r.date.Format("2006-01-02"), r.bound)
	r.writeTable(&s)
	r.writeTools(&s)
	r.writeReasons(&s)
	return s.String()
}

// writeTable writes a row a story and a column a tool.
func (r *report) writeTable(s *strings.Builder) {
	s.WriteString("| story |")
	for _, c := range r.columns {
		fmt.Fprintf(s, " %s |", c.name)
	}
	s.WriteString("\n|---|" + strings.Repeat("---|", len(r.columns)) + "\n")
	for i, row := range r.rows {
		fmt.Fprintf(s, "| %s |", row.Name)
		for _, c := range r.columns {
			fmt.Fprintf(s, " %s |", word(c.results[i]))
		}
		s.WriteString("\n")
	}
	s.WriteString("| **kept** |")
	for _, c := range r.columns {
		kept := 0
		for _, err := range c.results {
			if err == nil {
				kept++
			}
		}
		fmt.Fprintf(s, " %d of %d |", kept, len(r.rows))
	}
	s.WriteString("\n\n")
}

// writeTools writes versions and commands, and what could not be had.
func (r *report) writeTools(s *strings.Builder) {
	s.WriteString("| tool | version | command | |\n|---|---|---|---|\n")
	for _, c := range r.columns {
		command := append([]string(nil), c.tool.Command...)
		if c.tool.Ours {
			command[0] = "syncstream"
		}
		fmt.Fprintf(s, "| %s | %s | `%s` | %s |\n", c.name, c.version, strings.Join(command, " "), c.note)
	}
	for _, p := range r.missing {
		where := "it can't be had from Debian, npm or the Go module proxy here"
		if p.from != "" {
			where = p.from
		}
		fmt.Fprintf(s, "| %s | not here | `%s` | %s |\n", p.name, strings.Join(p.tool.Command, " "), where)
	}
	s.WriteString("\n")
}

// writeReasons writes what went wrong, by tool.
func (r *report) writeReasons(s *strings.Builder) {
	for _, c := range r.columns {
		began := false
		for i, err := range c.results {
			if err == nil {
				continue
			}
			if !began {
				fmt.Fprintf(s, "What went wrong under %s:\n\n", c.name)
				began = true
			}
			fmt.Fprintf(s, "- *%s*: %s\n", r.rows[i].Name, oneLine(err.Error()))
		}
		if began {
			s.WriteString("\n")
		}
	}
}

// oneLine is a text that stands in a list, not too long.
func oneLine(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	const most = 300
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + " …"
	}
	return text
}
