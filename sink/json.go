package sink

import (
	"io"

	"github.com/syncstream/syncstream"
)

// JSON is a sink that writes each message as a JSON object, one a line, in the
// form of [syncstream.Message.AppendJSON]. The first error of its writer
// detaches it.
type JSON struct {
	w   io.Writer
	buf []byte
	one []byte // one line
}

// NewJSON returns a sink that writes to w, whole lines, many at once. It does
// not close w.
func NewJSON(w io.Writer) *JSON { return &JSON{w: w} }

// WriteBatches writes the messages of batches. The error is the writer's.
func (j *JSON) WriteBatches(batches []*syncstream.Batch) error {
	for _, b := range batches {
		for line := range b.JSONLines(j.one) {
			j.one = line
			j.buf = append(j.buf, line...)
			if len(j.buf) >= outSize {
				if err := j.flush(); err != nil {
					return err
				}
			}
		}
	}
	return j.flush()
}

func (j *JSON) flush() error {
	if len(j.buf) == 0 {
		return nil
	}
	_, err := j.w.Write(j.buf)
	if j.buf = j.buf[:0]; cap(j.buf)+cap(j.one) > 4*outSize {
		j.buf, j.one = nil, nil
	}
	return err
}
