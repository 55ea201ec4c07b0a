//go:build !linux

package process

import "os/exec"

func spawn(start func() error) error { return start() }

// dieWithUs does nothing here: a worker outlives its parent.
func dieWithUs(*exec.Cmd) {}
