package zab

import (
	"sort"

	"zookit/protocol"
	"zookit/protocol/quorum"
	"zookit/server/defect"
)

// synchronise decides how a learner comes to the leader's history, from what
// is in memory (Apache 3.9 LearnerHandler.syncFollower). When the learner is
// further behind, the log on disk is asked first.
func (l *Leader) synchronise(f *learnerState) {
	p, end := f.lastZxid, l.Committed()
	f.atLeast = end
	if l.ahead(f) {
		f.enter(learnerAhead, l.nowMs)
		return
	}
	// What it acknowledged on an earlier connection may be cut off its log now.
	// From here on nothing is committed on the strength of that: it acknowledges
	// again whatever it is sent again.
	if f.follows && !defect.Planted(defect.AckSurvivesTrunc) {
		delete(l.acks, f.sid)
	}
	newEpoch := p.Counter() == 0 && p != 0
	switch {
	case l.cfg.ForceSnapshot, p < 0, p.Counter() == maxCounter: // no data base (db.autocreate=false), or none to build on
		l.snapshot(f)
	case p == end, newEpoch && p == protocol.MakeZxid(l.epoch, 0) && p > end:
		l.register(f, quorum.Packet{Type: quorum.Diff, Zxid: p}, p)
	case p > end && !newEpoch && end.Counter() != 0:
		l.truncate(f, end)
	case p > end:
		l.snapshot(f)
	case p >= l.cfg.Recent.Base():
		l.synchroniseFrom(f, l.floor(p))
	default:
		f.enter(learnerLocating, l.nowMs)
		l.out.rd.LookUps = append(l.out.rd.LookUps, LookUp{f.conn, p})
	}
}

// synchroniseFromDisk goes on when the log on disk was searched. What it says
// holds: the log has only grown since.
func (l *Leader) synchroniseFromDisk(f *learnerState, ev Located) {
	if !ev.Found || ev.Floor > f.lastZxid {
		l.snapshot(f)
		return
	}
	l.synchroniseFrom(f, ev.Floor)
}

// floor is the last position of the history in memory at or before p.
func (l *Leader) floor(p protocol.Zxid) protocol.Zxid {
	if n := sort.Search(l.committedN, func(i int) bool { return l.inFlight[i].Zxid > p }); n > 0 {
		return l.inFlight[n-1].Zxid
	}
	r := l.cfg.Recent
	in := r.entries[r.head:]
	if n := sort.Search(len(in), func(i int) bool { return in[i].Zxid > p }); n > 0 {
		return in[n-1].Zxid
	}
	return r.base
}

// synchroniseFrom: the leader's history holds floor, and nothing behind it up
// to the learner's end p.
//
// The txns of an epoch come from one leader, so two histories agree up to the
// end of the shorter one within an epoch: when floor is of p's epoch, the
// learner has it. Differs from Apache: it sends a snapshot when a later epoch
// follows floor, though cutting the learner back to it is as right.
func (l *Leader) synchroniseFrom(f *learnerState, floor protocol.Zxid) {
	p := f.lastZxid
	switch {
	case floor == p, p.Counter() == 0:
		// A position epoch<<32 is the start of an epoch whose leader had all
		// that is before it in this history.
		l.register(f, quorum.Packet{Type: quorum.Diff, Zxid: l.Committed()}, floor)
	case floor.Epoch() == p.Epoch() && floor.Counter() != 0:
		l.truncate(f, floor)
	default:
		l.snapshot(f)
	}
}

// truncate sends TRUNC, always to a txn: Apache cuts one too few off when there
// is none of that zxid (FileTxnLog.truncate).
func (l *Leader) truncate(f *learnerState, to protocol.Zxid) {
	if defect.Planted(defect.TruncOffByOne) && to.Counter() > 1 {
		to--
		l.register(f, quorum.Packet{Type: quorum.Trunc, Zxid: to}, to+1)
		return
	}
	if defect.Planted(defect.TruncMissing) {
		l.register(f, quorum.Packet{Type: quorum.Diff, Zxid: f.lastZxid}, max(to, f.lastZxid))
		return
	}
	l.register(f, quorum.Packet{Type: quorum.Trunc, Zxid: to}, to)
}

// snapshot sends the tree, which holds what is applied. It replaces the
// learner's log, whose acks may have helped to commit more than that: then it
// waits for the own log.
func (l *Leader) snapshot(f *learnerState) {
	if l.applied < f.atLeast && !defect.Planted(defect.SnapshotTooOld) {
		f.enter(learnerWaiting, l.nowMs)
		return
	}
	f.snapshot = true
	l.register(f, quorum.Packet{Type: quorum.Snap, Zxid: l.applied}, l.applied)
}

// register queues all the learner needs to have the history behind from, and
// makes it one of those that new proposals go to. Nothing comes between: this
// is one step of the core.
func (l *Leader) register(f *learnerState, how quorum.Packet, from protocol.Zxid) {
	if n := l.beside(f); f.observer && n >= l.mostBeside(f) {
		l.drop(f, "%d learners are being synchronised, more are not allowed at once; it may come again", n)
		return
	}
	m := Message{To: f.conn, Packet: how}
	if how.Type == quorum.Snap {
		m.Kind = SnapshotStream
	}
	l.out.rd.Messages = append(l.out.rd.Messages, m)
	if base := l.cfg.Recent.Base(); from < base {
		l.out.rd.Messages = append(l.out.rd.Messages, Message{To: f.conn, Kind: LogRange, After: from, Through: base})
	}
	recent := l.cfg.Recent.after(from)
	if defect.Planted(defect.DiffWithHole) && len(recent) > 1 {
		recent = recent[1:]
	}
	for i := range recent {
		l.sendProposal(f, &recent[i])
		l.sendCommit(f, recent[i].Zxid)
	}
	for i := range l.inFlight[:l.committedN] {
		if e := &l.inFlight[i]; e.Zxid > from {
			l.sendProposal(f, &e.Entry)
			l.sendCommit(f, e.Zxid)
		}
	}
	l.out.send(f.conn, quorum.Packet{Type: quorum.NewLeader, Zxid: protocol.MakeZxid(l.epoch, 0), Data: l.offer()})
	l.sendInFlight(f, from)
	f.enter(learnerSyncing, l.nowMs)
	l.out.note(Note{Text: "synchronising learner by " + how.Type.String(), Sid: f.sid, Zxid: how.Zxid, Epoch: l.epoch})
}

// sendInFlight sends what is not committed, all of it this epoch's, behind
// NEWLEADER. Differs from Apache, where it is before it: a follower of 3.8.0
// forgets it there, and dies of its COMMIT when that comes before UPTODATE
// (ZOOKEEPER-4394). To an observer it is nothing before its INFORM.
func (l *Leader) sendInFlight(f *learnerState, from protocol.Zxid) {
	if f.observer || defect.Planted(defect.JoinMissesProposals) {
		return
	}
	for i := range l.inFlight[l.committedN:] {
		if e := &l.inFlight[l.committedN+i]; e.Zxid > from {
			l.sendProposal(f, &e.Entry)
		}
	}
}

// beside counts the learners that are being synchronised in the way of f, by
// snapshots or without. They are bounded for observers alone: an ensemble needs
// its followers (LearnerSyncThrottler).
func (l *Leader) beside(f *learnerState) (n int) {
	for _, o := range l.learners {
		if o != f && o.state == learnerSyncing && o.snapshot == f.snapshot {
			n++
		}
	}
	return n
}

func (l *Leader) mostBeside(f *learnerState) int {
	if f.snapshot {
		return l.cfg.MaxSnapshots
	}
	return l.cfg.MaxDiffs
}

func (l *Leader) sendProposal(f *learnerState, e *Entry) {
	f.queuedBytes += e.size()
	l.out.send(f.conn, quorum.Packet{Type: quorum.Proposal, Zxid: e.Zxid, Data: e.Payload})
}

func (l *Leader) sendCommit(f *learnerState, zxid protocol.Zxid) {
	l.out.send(f.conn, quorum.Packet{Type: quorum.Commit, Zxid: zxid})
}

// tryEstablish begins to lead once a quorum has the epoch and the history on
// disk. The leader's own are.
func (l *Leader) tryEstablish() {
	if l.phase != synchronisation || !l.quorumOfLearners(func(f *learnerState) bool { return f.state == learnerReady }) {
		return
	}
	l.enter(broadcast)
	l.nextCheckMs = l.nowMs + l.cfg.TickMs
	if l.next != nil {
		l.activate()
		l.tellActivated()
	}
	if !l.retired {
		l.out.output(Serve{l.epoch})
	}
	for _, f := range l.learners {
		if f.state == learnerReady {
			l.upToDate(f)
		}
	}
	l.out.note(Note{Text: "leading", Sid: l.cfg.ID, Epoch: l.epoch, Zxid: l.applied})
}

func (l *Leader) upToDate(f *learnerState) {
	l.out.send(f.conn, quorum.Packet{Type: quorum.UpToDate, Zxid: -1})
}
