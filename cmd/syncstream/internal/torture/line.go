package torture

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
)

// A numbered line is "w3 n17 text #1a2b3c4d": its worker, its number from 1,
// any text, and the CRC-32 of what stands before " #".

func head(worker, n int) string { return fmt.Sprintf("w%d n%d ", worker, n) }

func tail(text string) string { return fmt.Sprintf(" #%08x", crc32.ChecksumIEEE([]byte(text))) }

func line(worker, n int, text string) string {
	text = head(worker, n) + text
	return text + tail(text) + "\n"
}

// parse returns the worker and the number of a line; ok, if it is whole.
func parse(text []byte) (worker, n int, ok bool) {
	body := len(text) - len(" #00000000")
	if body < 0 || string(text[body:]) != tail(string(text[:body])) {
		return 0, 0, false
	}
	w, rest, _ := bytes.Cut(text[:body], []byte(" "))
	number, _, _ := bytes.Cut(rest, []byte(" "))
	worker, err1 := numberAfter(w, "w")
	n, err2 := numberAfter(number, "n")
	return worker, n, err1 == nil && err2 == nil
}

func numberAfter(b []byte, prefix string) (int, error) {
	s, found := strings.CutPrefix(string(b), prefix)
	if !found {
		return 0, fmt.Errorf("%q: want %s and a number", b, prefix)
	}
	return strconv.Atoi(s)
}

// filler returns n bytes of text that differs from place to place.
func filler(n int) []byte {
	b := make([]byte, 0, n+8)
	for i := 0; len(b) < n; i++ {
		b = append(strconv.AppendInt(b, int64(i), 36), '-')
	}
	return b[:n]
}
