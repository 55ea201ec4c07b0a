// Package wire is the form of what a host and its clients say to each other, as
// docs/protocol.md describes it. All that decodes takes bytes from outside: it
// trusts no length and no number in them, allocates little more than it is
// given, and its errors name the place.
package wire

import "time"

// Media types of bodies.
const (
	Batches = "application/x-syncstream" // consecutive messages of one source; see [Append]
	Lines   = "application/x-ndjson"     // a message as JSON a line
	JSON    = "application/json"
	Events  = "text/event-stream"
)

// BufferHeader names the buffer that an answer comes from, as [Place.Buffer].
const BufferHeader = "Syncstream-Buffer"

// MaxNum is the highest number of a message, and of messages that are missing: so
// much lower than what the core takes that the host may add its own.
const MaxNum = 1 << 61

const (
	// MaxHold is how long a host keeps a request whose answer waits for
	// something, at most.
	MaxHold = 25 * time.Second
	// MaxSilence is how long a source may give no sign before its host takes it
	// for lost.
	MaxSilence = 15 * time.Second
	// Heartbeat is how often a host says something on a stream of events that
	// has nothing to say.
	Heartbeat = 10 * time.Second
)

const (
	maxBatches = 1 << 15 // in one request
	maxAppends = 1 << 10 // in one request
	maxString  = 256     // bytes of a source's name, and of each of its other strings
)
