//go:build !linux

package process

import "fmt"

// parentConn is never made here.
type parentConn struct{}

func dialParent(string, string) (*parentConn, error) {
	return nil, fmt.Errorf("%w: this system has no channel to it", ErrNoParent)
}

func (*parentConn) awaitStop() error         { return ErrParentGone }
func (*parentConn) send([]byte, int) error   { return ErrParentGone }
func (*parentConn) sendAndWait([]byte) error { return ErrParentGone }
