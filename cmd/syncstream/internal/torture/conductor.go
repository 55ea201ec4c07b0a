package torture

import (
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// request is what a worker says to the conductor.
type request struct {
	By     int // who asks; -1: this program
	Verb   string
	Name   string
	Worker int
	N      int
}

// String returns the request in words.
func (r request) String() string {
	switch r.Verb {
	case "seen":
		return fmt.Sprintf("line %d of worker %d in the output", r.N, r.Worker)
	case "seenall":
		return fmt.Sprintf("the first lines of %d workers in the output", r.N)
	case "told":
		return fmt.Sprintf("somebody who tells %q", r.Name)
	}
	return r.Verb + " " + r.Name
}

// conductor knows what has happened, and lets those go on who wait for it.
type conductor struct {
	listener net.Listener
	serving  sync.WaitGroup

	mu      sync.Mutex // guards what follows
	changed sync.Cond
	told    map[string]bool
	shown   map[int]int  // the highest line that the output has shown, by worker
	wrote   map[int]int  // lines that were not planned, by worker
	done    map[int]bool // workers that have nothing to wait for any more
	waiting []request
	late    []request // what was waited for in vain, when the waiting was ended
	ended   bool      // nobody waits any more
	conns   []net.Conn
	closed  bool
}

func socketIn(dir string) string { return filepath.Join(dir, "conductor") }

func newConductor(dir string) (*conductor, error) {
	l, err := net.Listen("unix", socketIn(dir))
	if err != nil {
		return nil, err
	}
	c := &conductor{listener: l, told: map[string]bool{}, shown: map[int]int{}, wrote: map[int]int{}, done: map[int]bool{}}
	c.changed.L = &c.mu
	c.serving.Go(c.accept)
	return c, nil
}

func (c *conductor) accept() {
	for {
		conn, err := c.listener.Accept()
		if err != nil {
			return
		}
		c.mu.Lock()
		c.conns = append(c.conns, conn)
		closed := c.closed
		c.mu.Unlock()
		if closed {
			conn.Close()
			return
		}
		c.serving.Go(func() { c.serve(conn) })
	}
}

func (c *conductor) serve(conn net.Conn) {
	defer conn.Close()
	var r request
	if json.NewDecoder(conn).Decode(&r) != nil {
		return
	}
	if c.handle(r) {
		_ = json.NewEncoder(conn).Encode("go on")
	}
}

// handle returns when what r asks for has happened; false, if it never will.
func (c *conductor) handle(r request) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch r.Verb {
	case "tell":
		c.told[r.Name] = true
		c.changed.Broadcast()
		return true
	case "done":
		c.done[r.By] = true
		return true
	case "wrote":
		c.wrote[r.Worker] += r.N
		return true
	}
	c.waiting = append(c.waiting, r)
	for !c.happenedLocked(r) && !c.closed && !c.ended {
		c.changed.Wait()
	}
	happened := c.happenedLocked(r)
	if !happened && !c.ended {
		return false // who waits in vain is named afterwards
	}
	i := slices.Index(c.waiting, r)
	c.waiting = slices.Delete(c.waiting, i, i+1)
	if !happened {
		c.late = append(c.late, r)
	}
	return true
}

// endWaiting lets all go on, as if what they wait for had happened.
func (c *conductor) endWaiting() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	c.changed.Broadcast()
}

// firstLate says what was waited for in vain; first of all, a line in the output.
func (c *conductor) firstLate() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.late) == 0 {
		return ""
	}
	i := max(0, slices.IndexFunc(c.late, func(r request) bool { return r.Verb != "told" }))
	return "waited in vain for " + c.late[i].String()
}

func (c *conductor) happenedLocked(r request) bool {
	switch r.Verb {
	case "seen":
		return c.shown[r.Worker] >= r.N
	case "seenall":
		return len(c.shown) >= r.N
	}
	return c.told[r.Name]
}

// await is handle for this program.
func (c *conductor) await(e Event) bool {
	r := e.request()
	r.By = -1
	return c.handle(r)
}

// show tells that the output has shown a line.
func (c *conductor) show(worker, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.shown[worker] < n {
		c.shown[worker] = n
		c.changed.Broadcast()
	}
}

// wroteMore returns how many lines the worker wrote that were not planned.
func (c *conductor) wroteMore(worker int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wrote[worker]
}

// isDone reports whether a worker has come to its last lines.
func (c *conductor) isDone(worker int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.done[worker]
}

// close lets nobody wait any more.
func (c *conductor) close() {
	c.listener.Close() // removes the socket too
	c.mu.Lock()
	c.closed = true
	for _, conn := range c.conns {
		conn.Close()
	}
	c.changed.Broadcast()
	c.mu.Unlock()
	c.serving.Wait()
}

// inVain says who waits for what.
func (c *conductor) inVain() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []string
	for _, r := range c.waiting {
		who := fmt.Sprintf("worker %d", r.By)
		if r.By < 0 {
			who = "the reader"
		}
		all = append(all, fmt.Sprintf("%s waits for %v", who, r))
	}
	if len(all) == 0 {
		return "nobody waits for an event"
	}
	if len(all) > 5 {
		all = append(all[:5], fmt.Sprintf("and %d more", len(all)-5))
	}
	return strings.Join(all, "; ")
}
