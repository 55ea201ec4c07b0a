package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"
)

// readText reads a file, or stdin for "-". The mark that some editors put at its
// beginning, to say that it is UTF-8, is none of the text.
func readText(path string) (string, error) {
	read := func() ([]byte, error) { return os.ReadFile(path) }
	if path == "-" {
		read = func() ([]byte, error) { return io.ReadAll(os.Stdin) }
	}
	text, err := read()
	return strings.TrimPrefix(string(text), "\ufeff"), err
}

// fileError is what is wrong in a file, and where. Lines and columns count from
// 1, columns in characters.
type fileError struct {
	file         string
	line, column int
	err          error
}

func (e *fileError) Error() string {
	return fmt.Sprintf("%s:%d:%d: %v", e.file, e.line, e.column, e.err)
}

func (e *fileError) Unwrap() error { return e.err }

// columnOf returns the column of the byte at off in a line.
func columnOf(line string, off int) int { return utf8.RuneCountInString(line[:off]) + 1 }
