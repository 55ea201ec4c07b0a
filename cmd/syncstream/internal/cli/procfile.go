package cli

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// nameChars are what the foreman family allows in the name of a Procfile's line.
const nameChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

// parseProcfile reads "name: command" lines, as foreman has them. Blank lines
// and those that begin with # count for nothing; what else is no such line is a
// *fileError.
func parseProcfile(file, text string) ([]worker, error) {
	var workers []worker
	lineOf := map[string]int{}
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimRight(line, "\r\n")
		if rest := strings.TrimSpace(line); rest == "" || rest[0] == '#' {
			continue
		}
		name, command, column, err := cutProcLine(line)
		if first := lineOf[name]; err == nil && first > 0 {
			column, err = 1, fmt.Errorf("%q stands in line %d too; want each worker's own name", name, first)
		}
		if err != nil {
			return nil, &fileError{file, number, column, err}
		}
		lineOf[name] = number
		workers = append(workers, shellWorker(name, command))
	}
	if len(workers) == 0 {
		return nil, &fileError{file, max(number, 1), 1, errors.New("there is no command in it: want lines such as web: npm start")}
	}
	return workers, nil
}

// firstPort and portStep are the ports of a Procfile's commands in all of the
// foreman family.
const firstPort, portStep = 5000, 100

// assignPorts gives each worker a PORT of its own, from the first on. One that is
// no number is left to all.
func assignPorts(workers []worker, first string) {
	port, err := strconv.Atoi(orElse(first, strconv.Itoa(firstPort)))
	if err != nil {
		return
	}
	for i := range workers {
		workers[i].env = []string{"PORT=" + strconv.Itoa(port+i*portStep)}
	}
}

// cutProcLine divides a line; with an error, it tells in which column.
func cutProcLine(line string) (name, command string, column int, err error) {
	n := len(line) - len(strings.TrimLeft(line, nameChars))
	switch {
	case n == 0:
		return "", "", 1, fmt.Errorf("want a name of letters, digits, _ and -, and a colon, as in web: npm start, not %q", line[:firstRune(line)])
	case n > maxName:
		return "", "", maxName + 1, fmt.Errorf("the name is %d bytes long; want at most %d", n, maxName)
	case n == len(line):
		return "", "", columnOf(line, n), fmt.Errorf("the line ends behind %q; want a colon and a command there", line[:n])
	case line[n] != ':':
		return "", "", columnOf(line, n), fmt.Errorf("want a colon behind the name, not %q", line[n:n+firstRune(line[n:])])
	}
	command = strings.TrimSpace(line[n+1:])
	if command == "" {
		return "", "", columnOf(line, n+1), fmt.Errorf("want a command for %s behind the colon", line[:n])
	}
	return line[:n], command, 0, nil
}

// firstRune returns how many bytes the first character of s has.
func firstRune(s string) int {
	for i := range s {
		if i > 0 {
			return i
		}
	}
	return len(s)
}
