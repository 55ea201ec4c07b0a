package host

import (
	"fmt"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/host/internal/wire"
)

// What a [Config] that says nothing gives.
const (
	DefaultMaxBuffers  = 100
	DefaultMaxOpen     = 10_000
	DefaultMaxBody     = 4 << 20
	DefaultMaxWaiting  = 4096
	DefaultSilence     = wire.MaxSilence
	DefaultBodyTimeout = 30 * time.Second
)

// Config says what a host keeps and whom it serves. Its zero value is ready to
// use; a negative number makes [NewHandler] panic.
type Config struct {
	// Buffer says what each buffer keeps.
	Buffer syncstream.Config
	// Tokens are those that a request may carry; if empty, none is needed. A
	// host without tokens that is reached at a loopback address answers only
	// requests for localhost or an address, lest a web page gives that a name of
	// its own.
	Tokens []Token
	// MaxBuffers is how many buffers there may be; if zero, DefaultMaxBuffers.
	// A request for one more is refused (507).
	MaxBuffers int
	// MaxOpen is how many sources may be open in a buffer; if zero,
	// DefaultMaxOpen. One more is refused (507), but for one that was taken for
	// lost and comes back.
	MaxOpen int
	// MaxBody is how many bytes the body of a request may have, unpacked; if
	// zero, DefaultMaxBody. A longer one is refused (413). Lines of text that
	// come as they are written (PUT) have no such end.
	MaxBody int
	// MaxWaiting is how many requests of one address may wait for something at
	// a time: followers, stops, ends, and lines as they are written; if zero,
	// DefaultMaxWaiting. One for the stops of more than 100 sources counts as
	// several, one for each 100 of them. One more is refused (429).
	MaxWaiting int
	// Silence is how long a source may give no sign; if zero, DefaultSilence.
	// Then it is taken for lost: closed, with an error message.
	Silence time.Duration
	// BodyTimeout is how long the body of a request may take; if zero,
	// DefaultBodyTimeout.
	BodyTimeout time.Duration
}

// complete returns c with the fields that are zero filled in.
func (c Config) complete() Config {
	orDefault("NewHandler: Config.MaxBuffers", &c.MaxBuffers, DefaultMaxBuffers)
	orDefault("NewHandler: Config.MaxOpen", &c.MaxOpen, DefaultMaxOpen)
	orDefault("NewHandler: Config.MaxBody", &c.MaxBody, DefaultMaxBody)
	orDefault("NewHandler: Config.MaxWaiting", &c.MaxWaiting, DefaultMaxWaiting)
	orDefault("NewHandler: Config.Silence", &c.Silence, DefaultSilence)
	orDefault("NewHandler: Config.BodyTimeout", &c.BodyTimeout, DefaultBodyTimeout)
	if c.Buffer.MaxLine == 0 {
		c.Buffer.MaxLine = syncstream.DefaultMaxLine
	}
	if c.Buffer.MaxBytes == 0 {
		c.Buffer.MaxBytes = syncstream.DefaultMaxBytes
	}
	if c.Buffer.MaxMessages == 0 {
		c.Buffer.MaxMessages = syncstream.DefaultMaxMessages
	}
	return c
}

// orDefault fills in a number that is zero. name is what it is called, and whose.
func orDefault[N int | time.Duration](name string, n *N, def N) {
	if *n < 0 {
		panic(fmt.Sprintf("host: %s is %v; want a positive number, or zero for %v", name, *n, def))
	}
	if *n == 0 {
		*n = def
	}
}
