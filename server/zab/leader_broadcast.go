package zab

import (
	"zookit/protocol"
	"zookit/protocol/jute"
	"zookit/protocol/quorum"
	"zookit/server/defect"
)

// maxCounter is where Apache gives up leadership (Leader.propose): the zxid
// with this counter is never used.
const maxCounter = 0xffffffff

// Propose sends a txn out and queues it for the own log. Its zxid is the next
// one; its payload is kept. It may be called while Serving.
func (l *Leader) Propose(nowMs int64, e Entry) {
	l.nowMs = max(l.nowMs, nowMs)
	if l.phase == leaderStopped || l.retired {
		return
	}
	next := l.Proposed() + 1
	if l.Proposed().Epoch() != l.epoch {
		next = protocol.MakeZxid(l.epoch, 1)
	}
	if l.phase != broadcast || e.Zxid != next {
		l.broken("proposal %v while the phase is %v and the next zxid %v", e.Zxid, l.phase, next)
		return
	}
	if uint32(e.Zxid.Counter()) == l.cfg.MaxCounter {
		l.stop(ZxidExhausted, e.Zxid.String())
		return
	}
	if err := checkEntry(e); err != nil {
		l.broken("proposal: %v", err)
		return
	}
	l.busyMs = l.nowMs
	l.inFlight = append(l.inFlight, proposal{e, l.nowMs})
	l.inFlightBytes += e.size()
	l.disk.append(e)
	for i := 0; i < len(l.learners); i++ {
		f := l.learners[i]
		if !f.registered() || f.observer {
			continue
		}
		l.sendProposal(f, &e)
		if f.state == learnerReady {
			f.sent(e.Zxid, l.nowMs)
		}
		if f.queuedBytes-f.readBytes > l.cfg.MaxQueue {
			l.drop(f, "it is %d bytes behind", f.queuedBytes-f.readBytes)
			i--
		}
	}
}

// sent notes a proposal that the learner is to acknowledge in time.
func (f *learnerState) sent(zxid protocol.Zxid, nowMs int64) {
	f.newest, f.newestMs = zxid, nowMs
	if f.watched == 0 {
		f.watched, f.watchMs = zxid, nowMs
	}
}

// ack takes the ack of NEWLEADER or of a proposal. Those of proposals may come
// before that of NEWLEADER (ZOOKEEPER-4685), and count from then on: until then
// the learner's currentEpoch is an older one, and an election would not see
// what it has logged.
func (l *Leader) ack(f *learnerState, zxid protocol.Zxid) {
	switch {
	case !f.registered() || zxid.Epoch() > l.epoch || zxid > max(l.Proposed(), protocol.MakeZxid(l.epoch, 0)):
		l.drop(f, "ACK %v while it is %v and the last proposal %v", zxid, f.state, l.Proposed())
	case zxid == protocol.MakeZxid(l.epoch, 0):
		if f.state == learnerSyncing {
			l.newLeaderAck(f)
		}
	case zxid.Epoch() < l.epoch || zxid.Counter() == 0:
		// Of the history before this epoch: NEWLEADER covers it.
	default:
		f.acked = max(f.acked, zxid)
		if f.watched != 0 && f.acked >= f.watched {
			f.watched = 0
			if f.acked < f.newest {
				f.watched, f.watchMs = f.newest, f.newestMs
			}
		}
		if f.acked == l.Proposed() {
			f.readBytes = f.queuedBytes
		}
		if f.state == learnerReady {
			l.countAcks(f)
		}
	}
}

func (l *Leader) countAcks(f *learnerState) {
	if f.follows && f.acked > l.acks[f.sid] {
		l.acks[f.sid] = f.acked
		l.commit()
	}
}

// newLeaderAck: the learner has the leader's history and the epoch on disk.
func (l *Leader) newLeaderAck(f *learnerState) {
	f.enter(learnerReady, l.nowMs)
	if n := len(l.inFlight); n > 0 && l.inFlight[n-1].Zxid > f.acked && !f.observer {
		f.watched, f.watchMs = l.inFlight[n-1].Zxid, l.nowMs
		f.newest, f.newestMs = f.watched, f.watchMs
	}
	if l.phase == broadcast {
		l.upToDate(f)
	}
	l.tryEstablish()
	l.countAcks(f)
}

// commit commits, in the order of zxids, what a quorum has.
func (l *Leader) commit() {
	if l.phase != broadcast || l.retired {
		return
	}
	if n := l.committedN; defect.Planted(defect.CommitOutOfOrder) && n+1 < len(l.inFlight) && l.acknowledged(l.inFlight[n+1].Zxid) {
		l.inFlight[n], l.inFlight[n+1] = l.inFlight[n+1], l.inFlight[n]
	}
	for l.committedN < len(l.inFlight) && !l.retired && l.acknowledged(l.inFlight[l.committedN].Zxid) {
		e := l.inFlight[l.committedN].Entry
		l.committedN++
		l.announce(e)
	}
}

// apply hands out what is committed and in the own log. A slow disk here holds
// up the own clients alone.
func (l *Leader) apply() {
	n := 0
	for n < l.committedN && l.inFlight[n].Zxid <= l.disk.persisted {
		e := l.inFlight[n].Entry
		l.cfg.Recent.Add(e)
		l.out.rd.Commits = append(l.out.rd.Commits, e)
		l.applied = e.Zxid
		l.inFlightBytes -= e.size()
		n++
	}
	l.committedN -= n
	k := copy(l.inFlight, l.inFlight[n:])
	clear(l.inFlight[k:])
	l.inFlight = l.inFlight[:k]
	l.tellActivated()
	for i := 0; n > 0 && i < len(l.learners); i++ {
		if f := l.learners[i]; f.state == learnerWaiting && f.atLeast <= l.applied {
			l.snapshot(f)
			if l.byConn(f.conn) == nil {
				i--
			}
		}
	}
}

// acknowledged says whether a quorum has synced everything up to zxid; this
// server is one of it after its own sync.
func (l *Leader) acknowledged(zxid protocol.Zxid) bool {
	return l.quorumOf(zxid, l.disk.persisted >= zxid, func(sid int64) bool { return l.acks[sid] >= zxid })
}

// announce tells the learners of a commit, and answers the syncs that waited
// for it.
func (l *Leader) announce(e Entry) {
	config := l.next != nil && l.nextAt == e.Zxid
	if config {
		l.announceConfig(&e)
	}
	for i := 0; i < len(l.learners); i++ {
		f := l.learners[i]
		if !f.registered() {
			continue
		}
		switch {
		case config:
		case !f.observer:
			l.sendCommit(f, e.Zxid)
		default:
			f.queuedBytes += e.size()
			l.out.send(f.conn, quorum.Packet{Type: quorum.Inform, Zxid: e.Zxid, Data: e.Payload})
			if f.queuedBytes-f.readBytes > l.cfg.MaxQueue {
				l.drop(f, "it is %d bytes behind", f.queuedBytes-f.readBytes)
				i--
				continue
			}
		}
		for len(f.syncs) > 0 && f.syncs[0] <= e.Zxid {
			f.syncs = f.syncs[1:]
			l.sendSync(f)
		}
	}
}

// queueSync answers a sync behind everything that is proposed (Leader.processSync).
func (l *Leader) queueSync(f *learnerState) {
	if l.committedN == len(l.inFlight) {
		l.sendSync(f)
		return
	}
	f.syncs = append(f.syncs, l.Proposed())
}

// PendingSyncs is how many syncs of learners wait for a commit.
func (l *Leader) PendingSyncs() (n int) {
	for _, f := range l.learners {
		n += len(f.syncs)
	}
	return n
}

func (l *Leader) sendSync(f *learnerState) { l.out.send(f.conn, quorum.Packet{Type: quorum.Sync}) }

// pong takes a learner's PING: the sessions it has heard of.
func (l *Leader) pong(f *learnerState, p *quorum.Packet) {
	if !f.registered() {
		l.drop(f, "PING while it is %v", f.state)
		return
	}
	for i, s := range f.pings {
		if s.zxid == p.Zxid {
			f.readBytes = max(f.readBytes, s.queued)
			f.pings = f.pings[i+1:]
			break
		}
	}
	var t quorum.Touches
	if err := t.Decode(jute.NewDecoder(p.Data)); err != nil {
		l.drop(f, "PING: %v", err)
		return
	}
	if len(t) > 0 {
		l.busyMs = l.nowMs
	}
	if len(t) > 0 && f.state == learnerReady && l.phase == broadcast {
		l.out.output(Touched{f.conn, f.sid, t})
	}
}

// request hands out a client's request that a learner forwards.
func (l *Leader) request(f *learnerState, p *quorum.Packet) {
	var q quorum.ForwardedRequest
	d := &jute.Decoder{Borrow: true}
	d.Reset(p.Data)
	if err := q.Decode(d); err != nil {
		l.drop(f, "REQUEST: %v", err)
		return
	}
	if f.state != learnerReady || l.phase != broadcast {
		l.drop(f, "REQUEST while it is %v", f.state)
		return
	}
	l.out.output(Forwarded{f.conn, f.sid, q, p.Auth})
}

func (l *Leader) revalidate(f *learnerState, p *quorum.Packet) {
	var q quorum.RevalidateRequest
	if err := q.Decode(jute.NewDecoder(p.Data)); err != nil {
		l.drop(f, "REVALIDATE: %v", err)
		return
	}
	if f.state != learnerReady || l.phase != broadcast {
		l.drop(f, "REVALIDATE while it is %v", f.state)
		return
	}
	l.out.output(RevalidateAsked{f.conn, f.sid, q})
}
