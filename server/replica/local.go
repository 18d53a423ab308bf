package replica

import (
	"zookit/protocol"
	"zookit/protocol/jute"
	"zookit/protocol/quorum"
	"zookit/server/defect"
	"zookit/server/session"
	"zookit/server/zab"
)

// With localSessionsEnabled a session begins as a local one: the server its
// client is connected to knows it, and nobody else. There is no txn of its
// beginning and none of its end, that server expires it, and it ends with the
// server's role. Its writes are txns like all others, but it owns no ephemerals.
//
// With localSessionsUpgradingEnabled the first create of an ephemeral makes it a
// session of the ensemble: its createSession goes before the create, under the
// id it has. It is one or the other at any time, never both, for this goroutine
// alone moves it; so nothing that Apache guards against (ZOOKEEPER-3471, an
// upgrade that a close overtakes) can come between.
//
// Every server of the ensemble needs the same setting: a leader without it
// refuses what it takes for the writes of expired sessions.
//
// Facts come from UpgradeableSessionTracker, LearnerSessionTracker,
// LeaderSessionTracker and QuorumZooKeeperServer of Apache 3.9.5.

// beginLocal begins without local sessions. Ids come from the other tracker, so
// that no two sessions of this server have the same.
func (r *Replica) beginLocal() {
	r.local = session.NewTracker(r.cfg.TickMs, 0)
	r.publishLocal()
}

func (r *Replica) endLocal() {
	r.local = nil
	r.ens.ended = endedSessions{}
	r.publishLocal()
}

func (r *Replica) publishLocal() {
	n := 0
	if r.local != nil {
		n = r.local.Len()
	}
	r.state.locals.Store(int64(n))
}

// LocalExpiries is Expiries for the local sessions; false when this server has
// none and makes none.
func (r *Replica) LocalExpiries() ([]session.Bucket, bool) {
	if r.local == nil {
		return nil, false
	}
	return r.local.Buckets(), true
}

func (r *Replica) isLocal(id protocol.SessionID) bool {
	return r.local != nil && r.local.Lookup(id) != nil
}

// takenLocally does what local sessions need of a request of a client here. It
// is true when nothing more is to be done.
func (r *Replica) takenLocally(now Now, q *Request) bool {
	if q.Op == protocol.OpCreateSession {
		r.createLocal(now, q)
		return true
	}
	h := r.local.Lookup(q.Session)
	switch {
	case h == nil && r.sessions.Lookup(q.Session) == nil && r.ens.leader == nil, // the leader says so itself, by a txn
		h != nil && r.movedHere(q):
		r.state.mu.Lock()
		r.drop(q)
		r.state.mu.Unlock()
		return true
	case h == nil:
		return false
	case q.Op == protocol.OpCloseSession:
		r.closeLocal(q, h)
		return true
	case !makesEphemeral(q):
	case r.ens.LocalUpgrading:
		r.upgrade(now, h)
	default:
		q.ephemeralErr = protocol.EphemeralOnLocalSession
	}
	return false
}

// createLocal makes a session, and answers at once.
func (r *Replica) createLocal(now Now, q *Request) {
	q.TimeoutMs = session.Negotiate(q.TimeoutMs, r.cfg.MinSessionTimeoutMs, r.cfg.MaxSessionTimeoutMs)
	h := r.local.Track(r.sessions.NewID(), q.TimeoutMs, now.MonoMs)
	q.Session = h.ID()
	if q.Owner != nil {
		r.owners[h.ID()] = q.Owner
	}
	r.publishLocal()
	if q.Done == nil {
		return
	}
	s := r.state
	s.mu.Lock()
	defer s.mu.Unlock()
	r.reply = Reply{Xid: q.Xid, Zxid: s.tree.LastZxid(), op: q.Op, Session: h}
	q.Done.Complete(q, &r.reply)
}

// closeLocal ends a session behind the requests it has under way.
func (r *Replica) closeLocal(q *Request, h *session.Handle) {
	r.local.Close(h)
	if defect.Planted(defect.LocalCloseOvertakes) {
		r.state.mu.Lock()
		defer r.state.mu.Unlock()
		r.localClosed(q)
		return
	}
	e := r.ens
	r.state.outstanding.Add(1)
	r.pendingB += len(q.Body)
	if e.leader != nil {
		p := r.queue.take()
		p.q, p.sync, p.local = q, true, true
		r.queue.push(p)
		if r.queue.len() == 1 {
			r.commit(r.state.tree.LastZxid())
		}
		return
	}
	e.forwarded.add(q).local = true
	r.state.mu.Lock()
	defer r.state.mu.Unlock()
	r.closeLocalBehind(q.Session)
}

// closeLocalBehind ends a local session on a learner when no request of it is
// before its closeSession any more. The state is locked.
func (r *Replica) closeLocalBehind(id protocol.SessionID) {
	list := r.ens.forwarded.bySession[id]
	if len(list) == 0 || !list[0].local {
		return
	}
	f := list[0]
	r.ens.forwarded.remove(f)
	r.completed(f)
	r.localClosed(f.q)
}

// localClosed answers the closeSession of a local session. The state is locked.
func (r *Replica) localClosed(q *Request) {
	r.forgetLocal(q.Session, q.Owner)
	if q.Done == nil {
		return
	}
	r.reply = Reply{Xid: q.Xid, Zxid: r.state.tree.LastZxid(), Close: true, op: q.Op}
	q.Done.Complete(q, &r.reply)
}

// forgetLocal removes a session; the connection that has it is closed unless it
// is the one that asked.
func (r *Replica) forgetLocal(id protocol.SessionID, asker Owner) {
	if r.local == nil {
		return
	}
	r.local.Remove(id)
	owner := r.owners[id]
	delete(r.owners, id)
	r.publishLocal()
	if owner != nil && owner != asker {
		owner.Disconnect(ReasonExpired)
	}
}

func (r *Replica) expireLocal(now Now) {
	if r.local == nil {
		return
	}
	// A learner that goes on without the commit of an end for longer is left.
	r.ens.ended.forget(now.MonoMs - 2*r.ens.Timing.TickMs*r.ens.Timing.SyncLimit)
	for _, h := range r.local.Expired(now.MonoMs) {
		r.note(Note{Text: "local session expired", Session: h.ID(), Ms: int64(h.TimeoutMs())})
		r.forgetLocal(h.ID(), nil)
	}
}

// upgrade makes a local session one of the ensemble: its createSession goes
// before whatever is proposed next.
func (r *Replica) upgrade(now Now, h *session.Handle) {
	id, timeoutMs := h.ID(), h.TimeoutMs()
	r.local.Move(h, r.sessions)
	r.publishLocal()
	if defect.Planted(defect.UpgradeForgotten) {
		return
	}
	r.note(Note{Text: "upgrading a local session, for it creates an ephemeral", Session: id})
	if r.ens.leader != nil {
		r.proposeOwn(now, Request{Session: id, Op: protocol.OpCreateSession, TimeoutMs: timeoutMs})
		return
	}
	r.ens.learner.Step(now.MonoMs, zab.Forward{
		Request: quorum.ForwardedRequest{Session: id, Type: protocol.OpCreateSession, Body: jute.AppendInt(nil, timeoutMs)},
	})
}

// reopenLocal attaches a local session to another connection. It is false when
// the session may be one of the ensemble.
func (r *Replica) reopenLocal(now Now, id protocol.SessionID, timeoutMs int32, owner Owner, done func(*session.Handle)) bool {
	if h, ok := r.local.Renew(id, timeoutMs, now.MonoMs); ok {
		r.attach(id, owner)
		done(h)
		return true
	}
	if !r.ens.role.ReadOnly {
		return false
	}
	// A session of the ensemble may live on, and only the ensemble can say: its
	// client has to try elsewhere (ReadOnlyZooKeeperServer.validateSession).
	if _, known := r.state.tree.SessionTimeout(id); known {
		owner.Disconnect(ReasonReadOnly)
	} else {
		done(nil)
	}
	return true
}

// localSession looks for the session of a request that is none of the
// ensemble's, on a leader: it is a local one of this server's, whose handle is
// returned, or the code says what else. One that another server made may be a
// local session there (LeaderSessionTracker.checkSession).
func (r *Replica) localSession(q *Request) (*session.Handle, protocol.Code) {
	if h := r.local.Lookup(q.Session); h != nil {
		return h, protocol.OK
	}
	q.ephemeralErr = protocol.SessionExpired
	if byte(q.Session>>56) == byte(r.cfg.ServerID) || r.ens.ended.known[q.Session] {
		return nil, protocol.SessionExpired
	}
	return nil, protocol.OK
}

// makesEphemeral tells whether a request, when it succeeds, creates an
// ephemeral. One that cannot be decoded creates nothing.
func makesEphemeral(q *Request) bool {
	d := jute.Decoder{Borrow: true}
	d.Reset(q.Body)
	switch q.Op {
	case protocol.OpCreate, protocol.OpCreate2:
		var c protocol.CreateRequest
		return c.Decode(&d) == nil && c.Flags.Ephemeral()
	case protocol.OpMulti:
		var m protocol.MultiRequest
		if m.Decode(&d) != nil {
			return false
		}
		for i := range m.Ops {
			if c, ok := m.Ops[i].Record.(*protocol.CreateRequest); ok && c.Flags.Ephemeral() {
				return true
			}
		}
	}
	return false
}
