package sim

import (
	"errors"
	"math/rand"
	"os"
	"path/filepath"
	"slices"

	"zookit/protocol"
	"zookit/server/vfs"
)

// Disks that do what a power cut does not: bits that flip, at rest and under a
// running server; disks that were emptied, put back from an old image, or
// exchanged; writes that are lost, or go elsewhere, though the disk reports them
// as done.
//
// A disk is spoilt from then on until its server has been given all of its
// history anew. What is demanded is that nothing acknowledged is lost while one
// intact copy can be reached, and that nobody else is hindered:
//
//   - damage that can be told from what a crash leaves may meet all disks but one
//     that has all that is on it (with a txn that only damaged disks are known to
//     have held, nobody can say whether it was acknowledged: that is refused);
//   - so may that a disk is emptied, while those that are empty make no quorum: they
//     would be a new ensemble;
//   - damage that cannot be told (an old image; a bit in the last batch, when a power
//     cut takes the witness's last word) meets a disk only while a quorum of others
//     has all that is on it.
type damageKind int

const (
	damageRot        damageKind = iota // the server is stopped, a bit flips, it starts
	damageRotRunning                   // a bit flips, and the server goes on
	damageWipe
	damageImage // an image is taken, and put back after Length
	damageSwap  // with the disk of Peer
	damageLost  // the Nth write from now is lost, and the server dies soon
	damageStray // it goes to another place in the file, where something else is
	damages
)

var damageNames = [damages]string{"bit flip at rest", "bit flip while running", "wiped disk", "stale disk", "swapped disks", "lost write", "misdirected write"}

func (k damageKind) String() string { return damageNames[k] }

// NewDamagePlan draws the plan of a seed for an ensemble whose disks are damaged.
func NewDamagePlan(seed uint64) *Plan {
	p := NewEnsemblePlan(seed)
	g := newGenerator(seed, 0x55)
	p.Options.Damaged, p.Options.Hung, p.Options.Flips = true, 0, 0
	if g.IntN(2) == 0 { // calm but for the damage
		kept := p.Actions[:0]
		for _, a := range p.Actions {
			if a.Kind <= DoMove || a.Kind == FaultKill || a.Kind == FaultStop {
				kept = append(kept, a)
			}
		}
		p.Actions = kept
	}
	var list []Action
	for range 1 + g.IntN(6) {
		list = append(list, Action{Kind: FaultDamage, At: g.Int64N(p.Heal), Server: g.IntN(p.Options.Processes),
			Peer: g.IntN(p.Options.Voters), Damage: damageKind(g.IntN(int(damages))), N: 1 + g.IntN(12), Length: g.Int64N(4 * second),
			Leader: g.IntN(3) == 0})
	}
	p.Actions = append(p.Actions, list...)
	sortActions(p.Actions)
	return p
}

// errQuarantined stands for a server that starts and takes no part.
var errQuarantined = errors.New("in quarantine")

// noted tells that the disk says of itself that it is in quarantine.
func (p *process) noted() bool {
	_, err := p.mem.Stat(filepath.Join(dataDir, "version-2", "zookit.quarantine"))
	return err == nil
}

// judgedDamaged tells that the start that has just ended found damage; before is
// whether the disk was in quarantine already.
func (p *process) judgedDamaged(before bool) bool {
	return !before && p.store.Quarantined() != nil
}

// votersBeside tells that every voter but one has a vote: one that stands still
// beside one that has lost its data, or never had any, is one too many of three.
func (w *world) votersBeside(hung int) bool {
	for _, p := range w.processes[:w.plan.Options.Voters] {
		if p.id != hung && (p.noted() || w.ledger.view(p).current <= 0) {
			w.reached("a hung voter beside one in quarantine")
			return false
		}
	}
	return true
}

// sound tells that a voter's disk has never been damaged, or is whole again, and
// holds everything up to z.
func (w *world) sound(p *process, z protocol.Zxid) bool {
	return p.id <= w.plan.Options.Voters && !p.spoilt && !p.noted() && w.ledger.view(p).current > 0 && w.ledger.view(p).has(z)
}

// intact tells that a disk that may be damaged by the plan has left one that was
// not, with everything up to z.
func (w *world) intact(z protocol.Zxid) bool {
	return w.blackout.holds(z) || w.plan.Options.Damaged && slices.ContainsFunc(w.processes, func(p *process) bool { return w.sound(p, z) })
}

// anySpoilt tells that damage is left on some disk. What comes to light of it when
// all is started anew may change the leader, and these clients do not ask twice.
func (w *world) anySpoilt() bool {
	return slices.ContainsFunc(w.processes, func(p *process) bool { return p.spoilt })
}

// empty tells that a disk holds nothing, and does not say that it should.
func (w *world) empty(p *process) bool {
	return !p.noted() && w.ledger.view(p).current <= 0
}

// bearable tells that the disk of p may be damaged now; see above. sure is for
// damage that can always be told.
func (w *world) bearable(p *process, sure bool) bool {
	z := w.ledger.end()
	if z == 0 {
		return false // nothing to lose
	}
	if p.id > w.plan.Options.Voters {
		return true
	}
	z = max(z, w.ledger.view(p).last())
	if slices.ContainsFunc(w.processes, func(o *process) bool { return o.up && o.disk.lied() }) {
		return false // what it still logs, alone, would be on a damaged disk only
	}
	if sure {
		for _, o := range w.processes {
			if o != p && w.plan.Options.weight(o.id) > 0 && w.sound(o, z) { // one without a weight leads nobody
				return true
			}
		}
		return false
	}
	return w.ledger.quorum(func(o *process) bool { return o != p && w.sound(o, z) })
}

// spoil notes that the disk is not what was written to it. healed: once the server
// serves, it is; else only a quarantine makes it so.
func (p *process) spoil(kind damageKind, healed bool) {
	p.w.tracef("%v: %v", p, kind)
	p.w.reached("damage: " + kind.String())
	p.spoilt, p.cured, p.reread = true, healed, !p.up
	if !p.up {
		p.verified = 0
	}
	delete(p.w.ledger.epochs, p)
}

// startedSpoilt follows a start, and the comparison of what was read: one in
// quarantine is given everything anew.
func (p *process) startedSpoilt() {
	p.reread, p.verified = true, p.rep.State().Zxid()
	if p.store.Quarantined() != nil {
		p.cured = true
		p.w.reached("start in quarantine")
	}
}

// servesAgain follows when a server serves.
func (p *process) servesAgain() {
	if p.spoilt && p.cured {
		p.w.tracef("%v is whole again", p)
		p.w.reached("spoilt disk whole again")
		p.spoilt, p.cured, p.reread, p.verified = false, false, true, 0
		delete(p.w.ledger.epochs, p)
	}
}

// damage is a fault of a disk.
func (p *process) damage(a *Action) {
	w := p.w
	switch a.Damage {
	case damageRot:
		if !p.up || !p.serving || !w.bearable(p, true) {
			return
		}
		p.stop()
		if !p.up {
			p.rot(a.Damage)
		}
	case damageRotRunning:
		if w.bearable(p, false) {
			p.rot(a.Damage)
		}
	case damageWipe:
		if w.bearable(p, true) && !w.ledger.quorum(func(o *process) bool { return o == p || w.empty(o) }) {
			p.exit()
			p.mem = vfs.NewTrackedMem()
			p.spoil(a.Damage, true)
		}
	case damageImage:
		image := p.mem.Crash(rand.New(rand.NewSource(w.rng.Int64())))
		run := p.spoilt || p.noted()
		w.after(a.Length, func() {
			if run || p.spoilt || !w.bearable(p, false) {
				return
			}
			p.exit()
			p.mem = image
			p.spoil(a.Damage, true)
		})
	case damageSwap:
		o := w.processes[a.Peer]
		if o == p || p.spoilt || o.spoilt || p.id > w.plan.Options.Voters || !w.bearable(p, false) || !w.bearable(o, false) {
			return
		}
		p.exit()
		o.exit()
		p.mem, o.mem = o.mem, p.mem
		p.spoil(a.Damage, true)
		o.spoil(a.Damage, true)
	case damageLost, damageStray:
		if p.up && w.bearable(p, false) {
			p.disk.lie = &lie{in: a.N, stray: a.Damage == damageStray, told: func() {
				p.spoil(a.Damage, false)
				run := p.run
				w.after(w.between(0, 200*millisecond), func() {
					if p.run == run {
						p.exit()
					}
				})
			}}
		}
	}
}

// rot flips a bit of a file that the server keeps.
func (p *process) rot(kind damageKind) {
	dir := filepath.Join(dataDir, "version-2")
	entries, err := p.mem.ReadDir(dir)
	if err != nil {
		return
	}
	var names []string
	for _, e := range entries {
		if info, err := e.Info(); err == nil && !e.IsDir() && info.Size() > 0 && e.Name() != "zookit.lock" {
			names = append(names, e.Name())
		}
	}
	if len(names) == 0 {
		return
	}
	name := names[p.w.rng.IntN(len(names))]
	info, err := p.mem.Stat(filepath.Join(dir, name))
	if err == nil {
		p.flipIn(kind, name, info.Size())
	}
}

// flipIn flips a bit in the first size bytes of a file.
func (p *process) flipIn(kind damageKind, name string, size int64) {
	f, err := p.mem.Open(filepath.Join(dataDir, "version-2", name), os.O_RDWR, 0)
	if err != nil {
		return
	}
	defer f.Close()
	bit := p.w.rng.Int64N(8 * size)
	var b [1]byte
	_, _ = f.ReadAt(b[:], bit/8)
	b[0] ^= 1 << (bit % 8)
	_, _ = f.WriteAt(b[:], bit/8)
	_ = f.Sync()
	p.w.tracef("%v: bit %d of %s flips", p, bit, name)
	p.spoil(kind, false)
}

// lie makes a disk report one write as done that was not, or was done elsewhere.
// The server dies soon after: while it runs it reads nothing of that.
type lie struct {
	in    int
	stray bool
	told  func()
}

// lies is true when this write is the one.
func (d *disk) lies(f *diskFile, b []byte, off int64) bool {
	if d.lie == nil || d.dead || d.lie.in == 0 {
		return false
	}
	if d.lie.in--; d.lie.in > 0 {
		return false
	}
	if d.lie.stray {
		_, _ = f.File.WriteAt(b, off/2)
	}
	d.w.tracef("the write of %d bytes at %d of %s is lost", len(b), off, filepath.Base(f.Name()))
	d.lie.told()
	return true
}

// lied tells that the process is about to die of a lie; its page cache must
// survive it, for that has the witness.
func (d *disk) lied() bool { return d != nil && d.lie != nil && d.lie.in == 0 }
