package syncstream_test

import (
	"go/build"
	"path/filepath"
	"strings"
	"testing"
)

// banned are modules and packages that would be handy, and why a program that
// imports this one must not get them. What is not named here is refused too,
// if it is no part of the standard library.
var banned = []struct{ path, why string }{
	{"github.com/spf13/cobra", "a command line is the command's: cmd/syncstream is a module of its own"},
	{"github.com/spf13/pflag", "as cobra"},
	{"github.com/rogpeppe/go-internal", "testscript runs the command's stories, in the command's module"},
	{"github.com/nats-io/nats.go", "a cluster client comes with its own versions of much; it belongs in cluster/"},
	{"github.com/charmbracelet/bubbletea", "a view draws, the buffer keeps"},
	{"go.uber.org/zap", "a program chooses its own logger, and feeds it by a sink"},
	{"github.com/stretchr/testify", "package testing is enough"},
	{"golang.org/x/sync", "a WaitGroup is enough, and each module takes part in choosing versions"},
	{"golang.org/x/term", "whether a terminal is there is the view's question"},
	{"net/http", "adds 5 MB to every program; hosts over HTTP belong in host/"},
	{"testing", "registers flags in every program"},
	{"C", "cgo takes away cross-compiling and makes each call dear"},
}

const module = "github.com/syncstream/syncstream"

// The core and sink import the standard library and this module, and process
// adds golang.org/x/sys; so on every platform, through all packages of this module.
func TestImports(t *testing.T) {
	for _, goos := range []string{"linux", "darwin", "freebsd", "windows"} {
		for _, root := range []string{".", "./process", "./sink"} {
			c := build.Default
			c.GOOS, c.CgoEnabled = goos, true // so that files with import "C" count
			seen := map[string]bool{}
			checkImports(t, &c, root, root == "./process", seen)
			if !seen["./internal/split"] || !seen["./internal/pipe"] {
				t.Errorf("%s: the test has only seen %v", root, seen)
			}
		}
	}
}

// checkImports checks the package in dir and those of this module below it.
func checkImports(t *testing.T, c *build.Context, dir string, sys bool, seen map[string]bool) {
	t.Helper()
	if seen[dir] {
		return
	}
	seen[dir] = true
	p, err := c.ImportDir(filepath.FromSlash(dir), 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range p.Imports {
		if path == module || strings.HasPrefix(path, module+"/") {
			checkImports(t, c, "."+strings.TrimPrefix(path, module), sys, seen)
			continue
		}
		if why, ok := mayImport(path, sys); !ok {
			t.Errorf("%s imports %s on %s: %s", p.Dir, path, c.GOOS, why)
		}
	}
}

func mayImport(path string, sys bool) (why string, ok bool) {
	for _, b := range banned {
		if path == b.path || strings.HasPrefix(path, b.path+"/") {
			return b.why, false
		}
	}
	first, _, _ := strings.Cut(path, "/")
	if strings.Contains(first, ".") && !(sys && strings.HasPrefix(path, "golang.org/x/sys/")) {
		return "it is not in the standard library; a module for it needs a page in docs/decisions", false
	}
	return "", true
}

// TestMayImport shows that the test above can fail.
func TestMayImport(t *testing.T) {
	for _, tt := range []struct {
		path    string
		sys, ok bool
	}{
		{"fmt", false, true},
		{"encoding/json", false, true},
		{"net", false, true},
		{"net/http", false, false},
		{"net/http/httptest", true, false},
		{"github.com/spf13/cobra", true, false},
		{"github.com/spf13/cobra/doc", true, false},
		{"example.com/x", true, false},
		{"golang.org/x/sys/unix", false, false},
		{"golang.org/x/sys/unix", true, true},
		{"golang.org/x/term", true, false},
	} {
		if why, ok := mayImport(tt.path, tt.sys); ok != tt.ok || !ok && why == "" {
			t.Errorf("%s, x/sys %t: %t %q", tt.path, tt.sys, ok, why)
		}
	}
}
