package sim

import (
	"encoding/binary"
	"slices"

	"zookit/protocol"
	"zookit/protocol/jute"
	"zookit/protocol/quorum"
	"zookit/server/replica"
	"zookit/server/session"
	"zookit/server/watch"
)

// conn is the server's end of a connection, by the rules of package cnxn:
// requests are taken in order; writes go to the pipeline; a read, a ping or a
// setWatches waits until the writes before it are answered; replies and events
// leave through one queue in the order in which they were appended.
type conn struct {
	p       *process
	run     int
	link    *link
	epoch   int64 // the server was in when the session was attached
	leading bool

	in       [][]byte // whole frames without their length
	working  bool     // its goroutine is about to look
	asked    bool     // the connect request was taken
	attached bool
	handle   *session.Handle
	reader   replica.Reader
	pending  int // writes under way
	ending   bool
	closed   bool

	out     []byte
	last    bool // close when the queue is out
	touched bool
}

var anyone = []protocol.ID{{Scheme: "ip", ID: "127.0.0.1"}}

// arrived takes a packet from the link.
func (c *conn) arrived(p packet) {
	if p == nil {
		c.hungUp()
		return
	}
	c.p.perform(c.run, func() {
		for len(p) > 0 {
			n := int(binary.BigEndian.Uint32(p))
			c.in = append(c.in, slices.Clone(p[4:4+n]))
			p = p[4+n:]
		}
		c.schedule()
	})
}

// schedule lets the connection's goroutine look at its requests soon.
func (c *conn) schedule() {
	if c.working || c.closed {
		return
	}
	c.working = true
	c.p.do(c.p.w.between(0, 200), func() {
		c.working = false
		c.work()
	})
}

func (c *conn) work() {
	took := false
	for !c.closed && len(c.in) > 0 && c.dispatch(c.in[0]) {
		took = true
		if len(c.in) > 0 {
			c.in = c.in[1:]
		}
	}
	if took && c.attached {
		c.handle.Touch(c.p.clock().MonoMs)
	}
	c.flush()
}

// dispatch takes one frame; false leaves it for later.
func (c *conn) dispatch(b []byte) bool {
	switch {
	case !c.asked:
		c.asked = true
		c.connect(b)
		return true
	case !c.attached || c.last || c.ending:
		return false
	}
	h := protocol.RequestHeader{Xid: int32(binary.BigEndian.Uint32(b)), Type: protocol.OpCode(binary.BigEndian.Uint32(b[4:]))}
	kind := replica.KindOf(h.Type)
	if kind == replica.KindWrite {
		c.pending++
		c.ending = h.Type == protocol.OpCloseSession
		c.p.submit(task{request: &replica.Request{
			Session: c.handle.ID(), Xid: h.Xid, Op: h.Type, Body: b[8:], IDs: anyone, Owner: c, Done: c,
		}})
		return true
	}
	if c.pending > 0 {
		return false
	}
	state := c.p.rep.State()
	state.RLock()
	if kind == replica.KindPing {
		c.out = state.AppendPing(c.out)
	} else {
		c.out, _ = state.AppendRead(c.out, h, b[8:], &c.reader)
	}
	state.RUnlock()
	return true
}

// connect takes the connect request.
func (c *conn) connect(b []byte) {
	var r protocol.ConnectRequest
	p := c.p
	if err := r.Decode(jute.NewDecoder(b)); err != nil || !p.serving || r.LastZxidSeen > p.rep.State().Zxid() {
		p.w.tracef("%v sends c%d away", p, c.link.client.id)
		c.close()
		return
	}
	if r.Session == 0 {
		p.submit(task{request: &replica.Request{
			Op: protocol.OpCreateSession, TimeoutMs: r.TimeoutMs, IDs: anyone, Owner: c, Done: (*opening)(c),
		}})
		return
	}
	p.submit(task{call: func(now replica.Now) {
		if c.closed {
			return
		}
		p.rep.Reopen(now, r.Session, r.Password, r.TimeoutMs, c, func(h *session.Handle) {
			if c.closed {
				return
			}
			if h == nil {
				c.answer(&protocol.ConnectResponse{Password: make([]byte, protocol.PasswordLen)})
				c.last = true
				return
			}
			c.attach(h)
		})
	}})
}

func (c *conn) attach(h *session.Handle) {
	c.handle, c.attached = h, true
	if s := c.p.seat; s != nil {
		c.epoch, c.leading = s.role.Epoch, s.role.State == quorum.Leading
	}
	c.reader = replica.Reader{Session: h, IDs: anyone, Watcher: c}
	password := session.Password(h.ID())
	c.answer(&protocol.ConnectResponse{TimeoutMs: h.TimeoutMs(), Session: h.ID(), Password: password[:]})
}

func (c *conn) answer(r *protocol.ConnectResponse) {
	r.HasReadOnly = true
	c.out = protocol.AppendFrame(c.out, r)
	c.p.touch(c)
	c.schedule()
}

// opening completes a createSession.
type opening conn

func (o *opening) Complete(_ *replica.Request, reply *replica.Reply) {
	c := (*conn)(o)
	switch {
	case c.closed:
		return
	case reply.Silent:
		c.close()
		return
	}
	c.attach(reply.Session)
}

// Complete queues the reply of a write.
func (c *conn) Complete(q *replica.Request, reply *replica.Reply) {
	if reply.Silent {
		c.p.w.reached("write of a session that has moved")
	}
	if c.closed {
		return
	}
	if reply.Silent {
		c.close()
		return
	}
	c.out = reply.AppendFrame(c.out)
	c.pending--
	c.last = c.last || reply.Close
	c.p.touch(c)
	c.schedule()
}

// Session, IDs and Deliver make a conn a watch.Watcher.
func (c *conn) Session() protocol.SessionID { return c.handle.ID() }

func (c *conn) IDs() []protocol.ID { return anyone }

func (c *conn) Deliver(ev *watch.Event) {
	if !c.closed {
		c.out = append(c.out, ev.Frame()...)
		c.p.touch(c)
	}
}

// Disconnect closes the connection, as the replica asks.
func (c *conn) Disconnect(why replica.Reason) {
	c.p.w.tracef("%v drops c%d: %v", c.p, c.link.client.id, why)
	c.close()
}

// flush puts the queue on the link.
func (c *conn) flush() {
	if c.closed {
		return
	}
	if len(c.out) > 0 {
		c.link.send(toClient, c.out)
		c.out = nil
	}
	if c.last {
		c.close()
	}
}

// close ends the connection; the client hears of it behind what was sent.
func (c *conn) close() {
	if c.closed {
		return
	}
	c.closed = true
	c.out = nil
	c.link.ended[toServer] = true
	c.link.send(toClient, nil)
	c.p.do(c.p.w.between(0, 500), c.gone)
}

// hungUp: the client or the network has ended the connection.
func (c *conn) hungUp() {
	p := c.p
	p.perform(c.run, func() {
		if c.closed {
			return
		}
		c.closed = true
		c.link.ended[toServer] = true
		c.gone()
	})
}

// gone forgets the connection.
func (c *conn) gone() {
	p := c.p
	if !slices.Contains(p.conns, c) {
		return // of an earlier run
	}
	p.conns = slices.DeleteFunc(p.conns, func(o *conn) bool { return o == c })
	p.rep.State().RemoveWatcher(c)
	if c.attached {
		id := c.handle.ID()
		p.submit(task{call: func(replica.Now) { p.rep.Detach(id, c) }})
	}
}
