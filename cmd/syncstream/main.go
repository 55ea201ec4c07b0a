// Command syncstream runs many commands and brings their output together:
// every line whole, in order, none lost.
package main

import (
	"os"

	"github.com/syncstream/syncstream/cmd/syncstream/internal/cli"
	"github.com/syncstream/syncstream/process"
)

func main() {
	process.Main() // this program is its own guard too
	os.Exit(cli.Main())
}
