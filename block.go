package syncstream

import (
	"sync"
	"sync/atomic"
)

const (
	// blockSize is what one read of a pipe can fill.
	blockSize = 256 << 10
	// largeSize is the same for a pipe that was enlarged: all that it holds,
	// and a partial line before it. A reader that comes less often and takes
	// all costs fewer changes between reader and writer, and these are most of
	// what reading costs.
	largeSize = 1<<20 + blockSize/4
	// chunkSize is the size of the blocks into which small batches are copied,
	// one behind the other.
	chunkSize = 64 << 10
)

// block is memory that batches share. It goes back to its pool with its last
// reference.
type block struct {
	data []byte
	refs atomic.Int32
	pool *blockPool // nil: left to the garbage collector
}

// noBlock holds no bytes.
var noBlock = newBlock(0)

func (b *block) retain() { b.refs.Add(1) }

func (b *block) release() {
	if b.refs.Add(-1) == 0 && b.pool != nil {
		b.pool.put(b)
	}
}

// blockPool hands out the block that came back last, since the processor's
// cache still holds it. (A sync.Pool gives none back in that order, and keeps
// some for each processor.)
type blockPool struct {
	size int
	max  int // free blocks kept

	mu   sync.Mutex // guards what follows
	free []*block
}

var (
	chunks      = blockPool{size: chunkSize, max: 16}
	readBlocks  = blockPool{size: blockSize, max: 8}
	largeBlocks = blockPool{size: largeSize, max: 10}

	// preparedBuffers grow to what sinks prepare for a block.
	preparedBuffers = blockPool{size: blockSize, max: 6}
)

// get returns a block with one reference.
func (p *blockPool) get() *block {
	p.mu.Lock()
	if n := len(p.free); n > 0 {
		b := p.free[n-1]
		p.free = p.free[:n-1]
		p.mu.Unlock()
		b.refs.Store(1)
		return b
	}
	p.mu.Unlock()
	b := &block{data: make([]byte, p.size), pool: p}
	b.refs.Store(1)
	return b
}

func (p *blockPool) put(b *block) {
	p.mu.Lock()
	if len(p.free) < p.max {
		p.free = append(p.free, b)
	}
	p.mu.Unlock()
}

// newBlock returns a block outside the pools, with one reference.
func newBlock(n int) *block {
	b := &block{data: make([]byte, n)}
	b.refs.Store(1)
	return b
}
