package sim

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"

	"zookit/protocol"
	"zookit/protocol/quorum"
	"zookit/server/vfs"
)

// In the runs of this file the whole ensemble goes down at once, as when a rack
// loses its power, disks are damaged meanwhile, and the servers come back in any
// order, some of them seconds late. Before that a few voters were away, so that
// their history is whole and not up to date. Which parts there are is drawn: who
// was away, whose disk is damaged and how, who comes late. So there are runs in
// which
//
//   - too few voters have a vote, and those in quarantine must cast theirs, once
//     all are heard (package election, rule of Look.CastWhenAll);
//   - no disk is left that has everything: nobody may lead until one is repaired;
//   - the only disks that have everything come late, behind stale and damaged ones.
//
// Damage is of the kinds that can be told: the servers are stopped in order, and a
// bit flips in what they have written, or a disk is emptied. The emptied ones are
// no quorum, which would be a new ensemble.
type outage struct {
	away   []int   // ids of voters that are down for lag before
	lag    int64   // µs
	turn   bool    // the leader is among them, so that another epoch begins without them
	spoilt []int   // ids of voters whose disk is damaged
	wiped  []bool  // of these: emptied; else a bit flips
	hard   []bool  // of each process: it ends by a power cut; of those that are not damaged
	starts []int64 // of each process: µs from the outage to its start
	repair int64   // µs until a disk is repaired, if nobody could lead without
}

// outageTime is how long an outage and what follows may take, µs.
const outageTime = 12 * second

// NewOutagePlan draws the plan of a seed for an ensemble that goes down as a
// whole, with damaged disks.
func NewOutagePlan(seed uint64) *Plan {
	p := NewEnsemblePlan(seed)
	g := newGenerator(seed, 0x57)
	o := &p.Options
	o.Damaged, o.Hung, o.Flips = true, 0, 0
	if g.IntN(2) == 0 { // calm but for the outage
		p.Actions = slices.DeleteFunc(p.Actions, func(a Action) bool { return a.Kind > DoMove })
	}
	at := 2*second + g.Int64N(4*second)
	p.Heal = max(p.Heal, at+outageTime)
	a := Action{Kind: DoOutage, At: at, Outage: g.outage(o)}
	p.Actions = append(p.Actions, a)
	for range 5 + g.IntN(20) { // so that who is away misses something, and the return has work
		u := Action{At: at - a.Outage.lag + g.Int64N(a.Outage.lag+outageTime/2), Client: g.IntN(o.Clients), Kind: DoRequest,
			Op: protocol.OpCreate, Path: g.path(), Flags: protocol.FlagSequential, Size: g.IntN(20)}
		p.Actions = append(p.Actions, u)
	}
	for range g.IntN(6) { // the return is disturbed
		f := g.fault(p)
		f.At = at + g.Int64N(outageTime/2)
		p.Actions = append(p.Actions, f)
	}
	sortActions(p.Actions)
	return p
}

// outage draws who was away, who is damaged, and when everybody comes back. Those
// that were not away are a quorum, for they went on; those that are neither
// damaged nor were away may be none.
func (g *generator) outage(o *Options) *outage {
	for {
		x := &outage{lag: 200*millisecond + g.Int64N(1500*millisecond), turn: g.IntN(3) == 0, repair: outageTime/2 + g.Int64N(outageTime/4)}
		if x.turn {
			x.lag = 200*millisecond + g.Int64N(300*millisecond) // nobody may have written in that epoch
		}
		away, spoilt, emptied := map[int]bool{}, map[int]bool{}, map[int]bool{}
		for _, i := range g.Perm(o.Voters) {
			switch id := i + 1; g.IntN(3) {
			case 0:
				x.away, away[id] = append(x.away, id), true
			case 1:
				emptied[id] = g.IntN(3) == 0
				x.spoilt, spoilt[id] = append(x.spoilt, id), true
				x.wiped = append(x.wiped, emptied[id])
			}
		}
		if len(spoilt) == 0 || !o.quorum(func(id int) bool { return !away[id] }) || o.quorum(func(id int) bool { return emptied[id] }) ||
			g.IntN(4) > 0 && o.quorum(func(id int) bool { return !away[id] && !spoilt[id] }) {
			continue
		}
		late := g.IntN(3) // nobody, those that have everything, anybody
		for i := range o.Processes {
			x.hard = append(x.hard, g.IntN(2) == 0)
			t := g.Int64N(400 * millisecond)
			if late == 2 && g.IntN(3) == 0 || late == 1 && !away[i+1] && !spoilt[i+1] {
				t += g.Int64N(4 * second)
			}
			x.starts = append(x.starts, t)
		}
		return x
	}
}

// blackout is what a world knows of its outage.
type blackout struct {
	led  int           // the id of who led before it
	last protocol.Zxid // the end of the longest history on any voter's disk
	// A damaged disk as it was, while all disks that have everything are damaged:
	// whose, and what was on it.
	whose *process
	kept  *vfs.Mem
	since int // leaders that had been established before
}

// begin takes down those that were away, when all servers are well; else it tries
// again a little later.
func (x *outage) begin(w *world) {
	if w.now > w.plan.Heal-outageTime/2 {
		return
	}
	well := w.ledger.end() > 0 && w.ensemble.led()
	for _, p := range w.processes {
		well = well && p.up && p.serving && !p.spoilt && !p.noted()
	}
	if !well {
		w.after(200*millisecond, func() { x.begin(w) })
		return
	}
	if x.turn {
		x = x.withLeaderAway(w)
	}
	for _, id := range x.away {
		p := w.processes[id-1]
		p.heldUntil = w.now + x.lag + x.starts[id-1]
		p.exit()
	}
	w.after(x.lag, func() { x.strike(w) })
}

// withLeaderAway gives the part of the first that goes to the leader, where all voters
// are worth the same.
func (x *outage) withLeaderAway(w *world) *outage {
	leads := func(id int) bool { return w.processes[id-1].seat.role.State == quorum.Leading }
	if len(x.away) == 0 || w.plan.Options.Groups != nil || slices.ContainsFunc(x.away, leads) {
		return x
	}
	y := *x
	y.away, y.spoilt = slices.Clone(x.away), slices.Clone(x.spoilt)
	for _, p := range w.processes[:w.plan.Options.Voters] {
		if leads(p.id) {
			if i := slices.Index(y.spoilt, p.id); i >= 0 {
				y.spoilt[i] = y.away[0]
			}
			y.away[0] = p.id
		}
	}
	return &y
}

// strike takes everybody down and damages disks. Each server starts when it is
// told to.
func (x *outage) strike(w *world) {
	w.tracef("* everything goes down")
	for _, p := range w.processes {
		if p.up && p.serving && p.seat.role.State == quorum.Leading {
			w.blackout.led = p.id
		}
	}
	inOrder := map[*process]bool{}
	for i, p := range w.processes {
		p.heldUntil = w.now + x.starts[i]
		w.at(p.heldUntil, p.boot)
		switch {
		case !p.up:
		case p.serving && slices.Contains(x.spoilt, p.id):
			mem := p.mem
			p.stop()
			inOrder[p] = p.mem == mem && !p.disk.failed // else its witness may not know the last batch
		case x.hard[i]:
			p.powerCut()
		default:
			p.exit()
		}
	}
	b := &w.blackout
	b.since = len(w.ledger.leaders)
	for _, p := range w.processes[:w.plan.Options.Voters] {
		b.last = max(b.last, w.ledger.end(), w.ledger.view(p).last())
	}
	has := func(p *process) bool { return w.plan.Options.weight(p.id) > 0 && w.sound(p, b.last) }
	var best *process
	var image *vfs.Mem
	for i, id := range x.spoilt {
		p := w.processes[id-1]
		if !inOrder[p] || w.broken != nil {
			continue
		}
		if best == nil && has(p) {
			best, image = p, p.mem.Crash(nil)
		}
		if x.wiped[i] {
			p.mem = vfs.NewTrackedMem()
			p.spoil(damageWipe, true)
		} else {
			p.rotUsed()
		}
	}
	voters := w.processes[:w.plan.Options.Voters]
	switch {
	case !slices.ContainsFunc(voters, func(p *process) bool { return p.spoilt }):
		w.reached("outage: no disk was damaged")
	case !slices.ContainsFunc(voters, has):
		w.reached("outage: no disk is left that has everything")
		b.whose, b.kept = best, image
		w.after(x.repair, w.repair)
	case !w.ledger.quorum(func(p *process) bool { return !p.spoilt }):
		w.reached("outage: the undamaged ones are no quorum")
	default:
		w.reached("outage: the undamaged ones are a quorum")
	}
}

// repair puts a damaged disk back as it was, if nobody could lead without.
func (w *world) repair() {
	b := &w.blackout
	p, mem := b.whose, b.kept
	b.whose, b.kept = nil, nil
	if p == nil || w.broken != nil {
		return
	}
	if len(w.ledger.leaders) > b.since { // the bit that flipped has done no harm
		w.reached("outage: somebody leads before a disk is repaired")
		return
	}
	w.reached("outage: nobody leads until a disk is repaired")
	w.tracef("* the disk of %v is repaired", p)
	p.exit()
	p.mem = mem
	p.spoilt, p.cured, p.reread, p.verified = false, false, true, 0
	delete(w.ledger.epochs, p)
	p.heldUntil = 0
	w.after(w.between(0, second), p.boot)
}

// holds tells that the disk that is put back later has everything up to z.
func (b *blackout) holds(z protocol.Zxid) bool { return b.kept != nil && z <= b.last }

// end ends what is left of an outage with the faults.
func (b *blackout) end(w *world) {
	w.repair()
	for _, p := range w.processes {
		if p.heldUntil > w.now {
			p.heldUntil = 0
			w.after(0, p.boot)
		}
	}
}

// rotUsed flips a bit in a file that the server keeps, of what is in use of it: a
// log ends in zeros.
func (p *process) rotUsed() {
	dir := filepath.Join(dataDir, "version-2")
	entries, err := p.mem.ReadDir(dir)
	if err != nil {
		return
	}
	type used struct {
		name string
		size int64
	}
	var files []used
	for _, e := range entries {
		b, err := readFile(p.mem, filepath.Join(dir, e.Name()))
		if b = bytes.TrimRight(b, "\x00"); err == nil && len(b) > 0 && e.Name() != "zookit.lock" {
			files = append(files, used{e.Name(), int64(len(b))})
		}
	}
	if len(files) > 0 {
		f := files[p.w.rng.IntN(len(files))]
		p.flipIn(damageRot, f.name, f.size)
	}
}

// byRuleB counts a leader that some voted for from quarantine, and what it was in
// the outage before.
func (w *world) byRuleB(leader *process) {
	cast := func(p *process) bool {
		return p.up && p.seat != nil && p.seat.cast == leader.id && p.seat.role.Leader == int64(leader.id) && p.seat.role.State == quorum.Following
	}
	if !slices.ContainsFunc(w.processes, cast) {
		return
	}
	w.reached("leader with votes from quarantine")
	if w.blackout.led == 0 {
		return
	}
	part := "a follower"
	if w.blackout.led == leader.id {
		part = "the leader"
	}
	w.reached(fmt.Sprintf("leader with votes from quarantine: s%d of %d, %s before", leader.id, w.plan.Options.Voters, part))
}
