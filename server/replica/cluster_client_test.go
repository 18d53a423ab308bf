package replica

import (
	"fmt"
	"slices"

	"zookit/protocol"
	"zookit/protocol/jute"
	"zookit/server/session"
	"zookit/server/watch"
)

// client is a client of the cluster: it has a session that outlives its
// connections, and remembers what it was promised.
type client struct {
	c       *cluster
	name    string
	session protocol.SessionID
	timeout int32
	k       *connection // nil: none
	xid     int32
	quiet   bool          // does nothing any more
	zxid    protocol.Zxid // the last seen
	expired int           // sessions
	lost    int           // requests without an answer
	ops     int           // requests answered
	events  []string
}

// connection is one of a client to a server.
type connection struct {
	cl      *client
	n       *node
	handle  *session.Handle
	reader  Reader
	open    bool
	waiting []*call // in order
	opened  func(bool)
}

// call is a write or sync and what comes of it.
type call struct {
	Request
	k    *connection
	done func(code protocol.Code, d *jute.Decoder) // not called when the connection ends
}

func (c *cluster) client(timeoutMs int32) *client {
	cl := &client{c: c, name: fmt.Sprintf("c%d", len(c.clients)), timeout: timeoutMs}
	c.clients = append(c.clients, cl)
	return cl
}

func (k *connection) Session() protocol.SessionID { return k.cl.session }
func (k *connection) IDs() []protocol.ID          { return []protocol.ID{{Scheme: "ip", ID: "127.0.0.1"}} }
func (k *connection) Deliver(ev *watch.Event) {
	if k.open {
		k.cl.events = append(k.cl.events, fmt.Sprintf("%v %s", ev.Type, ev.Path))
	}
}

func (k *connection) Disconnect(why Reason) { k.end(why.String()) }

// end closes the connection; nobody learns what became of what waits.
func (k *connection) end(why string) {
	if !k.open {
		return
	}
	k.open = false
	cl := k.cl
	cl.lost += len(k.waiting)
	cl.c.tracef("%s loses its connection to %d: %s", cl.name, k.n.sid, why)
	if cl.k == k {
		cl.k = nil
	}
	k.n.conns = slices.DeleteFunc(k.n.conns, func(o *connection) bool { return o == k })
	k.n.later(1, func(r *Replica) {
		r.State().RemoveWatcher(k)
		r.Detach(cl.session, k)
	})
}

// connect opens a connection to a server, with the session if there is one.
// then is told whether there is a session now.
func (cl *client) connect(n *node, then func(ok bool)) {
	c := cl.c
	if cl.k != nil {
		cl.k.end("moves")
	}
	if n.r == nil || !n.role.Serving && !n.role.ReadOnly || n.r.State().Zxid() < cl.zxid {
		then(false)
		return
	}
	k := &connection{cl: cl, n: n, open: true, opened: then}
	cl.k = k
	n.conns = append(n.conns, k)
	if cl.session == 0 {
		k.send(&call{Request: Request{Op: protocol.OpCreateSession, TimeoutMs: cl.timeout}})
		return
	}
	id := cl.session
	password := session.Password(id)
	n.do(func(r *Replica) {
		r.Reopen(c.now, id, password[:], cl.timeout, k, func(h *session.Handle) {
			if !k.open {
				return
			}
			if h == nil {
				c.tracef("%s: session %v has expired", cl.name, id)
				cl.session = 0
				cl.expired++
				k.end("expired")
				then(false)
				return
			}
			k.attached(h)
		})
	})
}

func (k *connection) attached(h *session.Handle) {
	k.handle = h
	k.cl.session = h.ID()
	k.reader = Reader{Session: h, IDs: k.IDs(), Watcher: k}
	k.cl.c.tracef("%s has session %v on %d", k.cl.name, h.ID(), k.n.sid)
	k.cl.ping(k)
	k.opened(true)
}

// ping touches the session while the connection stands.
func (cl *client) ping(k *connection) {
	if k.open && !cl.quiet {
		k.handle.Touch(cl.c.now.MonoMs)
		cl.c.after(int64(cl.timeout)/3, func() { cl.ping(k) })
	}
}

func (k *connection) send(q *call) {
	q.k, q.Owner, q.Done, q.IDs = k, k, q, k.IDs()
	k.waiting = append(k.waiting, q)
	k.n.do(func(r *Replica) { r.Propose(k.cl.c.now, &q.Request) })
}

// write sends a write or a sync.
func (cl *client) write(op protocol.OpCode, body protocol.Record, done func(code protocol.Code, d *jute.Decoder)) {
	cl.xid++
	q := &call{Request: Request{Session: cl.session, Xid: cl.xid, Op: op}, done: done}
	if body != nil {
		q.Body = body.AppendTo(nil)
	}
	if cl.k.handle != nil {
		cl.k.handle.Touch(cl.c.now.MonoMs)
	}
	cl.k.send(q)
}

// Complete checks that the answers of a connection come in the order of its
// requests.
func (q *call) Complete(_ *Request, reply *Reply) {
	k, c := q.k, q.k.cl.c
	if !k.open {
		return
	}
	if reply.Silent {
		k.end("closed without reply")
		return
	}
	if len(k.waiting) == 0 || k.waiting[0] != q {
		c.t.Errorf("%s: the answer of %v (xid %d) is not that of its oldest request", k.cl.name, q.Op, q.Xid)
		return
	}
	k.waiting = k.waiting[1:]
	if reply.Zxid < k.cl.zxid {
		c.t.Errorf("%s: a reply of zxid %v after %v", k.cl.name, reply.Zxid, k.cl.zxid)
	}
	k.cl.zxid = reply.Zxid
	k.cl.ops++
	if q.Op == protocol.OpCreateSession {
		k.attached(reply.Session)
		return
	}
	var code protocol.Code = reply.Err
	d := jute.NewDecoder(reply.AppendFrame(nil)[4:])
	var h protocol.ReplyHeader
	if err := h.Decode(d); err != nil || h.Xid != q.Xid {
		c.t.Errorf("%s: reply %+v to xid %d, %v", k.cl.name, h, q.Xid, err)
	}
	if q.done != nil {
		q.done(code, d)
	}
	if reply.Close {
		k.end("closed")
	}
}

// read runs a read on the client's connection.
func (cl *client) read(op protocol.OpCode, body protocol.Record) (*jute.Decoder, protocol.Code) {
	s := cl.k.n.r.State()
	cl.k.handle.Touch(cl.c.now.MonoMs)
	s.RLock()
	out, code := s.AppendRead(nil, protocol.RequestHeader{Xid: 1, Type: op}, body.AppendTo(nil), &cl.k.reader)
	s.RUnlock()
	d := jute.NewDecoder(out[4:])
	var h protocol.ReplyHeader
	if err := h.Decode(d); err != nil {
		cl.c.t.Error(err)
	}
	cl.zxid = max(cl.zxid, h.Zxid)
	return d, code
}

// --- in stories: what is waited for

// on connects to a server and waits for the session.
func (cl *client) on(sid int64) *client {
	cl.c.t.Helper()
	ok, id := false, cl.session
	var try func()
	try = func() {
		cl.connect(cl.c.node(sid), func(got bool) {
			if ok = got; !ok { // the server is behind the client
				cl.c.after(10, try)
			}
		})
	}
	try()
	cl.c.run(fmt.Sprintf("%s connects to %d", cl.name, sid), 30_000, func() bool { return ok })
	if id != 0 && cl.session != id {
		cl.c.t.Fatalf("%s: session %v was lost", cl.name, id)
	}
	return cl
}

// do writes and waits for the answer.
func (cl *client) do(op protocol.OpCode, body protocol.Record) (code protocol.Code, d *jute.Decoder) {
	cl.c.t.Helper()
	answered := false
	k := cl.k
	cl.write(op, body, func(c protocol.Code, got *jute.Decoder) { code, d, answered = c, got, true })
	cl.c.run(fmt.Sprintf("%s: %v", cl.name, op), 30_000, func() bool { return answered || !k.open })
	if !answered {
		return protocol.ConnectionLoss, nil
	}
	return code, d
}

func (cl *client) with(k *connection) *client { cl.k = k; return cl }

// must is do, and the answer is OK.
func (cl *client) must(op protocol.OpCode, body protocol.Record) *jute.Decoder {
	cl.c.t.Helper()
	code, d := cl.do(op, body)
	if code != protocol.OK {
		cl.c.t.Fatalf("%s: %v %+v: %v", cl.name, op, body, code)
	}
	return d
}

// exists reads on the client's server.
func (cl *client) exists(path string) bool {
	cl.c.t.Helper()
	_, code := cl.read(protocol.OpExists, &protocol.ExistsRequest{Path: path})
	return code == protocol.OK
}
