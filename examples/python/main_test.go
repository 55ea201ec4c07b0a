package main_test

import (
	"testing"

	"github.com/syncstream/syncstream/examples/internal/exampletest"
)

const want = `python, line: "step 1"
python, line: "step 2"
python, warning: "the disk is nearly full\n  free: 3 %"
python, line: "step 3"
python, line: "stopped: saved step 3"
syncstream: stopped
`

func TestExample(t *testing.T) { exampletest.Run(t, want) }
