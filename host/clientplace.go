package host

import (
	"slices"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/host/internal/wire"
)

// maxEras is how many buffers a client tells apart: positions of those before are
// of none that is there.
const maxEras = 16

// eras are the buffers that messages came from, oldest first: a host that is
// started again has another one, whose positions begin anew. A client gives those
// of a later buffer as if they went on behind the ones before, so that each is of
// one buffer, and none passes for a place in another.
type eras []era

type era struct {
	buffer string
	base   syncstream.Position // the highest that was given of the buffers before
	newest syncstream.Position // the highest that was given
}

// position returns how the client gives a position of a buffer. Zero is that of
// what has none.
func (all *eras) position(buffer string, p syncstream.Position) syncstream.Position {
	if p == 0 {
		return 0
	}
	i := slices.IndexFunc(*all, func(e era) bool { return e.buffer == buffer })
	if i < 0 {
		base := syncstream.Position(0)
		if n := len(*all); n > 0 {
			base = (*all)[n-1].newest
		}
		if len(*all) == maxEras {
			*all = slices.Delete(*all, 0, 1)
		}
		*all = append(*all, era{buffer, base, base})
		i = len(*all) - 1
	}
	e := &(*all)[i]
	p += e.base
	if i < len(*all)-1 { // a late answer of a host that has ended
		return min(p, (*all)[i+1].base)
	}
	e.newest = max(e.newest, p)
	return p
}

// place returns what a position that the client has given is for the host. One
// from elsewhere is taken for a position in the newest buffer.
func (all eras) place(p syncstream.Position) wire.Place {
	if len(all) == 0 {
		return wire.Place{Position: p}
	}
	i := len(all) - 1
	for i > 0 && p <= all[i].base {
		i--
	}
	return wire.Place{Buffer: all[i].buffer, Position: p - min(p, all[i].base)}
}
