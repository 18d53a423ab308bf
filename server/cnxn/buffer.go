package cnxn

import "sync"

const (
	// bufferSize is the capacity of a pooled buffer: a read of pipelined
	// requests or a run of replies rarely needs more.
	bufferSize = 16 << 10
	// keepSize is the largest buffer that goes back to the pool; one grown for
	// a large frame or reply is left to the collector.
	keepSize = 64 << 10
)

// buffer is a byte slice with an address, so that the pool stores a pointer.
type buffer struct {
	b []byte
	// shared bytes are in the queues of other connections as well: they are
	// neither changed nor given to the pool.
	shared bool
}

var buffers = sync.Pool{New: func() any { return &buffer{b: make([]byte, 0, bufferSize)} }}

func getBuffer() *buffer { return buffers.Get().(*buffer) }

func putBuffer(b *buffer) {
	if cap(b.b) <= keepSize && !b.shared {
		b.b = b.b[:0]
		buffers.Put(b)
	}
}
