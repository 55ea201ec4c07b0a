package process

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

// strangerTime is how long after a death somebody looks for strangers: many that
// die together cost one look, and no worker waits for it.
const strangerTime = 100 * time.Millisecond

// everyDeath calls reap soon after children have died, for ever.
func everyDeath(reap func()) {
	died := make(chan os.Signal, 1)
	signal.Notify(died, syscall.SIGCHLD)
	for range died {
		time.Sleep(strangerTime)
		reap()
	}
}
