package main_test

import (
	"testing"

	"github.com/syncstream/syncstream/examples/internal/exampletest"
)

const want = `Message item
Message item
Message item
Message item
`

func TestExample(t *testing.T) { exampletest.Run(t, want) }
