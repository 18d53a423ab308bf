package replica

import (
	"zookit/protocol"
	"zookit/protocol/jute"
	"zookit/protocol/txn"
	"zookit/server/defect"
	"zookit/server/session"
)

// createSession gives a new session its id and its place in the tracker; it
// exists for its client once its txn is committed.
func (r *Replica) createSession(now Now, q *Request) {
	q.TimeoutMs = session.Negotiate(q.TimeoutMs, r.cfg.MinSessionTimeoutMs, r.cfg.MaxSessionTimeoutMs)
	h := r.sessions.Create(q.TimeoutMs, now.MonoMs)
	q.Session = h.ID()
	if q.Owner != nil {
		r.owners[h.ID()] = q.Owner
	}
}

// Reopen attaches a session to another connection. done is called once with
// the session, or with nil when the session is unknown, being closed, or the
// password is not its own: the client is then told that its session has
// expired. The connection that had the session is disconnected before that, and
// whatever of its writes comes later is answered as SessionMoved.
//
// A learner asks the leader first, so done is called later, by Ready; when the
// role ends meanwhile the connection is disconnected and done is not called.
// Everywhere else it is called before Reopen returns. The state is not locked.
//
// Differs from Apache: it disconnects the other one before it looks at the
// password, so that anybody who can guess an id can cut off its client.
func (r *Replica) Reopen(now Now, id protocol.SessionID, password []byte, timeoutMs int32, owner Owner, done func(*session.Handle)) {
	if r.err != nil || !r.started || !session.CheckPassword(id, password) {
		done(nil)
		return
	}
	timeoutMs = session.Negotiate(timeoutMs, r.cfg.MinSessionTimeoutMs, r.cfg.MaxSessionTimeoutMs)
	if r.local != nil && r.reopenLocal(now, id, timeoutMs, owner, done) {
		return
	}
	if r.ens != nil && r.ens.leader == nil || !r.Serving() {
		r.reopenElsewhere(now, id, timeoutMs, owner, done)
		return
	}
	h, ok := r.sessions.Renew(id, timeoutMs, now.MonoMs)
	if !ok {
		done(nil)
		return
	}
	r.attach(id, owner)
	done(h)
}

// attach makes a connection the owner of a session.
func (r *Replica) attach(id protocol.SessionID, owner Owner) {
	if old := r.owners[id]; old != nil && old != owner {
		old.Disconnect(ReasonReconnected)
	}
	r.owners[id] = owner
}

// Detach says that a connection is gone; its session lives on until it expires
// or is opened again.
func (r *Replica) Detach(id protocol.SessionID, owner Owner) {
	if r.owners[id] == owner {
		r.owners[id] = departed{}
		if r.ens != nil && !r.isLocal(id) {
			r.ens.detached(id)
		}
	}
}

// departed owns a session whose connection is gone. Until the session is opened
// again nobody else may write in it: such a write was sent before those that the
// departed connection brought (SessionTrackerImpl keeps the last owner, too).
type departed struct{}

func (departed) Disconnect(Reason) {}

// checkSession is what the tracker says of a request's session: unknown,
// closing, or attached to another connection. A session that has had no owner
// since this server began to lead takes the first that writes.
func (r *Replica) checkSession(q *Request) protocol.Code {
	if q.Owner == nil {
		return protocol.OK
	}
	h := r.sessions.Lookup(q.Session)
	if h == nil && r.local != nil {
		var code protocol.Code
		if h, code = r.localSession(q); h == nil {
			return code
		}
	}
	switch {
	case h == nil && r.ens != nil:
		return protocol.SessionExpired // LeaderSessionTracker.checkSession
	case h == nil:
		return protocol.UnknownSession
	case h.Closing():
		return protocol.SessionExpired
	}
	if q.Owner == (moved{}) {
		return protocol.SessionMoved
	}
	switch r.owners[q.Session] {
	case q.Owner:
		return protocol.OK
	case nil:
		r.owners[q.Session] = q.Owner
		return protocol.OK
	}
	return protocol.SessionMoved
}

// expireSessions proposes to close the sessions whose time is over. Their
// connections are disconnected when that is committed.
func (r *Replica) expireSessions(now Now) {
	for _, h := range r.sessions.Expired(now.MonoMs) {
		r.sessions.Close(h)
		r.note(Note{Text: "session expired", Session: h.ID(), Ms: int64(h.TimeoutMs())})
		r.proposeOwn(now, Request{Session: h.ID(), Op: protocol.OpCloseSession})
		if defect.Planted(defect.SessionEndsTwice) {
			r.proposeOwn(now, Request{Session: h.ID(), Op: protocol.OpCloseSession})
		}
	}
}

// sessionClosed follows a committed closeSession. The client that asked gets
// its reply and is closed after it.
func (r *Replica) sessionClosed(id protocol.SessionID, asker Owner) {
	r.sessions.Remove(id)
	if r.local != nil {
		r.ens.ended.add(id, r.ens.now.MonoMs)
	}
	owner := r.owners[id]
	delete(r.owners, id)
	if owner != nil && owner != asker {
		owner.Disconnect(ReasonExpired)
	}
}

// Expiries lists the live sessions by the time at which each would expire.
func (r *Replica) Expiries() []session.Bucket {
	if !r.started {
		return nil
	}
	return r.sessions.Buckets()
}

// removeOrphans removes the ephemerals of sessions that do not exist, which a
// fuzzy snapshot can leave. It is no txn: every start does the same.
func (r *Replica) removeOrphans() {
	t := r.state.tree
	for _, id := range t.DeadSessions() {
		n := len(t.Ephemerals(id))
		t.Apply(&txn.Txn{
			Header: txn.Header{Session: id, Zxid: t.LastZxid(), Type: protocol.OpCloseSession},
			Body:   &txn.CloseSession{},
		}, &r.result)
		r.note(Note{Text: "removed ephemerals of a session that does not exist", Session: id, Ms: int64(n)})
	}
}

// stringLen is the length of the encoded string that body begins with, null
// included; ok is false when body holds none.
func stringLen(body []byte) (n int, ok bool) {
	d := jute.Decoder{Borrow: true}
	d.Reset(body)
	_ = d.String()
	return d.Offset(), d.Err() == nil
}
