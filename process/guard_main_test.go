package process

import (
	"strings"
	"testing"
)

// A program that forgot Main would run once more as its own guard, and start
// another: a chain of processes. It is told instead.
func TestGuardWithoutMain(t *testing.T) {
	defer mainCalled.Store(mainCalled.Load())
	mainCalled.Store(false)
	err := Guard()
	if err == nil || !strings.Contains(err.Error(), "process.Main") && !strings.Contains(err.Error(), "unsupported") {
		t.Errorf("Guard returned %v, want that Main is missing", err)
	}
}
