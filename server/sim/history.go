package sim

import "zookit/protocol"

// history is what the clients saw.
type history struct {
	ops    []*Op // in the order sent
	expiry []expiry

	high protocol.Zxid // the highest zxid any client was shown
	calm protocol.Zxid // as much when everybody had settled
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

	packets  []packetSeen // in order
	follower follower
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

func (l *connLog) add(p packetSeen) {
	l.packets = append(l.packets, p)
	l.follower.j.received(l, p)
}

func newConnLog(c *client) *connLog {
	l := &connLog{Client: c.id, Opened: c.w.now}
	l.follower = follower{j: c.w.judge, l: l, armed: map[string]armed{}}
	return l
}

func (h *history) sent(o *Op) {
	h.ops = append(h.ops, o)
}

func (h *history) saw(z protocol.Zxid) { h.high = max(h.high, z) }

func (h *history) expired(c *client) {
	h.expiry = append(h.expiry, expiry{c.id, c.session})
}
