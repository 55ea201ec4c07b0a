package view

import (
	"bytes"
	"errors"
	"sync"
	"time"

	"github.com/syncstream/syncstream"
)

// own is what we have to say ourselves. It waits here while rows are written,
// since whoever says it must not wait for that: it may be about to kill a worker
// while nobody takes the output.
type own struct {
	mu        sync.Mutex // guards what follows
	notices   []string
	status    string
	suspended bool
	news      bool // there is something to draw
}

// tell has set change what we have to say.
func (o *own) tell(set func(*own)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	set(o)
	o.news = true
}

// Notice shows rows of our own on Stderr, between those of the workers. It does
// not wait for rows that are being written, and comes behind them; where none
// are, it waits until its own are written.
func (v *View) Notice(text string) {
	v.own.tell(func(o *own) { o.notices = append(o.notices, text) })
	v.deliver()
}

// SetStatus shows text in the last row of a terminal, below the live rows; an
// empty text takes it away. Elsewhere it is not shown. It waits as Notice does.
func (v *View) SetStatus(text string) {
	v.own.tell(func(o *own) { o.status = text })
	v.deliver()
}

// Resize has the live rows drawn again, for a window whose size has changed. It
// waits as Notice does.
func (v *View) Resize() {
	v.own.tell(func(*own) {})
	v.deliver()
}

// suspendPatience is how long a program waits for the live rows to go before it
// is stopped.
const suspendPatience = 250 * time.Millisecond

// Suspend takes the live rows away, as before the program is stopped (Ctrl-Z).
// Lines are still shown. It waits a moment at most: where nobody takes the
// output, the rows stay.
func (v *View) Suspend() {
	v.own.tell(func(o *own) { o.suspended = true })
	gone := make(chan struct{})
	go func() {
		v.mu.Lock()
		v.unlock()
		close(gone)
	}()
	select {
	case <-gone:
	case <-time.After(suspendPatience):
	}
}

// Resume brings the live rows back, wherever the cursor is then. It does not
// wait.
func (v *View) Resume() {
	v.own.tell(func(o *own) { o.suspended = false })
	go v.deliver()
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
	notices, status, suspended, news := v.own.notices, v.own.status, v.own.suspended, v.own.news
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
	v.rows.status, v.rows.suspended = status, suspended
}

// notice adds rows of our own. It needs mu.
func (v *View) notice(text string) error {
	if err := errors.Join(v.switchTo(&v.direct), v.breakRow(), v.turn(v.err)); err != nil {
		return err
	}
	if v.out.live && v.err.live && !v.rows.sync { // else who reads stdout may show it there
		v.buf = append(v.buf, eraseRow...)
	}
	for line := range bytes.SplitSeq([]byte(text), lf) {
		v.buf = v.appendLine(v.buf, v.err, &stream{}, nil, line, syncstream.EndLF)
	}
	return v.flush()
}
