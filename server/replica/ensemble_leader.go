package replica

import (
	"slices"

	"zookit/protocol"
	"zookit/protocol/jute"
	"zookit/protocol/quorum"
	"zookit/server/zab"
)

// learnerOwner is a learner as the owner of the sessions whose clients are
// connected to it. What becomes of a session there is told by its txns.
type learnerOwner struct{ conn zab.Conn }

func (*learnerOwner) Disconnect(Reason) {}

// moved is the owner of what a follower has marked with quorum.SchemeMoved: no
// session is its.
type moved struct{}

func (moved) Disconnect(Reason) {}

func (e *ensemble) owner(c zab.Conn) Owner {
	o := e.learners[c]
	if o == nil {
		o = &learnerOwner{c}
		e.learners[c] = o
	}
	return o
}

// leads tells whether a request is proposed here. Otherwise it goes to the
// leader, or nowhere.
func (r *Replica) leads(now Now, q *Request) bool {
	e := r.ens
	e.now = now
	switch {
	case e.role.ReadOnly:
		r.answerReadOnly(now, q)
	case !e.role.Serving:
		r.state.mu.Lock()
		r.drop(q)
		r.state.mu.Unlock()
	case r.local != nil && r.takenLocally(now, q):
	case e.leader != nil:
		return true
	default:
		r.forward(now, q)
	}
	return false
}

// accepting is false while a leader's proposals that are under way are too many.
func (e *ensemble) accepting() bool { return e.leader == nil || e.leader.Accepting() }

// broadcast proposes the txn of p to the ensemble. Its bytes are kept by log
// and connections, so they are no buffer's.
func (e *ensemble) broadcast(p *proposal) {
	e.propose(p, zab.Entry{Zxid: p.txn.Zxid, Payload: p.txn.AppendTo(nil)})
}

// forwardedHere proposes a request of a learner's client. A sync takes its turn
// in zab, which answers it whatever the session's state is, as Apache does.
func (r *Replica) forwardedHere(o *zab.Forwarded) {
	e := r.ens
	if o.Request.Type == protocol.OpSync {
		e.leader.Step(e.now.MonoMs, zab.SyncRequest{Conn: o.Conn})
		return
	}
	q := Request{
		Session: o.Request.Session, Xid: o.Request.Cxid, Op: o.Request.Type, Body: o.Request.Body,
		IDs: o.Auth, Owner: e.owner(o.Conn),
	}
	if slices.ContainsFunc(o.Auth, func(id protocol.ID) bool { return id.Scheme == quorum.SchemeMoved }) {
		q.Owner = moved{}
	}
	if q.Op == protocol.OpCreateSession {
		d := jute.NewDecoder(q.Body)
		q.TimeoutMs = d.Int()
		if d.Err() != nil || q.Session == 0 || q.Session == protocol.ContainerOwner {
			r.dismiss(o.Conn, "its createSession cannot be decoded")
			return
		}
	}
	r.proposeOwn(e.now, q)
}

// PendingSyncs is how many syncs of learners' clients wait for a commit, while
// this server leads.
func (r *Replica) PendingSyncs() int {
	if r.ens == nil || r.ens.leader == nil {
		return 0
	}
	return r.ens.leader.PendingSyncs()
}

// dismiss closes the connection to a learner.
func (r *Replica) dismiss(c zab.Conn, why string) {
	e := r.ens
	e.out.Close = append(e.out.Close, zab.Closing{Conn: c, Why: why})
	e.leader.Step(e.now.MonoMs, zab.Disconnected{Conn: c})
}

// adoptSession tracks a session that a learner has made. Its timeout was
// negotiated there.
func (r *Replica) adoptSession(now Now, q *Request) {
	if h := r.sessions.Lookup(q.Session); h == nil {
		r.sessions.Track(q.Session, q.TimeoutMs, now.MonoMs)
		r.owners[q.Session] = q.Owner
	}
}

// touched: the clients of these sessions were heard of by a learner.
func (r *Replica) touched(touches quorum.Touches) {
	for _, t := range touches {
		h := r.sessions.Lookup(t.Session)
		switch {
		case h == nil || h.Closing():
		case h.TimeoutMs() == t.TimeoutMs:
			h.Touch(r.ens.now.MonoMs)
		default:
			r.sessions.Renew(t.Session, t.TimeoutMs, r.ens.now.MonoMs)
		}
	}
}

// revalidate says whether a session lives that has come to a learner, and makes
// it the learner's. The connection that had it hears of that when it writes.
func (r *Replica) revalidate(o *zab.RevalidateAsked) {
	e := r.ens
	_, ok := r.sessions.Renew(o.Request.Session, o.Request.TimeoutMs, e.now.MonoMs)
	if ok {
		r.owners[o.Request.Session] = e.owner(o.Conn)
	}
	e.leader.Step(e.now.MonoMs, zab.Revalidated{Conn: o.Conn, Session: o.Request.Session, Valid: ok})
}

// closeDeadSessions closes sessions that have ephemerals and do not exist,
// which only a damaged history can hold. In an ensemble that is a txn: every
// member must make the same of it.
func (r *Replica) closeDeadSessions() {
	for _, id := range r.state.tree.DeadSessions() {
		r.note(Note{Text: "closing a session that does not exist and has ephemerals", Session: id})
		r.proposeOwn(r.ens.now, Request{Session: id, Op: protocol.OpCloseSession})
	}
}
