package cnxn

import (
	"sync"
	"sync/atomic"
)

// maxOutstandingBytes bounds the bodies of writes under way, of all
// connections together; above it no further write is taken until some are
// answered.
const maxOutstandingBytes = 128 << 20

// gate counts the writes between a connection's submission and its answer.
//
// Number: like Apache's globalOutstandingLimit (ZooKeeperServer.shouldThrottle)
// it stops connections that have writes of their own under way; one that has
// none always gets its next write in. Bytes: above maxOutstandingBytes
// everybody waits.
type gate struct {
	limit int64
	most  int64 // request_throttle_max_requests: nobody gets one more in; 0: no limit
	count atomic.Int64
	bytes atomic.Int64

	mu      sync.Mutex
	waiting atomic.Int64
	opened  bool
	ended   atomic.Bool
	vacant  chan struct{} // of capacity 1: somebody has left
	cond    sync.Cond
}

func (g *gate) init(limit int) {
	g.limit = int64(limit)
	g.cond.L = &g.mu
	g.vacant = make(chan struct{}, 1)
}

func (g *gate) used() int { return int(g.count.Load()) }

// full tells a connection that it must wait for its own writes first.
func (g *gate) full() bool { return g.count.Load() >= g.limit }

// enter counts n writes with that many bytes in, and waits first while there
// are too many bytes under way.
func (g *gate) enter(n, bytes int) {
	if g.bytes.Load() >= maxOutstandingBytes {
		g.wait()
	}
	if g.most == 0 { // else each has its place already
		g.count.Add(int64(n))
	}
	g.bytes.Add(int64(bytes))
}

func (g *gate) wait() {
	g.waiting.Add(1)
	defer g.waiting.Add(-1)
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.bytes.Load() >= maxOutstandingBytes && !g.opened {
		g.cond.Wait()
	}
}

// leave counts one write out.
func (g *gate) leave(bytes int) {
	g.vacate()
	g.bytes.Add(-int64(bytes))
	if g.waiting.Load() > 0 {
		g.mu.Lock()
		g.cond.Broadcast()
		g.mu.Unlock()
	}
}

// open lets everybody through: the server is closing.
func (g *gate) open() {
	g.mu.Lock()
	g.opened = true
	g.ended.Store(true)
	g.cond.Broadcast()
	g.mu.Unlock()
}
