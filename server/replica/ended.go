package replica

import "zookit/protocol"

// endedSessions are the ensemble's sessions that have ended lately, on a leader
// with local sessions. A request that a learner sent before it knew of the end
// would else pass for one of a local session of that learner. (On Apache's
// leaders it does: LeaderSessionTracker.checkSession.)
type endedSessions struct {
	known map[protocol.SessionID]bool
	order []endedSession // by time
}

type endedSession struct {
	id   protocol.SessionID
	atMs int64
}

func (e *endedSessions) add(id protocol.SessionID, nowMs int64) {
	if e.known == nil {
		e.known = map[protocol.SessionID]bool{}
	}
	if !e.known[id] {
		e.known[id] = true
		e.order = append(e.order, endedSession{id, nowMs})
	}
}

// forget drops what ended before a time.
func (e *endedSessions) forget(beforeMs int64) {
	n := 0
	for n < len(e.order) && e.order[n].atMs < beforeMs {
		delete(e.known, e.order[n].id)
		n++
	}
	e.order = e.order[n:]
}
