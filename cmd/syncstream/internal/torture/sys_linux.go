package torture

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// processesOf returns the processes that have a line in their environment,
// whoever their parent is now.
func processesOf(env string) (found []leftProcess, err error) {
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended, or is another user's
		}
		for line := range bytes.SplitSeq(b, []byte{0}) {
			if string(line) == env {
				dir := filepath.Dir(file)
				pid, _ := strconv.Atoi(filepath.Base(dir))
				name, _ := os.ReadFile(dir + "/comm")
				found = append(found, leftProcess{pid, strings.TrimSpace(string(name))})
				break
			}
		}
	}
	return found, err
}
