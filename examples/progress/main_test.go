package main_test

import (
	"testing"

	"github.com/syncstream/syncstream/examples/internal/exampletest"
)

const want = `20 %
40 %
60 %
80 %
100 %
worker 0: all is done
worker 1: all is done
worker 2: all is done
worker 3: all is done
4 messages kept, 100 parsed away; error: <nil>
`

func TestExample(t *testing.T) { exampletest.Run(t, want) }
