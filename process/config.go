package process

import (
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/syncstream/syncstream"
)

// What a [Config] that says nothing gives.
const (
	DefaultStopGrace  = 10 * time.Second
	DefaultDrainGrace = 2 * time.Second
)

// Order decides what stays together of a worker's two streams.
type Order uint8

const (
	// Labels gives each stream a pipe of its own: each message tells which it
	// came on; the order between the two is nearly theirs.
	Labels Order = iota
	// Merged gives both streams one pipe: their order is exact, and nothing
	// tells them apart.
	Merged
)

// Config says how a worker is captured. Its zero value is ready to use; a
// negative duration makes [Start] panic.
type Config struct {
	// Source names the worker. If its Name is empty, the name of the program,
	// or that of a worker function;
	// its PID is filled in.
	Source syncstream.Source
	// Lines decides where a line ends; if zero, Fold.
	Lines syncstream.Lines
	// Order decides between labels and exact order; if zero, Labels.
	Order Order
	// Terminal, if it is not nil, is what the worker's stdout and stderr go to
	// in place of pipes, as one stream, in their exact order. It is the
	// terminal of a session of the worker's own. Start owns it.
	Terminal *Terminal
	// StopSignal is what a stop sends to the worker's process group; if nil,
	// SIGTERM. On Windows a stop always kills.
	StopSignal os.Signal
	// StopGrace is how long after StopSignal the group is killed; if zero,
	// DefaultStopGrace.
	StopGrace time.Duration
	// DrainGrace is how long, after the worker's death, other processes that
	// hold its pipes are waited for; if zero, DefaultDrainGrace.
	DrainGrace time.Duration
}

// Terminal is a new pseudo-terminal, which its owner has configured. On Unix
// only. It is closed when its worker has ended, or could not be started.
type Terminal struct {
	Controller *os.File // what is read; it must not have been made blocking by Fd
	Worker     *os.File // what the worker has; it can be its Stdin too
}

// close closes both ends. t may be nil.
func (t *Terminal) close() {
	if t != nil {
		t.Controller.Close()
		t.Worker.Close()
	}
}

// oneStream reports whether nothing tells stdout and stderr apart.
func (c *Config) oneStream() bool { return c.Order == Merged || c.Terminal != nil }

func (c Config) withDefaults(cmd *exec.Cmd) Config {
	if c.Lines > syncstream.Python {
		panic(fmt.Sprintf("process: Start: Config.Lines is %d; want Fold, Split, Keep or Python", c.Lines))
	}
	if c.Order > Merged {
		panic(fmt.Sprintf("process: Start: Config.Order is %d; want Labels or Merged", c.Order))
	}
	if c.Source.Name == "" {
		c.Source.Name = programName(cmd)
	}
	if c.StopSignal == nil {
		c.StopSignal = defaultStopSignal
	}
	for _, d := range []struct {
		field string
		value *time.Duration
		def   time.Duration
	}{
		{"StopGrace", &c.StopGrace, DefaultStopGrace},
		{"DrainGrace", &c.DrainGrace, DefaultDrainGrace},
	} {
		if *d.value < 0 {
			panic(fmt.Sprintf("process: Start: Config.%s is %v; want a positive duration, or zero for %v", d.field, *d.value, d.def))
		}
		if *d.value == 0 {
			*d.value = d.def
		}
	}
	return c
}
