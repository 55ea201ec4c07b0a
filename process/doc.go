// Package process captures the output of processes: every line of every worker
// comes into one buffer, whole, in the worker's order, up to its last byte.
//
//	b := syncstream.New(syncstream.Config{MaxMessages: 10})
//	p, err := process.Start(ctx, b, exec.Command("make", "-j8"), process.Config{})
//
// The worker's mirror closes when the process is dead and its pipes are dry;
// how it ended, unless it exited with status 0, is one error message behind
// the last line.
package process
