package sim

import (
	"math/rand/v2"

	"zookit/protocol"
	"zookit/protocol/txn"
)

// LocalSessions is what the servers of an ensemble are told of local sessions.
type LocalSessions int

const (
	GlobalSessions   LocalSessions = iota // localSessionsEnabled=false
	LocalOnly                             // localSessionsEnabled
	UpgradedSessions                      // and localSessionsUpgradingEnabled
)

// drawLocal draws with dice of its own, so that a seed is otherwise what it was
// without it: one in four has local sessions.
func drawLocal(seed uint64) LocalSessions {
	g := &generator{rand.New(rand.NewPCG(seed, 0x4c))}
	return pick(g, []LocalSessions{0, 0, 0, 0, 0, 0, LocalOnly, UpgradedSessions})
}

// A local session leaves no trace in the log but its writes. So the checkers
// take a session that was never made for a local one: it may write, and own no
// ephemerals, and its end is nobody's business but its client's.

// closedLocally tells that a closeSession was answered in a session that never
// was the ensemble's: there is no txn behind it.
func (j *judge) closedLocally(o *Op) bool {
	return j.m.local && o.Type == protocol.OpCloseSession && j.m.made[o.Session] == 0
}

// mayRefuseEphemerals tells that a session may have been told it is local.
func (j *judge) mayRefuseEphemerals(id protocol.SessionID) bool {
	return j.w.plan.Options.Local == LocalOnly && j.m.made[id] == 0
}

// createsEphemeral tells whether the body of a txn makes one.
func createsEphemeral(body protocol.Record) bool {
	switch b := body.(type) {
	case *txn.Create:
		return b.Ephemeral
	case *txn.Multi:
		for i := range b.Txns {
			if createsEphemeral(b.Txns[i].Body) {
				return true
			}
		}
	}
	return false
}

// ephemeral tells whether a request creates one.
func ephemeral(r protocol.Record) bool {
	c, ok := r.(*protocol.CreateRequest)
	return ok && c.Flags.Ephemeral()
}
