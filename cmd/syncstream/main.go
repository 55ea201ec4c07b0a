// Command syncstream runs many commands and brings their output together:
// every line whole, in order, none lost.
package main

import (
	"os"

	"github.com/syncstream/syncstream/cmd/syncstream/internal/cli"
)

func main() { os.Exit(cli.Main()) }
