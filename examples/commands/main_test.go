package main_test

import (
	"testing"

	"github.com/syncstream/syncstream/examples/internal/exampletest"
)

const want = `sh, stdout: from the shell
sh, stderr: a complaint
sh, control: exit status 3
awk, stdout: awk counts 1
awk, stdout: awk counts 2
awk, stdout: awk counts 3
perl, stdout: perl ends without a newline
no-such-program, control: can't start "no-such-program": executable file not found in $PATH
sh ended: exit status 3
awk ended: <nil>
perl ended: <nil>
no-such-program ended: can't start "no-such-program": executable file not found in $PATH
`

func TestExample(t *testing.T) { exampletest.Run(t, want) }
