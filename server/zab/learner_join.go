package zab

import (
	"errors"
	"fmt"

	"zookit/protocol"
	"zookit/protocol/jute"
	"zookit/protocol/quorum"
	"zookit/server/defect"
)

func (l *Learner) connected() {
	if l.role != connecting {
		return
	}
	l.role, l.heardMs = registering, l.nowMs
	t := quorum.FollowerInfo
	if l.cfg.Observer {
		t = quorum.ObserverInfo
	}
	info := quorum.NewLearnerInfo(l.cfg.ID, l.cfg.ConfigVersion)
	l.send(quorum.Packet{Type: t, Zxid: protocol.MakeZxid(max(l.cfg.AcceptedEpoch, l.cfg.Promised), 0), Data: info.AppendTo(nil)})
}

// receive takes a packet of the leader's.
func (l *Learner) receive(p *quorum.Packet) {
	switch l.role {
	case connecting, accepting:
		l.misplaced(p)
	case registering:
		l.leaderInfo(p)
	case awaitingSync:
		l.beginSync(p)
	default:
		l.receiveSynced(p)
	}
}

func (l *Learner) misplaced(p *quorum.Packet) {
	l.stop(BadPacket, fmt.Sprintf("%v %v while %v", p.Type, p.Zxid, l.role))
}

// leaderInfo learns the new epoch. It is on disk before the leader hears that
// it is accepted.
func (l *Learner) leaderInfo(p *quorum.Packet) {
	var le quorum.LeaderEpoch
	if p.Type != quorum.LeaderInfo {
		l.misplaced(p)
		return
	}
	if err := le.Decode(jute.NewDecoder(p.Data)); err != nil {
		l.stop(BadPacket, fmt.Sprintf("LEADERINFO: %v", err))
		return
	}
	l.epoch = p.Zxid.Epoch()
	switch {
	case l.epoch < l.cfg.AcceptedEpoch:
		l.stop(LeaderBehind, fmt.Sprintf("leader's %d, accepted %d", l.epoch, l.cfg.AcceptedEpoch))
	case l.epoch <= l.cfg.Promised && l.cfg.Promised > l.cfg.AcceptedEpoch:
		l.stop(LeaderBehind, fmt.Sprintf("leader's %d, accepted by a damaged server %d", l.epoch, l.cfg.Promised))
	case l.epoch > maxEpoch:
		l.stop(BadPacket, fmt.Sprintf("LEADERINFO: epoch %d is not an int32", l.epoch))
	case l.epoch == l.cfg.AcceptedEpoch:
		l.ackEpoch(quorum.EpochAcceptedBefore)
	default:
		l.role = accepting
		l.disk.control(Order{Kind: WriteAcceptedEpoch, Epoch: l.epoch})
		if defect.Planted(defect.AckEpochBeforeWrite) {
			l.ackEpoch(int32(l.cfg.CurrentEpoch))
		}
	}
}

func (l *Learner) asks() bool {
	return l.cfg.AskSnapshot || l.cfg.AskInEpoch != 0 && l.cfg.AskInEpoch == l.epoch
}

// nowhere is a zxid in no history: no leader uses that counter, and no ensemble
// the epoch. Who says that its log ends there is sent a snapshot. (The zxid 0
// may be answered by a DIFF with all there is, and the log would have to be
// given up before that has come.)
const nowhere protocol.Zxid = maxCounter

func (l *Learner) ackEpoch(current int32) {
	last := l.last
	if l.asks() {
		last = nowhere
		if l.cfg.Counts {
			current = min(current, 0)
		} else {
			current = quorum.EpochAcceptedBefore
		}
	}
	fe := quorum.FollowerEpoch{CurrentEpoch: current}
	l.send(quorum.Packet{Type: quorum.AckEpoch, Zxid: last, Data: fe.AppendTo(nil)})
	l.role = awaitingSync
}

// beginSync starts from the history on disk, from a part of it, or from the
// leader's snapshot. What follows is queued behind that for the disk.
func (l *Learner) beginSync(p *quorum.Packet) {
	if l.asks() && p.Type != quorum.Snap {
		l.stop(BadPacket, fmt.Sprintf("%v %v, a snapshot was asked for", p.Type, p.Zxid))
		return
	}
	switch p.Type {
	case quorum.Diff:
	case quorum.Trunc:
		if p.Zxid < 0 || p.Zxid > l.last {
			l.stop(BadPacket, fmt.Sprintf("TRUNC to %v of a history that ends at %v", p.Zxid, l.last))
			return
		}
		if p.Zxid < l.last {
			l.disk.control(Order{Kind: Truncate, Zxid: p.Zxid})
			l.cfg.Recent.Truncate(p.Zxid)
			l.last, l.applied, l.disk.persisted = p.Zxid, p.Zxid, p.Zxid
		}
	case quorum.Snap:
		if p.Zxid < 0 {
			l.stop(BadPacket, fmt.Sprintf("SNAP of %v", p.Zxid))
			return
		}
		l.disk.control(Order{Kind: InstallSnapshot, Zxid: p.Zxid})
		l.cfg.Recent.Reset(p.Zxid)
		l.last, l.applied, l.disk.persisted = p.Zxid, p.Zxid, p.Zxid
	default:
		l.misplaced(p)
		return
	}
	l.role = synchronising
	l.out.note(Note{Text: "synchronising by " + p.Type.String(), Zxid: p.Zxid, Epoch: l.epoch})
}

// newLeader ends the history that the leader began with: what was received
// becomes durable, then currentEpoch does, and only then the leader hears of
// it (Apache 3.9.5; the order of 3.8.0 loses txns: ZOOKEEPER-4643, 4646, 4785).
func (l *Learner) newLeader(p *quorum.Packet) {
	if l.role != synchronising || p.Zxid != protocol.MakeZxid(l.epoch, 0) {
		l.misplaced(p)
		return
	}
	l.role = entering
	o := Order{Kind: WriteCurrentEpoch, Epoch: l.epoch}
	if defect.Planted(defect.EpochBeforeLog) {
		l.disk.queue = append([]Order{o}, l.disk.queue...)
	} else {
		l.disk.control(o)
	}
	if len(p.Data) > 0 {
		l.out.output(EnsembleConfig{p.Data})
	}
	if defect.Planted(defect.NewLeaderAckFirst) {
		l.ackNewLeader()
	}
}

func (l *Learner) ackNewLeader() {
	if l.role != entering {
		return
	}
	l.role = awaitingStart
	l.ack(protocol.MakeZxid(l.epoch, 0))
	l.ackPersisted()
}

// upToDate: a quorum has the epoch and the leader's history, so all of it is
// committed. Requests are taken once what is known to be committed is applied.
func (l *Learner) upToDate(p *quorum.Packet) {
	if l.role != awaitingStart {
		l.misplaced(p)
		return
	}
	l.role = catchingUp
	l.serveAt = l.committed()
	l.ack(protocol.MakeZxid(l.epoch, 0)) // as Apache does; leaders pass over it
	l.advance()
}

// answer takes what the disk says.
func (l *Learner) answer(ev Event) {
	ok, kind := false, Append
	var err error
	switch ev := ev.(type) {
	case Persisted:
		ok = l.disk.answered(Append, ev.Zxid, 0)
	case EpochWritten:
		kind = ev.Kind
		ok = (kind == WriteAcceptedEpoch || kind == WriteCurrentEpoch) && l.disk.answered(kind, 0, ev.Epoch)
	case Truncated:
		kind, err = Truncate, ev.Err
		ok = l.disk.answered(Truncate, ev.Zxid, 0)
	case SnapshotInstalled:
		kind, err = InstallSnapshot, ev.Err
		ok = l.disk.answered(InstallSnapshot, ev.Zxid, 0)
	}
	if !ok {
		l.broken("%v reported as done, out is %v", kind, &l.disk.out)
		return
	}
	switch kind {
	case Append:
		l.ackPersisted()
		l.advance()
	case WriteAcceptedEpoch:
		l.heardMs = l.nowMs // it was this server's turn
		if l.role == accepting {
			l.ackEpoch(int32(l.cfg.CurrentEpoch))
		}
	case WriteCurrentEpoch:
		l.heardMs = l.nowMs
		l.ackNewLeader()
	case Truncate:
		if err != nil {
			l.stop(CannotTruncate, err.Error())
			return
		}
		l.heardMs = l.nowMs
	case InstallSnapshot:
		if err != nil {
			l.stop(SnapshotFailed, err.Error())
			return
		}
		l.heardMs = l.nowMs
	}
}

var errActivation = errors.New("shorter than a designated leader")

// cutActivation takes the designated leader off the data of
// COMMITANDACTIVATE and INFORMANDACTIVATE.
func cutActivation(data []byte) (leader int64, rest []byte, err error) {
	const n = 8
	var a quorum.Activation
	if len(data) < n {
		return 0, nil, errActivation
	}
	err = a.Decode(jute.NewDecoder(data[:n]))
	return a.DesignatedLeader, data[n:], err
}
