package sim

import (
	"strings"

	"zookit/protocol"
	"zookit/protocol/txn"
)

// judge holds what clients may rely on. It sees what they send and receive, and
// the committed history as it grows (ledger.commit), and judges each thing at
// the first step at which it can be:
//
//	a txn     as it is committed: against the request behind it and the tree
//	          before it (check_log.go), the end of a session against what its
//	          client was answered (check_sessions.go)
//	a reply   as it arrives, and what it shows is then committed: against the txn
//	          and the tree at its zxid (check_replies.go), which may be an old
//	          one, and against what was answered before it was asked for
//	          (check_order.go)
//	a disk    when a server has started on it: the tree it reads is the one that
//	          the committed history makes (check_trees.go)
//	an event  as it arrives, and the absence of one with the next reply
//	          (check_watch.go)
//
// What is left for the end of a run is what only the end can tell: that a
// session which somebody was told is gone, or which nobody holds, has ended.
type judge struct {
	w       *world
	m       *model
	txns    []*txn.Txn // committed, as the ledger's chain
	changes [][]change // of each

	asked     map[request]*Op
	byTime    realTime
	bySession map[protocol.SessionID][]*connLog
}

type request struct {
	session protocol.SessionID
	xid     int32
}

func newJudge(w *world) *judge {
	j := &judge{w: w, m: newModel(), asked: map[request]*Op{}, bySession: map[protocol.SessionID][]*connLog{}}
	j.m.local = w.plan.Options.Local != GlobalSessions
	return j
}

// sent: a client has sent a request.
func (j *judge) sent(o *Op) {
	j.asked[request{o.Session, o.Xid}] = o
	j.byTime.sent(o)
}

// welcomed: a connection has a session.
func (j *judge) welcomed(l *connLog) {
	j.bySession[l.Session] = append(j.bySession[l.Session], l)
}

// committed: the history is longer by one txn.
func (j *judge) committed(e logged) {
	t, err := txn.Decode(e.payload)
	if err != nil {
		j.found(violation("I7 no holes", "%v: %v", e.zxid, err))
		return
	}
	o := j.asked[request{t.Session, t.Cxid}]
	if !j.found(j.before(t, o)) {
		return
	}
	changes, err := j.m.apply(t)
	if err != nil {
		name, detail, _ := strings.Cut(err.Error(), ": ")
		j.found(violation(name, "%s", detail))
		return
	}
	j.txns, j.changes = append(j.txns, t), append(j.changes, changes)
	if t.Type == protocol.OpCloseSession && o == nil {
		j.found(j.notEarly(t))
	}
}

// received: a client was given a reply or an event. What it shows is committed.
func (j *judge) received(l *connLog, p packetSeen) {
	if j.w.broken != nil || !j.found(l.follower.packet(p)) || p.op == nil || p.op.Xid == protocol.XidPing || j.closedLocally(p.op) {
		return
	}
	if j.found(j.answered(p.op)) && p.op.Xid > 0 {
		j.found(j.byTime.answered(j.w, p.op))
	}
}

// found takes what a check says, and tells that all is well.
func (j *judge) found(v *Violation) bool {
	if v != nil {
		j.w.violated(v.Invariant, "%s", v.Detail)
	}
	return v == nil && j.w.broken == nil
}
