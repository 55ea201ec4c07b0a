package cli

import (
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/syncstream/syncstream/process"
)

// playEnv has the test binary play syncstream instead of testing.
const playEnv = "SYNCSTREAM_TEST_PLAY"

func TestMain(m *testing.M) {
	process.Main()
	if os.Getenv(playEnv) != "" {
		os.Unsetenv(playEnv) // of its workers none plays
		os.Exit(Main())
	}
	// Under nohup the signal is ignored, which children would inherit.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	os.Exit(m.Run())
}
