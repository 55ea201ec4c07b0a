//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// addBase builds the programs of another revision of the repository, which then take
// part beside ours, and returns its commit.
func (w *workshop) addBase(ctx context.Context, repository, revision string) (commit string, err error) {
	tree := filepath.Join(w.dir, "base")
	if commit, err = extract(ctx, repository, revision, tree); err != nil {
		return "", err
	}
	base := *w
	if base.self, err = buildBase(ctx, tree, "bench"); err != nil {
		return "", err
	}
	if base.self != "" {
		if base.helpers, err = os.ReadFile(filepath.Join(tree, "bench", "main.go")); err != nil {
			return "", fmt.Errorf("finding its helpers: %w", err)
		}
	}
	if base.syncstream, err = buildBase(ctx, tree, "cmd/syncstream"); err != nil {
		return "", err
	}
	base.noCommand = nil
	w.base = &base
	return commit, nil
}

// extract writes the files of a revision into a new folder, and returns its commit.
func extract(ctx context.Context, repository, revision, dir string) (commit string, err error) {
	parse := exec.CommandContext(ctx, "git", "-C", repository, "rev-parse", "--short", "--verify", "--end-of-options", revision+"^{commit}")
	out, err := parse.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("finding the revision: %w", withLastWords(err, out))
	}
	commit = strings.TrimSpace(string(out))
	if err := os.Mkdir(dir, 0o777); err != nil {
		return "", err
	}
	tar := dir + ".tar"
	for _, argv := range [][]string{
		{"git", "-C", repository, "archive", "--format=tar", "--output=" + tar, commit},
		{"tar", "-xf", tar, "-C", dir},
	} {
		if err := output(exec.CommandContext(ctx, argv[0], argv[1:]...)); err != nil {
			return "", fmt.Errorf("extracting the revision: %w", err)
		}
	}
	return commit, nil
}

// buildBase returns the program of a folder; "", if the base has no such folder.
func buildBase(ctx context.Context, tree, folder string) (program string, err error) {
	build := exec.CommandContext(ctx, "go", "build", "-o", "program", ".")
	build.Dir = filepath.Join(tree, folder)
	if _, err := os.Stat(build.Dir); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err := output(build); err != nil {
		return "", fmt.Errorf("building its %s: %w", folder, err)
	}
	return filepath.Join(build.Dir, "program"), nil
}

// needsCommand keeps a contender out when the command did not build, or there is none.
func (w *workshop) needsCommand(c contender) contender {
	switch {
	case w.noCommand != nil:
		c.run = func(context.Context) (figures, error) { return nil, w.noCommand }
	case w.syncstream == "":
		c.absent = "the base has no command"
	}
	return c
}

// needsHelper keeps a contender out when the base does not know the helper.
func (w *workshop) needsHelper(helper string, c contender) contender {
	if w.self == "" || w.helpers != nil && !bytes.Contains(w.helpers, []byte(`"`+helper+`":`)) {
		c.absent = "the base has no helper " + helper
	}
	return c
}

// withBase has the base take part, next to ours, and adds a row for each figure that
// is to be kept.
func (e experiment) withBase(base *workshop) experiment {
	if base == nil || e.ours == nil {
		return e
	}
	c := e.ours(base)
	ours := slices.IndexFunc(e.contenders, func(other contender) bool { return other.name == c.name })
	c.name = "base"
	e.contenders = slices.Insert(e.contenders, ours+1, c)
	for _, r := range e.rows {
		if r.kept.met != nil {
			r.what += ", beside the base"
			r.against, r.demand = ref{c.name, r.of.figure}, r.kept
			e.rows = append(e.rows, r)
		}
	}
	return e
}

// keptFast says that the throughput is to be kept.
func (r row) keptFast() row {
	r.kept = asFast
	return r
}
