package cli

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

var (
	goBegin     = regexp.MustCompile(`^(?:panic: |fatal error: |SIG[A-Z]+: |WARNING: DATA RACE$)`)
	goGoroutine = regexp.MustCompile(`^goroutine \d+ .*\[.*\]:$`)
	goPlace     = regexp.MustCompile(`^(?:\t|      )(\S.*\.\w+):(\d+)(?: \+0x[0-9a-f]+)?(?: fp=.*)?$`)
)

// goCause reads a panic, a fatal error of the runtime, a signal that ended the
// program, or a report of the race detector. Its place is the first that is not
// of the standard library; if there is none, the first.
func goCause(_, lines []string) *cause {
	if !goBegin.MatchString(lines[0]) {
		return nil
	}
	text := strings.TrimSpace(lines[0])
	stack := strings.HasPrefix(text, "WARNING")
	var first []string
	for i := 1; i < len(lines); i++ {
		stack = stack || goGoroutine.MatchString(lines[i])
		place := goPlace.FindStringSubmatch(lines[i])
		if !stack || place == nil {
			continue
		}
		if !isStandard(lines[i-1], place[1]) {
			return frame(text, place)
		}
		if first == nil {
			first = place
		}
	}
	if stack {
		return frame(text, first)
	}
	return nil // a line that only looks like one
}

// goRoots are what the paths of the standard library's packages begin with.
var goRoots = strings.Fields(`archive bufio bytes cmp compress container context crypto
	database debug embed encoding errors expvar flag fmt go hash html image index
	internal io iter log maps math mime net os path plugin reflect regexp runtime
	slices sort strconv strings structs sync syscall testing text time unicode
	unique unsafe weak`)

// isStandard reports whether a call, such as "log.Panicf(...)", is of Go's
// standard library: by its name, and by the folder of its file, which another
// package of that name does not have. The runtime has functions of others.
func isStandard(call, file string) bool {
	call, _, _ = strings.Cut(strings.TrimPrefix(strings.TrimSpace(call), "created by "), "(")
	slash := strings.LastIndex(call, "/") + 1
	name, _, _ := strings.Cut(call[slash:], ".")
	pkg := call[:slash] + name
	if pkg == "panic" {
		return true
	}
	root, _, _ := strings.Cut(pkg, "/")
	folder := "/src/" + path.Dir(file) // it is relative where the program was built with -trimpath
	return slices.Contains(goRoots, root) && (strings.HasSuffix(folder, "/src/"+pkg) || strings.HasSuffix(folder, "/src/runtime"))
}
