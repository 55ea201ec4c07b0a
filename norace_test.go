//go:build !race

package syncstream_test

// race tells that the race detector is on, which allocates by itself.
const race = false
