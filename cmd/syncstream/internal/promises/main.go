// Command promises plays the stories of package torture before syncstream and
// before its peers, and writes the tables into docs/promises.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/syncstream/syncstream/cmd/syncstream/internal/torture"
)

func main() {
	torture.Play() // this program plays the workers
	page := flag.String("page", "docs/promises.md", "the page with the marks between which the tables are written")
	dir := flag.String("peers", ".peers", "where scripts/peers has put peers")
	bound := flag.Duration("timeout", 20*time.Second, "how long a story may take")
	flag.Parse()
	if err := run(*page, *dir, *bound); err != nil {
		fmt.Fprintln(os.Stderr, "promises:", err)
		os.Exit(1)
	}
}

func run(page, dir string, bound time.Duration) error {
	if err := usePeers(dir); err != nil {
		return err
	}
	temp, err := os.MkdirTemp("", "promises")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	program := filepath.Join(temp, "syncstream")
	build := exec.Command("go", "build", "-o", program, "github.com/syncstream/syncstream/cmd/syncstream")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the command: %w\n%s", err, out)
	}
	r := report{date: time.Now().UTC(), bound: bound, rows: torture.Rows()}
	ours := peer{name: "syncstream run", tool: torture.Ours(program), version: []string{"git", "describe", "--always", "--dirty"}}
	for _, p := range append([]peer{ours}, peers()...) {
		if !p.isHere() {
			r.missing = append(r.missing, p)
			continue
		}
		c := column{peer: p, version: p.versionText()}
		for _, row := range r.rows {
			err := torture.Run(context.Background(), p.tool, row, bound)
			c.results = append(c.results, err)
			fmt.Fprintf(os.Stderr, "%s: %s: %v\n", p.name, row.Name, orKept(err))
		}
		r.columns = append(r.columns, c)
	}
	return r.writeInto(page)
}

func orKept(err error) any {
	if err == nil {
		return "kept"
	}
	return err
}

// column is how one tool did.
type column struct {
	peer
	version string
	results []error // of each row
}

// word is what stands in the table for a result.
func word(err error) string {
	var notTried *torture.NotTried
	switch {
	case err == nil:
		return "kept"
	case errors.As(err, &notTried):
		return "not tried"
	}
	return "**failed**"
}
