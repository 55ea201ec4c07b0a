package process

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// findHolders returns the processes that hold one of the pipes with these inode
// numbers, those of our own user first. It looks at every descriptor of every
// process that we may look at, which takes some milliseconds.
func findHolders(pipes map[uint64]bool) []holder {
	var ours, others []holder
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		pid, _ := strconv.Atoi(filepath.Base(dir))
		if pid == os.Getpid() || !holds(dir+"/fd", pipes) {
			continue
		}
		h := holder{pid: pid, command: commandLine(dir)}
		info, err := os.Stat(dir)
		if err != nil {
			continue // it has just ended
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); ok && int(stat.Uid) == os.Geteuid() {
			ours = append(ours, h)
		} else {
			others = append(others, h)
		}
	}
	return slices.Concat(ours, others)
}

// holds reports whether one of the descriptors in dir is one of the pipes.
func holds(dir string, pipes map[uint64]bool) bool {
	d, err := os.Open(dir)
	if err != nil {
		return false
	}
	defer d.Close()
	names, _ := d.Readdirnames(-1)
	for _, name := range names {
		target, _ := os.Readlink(dir + "/" + name)
		number, isPipe := strings.CutPrefix(target, "pipe:[")
		inode, _ := strconv.ParseUint(strings.TrimSuffix(number, "]"), 10, 64)
		if isPipe && pipes[inode] {
			return true
		}
	}
	return false
}

// commandLine returns a process's arguments, or its name where it has none.
func commandLine(dir string) string {
	line, _ := os.ReadFile(dir + "/cmdline")
	if line = bytes.TrimRight(line, "\x00"); len(line) == 0 {
		line, _ = os.ReadFile(dir + "/comm")
		line = bytes.TrimSuffix(line, []byte("\n"))
	}
	return string(bytes.ReplaceAll(line, []byte{0}, []byte{' '}))
}
