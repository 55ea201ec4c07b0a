//go:build !linux

package process

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"
)

func startGuard() error {
	return fmt.Errorf("process: Guard on %s: %w; want Linux, which tells a process of its orphans", runtime.GOOS, errors.ErrUnsupported)
}

// startGuarded reports false: there is no guard here.
func startGuarded(*exec.Cmd) (child, bool, error) { return nil, false, nil }
