//go:build !linux

package pipe

import "io"

// FinishLosesNothing says that [Reader.Finish] does not know what is in the pipe.
const FinishLosesNothing = false

// Nonblocking reports false: pipes are read the ordinary way here.
func Nonblocking(uintptr) bool { return false }

// Read is not called where Nonblocking reports false.
func Read(uintptr, []byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// Yield does nothing here.
func Yield() {}

// Enlarge reports false: the size of pipes can't be changed here.
func Enlarge(uintptr) bool { return false }

// Release does nothing here.
func Release() {}

// SetSize reports false: the size of pipes can't be changed here.
func SetSize(uintptr, int) bool { return false }

// Available returns 0: nobody asks here.
func Available(uintptr) int { return 0 }

func hungUp(uintptr) bool { return false }

func capacity(uintptr) int { return 0 }

func number(uintptr) uint64 { return 0 }
