package torture

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
)

// The environment of a worker: the story, the directory of this run, and, if
// the program is to play one of Go's workers, its number.
const (
	envStory  = "SYNCSTREAM_TORTURE_STORY"
	envDir    = "SYNCSTREAM_TORTURE_DIR"
	envWorker = "SYNCSTREAM_TORTURE_WORKER"
)

// badPlay is the exit status of a worker that could not play its part.
const badPlay = 99

// Play plays a worker and exits, if the environment has a role for this
// program; else it returns at once. A program that calls [Run] calls it first
// of all.
func Play() {
	number, ok := os.LookupEnv(envWorker)
	if !ok {
		return
	}
	err := play(os.Getenv(envStory), os.Getenv(envDir), number)
	var status exit
	switch {
	case errors.As(err, &status):
		os.Exit(int(status))
	case err != nil:
		fmt.Fprintf(os.Stderr, "torture: worker %s: %v\n", number, err)
		os.Exit(badPlay)
	}
	os.Exit(0)
}

// exit is the error of a worker that shall end with a status.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// die does not return, if all goes well.
func die() error {
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Kill()
	}
	if err != nil {
		return err
	}
	select {}
}

func play(story, dir, number string) error {
	row, ok := Find(story)
	if !ok {
		return fmt.Errorf("there is no story %q", story)
	}
	worker, err := strconv.Atoi(number)
	if err != nil || worker < 0 || worker >= len(row.Workers) {
		return fmt.Errorf("story %q has no such worker", story)
	}
	p := &player{worker: worker, dir: dir, out: os.Stdout, rand: rand.New(rand.NewPCG(1, uint64(worker)))}
	if row.Workers[worker].Stderr {
		p.out = os.Stderr
	}
	return p.playAll(row.Workers[worker].Steps)
}

// playAll plays steps, and tells when it begins with the last that writes
// numbered lines: who never tells was ended by the tool.
func (p *player) playAll(steps []Step) error {
	last := len(steps) - 1
	for last > 0 && steps[last].lines == 0 {
		last--
	}
	for i, s := range steps {
		if i == last {
			if err := p.ask(request{Verb: "done"}); err != nil {
				return err
			}
		}
		if err := s.play(p); err != nil {
			return err
		}
	}
	return nil
}

// Find returns the story with the given name.
func Find(name string) (Row, bool) {
	for _, row := range Rows() {
		if row.Name == name {
			return row, true
		}
	}
	return Row{}, false
}

// player is a worker that plays its steps.
type player struct {
	worker int
	number int // of the last line
	dir    string
	out    io.Writer
	buf    []byte // to be written
	rand   *rand.Rand
}

func (p *player) next() int {
	p.number++
	return p.number
}

// noise returns a text of about 100 bytes.
func (p *player) noise() string { return string(filler(50 + p.rand.IntN(100))) }

func (p *player) add(text string) { p.buf = append(p.buf, text...) }

// flush writes all in one write.
func (p *player) flush() error {
	if len(p.buf) == 0 {
		return nil
	}
	_, err := p.out.Write(p.buf)
	p.buf = p.buf[:0]
	return err
}

// flushUneven writes all in pieces of any size.
func (p *player) flushUneven() error {
	for rest := p.buf; len(rest) > 0; {
		n := min(len(rest), 1+p.rand.IntN(3000))
		if _, err := p.out.Write(rest[:n]); err != nil {
			return err
		}
		rest = rest[n:]
	}
	p.buf = p.buf[:0]
	return nil
}

func (p *player) await(e Event) error { return p.ask(e.request()) }

// ask asks the conductor, who answers when the time has come.
func (p *player) ask(r request) error {
	conn, err := net.Dial("unix", socketIn(p.dir))
	if err != nil {
		return err
	}
	defer conn.Close()
	r.By = p.worker
	if err := json.NewEncoder(conn).Encode(r); err != nil {
		return err
	}
	var answer string
	if err := json.NewDecoder(conn).Decode(&answer); err != nil {
		return fmt.Errorf("%v: %w", r, err)
	}
	return nil
}
