package zab

import (
	"zookit/protocol"
	"zookit/protocol/quorum"
	"zookit/server/defect"
)

// A change of the ensemble is a txn like any other, but for this: from its
// proposal on every txn needs a quorum of the configuration in force and one of
// the new one, and with its commit the new one is in force. One at a time is on
// its way. What a leader finds proposed at its start it completes with its
// epoch: until then every quorum is one of both (Leader.propose, tryToCommit and
// startZkServer of Apache 3.9.5).
//
// Differs from Apache: the new epoch, too, needs both. There a voter of the
// next configuration may hold what was committed by the next alone, and be cut
// back to a leader it was not compared with.

// members are the configurations a leader goes by.
type members struct {
	next   *quorum.View  // proposed and not in force; nil: none is
	nextAt protocol.Zxid // its txn; 0: it comes with the epoch

	activated *Activated // in force, and to be told when its txn is applied
	retired   bool       // another leads the configuration in force
	retiredMs int64
}

// verifiers are the configurations that have to agree on what is newer than
// zxid, or on the epoch.
func (l *Leader) verifiers(zxid protocol.Zxid) []*quorum.Verifier {
	if l.next != nil && zxid >= l.nextAt && !defect.Planted(defect.ChangeByOldQuorum) {
		if defect.Planted(defect.ChangeByNewQuorum) {
			return []*quorum.Verifier{l.next.Verifier}
		}
		return []*quorum.Verifier{l.cfg.Verifier, l.next.Verifier}
	}
	return []*quorum.Verifier{l.cfg.Verifier}
}

// voting tells whether sid votes in a configuration that counts.
func (l *Leader) voting(sid int64) bool {
	return l.cfg.Verifier.Voting(sid) || l.next != nil && l.next.Verifier.Voting(sid)
}

// promoted tells that an observer is a voter of the configuration that comes with
// the epoch. It does not know: that change was not committed, and observers hear
// of nothing else. Without it there may be no quorum to complete the change
// (SyncedLearnerTracker.addAck counts it in Apache, too). Its ack of NEWLEADER is
// for a history on its disk, but for that of Apache's observers behind a DIFF,
// which have it in memory. It comes back as a follower when it is told.
func (l *Leader) promoted(f *learnerState) bool {
	return f.observer && f.sid >= 0 && l.phase < broadcast && l.next != nil && l.next.Verifier.Voting(f.sid)
}

// version gives the first configuration of an ensemble, of version 0, the
// position the epoch begins at: so it is newer than what a server that wants to
// join may have been configured with (ZOOKEEPER-1783).
func (l *Leader) version() {
	if l.cfg.View != nil && l.next == nil && l.cfg.View.Version == 0 {
		l.next = l.cfg.View.WithVersion(int64(protocol.MakeZxid(l.epoch, 0)))
	}
}

// offer is the text that NEWLEADER carries: what is in force for a leader that
// leads, and before that what will be with its epoch. Differs from Apache, which
// tells a learner that joins during a change of a configuration that is not
// committed, and that learner puts it in force.
func (l *Leader) offer() []byte {
	if l.next != nil && l.nextAt == 0 {
		return l.next.Text
	}
	return l.cfg.Config
}

// configVersion is the newest version a learner may have in force. Differs from
// Apache, which refuses a learner that has put in force what this leader is
// about to.
func (l *Leader) configVersion() int64 {
	if l.next != nil && l.nextAt == 0 {
		return l.next.Version
	}
	return l.cfg.Verifier.Version()
}

// ProposeConfig is Propose of a change of the ensemble. The change before it
// has to be in force: see Changing.
func (l *Leader) ProposeConfig(nowMs int64, e Entry, next *quorum.View) {
	if l.phase == broadcast && l.next != nil {
		l.broken("configuration %v proposed while %x is on its way", e.Zxid, l.next.Version)
		return
	}
	l.next, l.nextAt = next, e.Zxid
	l.Propose(nowMs, e)
}

// Changing tells that a change of the ensemble is on its way.
func (l *Leader) Changing() bool { return l.next != nil || l.activated != nil }

// Retired tells that another is to lead: nothing proposed here is committed any
// more.
func (l *Leader) Retired() bool { return l.retired }

// QuorumSynced tells whether a quorum of a configuration follows and is up to
// date (Leader.isQuorumSynced).
func (l *Leader) QuorumSynced(v *quorum.Verifier) bool {
	return v.ContainsQuorum(func(sid int64) bool {
		if sid == l.cfg.ID {
			return true
		}
		f := l.voter(sid)
		return f != nil && f.state == learnerReady
	})
}

// activate puts the next configuration in force. Its txn is among inFlight and
// committed, or it comes with the epoch.
func (l *Leader) activate() (designated int64) {
	next := l.next
	designated = l.cfg.ID
	if l.cfg.View == nil || !l.cfg.View.SameLeader(next, l.cfg.ID) {
		designated = l.successor(next)
		l.retired, l.retiredMs = true, l.nowMs
		l.out.note(Note{Text: "handing over to another leader, which the new configuration has", Sid: designated, Zxid: l.nextAt})
	}
	l.activated = &Activated{View: next, Zxid: l.nextAt, DesignatedLeader: designated}
	l.cfg.Verifier, l.cfg.View, l.cfg.Config = next.Verifier, next, next.Text
	l.next, l.nextAt = nil, 0
	return designated
}

// successor is the voter of the next configuration that has acknowledged most.
func (l *Leader) successor(next *quorum.View) int64 {
	best, most := int64(-1), protocol.Zxid(-1)
	for _, sid := range next.Verifier.Voters() {
		if f := l.voter(sid); f != nil && sid != l.cfg.ID && f.state == learnerReady && next.Verifier.Weight(sid) > 0 && l.acks[sid] > most {
			best, most = sid, l.acks[sid]
		}
	}
	return best
}

// announceConfig tells the learners that the change at e is committed.
func (l *Leader) announceConfig(e *Entry) {
	a := quorum.Activation{DesignatedLeader: l.activate()}
	data := a.AppendTo(nil)
	for _, f := range l.learners {
		switch {
		case !f.registered():
		case f.observer:
			f.queuedBytes += e.size()
			l.out.send(f.conn, quorum.Packet{Type: quorum.InformAndActivate, Zxid: e.Zxid, Data: append(data[:len(data):len(data)], e.Payload...)})
		default:
			l.out.send(f.conn, quorum.Packet{Type: quorum.CommitAndActivate, Zxid: e.Zxid, Data: data})
		}
	}
}

// tellActivated tells the replica once the tree holds the change.
func (l *Leader) tellActivated() {
	if l.activated != nil && l.applied >= l.activated.Zxid {
		l.out.output(*l.activated)
		l.activated = nil
	}
}

// checkRetired ends a leader that has handed over when its learners have left,
// as they do on hearing of it, or have had time to.
func (l *Leader) checkRetired() {
	if !l.retired || l.activated != nil {
		return
	}
	for _, f := range l.learners {
		if f.registered() && l.nowMs < l.retiredMs+l.cfg.syncMs() {
			return
		}
	}
	l.stop(HandedOver, "")
}

// Activated: a configuration is in force (Leader). The txn of it is applied.
type Activated struct {
	View *quorum.View
	Zxid protocol.Zxid // 0: it came with the epoch
	// DesignatedLeader is this server, or the one that is to lead; −1: nobody is known
	DesignatedLeader int64
}

func (Activated) output() {}

// Leave ends the role of a learner that the configuration gives another one, or
// another leader.
type Leave struct{ Why string }

func (Leave) event() {}
