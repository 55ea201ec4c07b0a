package process

import (
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
)

// root is where proc and sys are mounted; tests have others.
var root fs.FS = os.DirFS("/")

// oomWatch has the kernel's count of the processes that its out-of-memory
// killer has killed, as it was when a worker began.
type oomWatch struct {
	file  string // which tells it; empty: none does
	count int
}

// watchOOM begins to watch the count that the process pid is part of.
func watchOOM(pid int) oomWatch {
	for _, file := range oomFiles(pid) {
		if n, ok := oomCount(file); ok {
			return oomWatch{file: file, count: n}
		}
	}
	return oomWatch{}
}

// rose reports whether the count has risen.
func (w oomWatch) rose() bool {
	n, ok := oomCount(w.file)
	return ok && n > w.count
}

// oomFiles returns the files that may have the count, the best first: that of
// the process's control group, version 2 or 1; of the topmost group that is
// mounted, since a container may not see its name; and of the whole system,
// since a root group has none of its own.
func oomFiles(pid int) []string {
	groups, _ := fs.ReadFile(root, path.Join("proc", strconv.Itoa(pid), "cgroup"))
	var files []string
	for line := range strings.Lines(string(groups)) {
		_, line, _ = strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		controllers, group, _ := strings.Cut(line, ":")
		switch {
		case controllers == "memory":
			files = append(files, path.Join("sys/fs/cgroup/memory", group, "memory.oom_control"), "sys/fs/cgroup/memory/memory.oom_control")
		case controllers == "":
			files = append(files, path.Join("sys/fs/cgroup", group, "memory.events"), "sys/fs/cgroup/memory.events")
		}
	}
	return append(files, "proc/vmstat")
}

// oomCount reads the count from a file of lines of a name and a number.
func oomCount(file string) (n int, ok bool) {
	text, err := fs.ReadFile(root, file)
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(text)) {
		if number, found := strings.CutPrefix(line, "oom_kill "); found {
			n, err = strconv.Atoi(strings.TrimSpace(number))
			return n, err == nil
		}
	}
	return 0, false
}
