package sim

import (
	"bytes"
	"cmp"
	"math"
	"slices"

	"zookit/protocol"
	"zookit/server/zab"
)

// ledger holds the invariants of the protocol between the servers, and that what
// is committed stays on the disks. It sees what is on the links and what is
// durable on the disks, at the moment a packet is sent, a batch is durable or the
// power fails, and never a field of a core. With one server its disk is the
// quorum, and what a client is shown is what is committed.
type ledger struct {
	w      *world
	quorum func(has func(*process) bool) bool
	views  map[*process]*logView
	txns   map[protocol.Zxid]*record

	chain   []logged // what is committed, in order
	in      []int64  // the epoch that each was committed in
	at      map[protocol.Zxid]int
	leaders map[int64]*process      // established, by epoch
	initial map[int64]protocol.Zxid // end of the history that NEWLEADER spoke for
	epochs  map[*process][2]int64   // highest durable acceptedEpoch and currentEpoch

	configs
	newest protocol.Zxid // the highest in any log
	// fuzzy: the disk has had a leader's snapshot, which was written while the
	// leader went on. Until its log reaches here the tree may be ahead of it.
	fuzzy map[*process]protocol.Zxid
}

func newLedger(w *world) *ledger {
	g := &ledger{w: w, views: map[*process]*logView{}, txns: map[protocol.Zxid]*record{}, at: map[protocol.Zxid]int{},
		leaders: map[int64]*process{}, initial: map[int64]protocol.Zxid{}, epochs: map[*process][2]int64{}, fuzzy: map[*process]protocol.Zxid{}}
	g.quorum = func(has func(*process) bool) bool { return has(w.processes[0]) }
	if w.ensemble != nil {
		g.quorum = func(has func(*process) bool) bool {
			return w.plan.Options.quorum(func(id int) bool { return has(w.processes[id-1]) })
		}
	}
	return g
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
	v := g.views[p]
	if v == nil || p.reread {
		p.reread = false
		v = &logView{}
		g.views[p] = v
	}
	v.refresh(p.mem, func(prev protocol.Zxid, e logged) {
		if v.installing && e.zxid <= v.snapshot {
			prev = -1
		}
		if p.spoilt && e.zxid != prev+1 && (prev < p.verified || p.verified == 0 || !follows(prev, e.zxid)) {
			prev = -1 // a record before may be one that this reader does not find
		}
		if prev >= 0 && !follows(prev, e.zxid) && prev != 0 {
			if e.zxid <= v.snapshot {
				prev = -1 // left of a purge
			} else {
				g.w.violated("I7 no holes", "%v: %v follows %v in its log", p, e.zxid, prev)
			}
		}
		g.newest = max(g.newest, e.zxid)
		r := g.txns[e.zxid]
		if g.w.ensemble != nil && g.leaders[e.zxid.Epoch()] == nil {
			g.w.violated("I2 integrity", "%v: the txn %v in its log is of an epoch that nobody was established in", p, e.zxid)
		}
		switch {
		case r == nil:
			g.txns[e.zxid] = &record{e.payload, prev}
		case !bytes.Equal(r.payload, e.payload):
			g.w.violated("I2 integrity", "%v: the txn %v in its log is another than elsewhere", p, e.zxid)
		case r.prev < 0:
			r.prev = prev
		case prev >= 0 && r.prev != prev:
			g.w.violated("I4 total order", "%v: %v follows %v in its log, and %v elsewhere", p, e.zxid, prev, r.prev)
		}
	})
	if p.spoilt {
		v.verified = p.verified
		return v
	}
	was, ok := g.epochs[p]
	now := [2]int64{v.accepted, v.current}
	if p.mayFallBack() && ok && now != was {
		ok, now[1] = false, min(now[1], max(now[0], 0)) // acceptedEpoch is written first
	}
	if ok && (now[0] < was[0] || now[1] < was[1]) || now[1] > max(now[0], 0) && now[0] >= 0 {
		g.w.violated("I8 epochs only rise", "%v: acceptedEpoch and currentEpoch on disk are %v after %v", p, now, was)
	}
	g.epochs[p] = now
	return v
}

// durable tells whether a quorum of voters has z on disk, in an epoch no
// earlier than epoch (−1: in any). Without is left out of it.
func (g *ledger) durable(z protocol.Zxid, epoch int64, without *process) bool {
	return g.decided(z, func(p *process) bool {
		if p == without {
			return false
		}
		v := g.view(p)
		if p.disk.lied() {
			return true // as far as it can know
		}
		return v.has(z) && (v.current >= epoch || p.spoilt || g.w.ensemble == nil)
	})
}

func (g *ledger) end() protocol.Zxid {
	if len(g.chain) == 0 {
		return 0
	}
	return g.chain[len(g.chain)-1].zxid
}

// endBefore is the last of the epochs before one that is committed, and was so in
// one of them: a leader that stood still may speak, and be established, when it
// has been replaced, and its successor has committed what it never had.
func (g *ledger) endBefore(epoch int64) protocol.Zxid {
	for i := len(g.chain) - 1; i >= 0; i-- {
		if z := g.chain[i].zxid; z.Epoch() < epoch && g.in[i] < epoch {
			return z
		}
	}
	return 0
}

// upTo is how many of the committed txns there are up to z.
func (g *ledger) upTo(z protocol.Zxid) int {
	n, found := slices.BinarySearchFunc(g.chain, z, func(e logged, z protocol.Zxid) int { return cmp.Compare(e.zxid, z) })
	return n + b2i(found)
}

// committed tells whether z is.
func (g *ledger) committed(z protocol.Zxid) bool {
	_, ok := g.at[z]
	return ok || z == 0
}

// commit takes z, and what is before it, for committed: by says why. A quorum
// must have it, and it must go on from what was committed before.
func (g *ledger) commit(z protocol.Zxid, epoch int64, by string) {
	if g.committed(z) || g.w.broken != nil {
		return
	}
	w := g.w
	if !g.durable(z, epoch, nil) {
		w.violated("I10 commit rule", "%s %v, which no quorum has on disk in epoch %d", by, z, epoch)
		return
	}
	var more []logged
	for x := z; x != g.end(); {
		if r := g.txns[x]; r != nil && r.prev < 0 && w.plan.Options.Damaged {
			for _, p := range w.processes {
				g.view(p) // one whose disk is whole may tell
			}
			if r.prev < 0 { // within an epoch zxids follow each other, and it begins with what its leader had
				r.prev = x - 1
				if initial, known := g.initial[x.Epoch()]; known && x.Counter() == 1 {
					r.prev = initial
				}
			}
		}
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
		g.chain, g.in = append(g.chain, more[i]), append(g.in, epoch)
		g.changed(more[i])
		w.judge.committed(more[i])
	}
}

// shown: a client was shown z by p.
func (g *ledger) shown(z protocol.Zxid, p *process) {
	if g.committed(z) {
		return
	}
	w := g.w
	if !g.durable(z, z.Epoch(), nil) {
		w.violated("D2 what was read stays", "%v showed a client %v, which no quorum has on disk", p, z)
		return
	}
	g.commit(z, z.Epoch(), p.String()+" showed a client")
}

// before an order is done at p: what it takes off the disk.
func (g *ledger) before(p *process, o zab.Order) {
	if o.Kind == zab.Truncate || o.Kind == zab.InstallSnapshot {
		p.verified = min(p.verified, o.Zxid)
	}
	if o.Kind == zab.InstallSnapshot {
		g.fuzzy[p] = math.MaxInt64
	}
	if o.Kind != zab.Truncate && o.Kind != zab.InstallSnapshot || p.spoilt {
		return
	}
	v := g.view(p)
	for i := len(g.chain) - 1; i >= 0 && g.chain[i].zxid > o.Zxid; i-- {
		if z := g.chain[i].zxid; v.has(z) {
			g.w.reached("committed txn leaves one disk")
			if !g.durable(z, z.Epoch(), p) {
				g.w.violated("I12 TRUNC safety", "%v: %v takes %v away, which is committed, and no quorum is left that has it", p, &o, z)
			}
			break
		}
	}
	g.w.reached("zab: " + o.Kind.String())
}

// look reads on what is durable at p.
func (g *ledger) look(p *process) {
	g.view(p)
	if g.fuzzy[p] == math.MaxInt64 {
		g.fuzzy[p] = g.newest // a leader's tree holds nothing that is in no log
	}
}

// restarted: the power has failed at p, or it has started again. What is
// committed is still on the disks of a quorum, and so is all before it: the logs
// are read anew after a power cut, and have one txn for each zxid.
func (g *ledger) restarted(p *process) {
	g.look(p)
	if z := g.end(); z > 0 && !g.durable(z, -1, nil) && !g.w.intact(z) {
		g.w.violated("D1 acknowledged writes survive", "%v was restarted, and no quorum has %v on disk any more, which is committed", p, z)
	}
}

// established: a quorum has acknowledged NEWLEADER, and the history it spoke
// for is committed.
func (g *ledger) established(leader *process, epoch int64) {
	w := g.w
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
	w.byRuleB(leader)
	w.tracef("%v is established in epoch %d with %v", leader, epoch, g.initial[epoch])
	if z, end := g.initial[epoch], g.endBefore(epoch); z < end {
		w.violated("I11 leader completeness", "%v leads epoch %d with a history to %v, and %v is committed", leader, epoch, z, end)
	} else {
		g.commit(z, epoch, leader.String()+" is established with")
	}
}
