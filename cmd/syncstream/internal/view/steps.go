package view

import (
	"strings"
	"time"

	"github.com/syncstream/syncstream"
)

// step is what is known of a partial line that has no live row.
type step struct {
	text    string
	redrawn bool      // a carriage return has started it again
	shown   time.Time // when it had a row, or was first seen
	row     string    // the text of that
}

// addSteps adds a row for each progress bar whose time has come. What a partial
// line only adds is no new state of it.
func (v *View) addSteps() error {
	for _, m := range v.rows.lines {
		key := streamKey{m.Source, m.Stream}
		if v.dest(m.Stream).live || m.Text == "" {
			continue
		}
		now := time.Now()
		s := v.steps[key]
		if s == nil {
			s = &step{text: m.Text, shown: now}
			v.steps[key] = s
		}
		s.redrawn = s.redrawn || !strings.HasPrefix(m.Text, s.text)
		s.text = m.Text
		if !s.redrawn || s.text == s.row || now.Sub(s.shown) < v.config.Steps {
			continue
		}
		s.shown, s.row = now, s.text
		if err := v.addStep(m); err != nil {
			return err
		}
	}
	return nil
}

func (v *View) addStep(m syncstream.Message) error {
	if err := v.breakRow(); err != nil {
		return err
	}
	to := v.dest(m.Stream)
	if err := v.turn(to); err != nil {
		return err
	}
	s := *v.stream(streamKey{m.Source, m.Stream}) // a copy: the line has not ended
	tag := v.tags.of(m.Source).lines.append([]byte{}, &v.tags.time, m.Time)
	v.buf = v.appendLine(v.buf, to, &s, tag, []byte(v.unfinished(m, m.Text)), syncstream.EndLF)
	return nil
}
