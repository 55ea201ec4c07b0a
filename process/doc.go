// Package process captures the output of processes: every line of every worker
// comes into one buffer, whole, in the worker's order, up to its last byte.
//
//	b := syncstream.New(syncstream.Config{MaxMessages: 10})
//	p, err := process.Start(ctx, b, exec.Command("make", "-j8"), process.Config{})
//
// The worker's mirror closes when the process is dead and its pipes are dry;
// how it ended, unless it exited with status 0, is one error message behind
// the last line.
//
// # Functions as workers
//
// [NewFunc] makes a worker of a Go function: its [Func.Command] runs a copy of
// this program, which [Main] turns into that worker.
//
//	var train = process.NewFunc("train", func(ctx context.Context, rank int) error { … })
//
//	func main() {
//		process.Main()
//		…
//		process.Start(ctx, b, train.Command(3), process.Config{})
//
// # Inside a worker
//
// What a worker prints are lines. [Parent] gives it more to say: warnings and
// errors, each of which is one message and stands behind the lines printed
// before, its progress, and what [log/slog] logs. Its Context ends when the
// parent says stop. A program in another language writes JSON to a descriptor;
// docs/protocol.md tells how. Both are for Linux.
//
// # Stopping
//
// A stop, by the context of [Start], [syncstream.Buffer.Stop], [Process.Stop] or
// [Group.Stop], asks the worker's process group to end, and kills it after
// Config.StopGrace. What the worker still prints is captured, and its end is no
// failure.
//
// # What is left behind
//
// A process that the worker has started, and that keeps its output open, is
// waited for as long as Config.DrainGrace, and then named in a warning. On Linux
// a worker dies with this process; with a [Guard], so does all that workers have
// started.
package process
