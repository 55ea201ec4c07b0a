package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/syncstream/syncstream/cmd/syncstream/internal/torture"
)

// peer is a tool that shows what its workers print.
type peer struct {
	name string
	tool torture.Tool
	// version is the command that prints it; its first line counts.
	version []string
	// from is where scripts/peers has it from; "" if it can't be had here.
	from string
	note string // what to know, to be fair
}

// peers returns all tools, those that are not here too. Each has the flags that
// its own documentation advises for live output, or none where it needs none.
func peers() []peer {
	return []peer{
		{
			name:    "GNU parallel",
			tool:    torture.Tool{Command: []string{"parallel", "--line-buffer", "--tagstring", "{#}", "-j0", ":::", "{}"}},
			version: []string{"parallel", "--version"},
			from:    "Debian: parallel",
		},
		{
			name:    "parallel (moreutils)",
			tool:    torture.Tool{Command: []string{"parallel.moreutils", "-j", "{n}", "--", "{}"}},
			version: []string{"dpkg-query", "-W", "-f", "moreutils ${Version}", "moreutils"},
			from:    "Debian: moreutils",
			note:    "hands its own output on to its workers, and promises no whole lines",
		},
		{
			name:    "xargs",
			tool:    torture.Tool{Command: []string{"xargs", "-a", "{file}", "-d", `\n`, "-P0", "-I%", "sh", "-c", "%"}},
			version: []string{"xargs", "--version"},
			from:    "Debian: findutils",
			note:    "hands its own output on to its workers, and promises no whole lines",
		},
		{
			name:    "concurrently",
			tool:    torture.Tool{Command: []string{"concurrently", "{}"}},
			version: []string{"concurrently", "--version"},
			from:    "npm: concurrently",
		},
		{
			name:    "foreman",
			tool:    torture.Tool{Command: []string{"foreman", "start", "-f", "{procfile}"}},
			version: []string{"foreman", "version"},
			from:    "Debian: ruby-foreman",
			note:    "ends all workers when one ends, by design",
		},
		{
			name:    "nf (node-foreman)",
			tool:    torture.Tool{Command: []string{"nf", "-j", "{procfile}", "start"}},
			version: []string{"nf", "-V"},
			from:    "npm: foreman",
		},
		{name: "hivemind", tool: torture.Tool{Command: []string{"hivemind", "{procfile}"}}, version: []string{"hivemind", "--version"}},
		{name: "goreman", tool: torture.Tool{Command: []string{"goreman", "-f", "{procfile}", "start"}}, version: []string{"goreman", "version"}},
		{name: "overmind", tool: torture.Tool{Command: []string{"overmind", "start", "-f", "{procfile}"}}, version: []string{"overmind", "--version"}},
	}
}

// usePeers has programs found that scripts/peers put into a folder.
func usePeers(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	paths := []string{filepath.Join(dir, "node_modules", ".bin"), filepath.Join(dir, "bin"), os.Getenv("PATH")}
	return os.Setenv("PATH", strings.Join(paths, string(os.PathListSeparator)))
}

// isHere reports whether a peer can be played.
func (p *peer) isHere() bool {
	_, err := exec.LookPath(p.tool.Command[0])
	return err == nil
}

// versionText returns what the peer says of itself.
func (p *peer) versionText() string {
	out, err := exec.Command(p.version[0], p.version[1:]...).Output()
	if err != nil {
		return fmt.Sprintf("unknown (%v)", err)
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return first
}
