package host

import (
	"net/http"
	"slices"
	"strings"
)

// target is what a request's path is about.
type target struct {
	buffer string // its name: a path without the first slash
	op     string // what stands behind v1; empty: the Python package's wire
	state  bool   // of that wire: the path of the buffer's state
	token  string // that stood in the path
}

const (
	maxSegments = 8
	maxSegment  = 64
)

// parsePath takes a path apart. Nothing in it becomes a path of a file, and the
// error tells nothing of what stands where a token may.
func parsePath(path string) (t target, err error) {
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	if i := slices.Index(segments, "key"); i >= 0 {
		if i+1 == len(segments) || segments[i+1] == "" {
			return t, refuse(http.StatusNotFound, "a path with key: want /key/TOKEN/BUFFER")
		}
		t.token = segments[i+1]
		segments = slices.Delete(segments, i, i+2)
	}
	if i := slices.Index(segments, "v1"); i >= 0 {
		if i+2 != len(segments) || segments[i+1] == "" {
			return t, refuse(http.StatusNotFound, "behind v1: want one word, which says what to do")
		}
		t.op, segments = segments[i+1], segments[:i]
	}
	switch {
	case t.op != "" && t.token != "":
		return t, refuse(http.StatusNotFound, "a path with key is for Python programs only: want Authorization: Bearer TOKEN")
	case t.op == "health":
		return t, nil // of the host, whatever stands before
	case len(segments) == 0:
		return t, refuse(http.StatusNotFound, "before v1: want the name of a buffer")
	case t.op == "":
		last := &segments[len(segments)-1]
		*last, t.state = strings.CutSuffix(*last, "-state")
	}
	t.buffer = strings.Join(segments, "/")
	return t, checkName(segments)
}

// checkName refuses what can't be the name of a buffer.
func checkName(segments []string) error {
	if len(segments) > maxSegments {
		return refuse(http.StatusNotFound, "the name of a buffer has %d segments: want at most %d", len(segments), maxSegments)
	}
	for _, s := range segments {
		switch {
		case s == "" || len(s) > maxSegment:
			return refuse(http.StatusNotFound, "the name of a buffer: want segments of 1 to %d characters", maxSegment)
		case !isAlphanumeric(s[0]):
			return refuse(http.StatusNotFound, "the name of a buffer: want a letter or a digit at the beginning of each segment")
		case s == "key":
			return refuse(http.StatusNotFound, "the name of a buffer can't have the segment key, behind which a token stands")
		case strings.HasSuffix(s, "-state"):
			return refuse(http.StatusNotFound, "the name of a buffer can't end in -state, which is the path of its state")
		}
		for i := range len(s) {
			if !isWordByte(s[i]) {
				return refuse(http.StatusNotFound, "the name of a buffer: want letters, digits, and any of -._")
			}
		}
	}
	return nil
}

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func isWordByte(c byte) bool { return isAlphanumeric(c) || c == '-' || c == '.' || c == '_' }

// Redact returns an address as it may be printed: without the token that stands
// behind key in its path, and without a user and a password.
func Redact(address string) string {
	scheme, rest, found := strings.Cut(address, "://")
	if !found {
		return redactPath(address)
	}
	host, path, slash := strings.Cut(rest, "/")
	if at := strings.LastIndexByte(host, '@'); at >= 0 {
		host = "…" + host[at:]
	}
	if slash {
		path = "/" + redactPath(path)
	}
	return scheme + "://" + host + path
}

func redactPath(path string) string {
	segments := strings.Split(path, "/")
	for i := range segments {
		if i > 0 && segments[i-1] == "key" && segments[i] != "" {
			segments[i] = "…"
		}
	}
	return strings.Join(segments, "/")
}
