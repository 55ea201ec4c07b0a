package process

import (
	"errors"
	"fmt"
	"strings"
)

// holder is a process that keeps a worker's pipe.
type holder struct {
	pid     int
	command string // its arguments, with spaces between them
}

// maxHolders is how many holders a warning names, and maxCommand how many bytes
// of each one's command line.
const (
	maxHolders = 3
	maxCommand = 80
)

// heldWarning says who still holds the output of a worker; nobody, where the
// system does not tell.
func heldWarning(name string, holders []holder) error {
	var names []string
	for _, h := range holders[:min(len(holders), maxHolders)] {
		command := h.command
		if len(command) > maxCommand {
			command = command[:maxCommand] + "…"
		}
		names = append(names, fmt.Sprintf("%d (%q)", h.pid, command))
	}
	who := "another process still holds"
	switch n := len(names); {
	case n == 1:
		who = "process " + names[0] + " still holds"
	case len(holders) > n:
		who = fmt.Sprintf("processes %s and %d more still hold", strings.Join(names, ", "), len(holders)-n)
	case n > 1:
		who = fmt.Sprintf("processes %s and %s still hold", strings.Join(names[:n-1], ", "), names[n-1])
	}
	return errors.New(who + " the output of " + name + "; what is printed there from now on is lost, and not counted")
}
