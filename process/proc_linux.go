package process

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// procStat is some of what the system tells of a process.
type procStat struct {
	pid, parent int
	state       byte // a letter, as ps shows it
}

// readStat reads a process's state. It reports false where there is none.
func readStat(pid int) (s procStat, ok bool) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return s, false
	}
	// The name stands in brackets, and may have any characters.
	after := text[bytes.LastIndexByte(text, ')')+1:]
	_, err = fmt.Sscanf(string(after), " %c %d", &s.state, &s.parent)
	s.pid = pid
	return s, err == nil
}

// allProcesses returns what is known of every process.
func allProcesses() []procStat {
	var all []procStat
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue
		}
		if s, ok := readStat(pid); ok {
			all = append(all, s)
		}
	}
	return all
}

// children returns the children of this process, dead ones too.
func children() []int {
	var pids []int
	lists, _ := filepath.Glob("/proc/self/task/*/children")
	for _, list := range lists {
		text, _ := os.ReadFile(list)
		for word := range strings.FieldsSeq(string(text)) {
			if pid, err := strconv.Atoi(word); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	if lists == nil { // this kernel has no such files
		for _, s := range allProcesses() {
			if s.parent == os.Getpid() {
				pids = append(pids, s.pid)
			}
		}
	}
	return pids
}

// descendants returns all processes below this one.
func descendants() []int {
	below := map[int][]int{}
	for _, s := range allProcesses() {
		below[s.parent] = append(below[s.parent], s.pid)
	}
	all := below[os.Getpid()]
	for i := 0; i < len(all); i++ {
		all = append(all, below[all[i]]...)
	}
	return all
}
