package sim

import (
	"bytes"
	"cmp"
	"slices"

	"zookit/protocol"
)

// history is what the clients saw, and what the logs held.
type history struct {
	ops    []*Op // in the order sent
	conns  []*connLog
	expiry []expiry

	high protocol.Zxid // the highest zxid any client was shown
	calm protocol.Zxid // as much when everybody had settled
	// log is the committed history: with one server as last read from its disk
	// (logs may have been purged since), in an ensemble the ledger's.
	log []logged
}

// connLog is one connection as the client sees it.
type connLog struct {
	Client  int
	Session protocol.SessionID // 0: never had one
	Opened  int64

	Welcomed  int64 // when the server answered with the session; 0: never
	TimeoutMs int32
	Server    int   // the process
	Epoch     int64 // that its server was in
	Leading   bool  // the server led

	packets []packetSeen // in order
}

// packetSeen is a reply or an event.
type packetSeen struct {
	op    *Op
	event *protocol.WatcherEvent
	zxid  protocol.Zxid
	at    int64
}

// expiry is a client being told that its session is gone.
type expiry struct {
	client  int
	session protocol.SessionID
}

func (l *connLog) add(p packetSeen) { l.packets = append(l.packets, p) }

func (h *history) connection(c *client) *connLog {
	l := &connLog{Client: c.id, Opened: c.w.now}
	h.conns = append(h.conns, l)
	return l
}

func (h *history) sent(o *Op) {
	h.ops = append(h.ops, o)
}

func (h *history) saw(z protocol.Zxid) { h.high = max(h.high, z) }

// upTo is how many txns the log has up to z.
func (h *history) upTo(z protocol.Zxid) int {
	n, found := slices.BinarySearchFunc(h.log, z, func(e logged, z protocol.Zxid) int { return cmp.Compare(e.zxid, z) })
	return n + b2i(found)
}

func (h *history) expired(c *client) {
	h.expiry = append(h.expiry, expiry{c.id, c.session})
}

// readLogs takes over what a process has on disk, after its recovery or before
// a purge. Whatever a client has seen must be there, unchanged; of the rest, any
// suffix may be gone.
func (h *history) readLogs(w *world, p *process) {
	list, err := readLogs(p.mem)
	if err != nil {
		w.violated("I7 no holes", "%v: %v", p, err)
		return
	}
	first, last := protocol.Zxid(1), protocol.Zxid(0)
	if len(list) > 0 {
		first, last = list[0].zxid, list[len(list)-1].zxid
	}
	if last < h.high {
		w.violated("D1 acknowledged writes survive", "%v: the log ends at %v, but a client has seen %v", p, last, h.high)
		return
	}
	for _, e := range list {
		if e.zxid <= h.high && int(e.zxid) <= len(h.log) && !bytes.Equal(e.payload, h.log[e.zxid-1].payload) {
			w.violated("D1 acknowledged writes survive", "%v: the txn %v is another than before", p, e.zxid)
			return
		}
	}
	for i := len(list) - 1; i > 0; i-- {
		if list[i].zxid != list[i-1].zxid+1 {
			list = list[i:] // what a purge left in part
			break
		}
	}
	if len(list) > 0 {
		first = list[0].zxid
	}
	if int(first) > len(h.log)+1 {
		w.violated("I7 no holes", "%v: the log begins at %v, and nothing was read of 0x%x and later", p, first, len(h.log)+1)
		return
	}
	h.log = append(h.log[:first-1:first-1], list...)
}
