package zab

import (
	"fmt"

	"zookit/protocol"
	"zookit/protocol/jute"
	"zookit/protocol/quorum"
	"zookit/server/defect"
)

// receiveSynced takes the packets behind DIFF, TRUNC or SNAP.
func (l *Learner) receiveSynced(p *quorum.Packet) {
	switch p.Type {
	case quorum.Proposal:
		l.proposal(Entry{p.Zxid, p.Data})
	case quorum.Commit:
		l.commit(p.Zxid)
	case quorum.Inform:
		l.inform(Entry{p.Zxid, p.Data})
	case quorum.CommitAndActivate, quorum.InformAndActivate:
		leader, rest, err := cutActivation(p.Data)
		if err != nil {
			l.stop(BadPacket, fmt.Sprintf("%v %v: %v", p.Type, p.Zxid, err))
			return
		}
		l.activation = append(l.activation, Activate{p.Zxid, leader})
		if p.Type == quorum.CommitAndActivate {
			l.commit(p.Zxid)
		} else {
			l.inform(Entry{p.Zxid, rest})
		}
	case quorum.NewLeader:
		l.newLeader(p)
	case quorum.UpToDate:
		l.upToDate(p)
	case quorum.Ping:
		if l.role == serving {
			l.out.output(PingAsked{p.Zxid})
		} else {
			l.pong(p.Zxid, nil)
		}
	case quorum.Sync:
		l.synced(p)
	case quorum.Revalidate:
		l.revalidated(p)
	default:
		l.misplaced(p)
	}
}

// proposal queues a txn for the log. One the history holds already is passed
// over: a leader may send those around the point where a learner joins.
func (l *Learner) proposal(e Entry) {
	if e.Zxid <= l.last {
		return
	}
	if !follows(l.last, e.Zxid) || e.Zxid.Epoch() > l.epoch {
		l.stop(Discontinuity, fmt.Sprintf("%v after %v in epoch %d", e.Zxid, l.last, l.epoch))
		return
	}
	if err := checkEntry(e); err != nil {
		l.stop(BadPacket, err.Error())
		return
	}
	l.last = e.Zxid
	l.pending = append(l.pending, e)
	l.pendingBytes += e.size()
	l.disk.append(e)
	if l.pendingBytes > l.cfg.MaxUncommitted {
		l.stop(TooManyUncommitted, fmt.Sprintf("%d bytes behind %v", l.pendingBytes, l.applied))
		return
	}
	if defect.Planted(defect.AckBeforeSync) && l.role >= awaitingStart && !l.cfg.Observer {
		l.ack(e.Zxid)
		l.acked = e.Zxid
	}
}

// commit notes that the oldest proposal is committed; it must be this one.
func (l *Learner) commit(zxid protocol.Zxid) {
	if zxid <= l.committed() {
		return
	}
	if l.committedN == len(l.pending) || l.pending[l.committedN].Zxid != zxid {
		oldest := "there is none"
		if l.committedN < len(l.pending) {
			oldest = l.pending[l.committedN].Zxid.String()
		}
		l.stop(CommitMismatch, fmt.Sprintf("COMMIT %v, the oldest proposal: %s", zxid, oldest))
		return
	}
	l.committedN++ // Ready applies it
}

// inform is proposal and commit in one, for observers.
func (l *Learner) inform(e Entry) {
	l.proposal(e)
	if l.role != learnerStopped {
		l.commit(e.Zxid)
	}
}

// committed is the last txn known to be committed, or that the history began
// with.
func (l *Learner) committed() protocol.Zxid {
	if l.committedN > 0 {
		return l.pending[l.committedN-1].Zxid
	}
	return l.applied
}

// ackPersisted acknowledges, one by one and in order, the proposals that are
// durable. Those that were committed and applied before NEWLEADER was
// acknowledged need none.
func (l *Learner) ackPersisted() {
	if l.role < awaitingStart || l.cfg.Observer {
		return
	}
	for i := range l.pending {
		z := l.pending[i].Zxid
		if z > l.disk.persisted {
			break
		}
		if z > l.acked {
			l.ack(z)
			l.acked = z
		}
	}
}

func (l *Learner) ack(zxid protocol.Zxid) { l.send(quorum.Packet{Type: quorum.Ack, Zxid: zxid}) }

// advance applies what is committed and durable here, and releases what waited
// for it.
func (l *Learner) advance() {
	n := 0
	for n < l.committedN && l.pending[n].Zxid <= l.disk.persisted {
		e := l.pending[n]
		l.cfg.Recent.Add(e)
		l.out.rd.Commits = append(l.out.rd.Commits, e)
		l.applied = e.Zxid
		l.pendingBytes -= e.size()
		n++
	}
	l.committedN -= n
	k := copy(l.pending, l.pending[n:])
	clear(l.pending[k:])
	l.pending = l.pending[:k]
	if l.role == catchingUp && l.applied >= l.serveAt {
		l.role = serving
		l.out.output(Serve{l.epoch})
		l.out.note(Note{Text: "serving", Epoch: l.epoch, Zxid: l.applied})
	}
	for len(l.activation) > 0 && l.activation[0].Zxid <= l.applied {
		l.out.output(l.activation[0])
		l.activation = l.activation[1:]
	}
	for len(l.syncs) > 0 && l.syncs[0] <= l.applied {
		l.syncs = l.syncs[1:]
		l.out.output(Synced{})
	}
}

// synced answers the oldest sync, once everything committed before the answer
// is applied.
func (l *Learner) synced(p *quorum.Packet) {
	if l.role != serving {
		l.misplaced(p)
		return
	}
	l.syncs = append(l.syncs, l.committed())
	l.advance()
}

func (l *Learner) revalidated(p *quorum.Packet) {
	var reply quorum.RevalidateReply
	if l.role != serving {
		l.misplaced(p)
		return
	}
	if err := reply.Decode(jute.NewDecoder(p.Data)); err != nil {
		l.stop(BadPacket, fmt.Sprintf("REVALIDATE: %v", err))
		return
	}
	l.out.output(RevalidateAnswered{reply})
}
