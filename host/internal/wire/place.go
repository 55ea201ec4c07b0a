package wire

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/syncstream/syncstream"
)

// Place is a position in one buffer. A host that is started again has another
// buffer, whose positions mean something else.
type Place struct {
	Buffer   string // lower-case letters and digits; empty: any
	Position syncstream.Position
}

// String returns "BUFFER-POSITION", or the position alone where there is no
// buffer.
func (p Place) String() string {
	if p.Buffer == "" {
		return strconv.FormatUint(uint64(p.Position), 10)
	}
	return p.Buffer + "-" + strconv.FormatUint(uint64(p.Position), 10)
}

// ParsePlace reads what String wrote, "oldest" or "latest".
func ParsePlace(s string) (Place, error) {
	switch s {
	case "oldest":
		return Place{Position: syncstream.Oldest}, nil
	case "latest":
		return Place{Position: syncstream.Latest}, nil
	}
	buffer, number, found := strings.Cut(s, "-")
	if !found {
		buffer, number = "", s
	}
	n, err := strconv.ParseUint(number, 10, 62)
	if err != nil || found && !isBuffer(buffer) {
		return Place{}, fmt.Errorf("place %.60q: want a position, BUFFER-POSITION, oldest or latest", s)
	}
	return Place{buffer, syncstream.Position(n)}, nil
}

func isBuffer(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return s != "" && len(s) <= 32
}
