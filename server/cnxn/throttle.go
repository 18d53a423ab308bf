package cnxn

import (
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"zookit/protocol"
)

// Throttle is what Apache's RequestThrottler, BlueThrottle and its limit of
// large requests are told; config.Throttle has the keys. Facts come from these
// classes, Request and ZooKeeperServer of Apache 3.9.5.
//
// Differs from Apache: reads are answered by the connection itself and are never
// many, so MaxRequests counts writes and syncs, and OpWaitMs is the wait of
// those.
type Throttle struct {
	MaxRequests      int
	StallMs          int
	DropStale        bool
	StaleConnections bool
	StaleLatency     bool
	OpWaitMs         int

	LargeThreshold int
	LargeMaxBytes  int

	Tokens        int
	FillMs        int
	FillCount     int
	FreezeMs      int
	DropIncrease  float64
	DropDecrease  float64
	DecreaseRatio float64
	Weighted      bool
	GlobalWeight  int
	LocalWeight   int
	RenewWeight   int
}

func (t *Throttle) setDefaults() {
	t.StallMs = max(t.StallMs, 1)
	t.FillMs, t.FillCount = max(t.FillMs, 1), max(t.FillCount, 1)
	t.GlobalWeight, t.LocalWeight, t.RenewWeight = max(t.GlobalWeight, 1), max(t.LocalWeight, 1), max(t.RenewWeight, 1)
	if t.LargeMaxBytes == 0 {
		t.LargeMaxBytes = 100 << 20
	}
}

// throttle waits for a place among the writes under way. done says that the
// request was answered here, because it waited too long.
func (c *Conn) throttle(h protocol.RequestHeader) (done bool, err error) {
	g, t := &c.server.gate, &c.server.cfg.Throttle
	if g.take() {
		return false, nil
	}
	c.endRun()
	c.flushWaiting()
	began := time.Now()
	for !g.take() {
		if g.ended.Load() {
			return false, errStale
		}
		if t.DropStale && h.Type != protocol.OpCloseSession && c.stale(t) {
			c.server.stats.StaleDropped.Add(1)
			return false, errStale
		}
		c.server.stats.ThrottleWaits.Add(1)
		g.awaitVacancy(time.Duration(t.StallMs) * time.Millisecond)
	}
	waited := time.Since(began).Milliseconds()
	if t.OpWaitMs == 0 || waited <= int64(t.OpWaitMs) || h.Type == protocol.OpCloseSession {
		return false, nil
	}
	g.vacate()
	c.server.stats.ThrottledOps.Add(1)
	if err := c.awaitWrites(); err != nil { // replies leave in order
		return true, err
	}
	c.reply(h.Type, protocol.ReplyHeader{Xid: h.Xid, Zxid: c.server.backend.State().Zxid(), Err: protocol.ThrottledOp}, nil)
	return true, nil
}

// stale tells that nobody waits for the request in hand any more (Request.isStale).
func (c *Conn) stale(t *Throttle) bool {
	return t.StaleConnections && c.ended.Load() || t.StaleLatency && nowMs()-c.run.arrived > int64(c.timeoutMs.Load())
}

// errStale ends a connection whose request was dropped: whatever follows on it
// would come out of order.
var errStale = errors.New("a stale request was dropped")

// take takes a place if one is free.
func (g *gate) take() bool {
	for {
		n := g.count.Load()
		if n >= g.most {
			return false
		}
		if g.count.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// vacate gives a place back.
func (g *gate) vacate() {
	g.count.Add(-1)
	if g.most > 0 {
		select {
		case g.vacant <- struct{}{}:
		default:
		}
	}
}

// awaitVacancy returns when somebody has left, or after that time.
func (g *gate) awaitVacancy(most time.Duration) {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-g.vacant:
	case <-timer.C:
	}
}

// largeRequests bounds the bytes of large requests that are under way, of all
// connections together (largeRequestThreshold). A request above the bound costs
// its connection.
type largeRequests struct {
	threshold int // bytes; 0: no request is large
	limit     int64
	bytes     atomic.Int64
}

// requestHead is the part of a request before its body: xid and type.
const requestHead = 8

var errLarge = errors.New("too many bytes of large requests are under way")

// check looks before a request of n bytes is taken in.
func (l *largeRequests) check(n int) error {
	if l.threshold > 0 && n > l.threshold && l.bytes.Load()+int64(n) > l.limit {
		return errLarge
	}
	return nil
}

// enter counts a request in that goes to the pipeline; leave counts it out.
func (l *largeRequests) enter(n int) bool {
	if l.threshold == 0 || n <= l.threshold {
		return true
	}
	if l.bytes.Add(int64(n)) > l.limit {
		l.bytes.Add(-int64(n))
		return false
	}
	return true
}

func (l *largeRequests) leave(n int) {
	if l.threshold > 0 && n > l.threshold {
		l.bytes.Add(-int64(n))
	}
}

// tokens bounds how fast clients connect: each costs tokens of a bucket that
// fills with time. With FreezeMs clients are also dropped by chance, by a chance
// that grows while the bucket is empty, so that no herd gathers before it.
type tokens struct {
	t   *Throttle
	mu  sync.Mutex
	max int64 // 0: no limit

	left     int64
	fill     int64 // tokens in FillMs
	filledMs int64
	frozeMs  int64
	drop     float64        // the chance
	random   func() float64 // in [0, 1)
}

func (b *tokens) init(t *Throttle, nowMs int64) {
	b.t, b.max, b.fill = t, int64(t.Tokens), int64(t.FillCount)
	if t.Weighted { // the numbers in the configuration are meant for sessions of the ensemble
		b.max, b.fill = b.max*int64(t.GlobalWeight), b.fill*int64(t.GlobalWeight)
	}
	b.left, b.filledMs, b.frozeMs, b.random = b.max, nowMs, nowMs, rand.Float64
}

// take is false when a client that needs so many tokens is to be sent away.
func (b *tokens) take(nowMs int64, need int) bool {
	if b.max == 0 {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if ms := nowMs - b.filledMs; ms > int64(b.t.FillMs) {
		if ms/int64(b.t.FillMs) >= b.max { // a token each time fills it; and no product overflows
			b.left = b.max
		} else {
			b.left = min(b.left+ms*b.fill/int64(b.t.FillMs), b.max)
		}
		b.filledMs = nowMs
	}
	if b.t.FreezeMs != -1 && b.dropped(nowMs) || b.left < int64(need) {
		return false
	}
	b.left -= int64(need)
	return true
}

// dropped changes the chance, and casts the die.
func (b *tokens) dropped(nowMs int64) bool {
	if nowMs-b.frozeMs > int64(b.t.FreezeMs) {
		switch taken := b.max - b.left; {
		case b.left == 0:
			b.drop = min(b.drop+b.t.DropIncrease, 1)
		case taken <= int64(float64(b.max)*b.t.DecreaseRatio+0.5):
			b.drop = max(b.drop-b.t.DropDecrease, 0)
		}
		b.frozeMs = nowMs
	}
	return b.random() < b.drop
}

// DropChance is the chance that a client that connects is dropped.
func (s *Server) DropChance() float64 {
	s.tokens.mu.Lock()
	defer s.tokens.mu.Unlock()
	return s.tokens.drop
}

// cost is the tokens that a connect request needs.
func (s *Server) cost(r *protocol.ConnectRequest) int {
	t := &s.cfg.Throttle
	switch {
	case !t.Weighted:
		return 1
	case r.Session != 0:
		return t.RenewWeight
	case s.cfg.LocalSessions:
		return t.LocalWeight
	}
	return t.GlobalWeight
}
