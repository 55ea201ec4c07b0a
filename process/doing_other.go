//go:build !linux

package process

// doing can't be told here.
func (p *Process) doing() string { return "" }
