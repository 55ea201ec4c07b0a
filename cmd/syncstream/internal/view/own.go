package view

import (
	"bytes"
	"errors"
	"sync"

	"github.com/syncstream/syncstream"
)

// own is what we have to say ourselves. It waits here while rows are written,
// since whoever says it must not wait for that: it may be about to kill a worker
// while nobody takes the output.
type own struct {
	mu      sync.Mutex // guards what follows
	notices []string
	status  string
	news    bool // there is something to draw
}

// Notice shows rows of our own on Stderr, between those of the workers. It does
// not wait: where others are being written, they come behind these.
func (v *View) Notice(text string) {
	v.own.mu.Lock()
	v.own.notices, v.own.news = append(v.own.notices, text), true
	v.own.mu.Unlock()
	v.deliver()
}

// SetStatus shows text in the last row of a terminal, below the live rows; an
// empty text takes it away. Elsewhere it is not shown. It does not wait.
func (v *View) SetStatus(text string) {
	v.own.mu.Lock()
	v.own.status, v.own.news = text, true
	v.own.mu.Unlock()
	v.deliver()
}

// Resize has the live rows drawn again, for a window whose size has changed. It
// does not wait.
func (v *View) Resize() {
	v.own.mu.Lock()
	v.own.news = true
	v.own.mu.Unlock()
	v.deliver()
}

// Suspend takes the live rows away, as before the program is stopped (Ctrl-Z);
// it waits while rows are written. Lines are still shown. Resume brings them
// back, wherever the cursor is then.
func (v *View) Suspend() { v.suspend(true) }

// Resume undoes Suspend.
func (v *View) Resume() { v.suspend(false) }

func (v *View) suspend(suspended bool) {
	v.mu.Lock()
	defer v.unlock()
	v.rows.suspended = suspended
	v.keep(v.draw())
}

// unlock gives up mu, and shows what came meanwhile.
func (v *View) unlock() {
	v.mu.Unlock()
	v.deliver()
}

// deliver shows what we have to say, unless rows are being written: whoever does
// that will.
func (v *View) deliver() {
	for v.own.waits() && v.mu.TryLock() {
		v.say()
		v.keep(v.draw())
		v.mu.Unlock()
	}
}

func (o *own) waits() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.news
}

// say adds what we have to say to what is to be written. It needs mu.
func (v *View) say() {
	v.own.mu.Lock()
	notices, status, news := v.own.notices, v.own.status, v.own.news
	v.own.notices, v.own.news = nil, false
	v.own.mu.Unlock()
	if !news {
		return
	}
	if v.closed {
		status = "" // nobody would take it away
	}
	for _, text := range notices {
		v.keep(v.notice(text))
	}
	if status != v.rows.status && status != "" {
		v.keep(v.switchTo(&v.direct))
		v.keep(v.breakRow())
	}
	v.rows.status = status
}

// notice adds rows of our own. It needs mu.
func (v *View) notice(text string) error {
	if err := errors.Join(v.switchTo(&v.direct), v.breakRow(), v.turn(v.err)); err != nil {
		return err
	}
	for line := range bytes.SplitSeq([]byte(text), lf) {
		v.buf = v.appendLine(v.buf, v.err, &stream{}, nil, line, syncstream.EndLF)
	}
	return v.flush()
}
