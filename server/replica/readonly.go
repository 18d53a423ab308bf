package replica

import (
	"zookit/protocol"
	"zookit/protocol/quorum"
)

// With readonlymode.enabled a server that has found no leader for some time
// serves those who only read: clients that said so when they connected. Their
// sessions are local ones, whatever localSessionsEnabled says, and end with the
// mode; so do their connections.
//
// What they read is the tree as the last role left it, which may hold the end
// of a log that no quorum has, as after any restart. A server in quarantine
// shows nothing.
//
// Differs from Apache: without localSessionsEnabled its 3.8.0 answers every new
// session in this mode with an error that no client understands.
//
// Facts come from QuorumPeer.run, ReadOnlyZooKeeperServer and
// ReadOnlyRequestProcessor of Apache 3.9.5, and from a running 3.8.0.

// readOnlyGraceMs is how long a server looks for a leader, at least, before it
// serves readers; a longer tick is the wait instead.
const readOnlyGraceMs = 2000

func (e *ensemble) readOnlyAt() int64 {
	return e.lookingSince + max(readOnlyGraceMs, e.TickMs)
}

// mayReadOnly tells that the mode begins when its time has come.
func (e *ensemble) mayReadOnly() bool {
	return e.ReadOnlyFallback && e.role.State == quorum.Looking && !e.role.ReadOnly && e.core == nil && !e.Quarantined
}

func (r *Replica) tryReadOnly() {
	e := r.ens
	if !e.mayReadOnly() || e.now.MonoMs < e.readOnlyAt() {
		return
	}
	r.beginLocal()
	role := e.role
	role.ReadOnly = true
	e.setRole(role)
}

// endReadOnly ends the mode before a role begins.
func (r *Replica) endReadOnly() {
	if r.ens.role.ReadOnly {
		r.disconnectClients()
	}
}

// answerReadOnly answers a request at once, since none is ever under way.
func (r *Replica) answerReadOnly(now Now, q *Request) {
	if q.Op == protocol.OpCreateSession {
		r.createLocal(now, q)
		return
	}
	s := r.state
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case r.movedHere(q):
		r.drop(q)
	case q.Op == protocol.OpCloseSession:
		r.localClosed(q)
	case q.Done != nil:
		r.reply = Reply{Xid: q.Xid, Zxid: s.tree.LastZxid(), Err: protocol.NotReadOnly, op: q.Op}
		q.Done.Complete(q, &r.reply)
	}
}
