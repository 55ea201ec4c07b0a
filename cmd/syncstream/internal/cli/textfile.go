package cli

import (
	"fmt"
	"unicode/utf8"
)

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
