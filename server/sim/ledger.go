package sim

import (
	"bytes"

	"zookit/protocol"
	"zookit/protocol/quorum"
	"zookit/server/zab"
)

// ledger holds the invariants of the protocol between the servers. It sees what
// is on the links and what is durable on the disks, at the moment a packet is
// sent, and never a field of a core.
type ledger struct {
	e     *ensemble
	views map[*process]*logView
	txns  map[protocol.Zxid]*record

	chain   []logged // what is committed, in order
	at      map[protocol.Zxid]int
	leaders map[int64]*process      // established, by epoch
	initial map[int64]protocol.Zxid // end of the history that NEWLEADER spoke for
	epochs  map[*process][2]int64   // highest durable acceptedEpoch and currentEpoch
}

// record is a txn as it was first seen in a log: its bytes, and what came
// before it (−1: not known yet).
type record struct {
	payload []byte
	prev    protocol.Zxid
}

// follows tells whether b may come right behind a.
func follows(a, b protocol.Zxid) bool {
	if a.Epoch() == b.Epoch() {
		return b == a+1
	}
	return b.Epoch() > a.Epoch() && b.Counter() == 1
}

// view is what is durable at p now. Whatever is new in the logs joins the
// ledger: a zxid has one txn and one predecessor, in every log at any time.
func (g *ledger) view(p *process) *logView {
	if g.views == nil {
		g.views, g.txns, g.at = map[*process]*logView{}, map[protocol.Zxid]*record{}, map[protocol.Zxid]int{}
		g.leaders, g.initial, g.epochs = map[int64]*process{}, map[int64]protocol.Zxid{}, map[*process][2]int64{}
	}
	v := g.views[p]
	if v == nil {
		v = &logView{}
		g.views[p] = v
	}
	v.refresh(p.mem, func(prev protocol.Zxid, e logged) {
		if prev >= 0 && !follows(prev, e.zxid) && prev != 0 {
			if e.zxid <= v.snapshot {
				prev = -1 // left of a purge
			} else {
				g.e.w.violated("I7 no holes", "%v: %v follows %v in its log", p, e.zxid, prev)
			}
		}
		r := g.txns[e.zxid]
		if g.leaders[e.zxid.Epoch()] == nil {
			g.e.w.violated("I2 integrity", "%v: the txn %v in its log is of an epoch that nobody was established in", p, e.zxid)
		}
		switch {
		case r == nil:
			g.txns[e.zxid] = &record{e.payload, prev}
		case !bytes.Equal(r.payload, e.payload):
			g.e.w.violated("I2 integrity", "%v: the txn %v in its log is another than elsewhere", p, e.zxid)
		case r.prev < 0:
			r.prev = prev
		case prev >= 0 && r.prev != prev:
			g.e.w.violated("I4 total order", "%v: %v follows %v in its log, and %v elsewhere", p, e.zxid, prev, r.prev)
		}
	})
	was, ok := g.epochs[p]
	now := [2]int64{v.accepted, v.current}
	if ok && (now[0] < was[0] || now[1] < was[1]) || now[1] > max(now[0], 0) && now[0] >= 0 {
		g.e.w.violated("I8 epochs only rise", "%v: acceptedEpoch and currentEpoch on disk are %v after %v", p, now, was)
	}
	g.epochs[p] = now
	return v
}

// durable tells whether a quorum of voters has z on disk, in an epoch no
// earlier than epoch. Without is left out of it.
func (g *ledger) durable(z protocol.Zxid, epoch int64, without *process) bool {
	return g.e.verifier.ContainsQuorum(func(sid int64) bool {
		p := g.e.w.processes[sid-1]
		if p == without {
			return false
		}
		v := g.view(p)
		return v.has(z) && v.current >= epoch
	})
}

func (g *ledger) end() protocol.Zxid {
	if len(g.chain) == 0 {
		return 0
	}
	return g.chain[len(g.chain)-1].zxid
}

// endBefore is the last that is committed of the epochs before one: a leader that
// stood still may be established when it has been replaced.
func (g *ledger) endBefore(epoch int64) protocol.Zxid {
	for i := len(g.chain) - 1; i >= 0; i-- {
		if g.chain[i].zxid.Epoch() < epoch {
			return g.chain[i].zxid
		}
	}
	return 0
}

// committed tells whether z is.
func (g *ledger) committed(z protocol.Zxid) bool {
	_, ok := g.at[z]
	return ok || z == 0
}

// commit takes z, and what is before it, for committed: by says why. A quorum
// must have it, and it must go on from what was committed before.
func (g *ledger) commit(z protocol.Zxid, epoch int64, by string) {
	if g.committed(z) || g.e.w.broken != nil {
		return
	}
	w := g.e.w
	if !g.durable(z, epoch, nil) {
		w.violated("I10 commit rule", "%s %v, which no quorum has on disk in epoch %d", by, z, epoch)
		return
	}
	var more []logged
	for x := z; x != g.end(); {
		r := g.txns[x]
		switch {
		case x < g.end():
			w.violated("I5 primary order", "%s %v behind %v", by, z, g.end())
			return
		case r == nil || r.prev < 0:
			w.violated("I3 prefix consistency", "%s %v, which does not go on from %v, the last that is committed", by, z, g.end())
			return
		}
		more = append(more, logged{x, r.payload})
		x = r.prev
	}
	for i := len(more) - 1; i >= 0; i-- {
		g.at[more[i].zxid] = len(g.chain)
		g.chain = append(g.chain, more[i])
	}
}

// shown: a client was shown z by p.
func (g *ledger) shown(z protocol.Zxid, p *process) {
	if g.committed(z) {
		return
	}
	w := g.e.w
	if !g.durable(z, z.Epoch(), nil) {
		w.violated("D2 what was read stays", "%v showed a client %v, which no quorum has on disk", p, z)
		return
	}
	g.commit(z, z.Epoch(), p.String()+" showed a client")
}

// before an order is done at p: what it takes off the disk.
func (g *ledger) before(p *process, o zab.Order) {
	if o.Kind != zab.Truncate && o.Kind != zab.InstallSnapshot {
		return
	}
	v := g.view(p)
	for i := len(g.chain) - 1; i >= 0 && g.chain[i].zxid > o.Zxid; i-- {
		if z := g.chain[i].zxid; v.has(z) {
			g.e.w.reached("committed txn leaves one disk")
			if !g.durable(z, z.Epoch(), p) {
				g.e.w.violated("I12 TRUNC safety", "%v: %v takes %v away, which is committed, and no quorum is left that has it", p, &o, z)
			}
			break
		}
	}
	g.e.w.reached("zab: " + o.Kind.String())
}

func (g *ledger) after(p *process) { g.view(p) }

func (g *ledger) recovered(p *process) { g.view(p) }

// tap is the ledger's ear at one connection of a quorum port.
type tap struct {
	leads     int64         // of LEADERINFO, as sent
	epoch     int64         // and as the learner got it
	learner   protocol.Zxid // end of its log, by ACKEPOCH
	last      protocol.Zxid // of the history as sent
	got, owed protocol.Zxid // as received, and when NEWLEADER came
	open      []protocol.Zxid
}

func (t *tap) sent(l *peerLink, dir int, p *quorum.Packet) {
	from := l.ends[1-dir]
	if dir == toLearner {
		t.byLeader(l.w.ensemble, from, l.ends[dir], p)
	} else {
		t.byLearner(l.w.ensemble, from, p)
	}
}

func (t *tap) byLeader(e *ensemble, leader, learner *process, p *quorum.Packet) {
	w, z := e.w, p.Zxid
	switch p.Type {
	case quorum.LeaderInfo:
		t.leads = z.Epoch()
		if v := e.view(leader); v.accepted != z.Epoch() {
			w.violated("I9 durable before said", "%v: LEADERINFO %d, and acceptedEpoch on disk is %d", leader, z.Epoch(), v.accepted)
		}
	case quorum.Diff, quorum.Trunc, quorum.Snap:
		w.reached(p.Type.String())
		t.last, t.open = z, nil
		if p.Type == quorum.Diff {
			t.last = t.learner
		}
		// What followers have made a quorum for may not be on the leader's own disk.
		if p.Type == quorum.Trunc && !e.committed(z) && !e.view(leader).has(z) {
			w.violated("I12 TRUNC safety", "%v: TRUNC to %v, which it does not have", leader, z)
		}
		w.tracef("%v → %v: %v %v", leader, learner, p.Type, z)
	case quorum.Proposal, quorum.Inform:
		if !follows(t.last, z) && t.last != 0 || t.last == 0 && z.Counter() != 1 {
			w.violated("I7 no holes", "%v sends %v the %v %v behind %v", leader, learner, p.Type, z, t.last)
		}
		if z.Epoch() == t.leads && e.leaders[t.leads] != leader {
			w.violated("I6 primary integrity", "%v proposes %v before it is established", leader, z)
		}
		if p.Type == quorum.Inform {
			t.commits(e, leader, z)
		} else {
			t.open = append(t.open, z)
		}
		t.last = z
	case quorum.Commit:
		if len(t.open) == 0 || t.open[0] != z {
			w.violated("I10 commit rule", "%v sends %v COMMIT %v, and %v are without one", leader, learner, z, t.open)
			return
		}
		t.open = t.open[1:]
		t.commits(e, leader, z)
	case quorum.NewLeader:
		v := e.view(leader)
		epoch := z.Epoch()
		if v.current != epoch {
			w.violated("I9 durable before said", "%v: NEWLEADER %d, and currentEpoch on disk is %d", leader, epoch, v.current)
		}
		if _, ok := e.initial[epoch]; !ok {
			e.initial[epoch] = v.last()
			if end := e.endBefore(epoch); !v.has(end) {
				w.violated("I11 leader completeness", "%v leads epoch %d with a log to %v, and %v is committed", leader, epoch, v.last(), end)
			}
		}
	case quorum.UpToDate:
		e.established(leader, t.leads)
	}
}

// commits: a leader says that z of its own epoch is committed, or passes on
// what was before.
func (t *tap) commits(e *ensemble, leader *process, z protocol.Zxid) {
	if e.leaders[z.Epoch()] == leader && z.Epoch() == t.leads {
		e.commit(z, z.Epoch(), leader.String()+" commits")
	}
}

// established: a quorum has acknowledged NEWLEADER, and the history it spoke
// for is committed.
func (g *ledger) established(leader *process, epoch int64) {
	w := g.e.w
	switch was := g.leaders[epoch]; was {
	case leader:
		return
	case nil:
	default:
		w.violated("I1 leadership", "%v and %v lead epoch %d", was, leader, epoch)
		return
	}
	g.leaders[epoch] = leader
	w.reached("leader established")
	w.tracef("%v is established in epoch %d with %v", leader, epoch, g.initial[epoch])
	if z, end := g.initial[epoch], g.endBefore(epoch); z < end {
		w.violated("I11 leader completeness", "%v leads epoch %d with a history to %v, and %v is committed", leader, epoch, z, end)
	} else {
		g.commit(z, epoch, leader.String()+" is established with")
	}
}

func (t *tap) byLearner(e *ensemble, learner *process, p *quorum.Packet) {
	w, z := e.w, p.Zxid
	switch p.Type {
	case quorum.AckEpoch:
		t.learner = z
		if v := e.view(learner); v.accepted < t.epoch {
			w.violated("I9 durable before said", "%v: ACKEPOCH in epoch %d, and acceptedEpoch on disk is %d", learner, t.epoch, v.accepted)
		} else if v.accepted > t.epoch {
			w.violated("I8 epochs only rise", "%v: ACKEPOCH in epoch %d after it has accepted %d", learner, t.epoch, v.accepted)
		}
	case quorum.Ack:
		v := e.view(learner)
		switch {
		case z.Counter() == 0:
			if v.current != z.Epoch() || !v.has(t.owed) {
				w.violated("I9 durable before said", "%v: ack of NEWLEADER %d, and on its disk are currentEpoch %d and a history to %v of %v", learner, z.Epoch(), v.current, v.last(), t.owed)
			}
		case !v.has(z):
			w.violated("I9 durable before said", "%v: ack of %v, and the log on its disk ends at %v", learner, z, v.last())
		case v.accepted > t.epoch:
			w.violated("I8 epochs only rise", "%v: ack of %v in epoch %d after it has accepted %d", learner, z, t.epoch, v.accepted)
		}
	}
}

func (t *tap) received(l *peerLink, dir int, p *quorum.Packet) {
	if dir == toLeader {
		return
	}
	switch p.Type {
	case quorum.LeaderInfo:
		t.epoch = p.Zxid.Epoch()
	case quorum.Diff:
		t.got = t.learner
	case quorum.Trunc, quorum.Snap:
		t.got = p.Zxid
	case quorum.Proposal, quorum.Inform:
		t.got = max(t.got, p.Zxid)
	case quorum.NewLeader:
		t.owed = t.got
	}
}
