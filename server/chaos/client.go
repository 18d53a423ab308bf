package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"zookit/protocol"
	"zookit/protocol/jute"
	"zookit/server/zktest/wire"
)

// window is how many requests a client keeps under way at most.
const window = 5

// connectPatience bounds the wait for the answer to a connect request: a link
// may be cut, or the server may not serve.
const connectPatience = 2 * time.Second

// A target is a server as clients reach it.
type target struct {
	sid    int
	apache bool
	addr   string
}

// A client is a session under load, and another when that one is gone. It
// records all it sends and is told. Run and what follows it are called by one
// goroutine.
type client struct {
	id      int
	rng     *rand.Rand
	begin   time.Time // of the round
	targets []target
	pace    time.Duration // between two requests

	session   protocol.SessionID
	password  []byte
	timeoutMs int32
	last      protocol.Zxid // the newest that was shown
	xid       int32
	armed     map[Watch]bool // watches that have not fired
	versions  map[string]int32
	made      []string // sequential znodes, to be deleted
	serial    int      // of the values written

	mu      sync.Mutex // guards all that the reader changes as well
	conn    *Conn
	pending []*Op // unanswered, of the connection; the reader takes from it

	ops     []*Op
	conns   []*Conn
	expired []protocol.SessionID
	broken  []Violation // that were seen at once
}

func newClient(id int, seed uint64, begin time.Time, targets []target, pace time.Duration) *client {
	return &client{
		id: id, rng: rand.New(rand.NewPCG(seed, uint64(id)+1000)), begin: begin, targets: targets, pace: pace,
		timeoutMs: []int32{3000, 6000, 10_000}[id%3], armed: map[Watch]bool{}, versions: map[string]int32{},
	}
}

func (c *client) now() time.Duration { return time.Since(c.begin) }

// run keeps a connection and works on it until ctx ends.
func (c *client) run(ctx context.Context) {
	for ctx.Err() == nil {
		t := c.targets[c.rng.IntN(len(c.targets))]
		w, err := c.connect(t)
		if err != nil {
			rest(ctx, time.Duration(20+c.rng.IntN(80))*time.Millisecond)
			continue
		}
		c.work(ctx, w, func() bool {
			if c.rng.IntN(300) == 0 {
				return false // moves to another server, with requests under way
			}
			c.send(w, c.draw())
			return true
		})
	}
}

func rest(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// connect opens a connection, for the session if there is one. An expired one
// is given up, and the next call opens another.
func (c *client) connect(t target) (*wire.Conn, error) {
	w, err := wire.Open(t.addr)
	if err != nil {
		return nil, err
	}
	timer := time.AfterFunc(connectPatience, w.Drop)
	defer timer.Stop()
	password := c.password
	if c.session == 0 {
		password = make([]byte, protocol.PasswordLen)
	}
	err = w.Connect(&protocol.ConnectRequest{LastZxidSeen: c.last, TimeoutMs: c.timeoutMs, Session: c.session, Password: password, HasReadOnly: true})
	if err == nil && !timer.Stop() {
		err = context.DeadlineExceeded
	}
	if err != nil {
		w.Drop()
		return nil, err
	}
	answer := w.Session
	if answer.TimeoutMs == 0 {
		w.Drop()
		c.expired = append(c.expired, c.session)
		c.forgetSession()
		return nil, protocol.SessionExpired
	}
	resumed := c.session != 0
	if resumed && answer.Session != c.session {
		c.broken = append(c.broken, violation("S5 a session keeps its id", "client %d asked for session %v at server %d and was given %v", c.id, c.session, t.sid, answer.Session))
	}
	c.session, c.password = answer.Session, slices.Clone(answer.Password)
	c.conn = &Conn{Client: c.id, Server: t.sid, Apache: t.apache, Session: c.session, Relative: c.last}
	c.conns = append(c.conns, c.conn)
	c.pending = nil
	if resumed && len(c.armed) > 0 && c.rng.IntN(3) > 0 {
		c.rearm(w)
	} else {
		clear(c.armed)
	}
	return w, nil
}

func (c *client) forgetSession() {
	c.session, c.password, c.xid = 0, nil, 0
	clear(c.armed)
	c.made = nil
}

// rearm sends the watches again, as client libraries do.
func (c *client) rearm(w *wire.Conn) {
	// Empty lists, since Apache does not take null ones.
	r := &protocol.SetWatches2Request{RelativeZxid: c.last, Data: []string{}, Exist: []string{}, Child: []string{}, Persistent: []string{}, PersistentRecursive: []string{}}
	for watch := range c.armed {
		c.conn.Rearmed = append(c.conn.Rearmed, watch)
		switch watch.Kind {
		case WatchData:
			r.Data = append(r.Data, watch.Path)
		case WatchExist:
			r.Exist = append(r.Exist, watch.Path)
		case WatchChildren:
			r.Child = append(r.Child, watch.Path)
		}
	}
	c.sendXid(w, protocol.XidSetWatches, call{protocol.OpSetWatches2, r})
}

// A call is what a client is about to ask for.
type call struct {
	op     protocol.OpCode
	record protocol.Record
}

// send writes a request; an error of the socket shows when it is read next.
func (c *client) send(w *wire.Conn, q call) *Op {
	c.xid++
	return c.sendXid(w, c.xid, q)
}

func (c *client) sendXid(w *wire.Conn, xid int32, q call) *Op {
	o := &Op{Conn: c.conn, Xid: xid, Type: q.op, Request: q.record, Sent: c.now()}
	c.ops = append(c.ops, o)
	c.mu.Lock()
	c.pending = append(c.pending, o)
	c.mu.Unlock()
	var body []byte
	if q.record != nil {
		body = q.record.AppendTo(nil)
	}
	if err := w.SendXid(xid, q.op, body); err != nil {
		w.Drop()
	}
	return o
}

// work calls next at the client's pace while fewer requests than the window are
// under way, until it returns false, ctx or the connection ends, or an answer
// is overdue.
func (c *client) work(ctx context.Context, w *wire.Conn, next func() bool) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.read(w)
	}()
	ticker := time.NewTicker(c.pace)
	defer ticker.Stop()
	defer func() {
		w.Drop()
		<-done
	}()
	overdue := time.Duration(c.timeoutMs) * time.Millisecond * 2 / 3
	for {
		select {
		case <-ctx.Done():
			return
		case <-done:
			return
		case <-ticker.C:
		}
		c.mu.Lock()
		n, late := len(c.pending), len(c.pending) > 0 && c.now()-c.pending[0].Sent > overdue
		c.mu.Unlock()
		if late || n < window && !next() {
			return
		}
	}
}

// read takes in packets until the connection ends.
func (c *client) read(w *wire.Conn) {
	for {
		r, err := w.Receive()
		if err != nil {
			return
		}
		c.mu.Lock()
		ok := c.take(r)
		c.mu.Unlock()
		if !ok {
			w.Drop()
			return
		}
	}
}

// take records a packet. mu is held.
func (c *client) take(r wire.Reply) bool {
	if r.Event != nil {
		c.conn.Packets = append(c.conn.Packets, Packet{Event: *r.Event, At: c.now()})
		for _, k := range []WatchKind{WatchData, WatchExist, WatchChildren} {
			if k.asksFor(r.Event.Type) {
				delete(c.armed, Watch{k, r.Event.Path})
			}
		}
		return true
	}
	if len(c.pending) == 0 || c.pending[0].Xid != r.Xid {
		want := "none"
		if len(c.pending) > 0 {
			want = fmt.Sprint(c.pending[0].Xid)
		}
		c.broken = append(c.broken, violation("S2 replies come in request order", "client %d at server %d, session %v: a reply to xid %d, expected is %s", c.id, c.conn.Server, c.session, r.Xid, want))
		return false
	}
	o := c.pending[0]
	c.pending = c.pending[1:]
	o.Answered, o.Done, o.Zxid, o.Code = true, c.now(), r.Zxid, r.Err
	if reply := replyRecord(o.Type); reply != nil && (r.Err == protocol.OK || o.Type == protocol.OpMulti && len(r.Body) > 0) {
		if err := reply.Decode(jute.NewDecoder(r.Body)); err != nil {
			c.broken = append(c.broken, violation("replies can be read", "%v: %v", o, err))
			return false
		}
		o.Reply = reply
	}
	c.conn.Packets = append(c.conn.Packets, Packet{Op: o, At: o.Done})
	c.last = max(c.last, r.Zxid)
	c.learn(o)
	return o.Code != protocol.SessionExpired && o.Code != protocol.SessionMoved
}

func replyRecord(op protocol.OpCode) protocol.Record {
	switch op {
	case protocol.OpCreate:
		return new(protocol.PathResponse)
	case protocol.OpCreate2:
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
		return new(protocol.SyncResponse)
	}
	return nil
}

// learn takes from a reply what later requests build on. mu is held.
func (c *client) learn(o *Op) {
	path := ""
	if p := o.paths(); len(p) == 1 {
		path = p[0]
	}
	if r, ok := o.Request.(*protocol.PathWatchRequest); ok && r.Watch {
		switch {
		case o.Type == protocol.OpGetChildren2 && o.Code == protocol.OK:
			c.armed[Watch{WatchChildren, path}] = true
		case o.Type == protocol.OpExists && o.Code == protocol.NoNode:
			c.armed[Watch{WatchExist, path}] = true
		case o.Code == protocol.OK && o.Type != protocol.OpGetChildren2:
			c.armed[Watch{WatchData, path}] = true
		}
	}
	switch r := o.Reply.(type) {
	case *protocol.StatResponse:
		c.versions[path] = r.Stat.Version
	case *protocol.GetDataResponse:
		c.versions[path] = r.Stat.Version
	case *protocol.Create2Response:
		if r.Path == path {
			c.versions[path] = 0
		} else {
			c.made = append(c.made, r.Path)
		}
	}
}

// finish waits for an answer to one more write, to a sync behind it, and ends
// the session. It returns what failed when ctx ends before.
func (c *client) finish(ctx context.Context) error {
	last := error(nil)
	for ctx.Err() == nil {
		t := c.targets[c.rng.IntN(len(c.targets))]
		w, err := c.connect(t)
		if err != nil {
			last = fmt.Errorf("server %d: %w", t.sid, err)
			rest(ctx, 50*time.Millisecond)
			continue
		}
		var asked []*Op
		plan := []call{
			{protocol.OpSetData, &protocol.SetDataRequest{Path: root, Data: c.value(), Version: -1}},
			{protocol.OpSync, &protocol.SyncRequest{Path: root}},
			{protocol.OpCloseSession, nil},
		}
		c.work(ctx, w, func() bool {
			if len(asked) < len(plan) {
				asked = append(asked, c.send(w, plan[len(asked)]))
			}
			return true // the server closes the connection behind the last
		})
		if len(asked) >= 2 && asked[0].Answered && asked[0].Code == protocol.OK && asked[1].Answered {
			c.forgetSession()
			return nil
		}
		last = fmt.Errorf("server %d answered %d of %d requests", t.sid, countAnswered(asked), len(plan))
		if len(asked) == len(plan) {
			c.forgetSession() // it may have been closed
		}
	}
	return fmt.Errorf("client %d had no write and sync answered: %w", c.id, last)
}

func countAnswered(ops []*Op) (n int) {
	for _, o := range ops {
		if o.Answered {
			n++
		}
	}
	return n
}
