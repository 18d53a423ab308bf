package sim

import (
	"zookit/protocol"
	"zookit/protocol/quorum"
)

// tap is the ledger's ear at one connection of a quorum port.
type tap struct {
	hosted    bool          // a follower serves an observer
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
		t.byLeader(l.w.ledger, from, l.ends[dir], p)
	} else {
		t.byLearner(l.w.ledger, from, p)
	}
}

func (t *tap) byLeader(g *ledger, leader, learner *process, p *quorum.Packet) {
	w, z := g.w, p.Zxid
	switch p.Type {
	case quorum.LeaderInfo:
		t.leads = z.Epoch()
		if v := g.view(leader); v.accepted != z.Epoch() && !leader.spoilt {
			w.violated("I9 durable before said", "%v: LEADERINFO %d, and acceptedEpoch on disk is %d", leader, z.Epoch(), v.accepted)
		}
	case quorum.Diff, quorum.Trunc, quorum.Snap:
		w.reached(p.Type.String())
		t.last, t.open = z, nil
		if p.Type == quorum.Diff {
			t.last = t.learner
		}
		// What followers have made a quorum for may not be on the leader's own disk.
		if p.Type == quorum.Trunc && !g.committed(z) && !g.view(leader).has(z) {
			w.violated("I12 TRUNC safety", "%v: TRUNC to %v, which it does not have", leader, z)
		}
		w.tracef("%v → %v: %v %v", leader, learner, p.Type, z)
	case quorum.Proposal, quorum.Inform, quorum.InformAndActivate:
		if !follows(t.last, z) && t.last != 0 || t.last == 0 && z.Counter() != 1 {
			w.violated("I7 no holes", "%v sends %v the %v %v behind %v", leader, learner, p.Type, z, t.last)
		}
		if z.Epoch() == t.leads && g.leaders[t.leads] != leader && !t.hosted {
			w.violated("I6 primary integrity", "%v proposes %v before it is established", leader, z)
		}
		if p.Type != quorum.Proposal {
			t.commits(g, leader, z)
		} else {
			t.open = append(t.open, z)
		}
		t.last = z
	case quorum.Commit, quorum.CommitAndActivate:
		if len(t.open) == 0 || t.open[0] != z {
			w.violated("I10 commit rule", "%v sends %v COMMIT %v, and %v are without one", leader, learner, z, t.open)
			return
		}
		t.open = t.open[1:]
		t.commits(g, leader, z)
	case quorum.NewLeader:
		v := g.view(leader)
		epoch := z.Epoch()
		if v.current != epoch && !leader.spoilt {
			w.violated("I9 durable before said", "%v: NEWLEADER %d, and currentEpoch on disk is %d", leader, epoch, v.current)
		}
		if _, ok := g.initial[epoch]; !ok {
			g.initial[epoch] = v.last()
			if leader.disk.lied() {
				g.initial[epoch] = max(v.last(), g.end()) // as far as it can know
			} else if end := g.endBefore(epoch); !v.has(end) {
				w.violated("I11 leader completeness", "%v leads epoch %d with a log to %v, and %v is committed", leader, epoch, v.last(), end)
			}
		}
	case quorum.UpToDate:
		if t.hosted {
			w.reached("observer served by a follower")
		} else {
			g.established(leader, t.leads)
		}
	}
}

// commits: a leader says that z of its own epoch is committed, or passes on
// what was before.
func (t *tap) commits(g *ledger, leader *process, z protocol.Zxid) {
	if t.hosted && !g.committed(z) {
		g.w.violated("I10 commit rule", "%v tells its observer that %v is committed, which nobody has committed", leader, z)
	}
	if g.leaders[z.Epoch()] == leader && z.Epoch() == t.leads {
		g.commit(z, z.Epoch(), leader.String()+" commits")
	}
}

func (t *tap) byLearner(g *ledger, learner *process, p *quorum.Packet) {
	w, z := g.w, p.Zxid
	if p.Type == quorum.AckEpoch {
		t.learner = z
	}
	if learner.spoilt {
		return // its disk may have forgotten what was written
	}
	switch p.Type {
	case quorum.AckEpoch:
		if v := g.view(learner); v.accepted < t.epoch {
			w.violated("I9 durable before said", "%v: ACKEPOCH in epoch %d, and acceptedEpoch on disk is %d", learner, t.epoch, v.accepted)
		} else if v.accepted > t.epoch {
			w.violated("I8 epochs only rise", "%v: ACKEPOCH in epoch %d after it has accepted %d", learner, t.epoch, v.accepted)
		}
	case quorum.Ack:
		v := g.view(learner)
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
	case quorum.Proposal, quorum.Inform, quorum.InformAndActivate:
		t.got = max(t.got, p.Zxid)
	case quorum.NewLeader:
		t.owed = t.got
	}
}
