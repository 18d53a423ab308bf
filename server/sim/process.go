package sim

import (
	"errors"
	"fmt"
	"math"
	"math/rand"
	"slices"
	"strings"

	"zookit/protocol"
	"zookit/protocol/quorum"
	"zookit/server/replica"
	"zookit/server/storage"
	"zookit/server/tree"
	"zookit/server/vfs"
)

const dataDir = "/data"

// process is a machine and the server on it. The machine outlives the runs of
// the server: mem is its disk.
type process struct {
	w   *world
	id  int
	mem *vfs.Mem

	wallOffset  int64 // ms; clock jumps
	clocks      []clockSetting
	pausedUntil int64
	heldUntil   int64    // not started before
	servedAt    int64    // when it last began or ceased to serve, or began to run
	held        []func() // what came while the process was paused
	slowDisk    int64    // until then, syncs take long
	cutNext     int      // for the disk of the next run
	cutNextOp   vfs.Op
	failNext    int
	failNextAs  failure
	fullUntil   int64 // until then nothing grows on the disk
	fullShort   bool  // of what would grow, what fits is written
	rate        int64 // ms that its clock goes in a second

	// Of one run of the server.
	run     int // counts the runs; events of an earlier one are void
	up      bool
	serving bool
	started int64
	disk    *disk
	rep     *replica.Replica
	store   *storage.Store
	conns   []*conn
	tasks   []task
	file    *quorum.View // the configuration that is kept in a file, of a changing ensemble
	awake   bool         // a wake is under way
	syncAt  int64        // when the last batch handed out goes to the disk
	tickAt  int64
	touched []*conn
	fibers  []*fiber
	jobs    []job // in the background, one at a time
	running bool

	seat *seat // nil of a server alone

	// Of a damaged disk (damage.go): spoilt until it is whole again, which it is
	// when the server serves next if it is cured; reread for the checkers.
	spoilt, cured, reread bool

	dialed   int // of an observer: the server it dialed last, by index; see master
	verified protocol.Zxid

	final *tree.Tree // as read from its disk when all was over
}

// task is a request for Propose, or a call with the replica in hand.
type task struct {
	request *replica.Request
	call    func(replica.Now)
}

// clockSetting is the offset of a wall clock from some time on.
type clockSetting struct{ from, offset int64 } // µs, ms

func (p *process) setClock(offset int64) {
	p.wallOffset = offset
	p.clocks = append(p.clocks, clockSetting{p.w.now, offset})
}

func (p *process) clock() replica.Now {
	return replica.Now{
		MonoMs: (p.w.now - p.started) * p.rate / second,
		WallMs: wallStart + p.w.now*p.rate/second + p.wallOffset,
	}
}

// do lets this run of the server do something after a delay. While the process
// is paused, everything waits, in order.
func (p *process) do(delay int64, f func()) {
	run := p.run
	p.w.after(delay, func() { p.perform(run, f) })
}

func (p *process) perform(run int, f func()) {
	switch {
	case p.run != run || !p.up:
	case p.w.now < p.pausedUntil:
		p.held = append(p.held, func() { p.perform(run, f) })
	default:
		f()
	}
}

// pause stops the process for a time, as SIGSTOP or a sleeping host does.
func (p *process) pause(d int64) {
	p.pausedUntil = max(p.pausedUntil, p.w.now+d)
	p.w.at(p.pausedUntil, p.resume)
}

func (p *process) resume() {
	if p.w.now < p.pausedUntil {
		return
	}
	held := p.held
	p.held = nil
	for _, f := range held {
		f()
	}
}

func (p *process) replicaConfig() replica.Config {
	o := &p.w.plan.Options
	c := replica.Config{
		ServerID: int64(p.id), TickMs: o.TickMs,
		Tree: tree.Options{
			Extended: true, Digest: o.Digest, HashKey: [2]uint64{p.w.plan.Seed, 1}, SnapshotNodes: o.SnapshotNodes,
			BetweenChunks: func() {
				if p.disk.yield != nil && !p.disk.calm {
					p.disk.yield()
				}
			},
		},
		CloseSessionTxn: !o.BareCloseSession,
		MaxTxnBytes:     2 * protocol.DefaultMaxBuffer,
		SnapCount:       o.SnapCount,
		MaxBatchRecords: o.MaxBatch,
		// Often, so that a short run sees it.
		ContainerCheckMs: 3000,
		Seed:             p.w.plan.Seed + uint64(p.id) - 1,
	}
	if p.seat != nil {
		c.Ensemble = p.seat.config()
	}
	if o.Changing {
		p.changing(&c)
	}
	return c
}

// boot starts the server on what is on the disk.
func (p *process) boot() {
	w := p.w
	if p.up || w.now < p.heldUntil {
		return
	}
	p.run++
	p.up, p.serving, p.awake, p.running = true, false, false, false
	p.started, p.servedAt = w.now, w.now
	p.disk = &disk{mem: p.mem, w: w, machine: p, cutIn: p.cutNext, cutOp: p.cutNextOp, failIn: p.failNext, fail: p.failNextAs}
	p.cutNext, p.failNext = 0, 0
	p.seat = nil
	if w.ensemble != nil {
		p.seat = w.ensemble.seat(p)
	}
	before := p.noted()
	got, err := p.recover()
	switch {
	case p.disk.dead:
		p.powerCut()
		return
	case err != nil && p.disk.failed:
		w.tracef("s%d cannot start: %v", p.id, err)
		p.exit()
		return
	case err == nil && p.judgedDamaged(before) && !p.spoilt:
		w.violated("D4 recovery never refuses", "s%d: after nothing but power cuts and kills the server goes into quarantine: %s", p.id, p.store.Quarantined().Why)
		return
	case err != nil:
		w.violated("D4 recovery never refuses", "s%d: after nothing but power cuts and kills the server refuses to start: %v", p.id, err)
		return
	}
	if got.SnapshotZxid > 0 && got.Txns > 0 {
		w.reached("recovery from a snapshot and a log")
	}
	if p.run > 1 {
		w.reached("recovery")
	}
	w.tracef("s%d up: zxid %v, snapshot %v, %d txns replayed", p.id, got.LastZxid, got.SnapshotZxid, got.Txns)
	p.tickAt = math.MaxInt64
	if p.seat == nil || got.Txns > 0 || got.SnapshotZxid != got.LastZxid || w.ledger.fuzzy[p] > got.LastZxid {
		w.judge.found(w.judge.recovered(p, p.rep.State().Tree()))
	}
	if p.spoilt {
		p.startedSpoilt()
	}
	w.ledger.restarted(p)
	if _, err := readLogs(p.mem); err != nil && !p.spoilt {
		w.violated("I7 no holes", "%v: %v", p, err)
		return
	}
	if p.seat != nil {
		p.do(w.between(millisecond, 100*millisecond), p.pump)
		return
	}
	p.do(w.between(millisecond, 100*millisecond), func() {
		p.serving = true
		p.setTimer()
	})
}

// recover opens the data directory, as server.Server does.
func (p *process) recover() (got storage.Recovered, err error) {
	if p.rep, err = replica.New(p.replicaConfig()); err != nil {
		return got, err
	}
	o := &p.w.plan.Options
	if p.store, err = storage.Open(storage.Config{
		FS: p.disk, DataDir: dataDir, PreAllocSizeKB: o.PreAllocKB, TxnLogSizeLimitKB: o.LogLimitKB, NoDigest: !o.Digest,
	}); err != nil {
		return got, err
	}
	if p.seat != nil {
		p.seat.disk.Store = p.store
	}
	return p.rep.Recover(p.store, p.clock)
}

// submit hands work to the pipeline, which wakes soon.
func (p *process) submit(t task) {
	p.tasks = append(p.tasks, t)
	p.wake()
}

func (p *process) wake() {
	if p.awake {
		return
	}
	p.awake = true
	p.do(p.w.between(0, 300), func() {
		p.awake = false
		p.pump()
	})
}

// pump is one round of the pipeline.
func (p *process) pump() {
	now := p.clock()
	if p.seat != nil {
		p.seat.step(now)
	}
	for len(p.tasks) > 0 && p.rep.Accepting() {
		t := p.tasks[0]
		p.tasks = p.tasks[1:]
		if t.call != nil {
			t.call(now)
		} else {
			p.rep.Propose(now, t.request)
		}
	}
	p.handOut()
	p.flush()
	p.setTimer()
}

// handOut gives the disk the next batch.
func (p *process) handOut() {
	rd := p.rep.Ready()
	if p.broken() {
		if p.up {
			p.failed(p.rep.Err())
		}
		return
	}
	for _, n := range rd.Notes {
		p.w.tracef("s%d %s %v %s", p.id, n.Text, n.Session, n.Path)
		if strings.Contains(n.Text, "local session") {
			p.w.reached(n.Text)
		}
		if strings.HasPrefix(n.Text, "the tree differs") {
			p.w.violated("I14 determinism", "%v: %s", p, n.Text)
		}
	}
	if rd.Snapshot != nil {
		zxid, src := rd.SnapshotZxid, rd.Snapshot
		p.background(job{
			run: func(*fiber) error { return p.store.Snapshot(zxid, src) },
			done: func(err error) {
				p.w.tracef("s%d snapshot %v: %v", p.id, zxid, err)
				p.w.reached("snapshot while serving")
				if err == nil && p.rep.State().Zxid() > zxid {
					p.w.reached("fuzzy snapshot")
				}
				p.rep.SnapshotDone(err)
				p.wake()
			},
		})
	}
	if p.seat != nil {
		rd.CarryOut(p.seat)
		if role := &p.seat.role; role.Serving && role.State == quorum.Leading {
			p.w.ledger.established(p, role.Epoch) // who would be sent UPTODATE may just have gone
		}
		return
	}
	if !rd.Roll && len(rd.Append) == 0 {
		return
	}
	p.syncAt = max(p.w.now+p.w.between(0, 200), p.syncAt+1) // one after the other
	p.do(p.syncAt-p.w.now, func() { p.sync(rd.Roll, rd.Append) })
}

// sync appends one batch. It is one step of the world: nothing else happens
// between its effects, except that the power may fail before each.
func (p *process) sync(roll bool, batch []storage.Entry) {
	var err error
	if roll {
		p.w.reached("log rolled")
		err = p.store.Roll()
	}
	if err == nil && len(batch) > 0 {
		err = p.store.Append(batch)
	}
	if p.disk.dead {
		p.powerCut()
		return
	}
	if err != nil {
		p.failed(err)
		return
	}
	took := p.w.between(50, 3*millisecond)
	if p.w.now < p.slowDisk {
		took += p.w.between(0, 2*second)
	}
	p.do(took, func() {
		if len(batch) > 0 {
			last := batch[len(batch)-1].Zxid
			p.w.tracef("s%d synced up to %v", p.id, last)
			p.w.ledger.look(p)
			p.rep.Persisted(p.clock(), last)
			if p.broken() {
				return
			}
		}
		p.pump()
	})
}

// flush sends what commits have put on the connections.
func (p *process) flush() {
	for _, c := range p.touched {
		c.touched = false
		c.flush()
	}
	p.touched = p.touched[:0]
}

// dropClients closes the connections of clients when the server serves no
// longer.
func (p *process) dropClients() {
	for _, c := range slices.Clone(p.conns) {
		c.close()
	}
}

func (p *process) touch(c *conn) {
	if !c.touched {
		c.touched = true
		p.touched = append(p.touched, c)
	}
}

func (p *process) setTimer() {
	at := p.rep.Deadline()
	if at == p.tickAt || at == math.MaxInt64 {
		return
	}
	p.tickAt = at
	p.do(p.started+(at*second+p.rate-1)/p.rate-p.w.now, func() {
		if p.tickAt != at {
			return
		}
		p.tickAt = math.MaxInt64
		p.rep.Tick(p.clock())
		p.pump()
	})
}

// broken tells of an error of the replica: without a failed disk it is a
// broken invariant of the product's own.
func (p *process) broken() bool {
	err := p.rep.Err()
	if errors.Is(err, replica.ErrInvariant) {
		p.w.violated("assertions hold", "s%d: %v", p.id, err)
	}
	return err != nil
}

// failed is the final failed state of package server, after which zkserver
// exits.
func (p *process) failed(err error) {
	p.w.tracef("s%d failed: %v", p.id, err)
	if !p.disk.failed && p.spoilt && errors.Is(err, storage.ErrCorrupt) {
		p.w.reached("damage met by a running server") // which goes into quarantine with its next start
	} else if !p.disk.failed {
		p.w.violated("assertions hold", "s%d: the log cannot be written though the disk is well: %v", p.id, err)
		return
	}
	p.rep.Failed(err)
	_ = p.store.Close()
	p.exit()
}

// exit ends the process; what it wrote stays in the page cache. It is started
// again later.
func (p *process) exit() { p.end(false) }

func (p *process) end(unplugged bool) {
	w := p.w
	if !p.up {
		return
	}
	w.tracef("s%d exits", p.id)
	p.up, p.serving = false, false
	p.disk.release()
	p.stopFibers()
	if p.seat != nil {
		p.seat.gone(unplugged)
	}
	conns := p.conns
	p.conns, p.tasks, p.touched = nil, nil, nil
	for _, c := range conns {
		c.closed = true
		if unplugged {
			c.link.die()
		} else {
			c.link.cut()
		}
	}
	if !w.plan.Options.Script {
		w.after(w.between(50*millisecond, 2*second), p.boot)
	}
}

// powerCut takes the machine down, and with it what was not synced.
func (p *process) powerCut() {
	if p.disk.lied() {
		p.exit()
		return
	}
	p.w.tracef("s%d power cut", p.id)
	p.w.reached("power cut")
	p.mem = p.mem.Crash(rand.New(rand.NewSource(p.w.rng.Int64())))
	p.w.ledger.restarted(p)
	p.end(true)
}

// stop ends the server as an operator does.
func (p *process) stop() {
	if !p.up || !p.serving {
		return
	}
	p.w.tracef("s%d is stopped", p.id)
	if err := p.store.Close(); err != nil && !p.disk.failed && !p.disk.dead {
		p.w.violated("assertions hold", "s%d: close: %v", p.id, err)
	}
	if p.disk.dead {
		p.powerCut()
		return
	}
	p.exit()
}

// purge removes old snapshots and logs.
func (p *process) purge() {
	if !p.serving {
		return
	}
	p.background(job{
		run: func(*fiber) error { return p.store.Purge(1) },
		done: func(err error) {
			p.w.tracef("s%d purge: %v", p.id, err)
			p.w.reached("purge")
		},
	})
}

// mayFallBack tells that this is an observer that has had no leader for initLimit:
// nobody counts on the epochs it has accepted, and an earlier one that leads takes it
// back. It goes by its own clock.
func (p *process) mayFallBack() bool {
	o := &p.w.plan.Options
	limit := int64(initLimit) * int64(o.TickMs) * second / p.rate
	return p.id > o.Voters && o.Voters > 0 && (o.Changing || p.w.now-p.servedAt >= limit)
}

func (p *process) String() string { return fmt.Sprintf("s%d", p.id) }
