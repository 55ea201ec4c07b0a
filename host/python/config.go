package python

import (
	"fmt"
	"time"

	"github.com/syncstream/syncstream"
)

// What a [Config] that says nothing gives.
const (
	DefaultMaxBody     = 4 << 20
	DefaultMaxSenders  = 4096
	DefaultLineSilence = 5 * time.Second
	DefaultVanished    = 15 * time.Second
	DefaultMaxSilence  = 10 * time.Minute
)

// Config says how a [Handler] serves. Its zero value is ready to use; a negative
// number makes [NewHandler] panic.
type Config struct {
	// MaxMessages is what clients are told that the buffer keeps; if zero,
	// [syncstream.DefaultMaxMessages].
	MaxMessages int
	// MaxBody is how many bytes the body of a request may have; if zero,
	// DefaultMaxBody. A longer one is answered with status 413.
	MaxBody int
	// MaxSenders is how many senders may be open at a time; if zero,
	// DefaultMaxSenders. Another one is answered with status 507.
	MaxSenders int
	// Open opens the source of a sender; if nil, the buffer's method Mirror. Its
	// error is the answer, with status 507; the sender asks again when it writes
	// again. Open waits for nobody, and calls nothing of the handler.
	Open func(syncstream.MirrorConfig) (*syncstream.Mirror, error)
	// LineSilence is after how long without a write an open line ends; if
	// zero, DefaultLineSilence.
	LineSilence time.Duration
	// Vanished is how long a sender whose connection has ended is waited for
	// until its source is closed with an error; if zero, DefaultVanished.
	Vanished time.Duration
	// MaxSilence is how long a sender may make no request where its server is
	// not watched (see [Watch]), so that nobody knows whether it is still there.
	// Then its source is closed with an error. If zero, DefaultMaxSilence.
	MaxSilence time.Duration
}

// complete returns c with the fields that are zero filled in.
func (c Config) complete() Config {
	orDefault("MaxMessages", &c.MaxMessages, syncstream.DefaultMaxMessages)
	orDefault("MaxBody", &c.MaxBody, DefaultMaxBody)
	orDefault("MaxSenders", &c.MaxSenders, DefaultMaxSenders)
	orDefault("LineSilence", &c.LineSilence, DefaultLineSilence)
	orDefault("Vanished", &c.Vanished, DefaultVanished)
	orDefault("MaxSilence", &c.MaxSilence, DefaultMaxSilence)
	return c
}

func orDefault[N int | time.Duration](field string, n *N, def N) {
	if *n < 0 {
		panic(fmt.Sprintf("python: NewHandler: Config.%s is %v; want a positive number, or zero for %v", field, *n, def))
	}
	if *n == 0 {
		*n = def
	}
}
