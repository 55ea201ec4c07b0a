//go:build !linux

package view

import "os"

// EnlargePipe does nothing here: the size of pipes can't be changed.
func EnlargePipe(*os.File) {}
