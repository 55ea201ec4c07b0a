//go:build !linux && !darwin

package cli

import (
	"errors"
	"os"

	"github.com/syncstream/syncstream/process"
)

func openTerminal() (*process.Terminal, error) { return nil, errors.ErrUnsupported }

func copySize(_, _ *os.File) error { return errors.ErrUnsupported }
