package split

import (
	"bytes"
	"strings"
	"testing"
)

const (
	blockSize = 256 << 10 // what a mirror reads at once
	benchMax  = 64 << 10
)

// block is full of lines of 100 bytes with their end; the last is cut, as in
// what a pipe gives.
func block(end string) []byte {
	line := strings.Repeat("x", 100-len(end)) + end
	return []byte(strings.Repeat(line, blockSize/100+1)[:blockSize])
}

// drain does what a mirror does with one block, and returns the lines and the
// calls of Next.
func drain(sp *Splitter, data []byte) (lines, calls int) {
	for {
		run, used := sp.Next(data, 0, false)
		calls++
		if run.Lines == 0 {
			return lines, calls
		}
		lines += run.Lines
		data = data[used:]
	}
}

// BenchmarkNext counts all bytes of a block, and the lines are found but not
// cut: a store keeps the block as it is. Each round begins where a line does.
func BenchmarkNext(b *testing.B) {
	for _, bb := range []struct {
		name string
		mode Mode
		end  string
	}{
		{"fold/LF", Fold, "\n"},
		{"fold/CRLF", Fold, "\r\n"},
		{"fold/bar", Fold, "\r50 %\n"}, // no line is ordinary
		{"keep/LF", Keep, "\n"},
		{"keep/CRLF", Keep, "\r\n"},
		{"split/LF", Split, "\n"},
		{"split/CRLF", Split, "\r\n"},
		{"python/LF", Python, "\n"},
		{"python/CRLF", Python, "\r\n"},
	} {
		b.Run(bb.name, func(b *testing.B) {
			data := block(bb.end)
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				sp := Splitter{Mode: bb.mode, Max: benchMax}
				if lines, _ := drain(&sp, data); lines != blockSize/100 {
					b.Fatalf("%d lines", lines)
				}
			}
		})
	}
}

// BenchmarkNextWorst has blocks that make Next look far ahead for little.
func BenchmarkNextWorst(b *testing.B) {
	for _, bb := range []struct {
		name string
		mode Mode
		max  int
		data string
	}{
		{"redraws before a long text", Fold, benchMax, strings.Repeat("a\rb\n", blockSize/8) + strings.Repeat("x", blockSize/2)},
		{"lines over Max", Fold, 16, strings.Repeat("0123456789abcdef+\n", blockSize/18)},
		{"lines over Max, keep", Keep, 16, strings.Repeat("0123456789abcdef+\n", blockSize/18)},
	} {
		b.Run(bb.name, func(b *testing.B) {
			data := []byte(bb.data)
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				sp := Splitter{Mode: bb.mode, Max: bb.max}
				drain(&sp, data)
			}
		})
	}
}

// TestNextAllocatesNothing pins what the design says: a line costs no memory
// of its own.
func TestNextAllocatesNothing(t *testing.T) {
	for _, end := range []string{"\n", "\r\n", "\r50 %\n"} {
		data := block(end)
		for name, mode := range modes {
			for _, max := range []int{16, benchMax} { // pieces and whole lines
				n := testing.AllocsPerRun(5, func() {
					sp := Splitter{Mode: mode, Max: max}
					drain(&sp, data)
				})
				if n != 0 {
					t.Errorf("%s, end %q, Max %d: %v allocations", name, end, max, n)
				}
			}
		}
	}
}

// TestOneRun pins that a block of ordinary lines is one call, and that text
// without an end costs one call a piece.
func TestOneRun(t *testing.T) {
	for _, end := range []string{"\n", "\r\n"} {
		for name, mode := range modes {
			sp := Splitter{Mode: mode, Max: benchMax}
			if _, calls := drain(&sp, block(end)); calls > 2 {
				t.Errorf("%s, end %q: %d calls", name, end, calls)
			}
		}
	}
	endless := bytes.Repeat([]byte("x"), 1<<20)
	for name, mode := range modes {
		sp := Splitter{Mode: mode, Max: 16}
		if pieces, calls := drain(&sp, endless); calls > pieces+1 || pieces != len(endless)/16-1 {
			t.Errorf("%s: %d calls for %d pieces", name, calls, pieces)
		}
	}
}
