package replica

import (
	"bytes"
	"container/heap"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"zookit/protocol"
	"zookit/protocol/jute"
	"zookit/protocol/quorum"
	"zookit/protocol/txn"
	"zookit/server/election"
	"zookit/server/storage"
	"zookit/server/tree"
	"zookit/server/zab"
)

// cluster is an ensemble of replicas in virtual time. It is their driver:
// messages arrive after a while and in order, disks answer after a while. The
// seed decides how long.
type cluster struct {
	t        *testing.T
	rng      *rand.Rand
	now      Now
	nodes    []*node // by sid−1
	verifier *quorum.Verifier
	text     []byte
	cfg      Config
	change   func(*Ensemble)            // what differs from the usual
	master   func(observer *node) int64 // whom an observer connects to; nil: the leader

	agenda   agenda
	seq      int
	nextConn zab.Conn
	cutOff   map[int64]bool // servers that no message reaches or leaves
	untold   bool           // nobody is told so: connections stand
	clients  []*client

	digests map[protocol.Zxid]uint64 // of the tree at each zxid, from whoever was there first
	notes   []string
	trace   []string
}

// node is one server: what is on its disk outlives what runs.
type node struct {
	c        *cluster
	sid      int64
	observer bool
	disk     disk

	quarantined bool  // with the next start
	astray      bool  // the test has changed its tree
	snapMs      int64 // how long a snapshot may take to write
	snapping    bool  // one is being written
	unended     int   // connections of clients that the replica left to the driver

	r      *Replica // nil while it is down
	life   int      // what was begun in an earlier one is void
	role   Role
	tickAt int64
	up     *link              // to the leader, while learning
	down   map[zab.Conn]*link // to the learners, while leading
	conns  []*connection      // of clients
	busy   bool               // in pump
	stall  int64              // the disk answers no earlier
	queue  []func(r *Replica) // what came meanwhile
}

// disk is what survives a crash.
type disk struct {
	snaps             []snap // ascending
	log               []zab.Entry
	start             protocol.Zxid // the position right before the log
	accepted, current int64
	stubborn          bool // cannot be truncated
}

type snap struct {
	zxid   protocol.Zxid
	stream []byte
}

// link is a connection between a learner and its leader.
type link struct {
	leader, learner *node
	lives           [2]int
	conn            zab.Conn // the leader's number
	term            int64    // the learner's
	open, dead      bool
	last            [2]int64 // when the latest message to leader and learner arrives
	stream          []byte   // the snapshot behind the SNAP that was delivered
}

func newCluster(t *testing.T, seed uint64, voters, observers int) *cluster {
	c := &cluster{
		t: t, rng: rand.New(rand.NewPCG(seed, 1)), now: Now{MonoMs: 1000, WallMs: 1_600_000_000_000},
		nextConn: 1 << 32, cutOff: map[int64]bool{}, digests: map[protocol.Zxid]uint64{},
	}
	qc := &quorum.Config{}
	for i := range voters + observers {
		sid := int64(i + 1)
		n := &node{c: c, sid: sid, observer: i >= voters, tickAt: math.MaxInt64}
		c.nodes = append(c.nodes, n)
		qc.Members = append(qc.Members, quorum.Member{ID: sid, Observer: n.observer,
			Addresses: []quorum.Address{{Host: fmt.Sprintf("h%d", sid), QuorumPort: 2888, ElectionPort: 3888}}})
	}
	v, err := quorum.NewVerifier(qc)
	if err != nil {
		t.Fatal(err)
	}
	c.verifier, c.text = v, []byte(qc.String())
	c.cfg = Config{TickMs: 200, Tree: tree.Options{Extended: true, Digest: true}, CloseSessionTxn: true, SnapCount: 1_000_000}
	t.Cleanup(func() {
		if t.Failed() {
			for _, line := range c.trace[max(0, len(c.trace)-80):] {
				t.Log(line)
			}
		}
	})
	return c
}

func (c *cluster) tracef(format string, args ...any) {
	c.trace = append(c.trace, fmt.Sprintf("%d ", c.now.MonoMs)+fmt.Sprintf(format, args...))
}

func (c *cluster) node(sid int64) *node { return c.nodes[sid-1] }

// --- time

type appointment struct {
	at  int64
	seq int
	do  func()
}

type agenda []appointment

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	return a[i].at < a[j].at || a[i].at == a[j].at && a[i].seq < a[j].seq
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)   { *a = append(*a, x.(appointment)) }
func (a *agenda) Pop() any {
	x := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return x
}

func (c *cluster) at(at int64, do func()) {
	c.seq++
	heap.Push(&c.agenda, appointment{max(at, c.now.MonoMs), c.seq, do})
}

func (c *cluster) after(ms int64, do func()) { c.at(c.now.MonoMs+ms, do) }

// run lets time pass until done is true, and fails when that takes longer than
// limitMs.
func (c *cluster) run(what string, limitMs int64, done func() bool) {
	c.t.Helper()
	end := c.now.MonoMs + limitMs
	for !done() {
		if len(c.agenda) == 0 || c.agenda[0].at > end {
			if what == "" {
				c.now.WallMs += end - c.now.MonoMs
				c.now.MonoMs = end
				return
			}
			c.t.Fatalf("%s: not within %d ms; %s", what, limitMs, c)
		}
		a := heap.Pop(&c.agenda).(appointment)
		c.now.WallMs += a.at - c.now.MonoMs
		c.now.MonoMs = a.at
		a.do()
		if c.t.Failed() {
			c.t.FailNow()
		}
	}
}

func (c *cluster) pass(ms int64) { c.run("", ms, func() bool { return false }) }

func (c *cluster) String() string {
	var b bytes.Buffer
	for _, n := range c.nodes {
		if n.r == nil {
			fmt.Fprintf(&b, "%d down; ", n.sid)
			continue
		}
		fmt.Fprintf(&b, "%d %v leader %d serving %v zxid %v; ", n.sid, n.role.State, n.role.Leader, n.role.Serving, n.r.State().Zxid())
	}
	return b.String()
}

// --- servers

func (n *node) start() {
	c := n.c
	n.life++
	n.snapping = false
	cfg := c.cfg
	cfg.ServerID = n.sid
	cfg.Seed = uint64(n.sid)
	cfg.Ensemble = &Ensemble{
		ID: n.sid, Observer: n.observer, Verifier: c.verifier, ConfigText: c.text,
		Timing:        zab.Timing{TickMs: int64(c.cfg.TickMs), InitLimit: 10, SyncLimit: 5},
		AcceptedEpoch: n.disk.accepted, CurrentEpoch: n.disk.current,
		RecentEntries: 20, Quarantined: n.quarantined,
	}
	if c.change != nil {
		c.change(cfg.Ensemble)
	}
	r, err := New(cfg)
	if err != nil {
		c.t.Fatal(err)
	}
	n.disk.read(c.t, r.Sink())
	n.r, n.role, n.tickAt, n.up, n.down = r, Role{}, math.MaxInt64, nil, nil
	c.tracef("%d starts with %v", n.sid, n.disk.last())
	n.do(func(r *Replica) {
		if err := r.Start(c.now); err != nil {
			c.t.Fatal(err)
		}
	})
}

// crash ends the process; what was with the disk may or may not be done.
func (n *node) crash() {
	n.c.tracef("%d crashes", n.sid)
	n.r, n.role = nil, Role{}
	n.life++
	n.closeLinks()
	n.closeClients("crash")
}

func (n *node) closeClients(why string) {
	conns := n.conns
	n.conns = nil
	for _, k := range conns {
		k.end(why)
	}
}

// do gives the replica something to do and handles what it wants done. What
// comes meanwhile is done after it.
func (n *node) do(f func(r *Replica)) {
	if n.r == nil {
		return
	}
	n.queue = append(n.queue, f)
	if n.busy {
		return
	}
	n.busy = true
	defer func() { n.busy = false }()
	for len(n.queue) > 0 && n.r != nil {
		f := n.queue[0]
		n.queue = n.queue[1:]
		f(n.r)
		if n.c.rng.IntN(4) == 0 { // a driver may take in more before it asks
			n.c.after(n.c.rng.Int64N(3), func() { n.do(func(*Replica) {}) })
			continue
		}
		n.pump()
	}
	n.queue = nil
}

// later is do after a while, in this life.
func (n *node) later(ms int64, f func(r *Replica)) {
	life := n.life
	n.c.after(ms, func() {
		if n.life == life {
			n.do(f)
		}
	})
}

func (n *node) pump() {
	c, r := n.c, n.r
	rd := r.Ready()
	if err := r.Err(); err != nil {
		c.t.Errorf("server %d: %v", n.sid, err)
		return
	}
	for _, note := range rd.Notes {
		c.notes = append(c.notes, fmt.Sprintf("%d: %s", n.sid, note.Text))
		c.tracef("%d notes %s %v", n.sid, note.Text, note.Session)
	}
	for _, note := range rd.PeerNotes {
		c.tracef("%d zab: %+v", n.sid, note)
	}
	if rd.Role != nil {
		if rd.Role.Term != n.role.Term && len(rd.Messages)+len(rd.Close)+len(rd.LookUps) > 0 {
			c.t.Errorf("server %d: a new role comes with messages of the old one: %+v", n.sid, rd.Messages)
		}
		n.newRole(*rd.Role)
	}
	for _, m := range rd.Votes {
		n.vote(m)
	}
	for i := range rd.Messages {
		n.transmit(&rd.Messages[i])
	}
	for _, cl := range rd.Close {
		c.tracef("%d closes a link: %s", n.sid, cl.Why)
		if l := n.link(cl.Conn); l != nil {
			l.close()
		}
	}
	if len(rd.Append) > 0 {
		c.t.Errorf("server %d: a member was given a standalone batch", n.sid)
	}
	if rd.Snapshot != nil {
		n.takeSnapshot(rd.Snapshot, rd.SnapshotZxid)
	}
	if rd.Order != nil {
		n.order(*rd.Order)
	}
	for _, q := range rd.LookUps {
		located := n.disk.locate(q)
		n.later(c.rng.Int64N(5), func(r *Replica) { r.PeerEvent(c.now, located) })
	}
	n.check()
	if at := r.Deadline(); at < n.tickAt {
		n.tickAt = at
		life := n.life
		c.at(at, func() {
			if n.life == life && n.tickAt == at {
				n.tickAt = math.MaxInt64
				n.do(func(r *Replica) { r.Tick(c.now) })
			}
		})
	}
}

// newRole opens and closes connections.
func (n *node) newRole(role Role) {
	c := n.c
	c.tracef("%d role %+v", n.sid, role)
	if n.role.Serving && !role.Serving || n.role.ReadOnly && !role.ReadOnly {
		n.unended += len(n.conns)
		n.closeClients("not serving")
	}
	old := n.role
	n.role = role
	if role.Serving && role.State == quorum.Following && c.master != nil {
		n.down = map[zab.Conn]*link{} // of observers
	}
	if role.Term == old.Term {
		return
	}
	n.closeLinks()
	switch role.State {
	case quorum.Leading:
		n.down = map[zab.Conn]*link{}
	case quorum.Following, quorum.Observing:
		n.dial(role)
	}
}

// dial tries until the leader leads or the role has ended.
func (n *node) dial(role Role) {
	c, life := n.c, n.life
	c.after(1+c.rng.Int64N(10), func() {
		if n.life != life || n.role.Term != role.Term {
			return
		}
		to := c.node(role.Leader)
		if n.observer && c.master != nil {
			to = c.node(c.master(n))
		}
		if to.r == nil || to.down == nil || c.cutOff[to.sid] || c.cutOff[n.sid] {
			n.dial(role)
			return
		}
		c.nextConn++
		l := &link{leader: to, learner: n, lives: [2]int{to.life, n.life}, conn: c.nextConn, term: role.Term, open: true}
		to.down[l.conn] = l
		n.up = l
		to.do(func(r *Replica) { r.PeerEvent(c.now, zab.Connected{Conn: l.conn}) })
		n.do(func(r *Replica) { r.PeerEvent(c.now, zab.Connected{Conn: zab.Conn(l.term)}) })
	})
}

func (n *node) link(conn zab.Conn) *link {
	if l := n.down[conn]; l != nil || n.up == nil {
		return l
	}
	if conn > 1<<32 { // an observer's that is gone
		return nil
	}
	return n.up
}

func (n *node) closeLinks() {
	if n.up != nil {
		n.up.close()
	}
	conns := make([]zab.Conn, 0, len(n.down))
	for conn := range n.down {
		conns = append(conns, conn)
	}
	slices.Sort(conns)
	for _, conn := range conns {
		n.down[conn].close()
	}
	n.up, n.down = nil, nil
}

// close ends a connection; both sides hear of it, unless they are to be told
// nothing.
func (l *link) close() {
	if !l.open {
		return
	}
	l.open = false
	c := l.leader.c
	delete(l.leader.down, l.conn)
	if c.untold && (c.cutOff[l.leader.sid] || c.cutOff[l.learner.sid]) {
		return
	}
	if l.leader.life == l.lives[0] {
		l.leader.later(1, func(r *Replica) { r.PeerEvent(c.now, zab.Disconnected{Conn: l.conn}) })
	}
	if l.learner.life == l.lives[1] {
		l.learner.later(1, func(r *Replica) { r.PeerEvent(c.now, zab.Disconnected{Conn: zab.Conn(l.term)}) })
	}
}

// transmit sends what a core says to the other end, behind what was sent before.
func (n *node) transmit(m *zab.Message) {
	l := n.link(m.To)
	if l == nil || !l.open {
		return
	}
	switch m.Kind {
	case zab.PacketMessage:
		n.packet(l, m.Packet, nil)
	case zab.SnapshotStream:
		src, _ := n.r.BeginSnapshot()
		n.packet(l, m.Packet, src)
	case zab.LogRange:
		for _, e := range n.disk.log {
			if m.After < e.Zxid && e.Zxid <= m.Through {
				n.packet(l, quorum.Packet{Type: quorum.Proposal, Zxid: e.Zxid, Data: e.Payload}, nil)
				n.packet(l, quorum.Packet{Type: quorum.Commit, Zxid: e.Zxid}, nil)
			}
		}
	}
}

// packet sends one packet, with SNAP a snapshot that is written while the
// leader goes on.
func (n *node) packet(l *link, p quorum.Packet, src storage.Source) {
	c := n.c
	to, side, conn := l.leader, 0, l.conn
	if n == l.leader {
		to, side, conn = l.learner, 1, zab.Conn(l.term)
	}
	p.Data = slices.Clone(p.Data)
	l.last[side] = max(l.last[side], c.now.MonoMs+1+c.rng.Int64N(4))
	c.at(l.last[side], func() {
		if c.cutOff[to.sid] || c.cutOff[n.sid] {
			l.dead = true // what is behind this would come without it
		}
		if !l.open || l.dead || to.life != l.lives[side] {
			return
		}
		to.do(func(r *Replica) {
			if src != nil {
				l.stream = stream(c.t, src)
			}
			r.PeerEvent(c.now, zab.Received{Conn: conn, Packet: p})
		})
	})
}

func (n *node) vote(m election.Message) {
	c, to := n.c, n.c.node(m.To)
	life := n.life
	c.after(1+c.rng.Int64N(4), func() {
		if n.life != life {
			return
		}
		if to.r == nil || c.cutOff[to.sid] || c.cutOff[n.sid] {
			if c.untold {
				return
			}
			n.do(func(r *Replica) { r.ElectionEvent(c.now, election.Unreachable{Sid: m.To}) })
			return
		}
		to.do(func(r *Replica) {
			r.ElectionEvent(c.now, election.Reached{Sid: n.sid})
			r.ElectionEvent(c.now, election.Received{From: n.sid, Notification: m.Notification})
		})
	})
}

// --- disks

// order does the work, and tells of it after a while. A crash before that may
// come before the work or after it.
func (n *node) order(o zab.Order) {
	c := n.c
	o.Batch = slices.Clone(o.Batch)
	l := n.up
	life := n.life
	at := max(c.now.MonoMs+1+c.rng.Int64N(6), n.stall)
	done := false
	work := func() (ev zab.Event) {
		done = true
		switch o.Kind {
		case zab.Append:
			n.disk.append(c.t, o.Batch)
			return zab.Persisted{Zxid: o.Zxid}
		case zab.WriteAcceptedEpoch:
			n.disk.accepted = o.Epoch
			return zab.EpochWritten{Kind: o.Kind, Epoch: o.Epoch}
		case zab.WriteCurrentEpoch:
			n.disk.current = o.Epoch
			n.quarantined = n.quarantined && !o.Release
			return zab.EpochWritten{Kind: o.Kind, Epoch: o.Epoch}
		case zab.BeginQuarantine, zab.EndQuarantine:
			n.quarantined = o.Kind == zab.BeginQuarantine
			return zab.QuarantineNoted{Kind: o.Kind}
		case zab.Truncate:
			return zab.Truncated{Zxid: o.Zxid, Err: n.disk.truncate(o.Zxid)}
		default:
			if l == nil || !l.open || l.stream == nil {
				return zab.SnapshotInstalled{Zxid: o.Zxid, Err: errors.New("the stream ended")}
			}
			n.disk.snaps, n.disk.log, n.disk.start = []snap{{o.Zxid, l.stream}}, nil, o.Zxid
			return zab.SnapshotInstalled{Zxid: o.Zxid}
		}
	}
	c.tracef("%d orders %v", n.sid, &o)
	if n.snapping && (o.Kind == zab.Truncate || o.Kind == zab.InstallSnapshot) {
		c.t.Errorf("server %d: %v while a snapshot is being written", n.sid, &o)
	}
	early := c.rng.IntN(2) == 0
	c.at(at-1, func() {
		if early && !done && o.Kind == zab.Append && n.life == life+1 { // it crashed in the middle of the write
			o.Batch = o.Batch[:c.rng.IntN(len(o.Batch)+1)]
			work()
		}
	})
	c.at(at, func() {
		if n.life != life {
			return
		}
		ev := work()
		n.do(func(r *Replica) {
			switch ev := ev.(type) {
			case zab.Truncated:
				if ev.Err == nil {
					n.reload(r)
				}
			case zab.SnapshotInstalled:
				if ev.Err == nil {
					n.reload(r)
				}
			}
			r.PeerEvent(c.now, ev)
		})
	})
}

func (n *node) reload(r *Replica) {
	rl := r.NewReload()
	n.disk.read(n.c.t, rl)
	r.Reloaded(rl)
}

// takeSnapshot writes a snapshot while the server goes on.
func (n *node) takeSnapshot(src storage.Source, zxid protocol.Zxid) {
	life := n.life
	n.snapping = true
	n.c.after(20+n.c.rng.Int64N(1+n.snapMs), func() {
		if n.life != life {
			return
		}
		var b bytes.Buffer
		err := storage.WriteSnapshotStream(&b, src, "end")
		if err == nil {
			n.disk.snaps = append(n.disk.snaps, snap{zxid, b.Bytes()})
		} else if !errors.Is(err, tree.ErrAbandoned) {
			n.c.t.Error(err)
		}
		n.snapping = false
		n.do(func(r *Replica) { r.SnapshotDone(err) })
	})
}

func stream(t *testing.T, src storage.Source) []byte {
	var b bytes.Buffer
	if err := storage.WriteSnapshotStream(&b, src, "end"); err != nil {
		t.Error(err)
	}
	return b.Bytes()
}

func (d *disk) last() protocol.Zxid {
	if n := len(d.log); n > 0 {
		return d.log[n-1].Zxid
	}
	if n := len(d.snaps); n > 0 {
		return d.snaps[n-1].zxid
	}
	return 0
}

func (d *disk) append(t *testing.T, batch []zab.Entry) {
	for _, e := range batch {
		if e.Zxid <= d.last() {
			t.Errorf("append of %v after %v", e.Zxid, d.last())
		}
		d.log = append(d.log, e)
	}
}

// digest is the section of a snapshot behind the tree: the newest txn that it
// may hold changes of.
func (s *snap) digest() *storage.SnapshotDigest {
	const section = 8 + 4 + 8 + seal
	d := jute.NewDecoder(s.stream[len(s.stream)-section-8-seal:])
	return &storage.SnapshotDigest{Zxid: protocol.Zxid(d.Long()), Version: d.Int(), Tree: uint64(d.Long())}
}

const seal = 8 + 4 + 1 // a sum and "/"

// purge leaves the newest snapshot and what is behind it.
func (d *disk) purge() {
	s := d.snaps[len(d.snaps)-1]
	if s.digest().Zxid > d.last() {
		return // it needs a log that is to come
	}
	d.snaps, d.start = []snap{s}, s.zxid
	d.log = slices.DeleteFunc(slices.Clone(d.log), func(e zab.Entry) bool { return e.Zxid <= s.zxid })
}

func (d *disk) truncate(zxid protocol.Zxid) error {
	snaps := slices.DeleteFunc(slices.Clone(d.snaps), func(s snap) bool { return max(s.zxid, s.digest().Zxid) > zxid })
	if d.stubborn || len(snaps) == 0 && d.start > 0 || zxid < d.start {
		return storage.ErrTruncate
	}
	i := slices.IndexFunc(d.log, func(e zab.Entry) bool { return e.Zxid > zxid })
	if i < 0 {
		i = len(d.log)
	}
	if end := (&disk{snaps: snaps, log: d.log[:i]}).last(); end != zxid {
		return fmt.Errorf("%w: the log goes on to %v", storage.ErrTruncate, end)
	}
	d.snaps, d.log = snaps, d.log[:i:i]
	return nil
}

// read fills a sink as Store.Recover does.
func (d *disk) read(t *testing.T, sink storage.Sink) {
	t.Helper()
	sink.Reset()
	after := protocol.Zxid(0)
	if n := len(d.snaps); n > 0 {
		s := d.snaps[n-1]
		if err := storage.ReadSnapshotStream(bytes.NewReader(s.stream), sink, "end"); err != nil {
			t.Fatal(err)
		}
		if err := sink.EndSnapshot(s.zxid, s.digest()); err != nil {
			t.Fatal(err)
		}
		after = s.zxid
	}
	for _, e := range d.log {
		if e.Zxid <= after {
			continue
		}
		x, err := txn.Decode(e.Payload)
		if err != nil {
			t.Fatal(err)
		}
		sink.Apply(x)
	}
}

func (d *disk) locate(q zab.LookUp) zab.Located {
	out := zab.Located{Conn: q.Conn, Zxid: q.Zxid, Floor: d.start}
	out.Found = q.Zxid >= d.start
	for _, e := range d.log {
		if e.Zxid <= q.Zxid {
			out.Floor = e.Zxid
		}
	}
	if out.Floor == d.start && q.Zxid != d.start {
		out.Found = false
	}
	return out
}

// --- what must hold

// check compares the tree with that of whoever stood at the same zxid.
func (n *node) check() {
	t := n.r.state.tree
	if n.r.ens.fuzzy || n.astray {
		return
	}
	z, d := t.LastZxid(), t.Digest()
	if was, ok := n.c.digests[z]; ok && was != d {
		n.c.t.Errorf("server %d at %v has digest 0x%x, another had 0x%x", n.sid, z, d, was)
	}
	n.c.digests[z] = d
	if t.DigestMismatches() > 0 {
		n.c.t.Errorf("server %d: a txn's digest is not the tree's", n.sid)
	}
}

// leader is the server that leads and serves.
func (c *cluster) leader() *node {
	for _, n := range c.nodes {
		if n.r != nil && n.role.Serving && n.role.State == quorum.Leading && !c.cutOff[n.sid] {
			return n
		}
	}
	return nil
}

// settled tells that all that run and are not cut off serve one leader and
// stand at its zxid.
func (c *cluster) settled() bool {
	l := c.leader()
	if l == nil {
		return false
	}
	for _, n := range c.nodes {
		if n.r == nil || c.cutOff[n.sid] {
			continue
		}
		if !n.role.Serving || n.role.Leader != l.sid || n.role.Epoch != l.role.Epoch || n.r.State().Zxid() != l.r.State().Zxid() {
			return false
		}
	}
	return l.r.State().Outstanding() == 0
}

func (c *cluster) startAll() {
	for _, n := range c.nodes {
		n.start()
	}
}

func (c *cluster) settle() {
	c.t.Helper()
	c.run("all serve and agree", 60_000, c.settled)
}

// equal compares all that the trees of the running servers hold.
func (c *cluster) equal() {
	c.t.Helper()
	want, from := "", int64(0)
	for _, n := range c.nodes {
		if n.r == nil {
			continue
		}
		got := dump(n.r.state.tree)
		if from != 0 && got != want {
			c.t.Fatalf("servers %d and %d differ:\n%s\n%s", from, n.sid, want, got)
		}
		want, from = got, n.sid
	}
}

// dump is everything in a tree in words.
func dump(t *tree.Tree) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "zxid %v digest 0x%x\n", t.LastZxid(), t.Digest())
	for _, id := range t.Sessions() {
		ms, _ := t.SessionTimeout(id)
		fmt.Fprintf(&b, "session %v %d\n", id, ms)
	}
	var walk func(path string)
	walk = func(path string) {
		n, _ := t.Lookup(path)
		st := n.StatPersisted()
		if path == "/zookeeper/config" {
			st.Mtime = 0 // each server's own
		}
		fmt.Fprintf(&b, "%s %q %+v %v\n", path, n.Data(), st, n.ACL())
		var names []string
		n.Children(func(name string) bool { names = append(names, name); return true })
		slices.Sort(names)
		for _, name := range names {
			if path == "/" {
				walk("/" + name)
			} else {
				walk(path + "/" + name)
			}
		}
	}
	walk("/")
	return b.String()
}
