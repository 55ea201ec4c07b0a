package view

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"
)

// isPlain reports whether text is printable ASCII and LF only, of which no
// terminal makes anything else.
func isPlain(text []byte) bool {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	for len(text) >= 8 {
		// Eight bytes at once: the high bits tell, and of ASCII no sum carries.
		x := binary.LittleEndian.Uint64(text)
		printable, notLF, del := x+ones*(0x80-' '), (x^ones*'\n')+ones*0x7f, x+ones
		if (x|del|^printable&notLF)&high != 0 {
			return false
		}
		text = text[8:]
	}
	for _, c := range text {
		if (c < ' ' && c != '\n') || c > '~' {
			return false
		}
	}
	return true
}

// appendSafe appends text with nothing in it that could take a terminal over:
// colour and style go through, and s takes note of them; other control
// characters are shown as pictures (␛), C1 ones, bytes that are not UTF-8, and
// what changes the direction of text, as \x9b or \u202e.
func appendSafe(dst, text []byte, s *style) []byte {
	for len(text) > 0 {
		if n := printable(text); n > 0 {
			dst = append(dst, text[:n]...)
			text = text[n:]
			continue
		}
		if n := styleSequence(text); n > 0 {
			s.apply(text[2 : n-1])
			dst = append(dst, text[:n]...)
			text = text[n:]
			continue
		}
		r, n := utf8.DecodeRune(text)
		dst = appendVisible(dst, r, text[:n])
		text = text[n:]
	}
	return dst
}

// printable returns how many bytes at the beginning of text are printable ASCII
// or tabs.
func printable(text []byte) int {
	for i, c := range text {
		if (c < ' ' && c != '\t') || c > '~' {
			return i
		}
	}
	return len(text)
}

// appendVisible appends a character, whose bytes are those of text, in a form
// that is seen and does nothing.
func appendVisible(dst []byte, r rune, text []byte) []byte {
	switch {
	case r < ' ':
		return utf8.AppendRune(dst, '\u2400'+r)
	case r == 0x7f:
		return append(dst, "\u2421"...)
	case r == utf8.RuneError && len(text) == 1:
		return fmt.Appendf(dst, `\x%02x`, text[0])
	case r >= 0x80 && r < 0xa0, r >= 0x2028 && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
		return fmt.Appendf(dst, `\u%04x`, r)
	}
	return append(dst, text...)
}

// Safe returns a text of others as it may be shown on a terminal: control
// characters, those of colours too, are seen and do nothing; LF stays.
func Safe(text string) string {
	var b []byte
	for len(text) > 0 {
		r, n := utf8.DecodeRuneInString(text)
		if r == '\n' {
			b = append(b, '\n')
		} else {
			b = appendVisible(b, r, []byte(text[:n]))
		}
		text = text[n:]
	}
	return string(b)
}
