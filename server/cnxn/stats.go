package cnxn

import (
	"math"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"zookit/protocol"
)

// Totals counts what all connections did since the start or the last reset
// (srst). Latencies are in milliseconds from the arrival of a request to its
// reply.
type Totals struct {
	Received atomic.Int64 // packets from clients, connect requests included
	Sent     atomic.Int64 // packets to clients, events included
	Rejected atomic.Int64 // connections refused for a limit

	ThrottleWaits atomic.Int64 // how often a request was made to wait for others
	ThrottledOps  atomic.Int64 // requests answered ThrottledOp
	StaleDropped  atomic.Int64 // requests dropped because they were stale
	LargeRejected atomic.Int64 // requests refused for largeRequestMaxBytes
	AuthFail      atomic.Int64 // auth packets refused

	latencyCount atomic.Int64
	latencySum   atomic.Int64
	latencyMin   atomic.Int64
	latencyMax   atomic.Int64

	sizeLast, sizeMin, sizeMax atomic.Int64 // of replies and events; −1: none yet
}

func (t *Totals) reset() {
	t.latencyMin.Store(math.MaxInt64)
	t.resetSizes()
}

func (t *Totals) resetSizes() {
	t.sizeLast.Store(-1)
	t.sizeMin.Store(-1)
	t.sizeMax.Store(-1)
}

// ResponseSize returns the size of the last, the smallest and the largest reply
// or event, in bytes without the length before it; −1 when there was none.
func (t *Totals) ResponseSize() (last, least, most int64) {
	return t.sizeLast.Load(), t.sizeMin.Load(), t.sizeMax.Load()
}

// sizes records those of one packet or several.
func (t *Totals) sizes(last, least, most int64) {
	t.sizeLast.Store(last)
	for old := t.sizeMin.Load(); (old < 0 || least < old) && !t.sizeMin.CompareAndSwap(old, least); {
		old = t.sizeMin.Load()
	}
	for old := t.sizeMax.Load(); most > old && !t.sizeMax.CompareAndSwap(old, most); {
		old = t.sizeMax.Load()
	}
}

// packet records the size of one frame.
func (t *Totals) packet(frame []byte) {
	n := int64(len(frame) - frameHead)
	t.sizes(n, n, n)
}

// frameHead is the length before every packet.
const frameHead = 4

// Reset starts the counters again, as srst does. Rejected connections and
// failed authentications are kept: they count since the start.
func (t *Totals) Reset() {
	t.Received.Store(0)
	t.Sent.Store(0)
	t.resetSizes()
	t.ResetLatency()
}

// ResetLatency starts the latencies again.
func (t *Totals) ResetLatency() {
	t.latencyCount.Store(0)
	t.latencySum.Store(0)
	t.latencyMax.Store(0)
	t.latencyMin.Store(math.MaxInt64)
}

// Latency returns the smallest, mean and largest latency, in ms; zeros when
// there was no request.
func (t *Totals) Latency() (least int64, mean float64, most int64) {
	n := t.latencyCount.Load()
	if n <= 0 {
		return 0, 0, 0
	}
	least = t.latencyMin.Load()
	if least == math.MaxInt64 {
		least = 0
	}
	return least, float64(t.latencySum.Load()) / float64(n), t.latencyMax.Load()
}

// add records n requests that took ms each.
func (t *Totals) add(n, ms int64) {
	t.latencyCount.Add(n)
	if ms > 0 {
		t.latencySum.Add(n * ms)
	}
	for old := t.latencyMin.Load(); ms < old && !t.latencyMin.CompareAndSwap(old, ms); {
		old = t.latencyMin.Load()
	}
	for old := t.latencyMax.Load(); ms > old && !t.latencyMax.CompareAndSwap(old, ms); {
		old = t.latencyMax.Load()
	}
}

// connStats is what cons prints of one connection; guarded by the connection's
// output lock.
type connStats struct {
	received, sent int64
	lop            string // last operation, four letters
	lcxid          int32  // last xid; −1 is none
	lzxid          protocol.Zxid
	lresp          int64 // time of the last reply, Unix ms
	llat           int64 // latencies, ms
	minlat         int64
	maxlat         int64
	sumlat, count  int64
}

func (c *connStats) reset() {
	*c = connStats{received: 0, lop: "NA", lcxid: -1, lzxid: -1, minlat: math.MaxInt64}
}

// add records n requests, of which the last was op with that xid and zxid.
func (c *connStats) add(n int64, op protocol.OpCode, xid int32, zxid protocol.Zxid, nowMs, ms int64) {
	c.sent += n
	c.lop, c.lzxid, c.lresp, c.llat = opWord(op), zxid, nowMs, ms
	if xid >= 0 {
		c.lcxid = xid
	}
	c.count += n
	c.sumlat += n * ms
	c.minlat, c.maxlat = min(c.minlat, ms), max(c.maxlat, ms)
}

// opWord is the four-letter name Apache gives an operation in cons
// (FinalRequestProcessor.java, 3.9).
func opWord(op protocol.OpCode) string {
	switch op {
	case protocol.OpPing:
		return "PING"
	case protocol.OpCreateSession:
		return "SESS"
	case protocol.OpCreate, protocol.OpCreate2, protocol.OpCreateTTL, protocol.OpCreateContainer:
		return "CREA"
	case protocol.OpDelete, protocol.OpDeleteContainer:
		return "DELE"
	case protocol.OpSetData:
		return "SETD"
	case protocol.OpGetData:
		return "GETD"
	case protocol.OpExists:
		return "EXIS"
	case protocol.OpGetChildren, protocol.OpGetChildren2:
		return "GETC"
	case protocol.OpGetACL:
		return "GETA"
	case protocol.OpSetACL:
		return "SETA"
	case protocol.OpSync:
		return "SYNC"
	case protocol.OpMulti:
		return "MULT"
	case protocol.OpMultiRead:
		return "MLTR"
	case protocol.OpCloseSession:
		return "CLOS"
	case protocol.OpSetWatches:
		return "SETW"
	case protocol.OpSetWatches2:
		return "STW2"
	case protocol.OpAddWatch:
		return "ADDW"
	case protocol.OpCheckWatches:
		return "CHKW"
	case protocol.OpRemoveWatches:
		return "REMW"
	case protocol.OpReconfig:
		return "RECO"
	case protocol.OpGetEphemerals:
		return "GETE"
	case protocol.OpGetAllChildrenNumber:
		return "GETACN"
	case protocol.OpWhoAmI:
		return "HOMI"
	case protocol.OpCheck:
		return "CHEC"
	}
	return "NA"
}

// Info is one connection as cons, stat and dump show it.
type Info struct {
	Remote      netip.AddrPort
	Session     protocol.SessionID // 0: no session yet
	Established time.Time
	Ends        time.Time // when it is closed unless it is heard of before
	TimeoutMs   int32
	Received    int64
	Sent        int64
	Queued      int64 // writes not yet answered
	Reading     bool  // false while it waits for room or for its own writes
	LastOp      string
	LastCxid    int32 // −1: none
	LastZxid    protocol.Zxid
	LastReply   int64 // Unix ms
	LastMs      int64 // latencies in ms
	MinMs       int64
	AvgMs       int64
	MaxMs       int64
}

func (c *Conn) info() Info {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	st := &c.stats
	i := Info{
		Remote: c.remote, Session: c.Session(), Established: c.since, TimeoutMs: c.timeoutMs.Load(),
		Received: st.received, Sent: st.sent, Queued: int64(c.pending.Load()), Reading: !c.waiting,
		LastOp: st.lop, LastCxid: st.lcxid, LastZxid: st.lzxid, LastReply: st.lresp,
		LastMs: st.llat, MaxMs: st.maxlat,
	}
	i.Ends = c.ends()
	if st.count > 0 {
		i.MinMs, i.AvgMs = st.minlat, st.sumlat/st.count
	}
	return i
}

// ends is when a silent connection is closed: without a session after
// Config.ConnectWait, with one when the session expires.
func (c *Conn) ends() time.Time {
	if t := c.timeoutMs.Load(); t > 0 {
		return time.UnixMilli(c.heard.Load() + int64(t))
	}
	return c.since.Add(c.server.cfg.ConnectWait)
}

// Conns describes every connection, oldest first.
func (s *Server) Conns() []Info {
	list := s.all()
	infos := make([]Info, 0, len(list))
	for _, c := range list {
		infos = append(infos, c.info())
	}
	slices.SortFunc(infos, func(a, b Info) int { return a.Established.Compare(b.Established) })
	return infos
}

// ResetConns starts every connection's counters again, as crst does.
func (s *Server) ResetConns() {
	for _, c := range s.all() {
		c.out.mu.Lock()
		c.stats.reset()
		c.out.mu.Unlock()
	}
}
