package syncstream

import "time"

// clock reads the time of day at half the price of [time.Now], which reads two
// clocks: between the readings of both it counts on from the last one. It is
// not safe for concurrent use.
type clock struct {
	base time.Time
	unix int64 // base, in nanoseconds
}

// clockStep is how long clock counts by itself. After a machine has slept, or
// its time was set, it is wrong for as long.
const clockStep = 10 * time.Millisecond

// now returns the Unix time in nanoseconds.
func (c *clock) now() int64 {
	d := time.Since(c.base)
	if d >= clockStep {
		c.base = time.Now()
		c.unix, d = c.base.UnixNano(), 0
	}
	return c.unix + int64(d)
}
