package main_test

import (
	"testing"

	"github.com/syncstream/syncstream/examples/internal/exampletest"
)

const want = `Message item of worker 0
Message item of worker 1
Message item of worker 2
Message item of worker 3
`

func TestExample(t *testing.T) { exampletest.Run(t, want) }
