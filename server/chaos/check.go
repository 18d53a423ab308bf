package chaos

import (
	"bytes"
	"slices"

	"zookit/protocol"
	"zookit/protocol/txn"
)

// maxViolations bounds what one check tells: the first are those to look at.
const maxViolations = 10

// A checker holds what clients were told against the logs.
type checker struct {
	h    *History
	ref  *Reference
	line *Timeline

	byRequest map[request]*txn.Txn
	byOp      map[*Op]*txn.Txn
	sessions  map[protocol.SessionID]bool // of the clients
	broken    []Violation
}

type request struct {
	session protocol.SessionID
	xid     int32
}

// Check finds what in a history does not fit the reference. lost are the
// acknowledged writes that no log has.
func Check(h *History, ref *Reference) (broken []Violation, lost []*Op) {
	c := &checker{h: h, ref: ref, line: replay(ref), byRequest: map[request]*txn.Txn{}, byOp: map[*Op]*txn.Txn{}, sessions: map[protocol.SessionID]bool{}}
	for _, l := range h.Conns {
		c.sessions[l.Session] = true
	}
	c.index()
	lost = c.replies()
	for _, check := range []func(){c.reads, c.connections, c.expired, c.realTime, c.watches, c.registers} {
		before := len(c.broken)
		check()
		if len(c.broken) > before+maxViolations {
			c.broken = c.broken[:before+maxViolations]
		}
	}
	return c.broken, lost
}

func (c *checker) fail(v Violation) { c.broken = append(c.broken, v) }

// index finds the txn of each request, and txns that nobody asked for.
func (c *checker) index() {
	asked := map[request]*Op{}
	for _, o := range c.h.Ops {
		if o.Xid > 0 {
			asked[request{o.Conn.Session, o.Xid}] = o
		}
	}
	for _, t := range c.ref.Txns {
		if !c.sessions[t.Session] || t.Type == protocol.OpCreateSession || t.Cxid <= 0 {
			continue
		}
		r := request{t.Session, t.Cxid}
		o := asked[r]
		switch was := c.byRequest[r]; {
		case o == nil && t.Type != protocol.OpCloseSession:
			c.fail(violation("D3 the log holds what was asked", "%v is xid %d (%v) of session %v, which no client sent", t.Zxid, t.Cxid, t.Type, t.Session))
		case was != nil:
			c.fail(violation("D3 a request is done once", "%v was done at %v and again at %v", o, was.Zxid, t.Zxid))
		case o != nil:
			c.byRequest[r], c.byOp[o] = t, t
			if !sameRequest(o.Request, t.Body) {
				c.fail(violation("D3 the log holds what was asked", "%v is %+v; %v", t.Zxid, t.Body, o))
			}
		}
	}
}

func sameRequest(asked, body protocol.Record) bool {
	switch b := body.(type) {
	case *txn.Error, *txn.CloseSession, nil:
		return true
	case *txn.Create:
		r, ok := asked.(*protocol.CreateRequest)
		if !ok || !bytes.Equal(r.Data, b.Data) || b.Ephemeral != r.Flags.Ephemeral() {
			return false
		}
		return b.Path == r.Path || r.Flags.Sequential() && len(b.Path) == len(r.Path)+10 && b.Path[:len(r.Path)] == r.Path
	case *txn.Delete:
		r, ok := asked.(*protocol.DeleteRequest)
		return ok && r.Path == b.Path
	case *txn.SetData:
		r, ok := asked.(*protocol.SetDataRequest)
		return ok && r.Path == b.Path && bytes.Equal(r.Data, b.Data)
	case *txn.Check:
		r, ok := asked.(*protocol.CheckVersionRequest)
		return ok && r.Path == b.Path
	case *txn.Multi:
		r, ok := asked.(*protocol.MultiRequest)
		if !ok || len(r.Ops) != len(b.Txns) {
			return false
		}
		for i := range r.Ops {
			if !sameRequest(r.Ops[i].Record, b.Txns[i].Body) {
				return false
			}
		}
	}
	return true
}

// replies compares each answer to a write with its txn.
func (c *checker) replies() (lost []*Op) {
	for _, o := range c.h.Ops {
		if !o.Answered || !writes(o.Type) || len(c.broken) > maxViolations {
			continue
		}
		switch o.Code {
		case protocol.SessionExpired, protocol.SessionMoved, protocol.UnknownSession:
			continue
		}
		t := c.byOp[o]
		if t == nil {
			if o.Type != protocol.OpCloseSession { // it may have expired first
				lost = append(lost, o)
			}
			continue
		}
		if o.Zxid != t.Zxid && !(o.Conn.Apache && o.Zxid > t.Zxid) {
			c.fail(violation("D1 acknowledged writes survive", "the log has it at %v: %v", t.Zxid, o).at(o.path()))
			continue
		}
		c.outcome(o, t)
	}
	return lost
}

func (o *Op) path() string {
	if p := o.paths(); len(p) > 0 {
		return p[0]
	}
	return ""
}

// outcome compares what a reply says was done with what the log says.
func (c *checker) outcome(o *Op, t *txn.Txn) {
	logged := protocol.OK
	if e, ok := t.Body.(*txn.Error); ok {
		logged = e.Err
	}
	wrong := func(format string, args ...any) {
		c.failAt(o.Conn, violation("D3 replies tell the outcome", "%v; %v", o, violation("logged", format, args...)).at(o.path()))
	}
	if multi, ok := t.Body.(*txn.Multi); ok {
		r, ok := o.Reply.(*protocol.MultiResponse)
		if !ok || len(r.Results) != len(multi.Txns) {
			wrong("%d sub-txns", len(multi.Txns))
			return
		}
		for i := range r.Results {
			// As a whole or not at all; the log may have what came before the error.
			if failed := r.Results[i].Type == protocol.OpError; failed != failedMulti(t.Body) {
				wrong("op %d as %v", i, multi.Txns[i].Type)
			}
		}
		return
	}
	if o.Type == protocol.OpMulti && logged != protocol.OK { // Apache's form of one that failed
		return
	}
	if o.Code != logged {
		wrong("%s", codeText(logged))
		return
	}
	if logged != protocol.OK {
		return
	}
	var stat *protocol.Stat
	path := o.path()
	switch r := o.Reply.(type) {
	case *protocol.Create2Response:
		stat, path = &r.Stat, r.Path
		if b, ok := t.Body.(*txn.Create); ok && b.Path != r.Path {
			wrong("path %s", b.Path)
			return
		}
	case *protocol.StatResponse:
		stat = &r.Stat
	default:
		return
	}
	if s, _ := c.line.at(path, t.Zxid); !s.Exists || s.Stat != *stat {
		if !o.Conn.Apache || !s.Exists { // Apache reads the Stat a little later
			wrong("Stat %+v", s.Stat)
		}
	}
}

// reads compares each read with the states of its znode: with the one at the
// zxid of the reply, or, from Apache, which reads that zxid a moment later, with
// any since the session's last.
func (c *checker) reads() {
	for _, l := range c.h.Conns {
		seen := l.Relative
		for _, p := range l.Packets {
			o := p.Op
			if o == nil {
				continue
			}
			floor := o.Zxid
			if l.Apache {
				floor = min(seen, o.Zxid)
			}
			seen = max(seen, o.Zxid)
			switch o.Type {
			case protocol.OpGetData, protocol.OpExists, protocol.OpGetChildren2:
			default:
				continue
			}
			if o.Code == protocol.SessionExpired || o.Code == protocol.SessionMoved {
				continue
			}
			states := c.line.during(o.path(), floor, o.Zxid)
			if !slices.ContainsFunc(states, func(s State) bool { return shows(o, s) }) {
				c.failAt(l, violation("S8 reads show one state", "%v; the log has %+v", o, states[len(states)-1]).at(o.path()))
				if len(c.broken) > maxViolations {
					return
				}
			}
		}
	}
}

// shows tells whether a reply is what a read of that state must be.
func shows(o *Op, s State) bool {
	if !s.Exists {
		return o.Code == protocol.NoNode
	}
	if o.Code != protocol.OK {
		return false
	}
	switch r := o.Reply.(type) {
	case *protocol.GetDataResponse:
		return r.Stat == s.Stat && bytes.Equal(r.Data, s.Data)
	case *protocol.StatResponse:
		return r.Stat == s.Stat
	case *protocol.GetChildren2Response:
		return r.Stat == s.Stat && slices.Equal(slices.Sorted(slices.Values(r.Children)), s.Children)
	}
	return false
}
