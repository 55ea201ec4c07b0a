//go:build linux

package main

import (
	"context"
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed c/*.c c/*.h
var cSources embed.FS

// A workshop is a temporary folder with the programs that take part.
type workshop struct {
	dir        string
	self       string // this binary, for the Go helpers; "" in a base without any
	syncstream string // "" when it did not build
	noCommand  error  // why it did not
	parallel   string // "" when it is not installed

	base    *workshop // the same C programs, and the base's own; nil if it takes no part
	helpers []byte    // of a base: the file that lists the helpers of self; nil: it has all
}

func newWorkshop(ctx context.Context, syncstream string) (*workshop, error) {
	dir, err := os.MkdirTemp("", "syncstream-bench-")
	if err != nil {
		return nil, fmt.Errorf("making a folder for the programs: %w", err)
	}
	w := &workshop{dir: dir, syncstream: syncstream}
	if err := w.build(ctx); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

func (w *workshop) close() { os.RemoveAll(w.dir) }

// c is the path of one of our C programs.
func (w *workshop) c(name string) string { return filepath.Join(w.dir, name) }

func (w *workshop) build(ctx context.Context) error {
	var err error
	if w.self, err = os.Executable(); err != nil {
		return fmt.Errorf("finding this program: %w", err)
	}
	if err := os.CopyFS(w.dir, cSources); err != nil {
		return fmt.Errorf("writing the C programs: %w", err)
	}
	sources, err := filepath.Glob(filepath.Join(w.dir, "c", "*.c"))
	if err != nil {
		return err
	}
	for _, source := range sources {
		name := strings.TrimSuffix(filepath.Base(source), ".c")
		if err := output(exec.CommandContext(ctx, "cc", "-O2", "-pthread", "-o", w.c(name), source)); err != nil {
			return fmt.Errorf("compiling %s.c: %w", name, err)
		}
	}
	if w.syncstream == "" {
		w.buildCommand(ctx)
	}
	w.parallel, _ = exec.LookPath("parallel")
	return nil
}

// buildCommand leaves its error to the rows that need the command.
func (w *workshop) buildCommand(ctx context.Context) {
	path := w.c("syncstream")
	build := exec.CommandContext(ctx, "go", "build", "-o", path, ".")
	build.Dir = filepath.Join("..", "cmd", "syncstream")
	if err := output(build); err != nil {
		w.noCommand = fmt.Errorf("building ../cmd/syncstream (is the current folder bench?): %w", err)
		return
	}
	w.syncstream = path
}

func installPeers(ctx context.Context) error {
	for _, args := range [][]string{{"update"}, {"install", "-y", "parallel"}} {
		if err := output(exec.CommandContext(ctx, "apt-get", args...)); err != nil {
			return fmt.Errorf("apt-get %s: %w", strings.Join(args, " "), err)
		}
	}
	return nil
}

// output runs a command and makes what it said part of its error.
func output(cmd *exec.Cmd) error {
	out, err := cmd.CombinedOutput()
	return withLastWords(err, out)
}
