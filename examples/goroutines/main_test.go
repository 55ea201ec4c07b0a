package main_test

import (
	"testing"

	"github.com/syncstream/syncstream/examples/internal/exampletest"
)

const want = `worker 0, message 1, stdout line: Message item
worker 0, message 2, stderr line: a note on stderr
worker 1, message 1, stdout line: Message item
worker 1, message 2, stderr line: a note on stderr
worker 2, message 1, stdout line: Message item
worker 2, message 2, stderr line: a note on stderr
worker 3, message 1, stdout line: Message item
worker 3, message 2, stderr line: a note on stderr
worker 3, message 3, control error: no more items
the first failure: worker 3: no more items
`

func TestExample(t *testing.T) { exampletest.Run(t, want) }
