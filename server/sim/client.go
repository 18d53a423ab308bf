package sim

import (
	"encoding/binary"
	"fmt"
	"slices"

	"zookit/protocol"
	"zookit/protocol/jute"
)

// Op is one request of a client and what came of it.
type Op struct {
	Client  int
	Session protocol.SessionID
	Xid     int32
	Type    protocol.OpCode
	Request protocol.Record
	Sent    int64

	Epoch int64 // that the server of its connection was in

	Answered bool // else nobody knows what came of it
	Done     int64
	Zxid     protocol.Zxid
	Code     protocol.Code
	Reply    protocol.Record // nil when Code is not OK or there is no body

	floor *Op // the write with the highest zxid of those answered before it was sent
}

func (o *Op) String() string {
	s := fmt.Sprintf("c%d xid %d %s", o.Client, o.Xid, o.Type)
	switch r := o.Request.(type) {
	case *protocol.CreateRequest:
		s += fmt.Sprintf(" %s flags %d", r.Path, r.Flags)
	case *protocol.DeleteRequest:
		s += fmt.Sprintf(" %s version %d", r.Path, r.Version)
	case *protocol.SetDataRequest:
		s += fmt.Sprintf(" %s %.12q version %d", r.Path, r.Data, r.Version)
	case *protocol.PathWatchRequest:
		s += fmt.Sprintf(" %s watch %v", r.Path, r.Watch)
	case *protocol.PathRequest:
		s += " " + r.Path
	case *protocol.AddWatchRequest:
		s += fmt.Sprintf(" %s mode %d", r.Path, r.Mode)
	case *protocol.SetWatches2Request:
		s += fmt.Sprintf(" since %v data %q exist %q child %q persistent %q recursive %q", r.RelativeZxid, r.Data, r.Exist, r.Child, r.Persistent, r.PersistentRecursive)
	case *protocol.MultiRequest:
		for _, m := range r.Ops {
			s += " " + m.Type.String()
		}
	}
	return s
}

// client is a simulated client library and its user.
type client struct {
	w      *world
	id     int
	route  []*route // to each process
	server int
	pinned bool // to that server

	session   protocol.SessionID
	password  []byte
	timeoutMs int32
	asks      int32 // the timeout it asks for
	lastZxid  protocol.Zxid
	xid       int32

	link      *link // nil: none
	connected bool
	log       *connLog
	waiting   []*Op // sent and not answered, in order
	lastSent  int64
	lastHeard int64
	silent    int64 // until then it does nothing
	closing   bool
	backlog   []func()  // what the user wants while there is no connection
	answered  func(*Op) // the auditor's

	// What the library believes is armed: sets of paths.
	data, exist, child, persistent, recursive map[string]bool
	versions                                  map[string]int32 // last seen
	wrote, synced                             bool             // a write and a sync were answered that were sent after the faults stopped
}

func newClient(w *world, id int, asks int32) *client {
	c := &client{w: w, id: id, asks: asks, versions: map[string]int32{}}
	for range w.processes {
		c.route = append(c.route, &route{})
	}
	c.server = id % len(w.processes)
	c.newSession()
	w.after(w.between(0, 50*millisecond), c.connect)
	return c
}

func (c *client) String() string { return fmt.Sprintf("c%d", c.id) }

func (c *client) newSession() {
	c.session, c.password, c.lastZxid = 0, make([]byte, protocol.PasswordLen), 0
	c.timeoutMs = c.asks
	c.data, c.exist, c.child = map[string]bool{}, map[string]bool{}, map[string]bool{}
	c.persistent, c.recursive = map[string]bool{}, map[string]bool{}
}

// connect opens a connection to the next server.
func (c *client) connect() {
	w := c.w
	if c.link != nil {
		return
	}
	if w.now < c.silent {
		w.at(c.silent, c.connect)
		return
	}
	p := w.processes[c.server]
	if !c.pinned {
		c.server = (c.server + 1) % len(w.processes)
	}
	if !p.up || w.now < c.route[p.id-1].stalledUntil[toServer] {
		w.after(w.between(20*millisecond, 300*millisecond), c.connect) // refused, or no answer
		return
	}
	l := &link{w: w, route: c.route[p.id-1], client: c}
	l.conn = &conn{p: p, link: l, run: p.run}
	p.conns = append(p.conns, l.conn)
	c.link, c.connected = l, false
	c.log = newConnLog(c)
	c.lastHeard, c.lastSent = w.now, w.now
	r := &protocol.ConnectRequest{LastZxidSeen: c.lastZxid, TimeoutMs: c.asks, Session: c.session, Password: c.password, HasReadOnly: true}
	w.tracef("c%d connects to %v with session %v, seen %v", c.id, p, c.session, c.lastZxid)
	l.send(toServer, protocol.AppendFrame(nil, r))
	c.watchOver(l)
}

// watchOver pings and gives up, as long as the connection is this one.
func (c *client) watchOver(l *link) {
	c.w.after(int64(c.timeoutMs)*millisecond/6, func() {
		if c.link != l {
			return
		}
		t := int64(c.timeoutMs) * millisecond
		switch {
		case c.w.now-c.lastHeard > t*2/3:
			c.w.tracef("c%d hears nothing", c.id)
			c.drop(false)
			return
		case c.connected && !c.closing && c.w.now-c.lastSent >= t/3:
			c.send(protocol.XidPing, protocol.OpPing, nil)
		}
		c.watchOver(l)
	})
}

// drop gives a connection up. Half open, the server is not told.
func (c *client) drop(halfOpen bool) {
	l := c.link
	if l == nil {
		return
	}
	c.link, c.connected, c.closing = nil, false, false
	l.ended[toClient] = true
	if !halfOpen {
		l.send(toServer, nil)
	}
	c.waiting = nil
	c.w.after(c.w.between(millisecond, 200*millisecond), c.connect)
}

// hungUp: the connection was reset, or the server has closed it.
func (c *client) hungUp(l *link) {
	if c.link == l {
		c.w.tracef("c%d lost its connection", c.id)
		c.drop(false)
	}
}

// send writes one request.
func (c *client) send(xid int32, op protocol.OpCode, r protocol.Record) *Op {
	o := &Op{Client: c.id, Session: c.session, Xid: xid, Type: op, Request: r, Sent: c.w.now, Epoch: c.log.Epoch}
	c.waiting = append(c.waiting, o)
	c.lastSent = c.w.now
	h := &protocol.RequestHeader{Xid: xid, Type: op}
	b, start := protocol.BeginFrame(nil)
	b = h.AppendTo(b)
	if r != nil {
		b = r.AppendTo(b)
	}
	c.link.send(toServer, protocol.EndFrame(b, start))
	if xid > 0 {
		c.w.tracef("%v", o)
		c.w.history.sent(o)
		c.w.judge.sent(o)
	}
	return o
}

// request sends a request of the user's, now or when there is a connection.
func (c *client) request(op protocol.OpCode, r protocol.Record) {
	const keep = 4
	switch {
	case c.connected && !c.closing:
		c.xid++
		c.send(c.xid, op, r)
	case len(c.backlog) < keep:
		c.backlog = append(c.backlog, func() { c.request(op, r) })
	}
}

// arrived takes a packet from the link.
func (c *client) arrived(l *link, p packet) {
	if c.link != l {
		return
	}
	if p == nil {
		c.hungUp(l)
		return
	}
	c.lastHeard = c.w.now
	for len(p) > 0 && c.link == l && c.w.broken == nil {
		n := int(binary.BigEndian.Uint32(p))
		c.frame(p[4 : 4+n])
		p = p[4+n:]
	}
}

func (c *client) frame(b []byte) {
	d := jute.NewDecoder(b)
	if !c.connected {
		var r protocol.ConnectResponse
		if err := r.Decode(d); err != nil {
			c.w.violated("S2 replies can be read", "c%d: connect response: %v", c.id, err)
			return
		}
		c.welcomed(&r)
		return
	}
	var h protocol.ReplyHeader
	if err := h.Decode(d); err != nil {
		c.w.violated("S2 replies can be read", "c%d: %v", c.id, err)
		return
	}
	if h.Xid == protocol.XidNotification {
		c.event(&h, d)
		return
	}
	c.reply(&h, d)
}

// welcomed takes the answer to the connect request.
func (c *client) welcomed(r *protocol.ConnectResponse) {
	w := c.w
	if r.Session == 0 {
		w.reached("session expired")
		w.tracef("c%d is told that its session %v has expired", c.id, c.session)
		w.history.expired(c)
		c.newSession()
		c.drop(false)
		return
	}
	if c.session != 0 && r.Session != c.session {
		w.violated("S5 a session keeps its id", "c%d asked for %v and got %v", c.id, c.session, r.Session)
		return
	}
	c.session, c.password, c.timeoutMs = r.Session, slices.Clone(r.Password), r.TimeoutMs
	if c.connected = true; c.lastZxid > 0 {
		w.reached("session moved to another connection")
	}
	c.log.Session, c.log.Welcomed, c.log.TimeoutMs = c.session, w.now, c.timeoutMs
	c.log.Server, c.log.Epoch, c.log.Leading = c.link.conn.p.id, c.link.conn.epoch, c.link.conn.leading
	w.judge.welcomed(c.log)
	w.tracef("c%d has session %v, timeout %d ms", c.id, c.session, c.timeoutMs)
	if r := c.setWatches(); r != nil {
		w.tracef("%v", c.send(protocol.XidSetWatches, protocol.OpSetWatches2, r))
	}
	backlog := c.backlog
	c.backlog = nil
	for _, f := range backlog {
		f()
	}
}

// setWatches is what the library arms again; nil when nothing is armed.
func (c *client) setWatches() *protocol.SetWatches2Request {
	r := &protocol.SetWatches2Request{RelativeZxid: c.lastZxid, Data: sorted(c.data), Exist: sorted(c.exist), Child: sorted(c.child),
		Persistent: sorted(c.persistent), PersistentRecursive: sorted(c.recursive)}
	if len(r.Data)+len(r.Exist)+len(r.Child)+len(r.Persistent)+len(r.PersistentRecursive) == 0 {
		return nil
	}
	return r
}

func sorted(set map[string]bool) []string {
	list := make([]string, 0, len(set))
	for path := range set {
		list = append(list, path)
	}
	slices.Sort(list)
	return list
}

// event takes a watch event. A one-shot watch is no longer armed.
func (c *client) event(h *protocol.ReplyHeader, d *jute.Decoder) {
	var e protocol.WatcherEvent
	if err := e.Decode(d); err != nil {
		c.w.violated("S2 replies can be read", "c%d: event: %v", c.id, err)
		return
	}
	if h.Zxid < 0 {
		c.w.reached("event replayed by setWatches")
	}
	c.w.tracef("c%d event %v %s of %v", c.id, e.Type, e.Path, h.Zxid)
	c.saw(h.Zxid)
	c.log.add(packetSeen{event: &e, zxid: h.Zxid, at: c.w.now})
	switch e.Type {
	case protocol.EventNodeCreated, protocol.EventNodeDataChanged:
		delete(c.data, e.Path)
		delete(c.exist, e.Path)
	case protocol.EventNodeChildrenChanged:
		delete(c.child, e.Path)
	case protocol.EventNodeDeleted:
		delete(c.data, e.Path)
		delete(c.exist, e.Path)
		delete(c.child, e.Path)
	}
}

// saw notes a zxid that the client was shown; it never goes back.
func (c *client) saw(z protocol.Zxid) {
	if z <= 0 {
		return
	}
	if z < c.lastZxid {
		c.w.violated("S3 zxids of a session never go back", "c%d saw %v after %v", c.id, z, c.lastZxid)
	}
	c.lastZxid = max(c.lastZxid, z)
	c.w.ledger.shown(z, c.link.conn.p)
	c.w.history.saw(z)
}

// reply takes a reply, which must be that of the oldest request.
func (c *client) reply(h *protocol.ReplyHeader, d *jute.Decoder) {
	w := c.w
	if len(c.waiting) == 0 || c.waiting[0].Xid != h.Xid {
		w.violated("S2 replies come in request order", "c%d got the reply of xid %d while it waits for %v", c.id, h.Xid, c.waiting)
		return
	}
	o := c.waiting[0]
	c.waiting = c.waiting[1:]
	o.Answered, o.Done, o.Zxid, o.Code = true, w.now, h.Zxid, h.Err
	if h.Err == protocol.OK {
		if o.Reply = replyRecord(o.Type); o.Reply != nil {
			if err := o.Reply.Decode(d); err != nil {
				w.violated("S2 replies can be read", "%v: %v", o, err)
				return
			}
		}
		if d.Len() != 0 {
			w.violated("S2 replies can be read", "%v: %d bytes too many", o, d.Len())
			return
		}
	}
	if o.Xid != protocol.XidPing {
		w.tracef("c%d reply xid %d %v: %v", c.id, h.Xid, h.Zxid, codeText(h.Err))
	}
	c.saw(h.Zxid)
	c.log.add(packetSeen{op: o, zxid: h.Zxid, at: w.now})
	c.learn(o)
}

func codeText(code protocol.Code) string {
	if code == protocol.OK {
		return "ok"
	}
	return code.Name()
}

// learn is what the library and the user take from a reply.
func (c *client) learn(o *Op) {
	switch r := o.Request.(type) {
	case *protocol.PathWatchRequest:
		c.armed(o, r)
	case *protocol.AddWatchRequest:
		if o.Code == protocol.OK {
			set := c.persistent
			if r.Mode == protocol.AddWatchPersistentRecursive {
				set = c.recursive
			}
			set[r.Path] = true
		}
	case *protocol.SetDataRequest:
		if s, ok := o.Reply.(*protocol.StatResponse); ok {
			c.versions[r.Path] = s.Stat.Version
		}
	}
	switch {
	case o.Type == protocol.OpCloseSession && o.Code == protocol.OK:
		c.newSession()
		c.drop(false)
	case o.Code == protocol.SessionExpired:
		c.drop(false)
	case o.Code == protocol.OK && o.Sent >= c.w.plan.Heal:
		c.wrote = c.wrote || o.Type == protocol.OpCreate
		c.synced = c.synced || o.Type == protocol.OpSync
	}
	if c.answered != nil {
		c.answered(o)
	}
}

func (c *client) armed(o *Op, r *protocol.PathWatchRequest) {
	if g, ok := o.Reply.(*protocol.GetDataResponse); ok {
		c.versions[r.Path] = g.Stat.Version
	}
	if !r.Watch {
		return
	}
	switch {
	case o.Type == protocol.OpExists && o.Code == protocol.NoNode:
		c.exist[r.Path] = true
	case o.Code != protocol.OK:
	case o.Type == protocol.OpGetChildren2:
		c.child[r.Path] = true
	default:
		c.data[r.Path] = true
	}
}

// replyRecord is the body of a reply without error; nil: it has none.
func replyRecord(op protocol.OpCode) protocol.Record {
	switch op {
	case protocol.OpCreate:
		return new(protocol.PathResponse)
	case protocol.OpCreate2, protocol.OpCreateContainer:
		return new(protocol.Create2Response)
	case protocol.OpSetData, protocol.OpExists:
		return new(protocol.StatResponse)
	case protocol.OpGetData:
		return new(protocol.GetDataResponse)
	case protocol.OpGetChildren2:
		return new(protocol.GetChildren2Response)
	case protocol.OpMulti:
		return new(protocol.MultiResponse)
	case protocol.OpSync:
		return new(protocol.PathRequest)
	case protocol.OpAddWatch:
		return new(protocol.ErrorResponse)
	}
	return nil
}
