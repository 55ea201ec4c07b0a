package main_test

import (
	"testing"

	"github.com/syncstream/syncstream/examples/internal/exampletest"
)

const want = `the answer is 42
all have ended: one answer is enough
writes: asked true, heard true, exited: syncstream: stopped
computes: asked true, heard true, exited: one answer is enough
finds: asked true, heard true, exited: <nil>
`

func TestExample(t *testing.T) { exampletest.Run(t, want) }
