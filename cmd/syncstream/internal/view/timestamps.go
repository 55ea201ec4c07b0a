package view

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Timestamps says how the time of a line is written. Its zero value is no time.
type Timestamps struct {
	parts []timePart
}

// timePart appends one part of a time.
type timePart func(dst []byte, t time.Time) []byte

// DefaultTimestamps is the format that is meant by none: the local time of day,
// to the millisecond.
const DefaultTimestamps = "%H:%M:%S.%L"

// ParseTimestamps understands a format of strftime (%H:%M:%S, with %L, %f and
// %N for milli-, micro- and nanoseconds), one of package time (15:04:05), or
// "iso", "unix". An empty one is [DefaultTimestamps].
func ParseTimestamps(format string) (Timestamps, error) {
	switch {
	case format == "":
		format = DefaultTimestamps
	case format == "iso":
		format = "2006-01-02T15:04:05.000Z07:00"
	case format == "unix":
		format = "%s.%L"
	}
	if strings.Contains(format, "%") {
		return parseStrftime(format)
	}
	// Two times that differ in everything, lest a part of one be a text.
	at := time.Date(2001, 2, 3, 4, 5, 6, 789_000_000, time.UTC)
	if at.Format(format) == time.Date(1999, 11, 20, 17, 38, 49, 123_000_000, time.UTC).Format(format) {
		return Timestamps{}, fmt.Errorf("there is no time in it; want a format such as %%H:%%M:%%S or 15:04:05, or iso, or unix")
	}
	return Timestamps{parts: []timePart{layout(format)}}, nil
}

func layout(format string) timePart {
	return func(dst []byte, t time.Time) []byte { return t.AppendFormat(dst, format) }
}

// text is a part that is no time. (A layout would take a digit for one.)
func text(s string) timePart {
	return func(dst []byte, _ time.Time) []byte { return append(dst, s...) }
}

// fraction is the first digits of a second's fraction.
func fraction(digits int) timePart {
	return func(dst []byte, t time.Time) []byte {
		all := strconv.Itoa(1_000_000_000 + t.Nanosecond())
		return append(dst, all[1:1+digits]...)
	}
}

// strftime is what each letter means, as a layout of package time.
var strftime = map[byte]string{
	'Y': "2006", 'y': "06", 'm': "01", 'd': "02", 'e': "_2", 'j': "002", 'H': "15", 'I': "03", 'M': "04", 'S': "05",
	'p': "PM", 'b': "Jan", 'h': "Jan", 'B': "January", 'a': "Mon", 'A': "Monday", 'z': "-0700", 'Z': "MST",
	'F': "2006-01-02", 'T': "15:04:05", 'R': "15:04", 'D': "01/02/06",
}

func parseStrftime(format string) (Timestamps, error) {
	var t Timestamps
	for {
		before, after, found := strings.Cut(format, "%")
		if before != "" {
			t.parts = append(t.parts, text(before))
		}
		if !found {
			return t, nil
		}
		if after == "" {
			return t, fmt.Errorf("a %% stands alone at the end; a percent sign is %%%%")
		}
		part, err := strftimePart(after[0])
		if err != nil {
			return t, err
		}
		t.parts = append(t.parts, part)
		format = after[1:]
	}
}

func strftimePart(letter byte) (timePart, error) {
	switch letter {
	case '%':
		return text("%"), nil
	case 'L':
		return fraction(3), nil
	case 'f':
		return fraction(6), nil
	case 'N':
		return fraction(9), nil
	case 's':
		return func(dst []byte, t time.Time) []byte { return strconv.AppendInt(dst, t.Unix(), 10) }, nil
	}
	if l := strftime[letter]; l != "" {
		return layout(l), nil
	}
	return nil, fmt.Errorf("%%%c is unknown; want some of %%Y %%m %%d %%H %%M %%S %%L %%z, or others of strftime", letter)
}

// Append appends a time to dst.
func (f Timestamps) Append(dst []byte, t time.Time) []byte {
	for _, part := range f.parts {
		dst = part(dst, t)
	}
	return dst
}
