// Package session decides when sessions expire, and makes their ids and
// passwords. It knows nothing of connections, znodes or the log: a session
// exists for clients when its createSession txn is committed, which is the
// replica's business.
//
// Facts come from SessionTrackerImpl, ExpiryQueue and ZooKeeperServer of Apache
// ZooKeeper 3.9, checked against a running 3.8.0.
//
// Times are milliseconds of one steady clock with any origin, unless a name
// says otherwise.
package session

import (
	"sync/atomic"

	"zookit/protocol"
)

// Handle is one session as connections see it: they keep a pointer and touch
// it. Touch and the readers below may be called from any goroutine; the rest of
// the package belongs to the goroutine that owns the Tracker.
type Handle struct {
	id      protocol.SessionID
	timeout atomic.Int32 // ms, as negotiated by the connection that has it
	touched atomic.Int64 // when a packet was last seen
	closing atomic.Bool  // its closeSession has been proposed, or is committed

	bucket int64 // where the Tracker holds it; 0: nowhere
}

// ID is the session's id, never 0.
func (h *Handle) ID() protocol.SessionID { return h.id }

// TimeoutMs is the negotiated timeout.
func (h *Handle) TimeoutMs() int32 { return h.timeout.Load() }

// Closing tells whether the session is being closed or is gone: requests on it
// are answered with SessionExpired.
func (h *Handle) Closing() bool { return h.closing.Load() }

// Touch notes that a packet arrived; every packet counts, pings included. It is
// one atomic store: the session moves to its new bucket when the old one is due.
// Two goroutines that touch at once may store the earlier of two times that lie
// microseconds apart, which no bucket can show.
func (h *Handle) Touch(now int64) { h.touched.Store(now) }

// Touched is when the last packet arrived.
func (h *Handle) Touched() int64 { return h.touched.Load() }

// Negotiate brings the timeout a client asks for into the server's bounds.
func Negotiate(asked, minMs, maxMs int32) int32 {
	return max(minMs, min(asked, maxMs))
}
