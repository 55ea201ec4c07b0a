package view

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/clipperhouse/displaywidth"
	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/cmd/syncstream/internal/mask"
)

// live is the rows at the bottom of a terminal: those of partial lines, and the
// status. The cursor stands at the beginning of the first, so that one sequence
// erases them, whatever a change of the window has done to them. Where people
// type it stands behind the first: Enter takes it to the beginning of the second,
// and what was asked and answered stays above what is erased then.
type live struct {
	partials func() []syncstream.Message // nil: nobody asks for them
	lines    []syncstream.Message        // as they were last read
	status   string

	suspended bool // nothing is drawn

	drawn int    // rows on the screen
	frame []byte // what has drawn them
	sync  bool   // the terminal waits for the end of an update
}

const (
	// A terminal that knows it shows what stands between these at once; others
	// ignore them (https://github.com/contour-terminal/vt-extensions).
	beginUpdate = "\x1b[?2026h"
	endUpdate   = "\x1b[?2026l"
	// eraseRow erases what has been typed and shown, such as the ^C that a notice
	// answers, where no live row was erased anyway.
	eraseRow = "\r\x1b[K"
	// tmux keeps in its history what is erased from the first column of the first
	// row on; hence the space. What was erased from the second column on still
	// counts there when a narrower window wraps the row, as a blank row; hence the
	// row is erased by itself before.
	eraseBelow = "\r\x1b[K \x1b[J\r"
)

// read reads the partial lines.
func (l *live) read() {
	if l.partials != nil {
		l.lines = l.partials()
	}
}

// clear takes all rows away, for good.
func (l *live) clear() { l.partials, l.lines, l.status = nil, nil, "" }

// erase appends what erases the rows.
func (l *live) erase(dst []byte) []byte {
	if l.drawn == 0 {
		return dst
	}
	l.drawn = 0
	if !l.sync {
		l.sync = true
		dst = append(dst, beginUpdate...)
	}
	return append(dst, eraseBelow...)
}

// has reports whether a source has a row. When something has come of it, the
// partial lines are read again, so that none stands below its own line.
func (l *live) has(source *syncstream.Source) bool {
	return slices.ContainsFunc(l.lines, func(m syncstream.Message) bool { return m.Source == source })
}

// draw writes what is to be written, and the live rows below.
func (v *View) draw() error {
	if err := v.switchTo(&v.direct); err != nil {
		return err
	}
	if v.live == nil {
		return v.flush()
	}
	frame, n := v.frame()
	if v.rows.drawn > 0 && bytes.Equal(frame, v.rows.frame) {
		return v.flush()
	}
	if v.rows.drawn > 0 || n > 0 || v.rows.sync {
		if err := v.turn(v.live); err != nil {
			return err
		}
		v.buf = append(v.buf, frame...)
		if v.rows.sync {
			v.buf = append(v.buf, endUpdate...)
		}
		v.rows.drawn, v.rows.frame, v.rows.sync = n, frame, false
	}
	return v.flush()
}

// frame returns what draws the live rows, and how many they are.
func (v *View) frame() (frame []byte, n int) {
	if open := v.direct.open; open != nil && open.to.live {
		// Below an unfinished row there is no place.
		if v.rows.wait(open.key) {
			v.breakLater()
		}
		return nil, 0
	}
	if v.rows.suspended {
		return nil, 0
	}
	columns, height := v.live.size()
	if columns <= 0 || height <= 0 {
		columns, height = 80, 24
	}
	lines := v.liveLines()
	room := max(1, height-1)
	if v.rows.status != "" {
		room--
	}
	var rows [][]byte
	if v.config.Typed != "" && len(lines) > 0 && lines[0].Source.Name != v.config.Typed {
		rows, room = append(rows, nil), room-1 // what is typed has this row
	}
	more := 0
	if len(lines) > room {
		more = len(lines) - max(0, room-1)
		lines = lines[:len(lines)-more]
	}
	for _, m := range lines {
		rows = append(rows, v.liveRow(m, columns))
	}
	if more > 0 && room > 0 {
		rows = append(rows, fmt.Appendf(nil, "… %d more", more))
	}
	if v.rows.status != "" {
		rows = append(rows, []byte(visible(v.rows.status)))
	}
	if len(rows) == 0 {
		return nil, 0
	}
	for i, row := range rows {
		if i > 0 {
			frame = append(frame, "\r\n"...)
		}
		// The last column stays free: in it, terminals differ.
		frame = appendCut(frame, row, max(1, columns-1))
	}
	frame = append(frame, '\r')
	if len(rows) > 1 {
		frame = fmt.Appendf(frame, "\x1b[%dA", len(rows)-1)
	}
	if v.config.Typed != "" {
		frame = appendCut(frame, rows[0], max(1, columns-1)) // once more, for the cursor
	}
	return frame, len(rows)
}

// wait reports whether there are rows besides that of a stream.
func (l *live) wait(besides streamKey) bool {
	return l.status != "" || slices.ContainsFunc(l.lines, func(m syncstream.Message) bool {
		return m.Text != "" && (streamKey{m.Source, m.Stream}) != besides
	})
}

// rowPatience is how long an unfinished row may keep the live rows away.
const rowPatience = 250 * time.Millisecond

// breakLater has an unfinished row end if nothing more comes for it.
func (v *View) breakLater() {
	if v.late != nil || v.closed {
		return
	}
	v.late = time.AfterFunc(rowPatience, func() {
		v.mu.Lock()
		defer v.unlock()
		v.late = nil
		if open := v.direct.open; open != nil && time.Since(open.last) >= rowPatience && !v.closed {
			v.keep(v.breakRow())
			v.rows.read()
		}
		v.keep(v.draw())
	})
}

// liveLines returns the partial lines that are shown: of each worker the newest,
// and that of the worker that people type to first.
func (v *View) liveLines() []syncstream.Message {
	var lines []syncstream.Message
	for _, m := range v.rows.lines {
		if m.Text == "" || !v.dest(m.Stream).live || v.filter.hides([]byte(m.Text)) {
			continue
		}
		i := slices.IndexFunc(lines, func(other syncstream.Message) bool { return other.Source == m.Source })
		switch {
		case i < 0:
			lines = append(lines, m)
		case m.Time.After(lines[i].Time):
			lines[i] = m
		}
	}
	if i := slices.IndexFunc(lines, func(m syncstream.Message) bool { return m.Source.Name == v.config.Typed }); i > 0 {
		typed := lines[i]
		lines = slices.Insert(slices.Delete(lines, i, i+1), 0, typed)
	}
	return lines
}

// maxLive is how many bytes of a partial line are looked at for each column.
const maxLive = 16

// liveRow returns the row of a partial line, not cut yet.
func (v *View) liveRow(m syncstream.Message, columns int) []byte {
	row := v.tags.of(m.Source).lines.append(nil, &v.tags.time, m.Time)
	text := []byte(v.unfinished(m, m.Text[:min(len(m.Text), maxLive*columns)]))
	s := v.stream(streamKey{m.Source, m.Stream}).style // a copy: the line has not ended
	row = s.append(row)
	row = appendSafe(row, text, &s)
	if s.isOpen() {
		row = append(row, resetStyle...)
	}
	return row
}

// unfinished returns text, of the partial line m, with its secrets hidden. One may
// have begun in a piece of the line that has been shown: then nobody can tell, and
// all of it is hidden.
func (v *View) unfinished(m syncstream.Message, text string) string {
	if m.Part != syncstream.PartWhole && v.config.Mask != nil && text != "" {
		return mask.Hidden
	}
	return v.config.Mask.Unfinished(text)
}

// appendCut appends so much of row as has room in so many columns, and all its
// styles. A tab is spaces, since it would not erase what stood there.
func appendCut(dst, row []byte, columns int) []byte {
	column := 0
	for len(row) > 0 {
		if n := styleSequence(row); n > 0 {
			dst = append(dst, row[:n]...)
			row = row[n:]
			continue
		}
		text := row
		if i := bytes.IndexByte(row, esc); i > 0 {
			text = row[:i]
		}
		row = row[len(text):]
		for g := displaywidth.BytesGraphemes(text); g.Next(); {
			value, width := g.Value(), g.Width()
			if len(value) == 1 && value[0] == '\t' {
				width = 8 - column%8
				value = []byte("        ")[:width]
			}
			if column+width > columns {
				column = columns // nothing behind it, were it narrower
				break
			}
			dst = append(dst, value...)
			column += width
		}
	}
	return dst
}
