package replica

import (
	"cmp"
	"slices"

	"zookit/protocol"
	"zookit/protocol/quorum"
	"zookit/server/zab"
)

// With observerMasterPort a follower serves observers (zab.Master). What their
// clients ask for goes on to the leader as if they were this server's own:
//
//	observer ── REQUEST, REVALIDATE, sessions heard of ──▶ follower ──▶ leader
//	observer ◀── INFORM, SYNC, REVALIDATE ── follower ◀── COMMIT, SYNC, REVALIDATE
//
// The leader takes the follower for the owner of their sessions, so the follower
// has to tell which of its connections a session is at.
//
// Facts come from ObserverMaster, Follower and FollowerZooKeeperServer of Apache
// 3.9.5.

// hosting is what a follower knows of the observers it serves.
type hosting struct {
	master *zab.Master
	// in holds what came from them: it is looked at when all that the follower
	// has applied was passed on, so that an observer that joins is told nothing
	// twice.
	in      []zab.Event
	touched map[protocol.SessionID]int32 // heard of since the leader's last PING, with their timeouts
	// at is the observer that a session was made at or has moved to last. A session
	// that has moved from there to this server itself is not in it; one that has moved
	// elsewhere stays until it ends.
	at map[protocol.SessionID]zab.Conn
}

// beginHosting lets observers in, once the follower serves.
func (r *Replica) beginHosting(epoch int64) {
	e := r.ens
	if !e.HostObservers || e.Observer || e.role.State != quorum.Following {
		return
	}
	e.hosting = hosting{touched: map[protocol.SessionID]int32{}, at: map[protocol.SessionID]zab.Conn{}}
	e.hosting.master = zab.NewMaster(zab.MasterConfig{
		ID: e.ID, Verifier: e.Verifier, Config: e.ConfigText, Timing: e.Timing,
		Epoch: epoch, Applied: e.learner.Applied(), Recent: e.recent,
		ForceSnapshot: e.ForceSnapshot, MaxConns: e.MaxLearners, MaxSnapshots: e.MaxSnapshots, MaxDiffs: e.MaxDiffs, MaxQueue: e.MaxLearnerQueue,
	}, e.now.MonoMs)
}

// hosted takes an event of an observer's connection. It is false for all others.
func (e *ensemble) hosted(ev zab.Event) bool {
	if e.hosting.master == nil {
		return false
	}
	var c zab.Conn
	switch ev := ev.(type) {
	case zab.Connected:
		c = ev.Conn
	case zab.Disconnected:
		c = ev.Conn
	case zab.Received:
		c = ev.Conn
	case zab.StreamProgress:
		c = ev.Conn
	case zab.Located:
		c = ev.Conn
	default:
		return false
	}
	if c == zab.Conn(e.role.Term) {
		return false
	}
	e.hosting.in = append(e.hosting.in, ev)
	return true
}

// inform passes on what was committed. The disk of an observer decides nothing,
// so this need not wait for more than the commit here.
func (r *Replica) inform(rd *zab.Ready) {
	h := &r.ens.hosting
	if h.master == nil {
		return
	}
	for _, entry := range rd.Commits {
		var activate *zab.Activate
		for _, o := range rd.Outputs {
			if a, ok := o.(zab.Activate); ok && a.Zxid == entry.Zxid {
				activate = &a
			}
		}
		h.master.Inform(r.ens.now.MonoMs, entry, activate)
	}
}

// pumpMaster lets the master run. It is false when there was nothing to do.
func (r *Replica) pumpMaster() bool {
	e := r.ens
	h := &e.hosting
	if h.master == nil {
		return false
	}
	h.master.Configure(e.Verifier, e.ConfigText)
	for _, ev := range h.in {
		h.master.Step(e.now.MonoMs, ev)
	}
	clear(h.in)
	h.in = h.in[:0]
	rd := h.master.Ready()
	e.out.Messages = append(e.out.Messages, rd.Messages...)
	e.out.Close = append(e.out.Close, rd.Close...)
	e.out.LookUps = append(e.out.LookUps, rd.LookUps...)
	e.out.PeerNotes = append(e.out.PeerNotes, rd.Notes...)
	if rd.StepDown != nil {
		r.broken("serving observers: %v", rd.StepDown)
		return false
	}
	for _, o := range rd.Outputs {
		switch o := o.(type) {
		case zab.Forwarded:
			r.relay(&o)
		case zab.Touched:
			for _, t := range o.Touches {
				h.touched[t.Session] = t.TimeoutMs
			}
		case zab.RevalidateAsked:
			q := o.Request
			e.forwarded.reopen(&reopening{session: q.Session, timeoutMs: q.TimeoutMs, owner: departed{}, observer: o.Conn})
			e.learner.Step(e.now.MonoMs, zab.Revalidate{Session: q.Session, TimeoutMs: q.TimeoutMs})
		}
	}
	return len(rd.Messages)+len(rd.Close)+len(rd.LookUps)+len(rd.Outputs) > 0
}

// relay sends a request of an observer's client on. Its commit answers it, at
// the observer; a sync is answered by the leader, in the order of all that this
// server has asked for. What comes late from where the session no longer is, the
// leader could not tell from the rest, so that a write which the client has given up
// would come behind its later ones: it is marked. (A leader of Apache's does not
// know the mark and carries it out, as what comes by an ObserverMaster of Apache's.)
func (r *Replica) relay(o *zab.Forwarded) {
	e := r.ens
	auth := o.Auth
	switch id := o.Request.Session; {
	case o.Request.Type == protocol.OpSync:
		e.forwarded.syncs = append(e.forwarded.syncs, &inFlight{observer: o.Conn})
	case o.Request.Type == protocol.OpCreateSession:
		e.hosting.at[id] = o.Conn
	case e.hosting.at[id] != o.Conn:
		auth = append(slices.Clone(auth), protocol.ID{Scheme: quorum.SchemeMoved})
	}
	e.learner.Step(e.now.MonoMs, zab.Forward{Request: o.Request, Auth: auth})
}

// revalidatedForObserver passes on the leader's word on a session. A connection
// that had it here has it no more.
func (r *Replica) revalidatedForObserver(w *reopening, valid bool) {
	e := r.ens
	e.hosting.in = append(e.hosting.in, zab.Revalidated{Conn: w.observer, Session: w.session, Valid: valid})
	if !valid {
		return
	}
	e.hosting.touched[w.session] = w.timeoutMs
	e.hosting.at[w.session] = w.observer
	if old := r.owners[w.session]; old != nil {
		old.Disconnect(ReasonReconnected)
		delete(r.owners, w.session)
		r.sessions.Remove(w.session)
	}
}

// takeTouched adds the sessions that observers have heard of to this server's
// own, by id, and forgets them.
func (h *hosting) takeTouched(touches quorum.Touches) quorum.Touches {
	if len(h.touched) == 0 {
		return touches
	}
	for _, t := range touches {
		delete(h.touched, t.Session)
	}
	for id, timeoutMs := range h.touched {
		touches = append(touches, quorum.Touch{Session: id, TimeoutMs: timeoutMs})
	}
	clear(h.touched)
	slices.SortFunc(touches, func(a, b quorum.Touch) int { return cmp.Compare(a.Session, b.Session) })
	return touches
}
