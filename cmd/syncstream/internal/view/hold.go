package view

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/syncstream/syncstream"
)

const (
	defaultMaxHeld = 8 << 20
	// firstChunk and chunkSize are how much memory the rows of a worker take at
	// first, and later, at a time.
	firstChunk = 4 << 10
	chunkSize  = 256 << 10
)

// hold keeps the rows of workers until they end.
type hold struct {
	max  int
	dir  string
	size int // of memory that is in use
	of   map[*syncstream.Source]*held
	all  []*syncstream.Source // of these, in the order in which they came
	free [][]byte             // chunks that can be used again
}

// held is the rows of one worker, in their order: those in the file, then the
// parts.
type held struct {
	open   *row // that a line's first pieces began, if any
	parts  []part
	size   int
	file   *os.File // nil: all is in memory
	name   string   // of the file, if it could not be unlinked
	stored int64    // bytes in the file that are whole
}

// part is rows for one dest.
type part struct {
	to   *dest
	data []byte
}

func (h *hold) init(maxHeld int, dir string) {
	h.max, h.dir, h.of = maxHeld, dir, make(map[*syncstream.Source]*held)
	if maxHeld == 0 {
		h.max = defaultMaxHeld
	}
}

// aim has what follows shown or held back, as is right for its source.
func (v *View) aim(b *syncstream.Batch) error {
	if v.config.Output == Stream {
		return nil
	}
	h := v.hold.of[b.Source()]
	if h == nil {
		h = &held{}
		v.hold.of[b.Source()] = h
		v.hold.all = append(v.hold.all, b.Source())
	}
	return v.switchTo(h)
}

// switchTo has what follows held back by h, or shown where that is direct.
func (v *View) switchTo(h *held) error {
	if v.into == h {
		return nil
	}
	err := v.flush()
	v.into = h
	return err
}

// append keeps a copy of rows.
func (h *hold) append(to *held, d *dest, rows []byte) {
	if n := len(to.parts); n > 0 && to.parts[n-1].to == d {
		last := &to.parts[n-1]
		room := min(cap(last.data)-len(last.data), len(rows))
		last.data = append(last.data, rows[:room]...)
		rows = rows[room:]
	}
	for len(rows) > 0 {
		chunk := h.chunk(to.size)
		n := min(cap(chunk), len(rows))
		to.parts = append(to.parts, part{d, append(chunk, rows[:n]...)})
		to.size += cap(chunk)
		h.size += cap(chunk)
		rows = rows[n:]
	}
}

// chunk returns memory for a worker that has so much already.
func (h *hold) chunk(size int) []byte {
	want := min(max(firstChunk, size), chunkSize)
	if n := len(h.free); n > 0 && want == chunkSize {
		chunk := h.free[n-1]
		h.free = h.free[:n-1]
		return chunk
	}
	return make([]byte, 0, want)
}

// forgetParts gives back the memory of a worker.
func (h *hold) forgetParts(of *held) {
	for _, p := range of.parts {
		if cap(p.data) == chunkSize && len(h.free)*chunkSize < h.max {
			h.free = append(h.free, p.data[:0])
		}
	}
	h.size -= of.size
	of.parts, of.size = nil, 0
}

// spill brings memory to disk until the rest is within the bound. Where that
// fails, the worker is shown from now on.
func (v *View) spill() error {
	if v.into == &v.direct {
		return nil
	}
	if err := v.flush(); err != nil {
		return err
	}
	for v.hold.size > v.hold.max {
		largest := v.hold.largest()
		if err := v.hold.store(v.hold.of[largest]); err != nil {
			if err := v.giveUp(largest, err); err != nil {
				return err
			}
		}
	}
	return nil
}

func (h *hold) largest() (source *syncstream.Source) {
	for s, held := range h.of {
		if source == nil || held.size > h.of[source].size {
			source = s
		}
	}
	return source
}

// store moves the parts of a worker to its file. After an error they are still
// in memory.
func (h *hold) store(of *held) error {
	if of.file == nil {
		file, err := os.CreateTemp(h.dir, "syncstream-")
		if err != nil {
			return err
		}
		of.file = file
		if os.Remove(file.Name()) != nil { // as on Windows, where it is open
			of.name = file.Name()
		}
	}
	n := of.stored
	for _, p := range of.parts {
		var head [headSize]byte
		binary.LittleEndian.PutUint32(head[:], uint32(len(p.data)))
		head[headSize-1] = p.to.number
		for _, b := range [][]byte{head[:], p.data} {
			if _, err := of.file.WriteAt(b, n); err != nil {
				return err
			}
			n += int64(len(b))
		}
	}
	of.stored = n
	h.forgetParts(of)
	return nil
}

// headSize is how many bytes stand before each part in a file: its length, and
// the number of its dest.
const headSize = 5

// giveUp shows what is held of a worker, and what comes of it.
func (v *View) giveUp(source *syncstream.Source, cause error) error {
	err := v.notice(fmt.Sprintf("syncstream: the lines of %s can't be held back any longer, and are shown from here on: %v", source.Name, cause))
	if err == nil {
		err = v.release(source, true)
	}
	v.hold.of[source] = &v.direct
	return err
}

// release shows what is held of a source, or does not, and forgets it.
func (v *View) release(source *syncstream.Source, show bool) error {
	h := v.hold.of[source]
	v.hold.forget(source)
	if h == nil || h == &v.direct {
		return nil
	}
	defer h.close()
	defer v.hold.forgetParts(h)
	if !show {
		return v.switchTo(&v.direct)
	}
	if err := errors.Join(v.switchTo(h), v.breakRow(), v.switchTo(&v.direct), v.breakRow()); err != nil {
		return err
	}
	if err := v.showStored(h); err != nil {
		return err
	}
	for _, p := range h.parts {
		if err := v.turn(p.to); err != nil {
			return err
		}
		if err := v.through(p.data); err != nil {
			return err
		}
	}
	return nil
}

// forget takes a source out of those that are held.
func (h *hold) forget(source *syncstream.Source) {
	delete(h.of, source)
	for i, s := range h.all {
		if s == source {
			h.all = append(h.all[:i:i], h.all[i+1:]...)
			return
		}
	}
}

// showStored shows what is in a worker's file. If that can't be read, a row
// says so.
func (v *View) showStored(h *held) error {
	if h.stored == 0 {
		return nil
	}
	r := bufio.NewReaderSize(io.NewSectionReader(h.file, 0, h.stored), chunkSize)
	for {
		number, rows, err := readPart(r)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return v.notice(fmt.Sprintf("syncstream: lines that were held back are lost: %v", err))
		}
		to := v.out
		if number == v.err.number {
			to = v.err
		}
		if err := v.turn(to); err != nil {
			return err
		}
		if err := v.through(rows); err != nil {
			return err
		}
	}
}

// readPart reads rows, and the number of their dest.
func readPart(r io.Reader) (number byte, rows []byte, err error) {
	var head [headSize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	rows = make([]byte, binary.LittleEndian.Uint32(head[:]))
	_, err = io.ReadFull(r, rows)
	return head[headSize-1], rows, err
}

// close removes the worker's file.
func (h *held) close() {
	if h.file == nil {
		return
	}
	_ = h.file.Close()
	if h.name != "" {
		_ = os.Remove(h.name)
	}
}
