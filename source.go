package syncstream

import (
	"crypto/rand"
	"os"
	"strings"
)

// Source tells who wrote a message. It is immutable once a mirror has been
// opened with it, and shared by all messages of that mirror, so it may be
// compared by pointer within one buffer.
type Source struct {
	// ID is unique to one mirror: a worker that is started again is another
	// source. If empty, [Buffer.Mirror] makes a random one.
	ID string
	// Name is what people call the worker. It need not be unique.
	Name string
	// Host is the name of the machine; if empty, this one's.
	Host string
	// PID is the process id; if zero, this process's; if negative, there is
	// none, and messages have zero.
	PID int
	// Rank is the worker's number, 0 to Size-1, among Size workers that were
	// started together. It has no meaning while Size is zero.
	Rank, Size int
}

// String returns the source's name.
func (s *Source) String() string { return s.Name }

// complete returns a copy with the fields that are empty filled in.
func (s Source) complete() *Source {
	if s.ID == "" {
		s.ID = strings.ToLower(rand.Text()[:16]) // 80 bits
	}
	if s.Host == "" {
		s.Host = hostname
	}
	switch {
	case s.PID == 0:
		s.PID = os.Getpid()
	case s.PID < 0:
		s.PID = 0
	}
	return &s
}

// hostname is this machine's name, or "localhost" if it has none.
var hostname = func() string {
	if name, err := os.Hostname(); err == nil {
		return name
	}
	return "localhost"
}()
