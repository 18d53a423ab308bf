package zab

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"

	"zookit/protocol"
	"zookit/protocol/quorum"
)

// cluster is a number of cores with their disks and the links between them. It
// does nothing by itself: a random schedule or a script calls its methods. Its
// checkers see disks, packets and what was delivered, never a core's fields.
type cluster struct {
	cfg      clusterConfig
	rng      *rand.Rand
	nowMs    int64
	nodes    []*node
	verifier *quorum.Verifier
	links    []*link // open ones, by number
	nextConn Conn
	value    int // of the next payload

	// committed is the one history: all that some established leader began
	// with or committed.
	committed   []Entry
	committedAt map[protocol.Zxid]int
	established map[int64]int // node by epoch

	err    error // the first broken invariant
	traces []string
	trace  bool
	steps  int
	seen   map[string]int // what happened, to see that everything does
}

type clusterConfig struct {
	voters, observers int
	timing            Timing
	recentEntries     int
	batchEntries      int
	groups            bool // hierarchical quorums
	earlyAcks         bool // followers ack what they log before they ack NEWLEADER (ZOOKEEPER-4685)
}

// node is one server.
type node struct {
	c        *cluster
	id       int
	observer bool
	up       bool
	disk     nodeDisk
	recent   *Recent
	offered  int64   // by a voter that had accepted a later epoch
	tree     []Entry // what is applied
	asks     int64   // for a snapshot in that epoch

	leader  *Leader
	learner *Learner
	link    *link // of the learner
	order   *Order
	lookUps []LookUp
	ended   bool // the role has ended and the disk is not at rest
	reload  bool // the tree is read from the disk when it is

	served       bool          // the learner or leader has said so
	received     protocol.Zxid // end of the history as delivered by the leader
	owed         protocol.Zxid // of it when NEWLEADER came
	next         protocol.Zxid // COMMIT order as leader
	proposed     map[protocol.Zxid][]byte
	lastReason   Reason
	syncs, pings int
	stalled      bool // the disk is held back by a script
}

// nodeDisk is what survives a crash.
type nodeDisk struct {
	hist              []Entry
	base              int // entries before it are in a snapshot alone
	accepted, current int64
}

func (d *nodeDisk) last() protocol.Zxid { return lastOf(d.hist) }

func lastOf(h []Entry) protocol.Zxid {
	if len(h) == 0 {
		return 0
	}
	return h[len(h)-1].Zxid
}

func (d *nodeDisk) has(z protocol.Zxid) bool {
	i := sort.Search(len(d.hist), func(i int) bool { return d.hist[i].Zxid >= z })
	return z == 0 || i < len(d.hist) && d.hist[i].Zxid == z
}

// link is a connection: two queues that keep their order.
type link struct {
	conn            Conn
	leader, learner *node
	up, down        []item // to the leader, to the learner
	upCut, downCut  bool   // nothing arrives for now
}

type item struct {
	packet quorum.Packet
	snap   []Entry
	isSnap bool
	end    bool
}

func newCluster(cfg clusterConfig, rng *rand.Rand) *cluster {
	c := &cluster{cfg: cfg, rng: rng, committedAt: map[protocol.Zxid]int{}, established: map[int64]int{}, seen: map[string]int{}}
	qc := &quorum.Config{}
	for i := range cfg.voters + cfg.observers {
		c.nodes = append(c.nodes, &node{c: c, id: i + 1, observer: i >= cfg.voters})
		qc.Members = append(qc.Members, quorum.Member{ID: int64(i + 1), Observer: i >= cfg.voters})
	}
	if cfg.groups {
		qc.Groups = map[int64][]int64{1: {1, 2}, 2: {}, 3: {}}
		for _, m := range qc.Members[2:cfg.voters] {
			qc.Groups[2+m.ID%2] = append(qc.Groups[2+m.ID%2], m.ID)
		}
		qc.Weights = map[int64]int64{1: 2}
	}
	v, err := quorum.NewVerifier(qc)
	if err != nil {
		panic(err)
	}
	c.verifier = v
	for _, n := range c.nodes {
		n.start()
	}
	return c
}

func (c *cluster) node(id int) *node { return c.nodes[id-1] }

func (c *cluster) fail(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf("step %d: %s", c.steps, fmt.Sprintf(format, args...))
		c.tracef("FAIL %v", c.err)
	}
}

func (c *cluster) tracef(format string, args ...any) {
	if c.trace {
		c.traces = append(c.traces, fmt.Sprintf(format, args...))
	}
}

// --- roles

func (n *node) start() {
	n.up, n.ended, n.order = true, false, nil
	// A crash between the log and currentEpoch left the log ahead. What is in it
	// came in order from the leader of that epoch, behind all that went before, so
	// the epoch may be taken for entered; or the next leader says so.
	if e := n.disk.last().Epoch(); e > n.disk.current && n.c.rng != nil && n.c.rng.IntN(2) == 0 {
		n.c.seen["log ahead of currentEpoch"]++
		n.disk.current = e
	}
	n.tree = slices.Clone(n.disk.hist)
	n.recent = NewRecent(n.c.cfg.recentEntries, 0)
	n.recent.Reset(0)
	for _, e := range n.tree {
		n.recent.Add(e)
	}
}

func (n *node) looking() bool { return n.up && n.leader == nil && n.learner == nil && !n.ended }

func (n *node) lead() {
	n.c.tracef("%d leads", n.id)
	n.served, n.next, n.proposed = false, 0, map[protocol.Zxid][]byte{}
	n.leader = NewLeader(LeaderConfig{
		ID: int64(n.id), Verifier: n.c.verifier, Config: []byte("config"), Timing: n.c.cfg.timing,
		Batching: Batching{MaxBatchEntries: n.c.cfg.batchEntries}, AcceptedEpoch: n.disk.accepted, CurrentEpoch: n.disk.current,
		LastZxid: n.disk.last(), Recent: n.recent, OfferedEpoch: n.offered,
	}, n.c.nowMs)
	n.pump()
}

func (n *node) follow(to *node) {
	n.c.tracef("%d follows %d", n.id, to.id)
	n.served, n.received, n.owed = false, n.disk.last(), -1
	n.syncs, n.pings = 0, 0
	n.learner = NewLearner(LearnerConfig{
		ID: int64(n.id), Observer: n.observer, Timing: n.c.cfg.timing,
		Batching:      Batching{MaxBatchEntries: n.c.cfg.batchEntries},
		AcceptedEpoch: n.disk.accepted, CurrentEpoch: n.disk.current, LastZxid: n.disk.last(),
		AskInEpoch: n.asks, Recent: n.recent,
	}, n.c.nowMs)
	if to.leader != nil {
		n.c.nextConn++
		n.link = &link{conn: n.c.nextConn, leader: to, learner: n}
		n.c.links = append(n.c.links, n.link)
		to.step(Connected{n.link.conn})
		if n.learner != nil {
			n.step(Connected{})
		}
	}
	n.pump()
}

func (n *node) step(ev Event) {
	switch {
	case n.leader != nil:
		n.leader.Step(n.c.nowMs, ev)
	case n.learner != nil:
		n.learner.Step(n.c.nowMs, ev)
	}
	n.pump()
}

func (n *node) propose() {
	z := n.leader.Proposed() + 1
	if z.Epoch() != n.leader.Epoch() {
		z = protocol.MakeZxid(n.leader.Epoch(), 1)
	}
	n.c.value++
	e := testEntry(z, fmt.Sprintf("v%d", n.c.value))
	n.proposed[z] = e.Payload
	n.c.tracef("%d proposes %v", n.id, z)
	n.leader.Propose(n.c.nowMs, e)
	n.pump()
}

// testEntry is a txn of nothing but a header's length and a value.
func testEntry(z protocol.Zxid, value string) Entry {
	b := make([]byte, headerLen, headerLen+len(value))
	binary.BigEndian.PutUint64(b[headerZxidAt:], uint64(z))
	return Entry{z, append(b, value...)}
}

// pump does what the core wants done.
func (n *node) pump() {
	for n.leader != nil || n.learner != nil {
		var rd Ready
		if n.leader != nil {
			rd = n.leader.Ready()
		} else {
			rd = n.learner.Ready()
		}
		for _, e := range rd.Commits {
			n.apply(e)
		}
		for i := range rd.Messages {
			n.transmit(&rd.Messages[i])
		}
		for _, cl := range rd.Close {
			n.c.tracef("%d closes the link: %s", n.id, cl.Why)
			n.c.seen["close"]++
			if l := n.c.link(cl.Conn); l != nil {
				n.c.hangUp(l, n)
			}
		}
		if rd.Order != nil {
			if n.order != nil {
				n.c.fail("%d: order %v while %v is out", n.id, rd.Order, n.order)
			}
			o := *rd.Order
			n.order = &o
			n.c.tracef("%d orders: %v", n.id, &o)
		}
		n.lookUps = append(n.lookUps, rd.LookUps...)
		for _, o := range rd.Outputs {
			n.output(o)
		}
		if rd.StepDown != nil {
			n.end(rd.StepDown)
			return
		}
		if len(rd.Commits)+len(rd.Messages)+len(rd.Close)+len(rd.Outputs)+len(rd.LookUps) == 0 && rd.Order == nil {
			return
		}
	}
}

func (n *node) output(o Output) {
	switch o := o.(type) {
	case Serve:
		n.c.tracef("%d serves epoch %d from %v", n.id, o.Epoch, lastOf(n.tree))
		n.served = true
		if n.leader != nil {
			n.c.establish(n, o.Epoch)
		} else {
			n.c.seen["learner serves"]++
			n.c.checkDelivered(n, 0)
		}
	case PingAsked:
		n.pings++
		n.learner.Step(n.c.nowMs, PingReply{o.Zxid, nil})
	case Forwarded:
		if o.Request.Type == protocol.OpSync {
			n.leader.Step(n.c.nowMs, SyncRequest{o.Conn})
		} else {
			n.propose()
		}
	case Synced:
		n.syncs++
		n.c.tracef("%d synced at %v", n.id, lastOf(n.tree))
	case RevalidateAsked:
		n.leader.Step(n.c.nowMs, Revalidated{o.Conn, o.Request.Session, o.Request.Session%2 == 0})
	case RevalidateAnswered:
		n.c.tracef("%d: session %v valid %v", n.id, o.Reply.Session, o.Reply.Valid)
	}
}

// end is the end of a role: links are closed, and when the disk is at rest the
// tree is brought level with the log.
func (n *node) end(why *StepDown) {
	n.c.tracef("%d steps down: %v", n.id, why)
	n.c.seen[why.Reason.String()]++
	n.lastReason = why.Reason
	if why.Reason.Final() {
		n.c.fail("%d: %v", n.id, why)
	}
	switch why.Reason {
	case EpochOvertaken:
		n.offered = why.Epoch
	case CannotTruncate:
		n.asks = n.learner.Epoch()
	}
	n.ended, n.served, n.lookUps = true, false, nil
	for _, l := range slices.Clone(n.c.links) {
		if l.leader == n || l.learner == n {
			n.c.hangUp(l, n)
		}
	}
	n.rest()
}

// rest ends a role for good once no order is out.
func (n *node) rest() {
	if !n.ended || n.order != nil {
		return
	}
	var tail []Entry
	switch {
	case n.leader != nil:
		tail = n.leader.Tail()
	case n.learner != nil:
		tail = n.learner.Tail()
	}
	if n.reload {
		n.tree = slices.Clone(n.disk.hist)
	} else {
		n.tree = append(n.tree, tail...)
	}
	if !sameHistory(n.tree, n.disk.hist) {
		n.c.fail("%d: after its role the tree ends at %v and the log at %v", n.id, lastOf(n.tree), n.disk.last())
	}
	n.leader, n.learner, n.link, n.ended, n.reload = nil, nil, nil, false, false
}

func sameHistory(a, b []Entry) bool { return slices.EqualFunc(a, b, sameEntry) }

func sameEntry(a, b Entry) bool { return a.Zxid == b.Zxid && bytes.Equal(a.Payload, b.Payload) }

// --- links

func (c *cluster) link(conn Conn) *link {
	for _, l := range c.links {
		if l.conn == conn {
			return l
		}
	}
	return nil
}

// transmit puts a message on its link.
func (n *node) transmit(m *Message) {
	c := n.c
	l := n.link
	if n.leader != nil {
		l = c.link(m.To)
		c.checkLeaderMessage(n, m)
	} else {
		c.checkLearnerMessage(n, m)
	}
	if l == nil {
		return
	}
	if n.learner != nil {
		l.up = append(l.up, item{packet: m.Packet})
		return
	}
	switch m.Kind {
	case PacketMessage:
		l.down = append(l.down, item{packet: m.Packet})
	case SnapshotStream:
		c.seen["SNAP"]++
		if lastOf(n.tree) != m.Packet.Zxid && m.Packet.Zxid.Counter() != 0 {
			c.fail("%d sends a snapshot of %v as %v", n.id, lastOf(n.tree), m.Packet.Zxid)
		}
		l.down = append(l.down, item{packet: m.Packet}, item{isSnap: true, snap: slices.Clone(n.tree)})
	case LogRange:
		c.seen["log range"]++
		for _, e := range n.disk.hist {
			if e.Zxid > m.After && e.Zxid <= m.Through {
				l.down = append(l.down, item{packet: quorum.Packet{Type: quorum.Proposal, Zxid: e.Zxid, Data: e.Payload}},
					item{packet: quorum.Packet{Type: quorum.Commit, Zxid: e.Zxid}})
			}
		}
	}
}

// hangUp ends a link by one side: what it has sent arrives, then the end. What
// comes towards it is lost.
func (c *cluster) hangUp(l *link, by *node) {
	if by == l.leader {
		l.down = append(l.down, item{end: true})
		l.up = nil
	} else {
		l.up = append(l.up, item{end: true})
		l.down = nil
	}
	if l.leader.gone(l) && l.learner.gone(l) {
		c.unlink(l)
	}
}

// gone says that a side has no use for the link any more.
func (n *node) gone(l *link) bool {
	if l.learner == n {
		return n.link != l || n.learner == nil || n.ended
	}
	return n.leader == nil || n.ended || n.leader.byConn(l.conn) == nil
}

func (c *cluster) unlink(l *link) {
	c.links = slices.DeleteFunc(c.links, func(o *link) bool { return o == l })
}

// reset ends a link for both sides; a part of what was under way arrives, and
// nothing where it is cut.
func (c *cluster) reset(l *link) {
	keep := func(q []item, cut bool) []item {
		if cut {
			q = nil
		}
		if c.rng != nil && len(q) > 0 {
			q = q[:c.rng.IntN(len(q)+1)]
		}
		return append(slices.Clip(q), item{end: true})
	}
	l.up, l.down, l.upCut, l.downCut = keep(l.up, l.upCut), keep(l.down, l.downCut), false, false
}

// deliver hands over the next item towards one side. It is false when none can
// be.
func (c *cluster) deliver(l *link, down bool) bool {
	q, cut, to := &l.up, l.upCut, l.leader
	if down {
		q, cut, to = &l.down, l.downCut, l.learner
	}
	if len(*q) == 0 || cut {
		return false
	}
	it := (*q)[0]
	if to.gone(l) {
		*q = nil
		if c.drained(l) {
			c.unlink(l)
		}
		return true
	}
	if it.isSnap {
		return false // the disk reads it
	}
	*q = (*q)[1:]
	if it.end {
		c.tracef("%d: the link to %d has ended", to.id, c.other(l, to).id)
		to.step(Disconnected{l.conn})
		if down && to.link == l {
			to.link = nil
		}
		if c.drained(l) {
			c.unlink(l)
		}
		return true
	}
	c.tracef("%d <- %d: %v %v", to.id, c.other(l, to).id, it.packet.Type, zxidText(it.packet.Zxid))
	if down {
		to.noteReceived(&it.packet)
	}
	to.step(Received{l.conn, it.packet})
	return true
}

func (c *cluster) drained(l *link) bool {
	return (len(l.up) == 0 || l.leader.gone(l)) && (len(l.down) == 0 || l.learner.gone(l)) && (l.leader.gone(l) || l.learner.gone(l))
}

func (c *cluster) other(l *link, n *node) *node {
	if l.leader == n {
		return l.learner
	}
	return l.leader
}

func zxidText(z protocol.Zxid) string {
	if z == -1 {
		return "-1"
	}
	return z.String()
}

// noteReceived follows the history as the leader hands it over.
func (n *node) noteReceived(p *quorum.Packet) {
	switch p.Type {
	case quorum.Trunc, quorum.Snap:
		n.received = p.Zxid
	case quorum.Proposal, quorum.Inform:
		n.received = max(n.received, p.Zxid)
	case quorum.NewLeader:
		n.owed = n.received
	}
}

// --- disk

// finish carries out the order that is out, and reports it.
func (n *node) finish() bool {
	o := n.order
	if o == nil || n.stalled {
		return false
	}
	var ev Event
	switch o.Kind {
	case Append:
		n.append(o.Batch)
		ev = Persisted{o.Zxid}
		n.ackEarly(o.Batch)
	case WriteAcceptedEpoch, WriteCurrentEpoch:
		n.writeEpoch(o)
		ev = EpochWritten{o.Kind, o.Epoch}
	case Truncate:
		err := n.truncate(o.Zxid)
		ev = Truncated{o.Zxid, err}
	case InstallSnapshot:
		snap, ok := n.takeSnapshot(o)
		if !ok {
			return false
		}
		var err error
		if snap == nil {
			err = fmt.Errorf("the stream ended")
		} else {
			n.install(*snap)
		}
		ev = SnapshotInstalled{o.Zxid, err}
	}
	n.order = nil
	n.c.tracef("%d did: %v", n.id, o)
	n.step(ev)
	n.rest()
	return true
}

// takeSnapshot reads the stream. It is not ok while there is nothing to read,
// and nil when the link has ended.
func (n *node) takeSnapshot(o *Order) (*[]Entry, bool) {
	l := n.link
	if l == nil || n.ended || n.gone(l) {
		return nil, true
	}
	if l.downCut || len(l.down) == 0 {
		return nil, false
	}
	it := l.down[0]
	if !it.isSnap {
		return nil, true
	}
	l.down = l.down[1:]
	return &it.snap, true
}

// ackEarly is what Apache's followers do that log while they are synchronised.
func (n *node) ackEarly(batch []Entry) {
	if l := n.learner; !n.c.cfg.earlyAcks || l == nil || n.ended || n.observer || l.role >= awaitingStart || n.link == nil {
		return
	}
	for _, e := range batch {
		if e.Zxid.Epoch() == n.learner.Epoch() {
			n.c.seen["ack before that of NEWLEADER"]++
			n.link.up = append(n.link.up, item{packet: quorum.Packet{Type: quorum.Ack, Zxid: e.Zxid}})
		}
	}
}

func (n *node) append(batch []Entry) {
	for _, e := range batch {
		if !follows(n.disk.last(), e.Zxid) {
			n.c.fail("%d logs %v after %v", n.id, e.Zxid, n.disk.last())
		}
		n.disk.hist = append(slices.Clip(n.disk.hist), e)
	}
}

func (n *node) writeEpoch(o *Order) {
	p := &n.disk.current
	if o.Kind == WriteAcceptedEpoch {
		p = &n.disk.accepted
	}
	if o.Epoch < *p {
		n.c.fail("%d: %v after %d", n.id, o, *p)
	}
	*p = o.Epoch
	if n.disk.current > n.disk.accepted {
		n.c.fail("%d: currentEpoch %d is beyond acceptedEpoch %d", n.id, n.disk.current, n.disk.accepted)
	}
}

func (n *node) truncate(z protocol.Zxid) error {
	d := &n.disk
	k := sort.Search(len(d.hist), func(i int) bool { return d.hist[i].Zxid > z })
	if k < d.base || lastOf(d.hist[:k]) != z {
		n.c.seen["cannot truncate"]++
		n.reload = true
		return fmt.Errorf("%v is not in the log", z)
	}
	n.c.seen["TRUNC"]++
	n.c.checkRemoved(n, d.hist[k:])
	d.hist = slices.Clip(d.hist[:k])
	n.tree = slices.Clone(d.hist)
	return nil
}

func (n *node) install(hist []Entry) {
	d := &n.disk
	for _, e := range d.hist {
		if i := sort.Search(len(hist), func(i int) bool { return hist[i].Zxid >= e.Zxid }); i == len(hist) || !sameEntry(hist[i], e) {
			n.c.checkRemoved(n, []Entry{e})
		}
	}
	d.hist, d.base = slices.Clone(hist), len(hist)
	n.tree = slices.Clone(d.hist)
	n.asks = 0
}

// crash loses what was not synced: of an order that is out any part may have
// become durable.
func (n *node) crash() {
	n.c.tracef("%d crashes", n.id)
	n.c.seen["crash"]++
	if o := n.order; o != nil && n.c.rng != nil {
		n.c.seen["crash during "+o.Kind.String()]++
		done := n.c.rng.IntN(2) == 0
		switch {
		case o.Kind == Append:
			n.append(o.Batch[:n.c.rng.IntN(len(o.Batch)+1)])
		case o.Kind == Truncate && done:
			_ = n.truncate(o.Zxid)
		case o.Kind == InstallSnapshot && done:
			if snap, ok := n.takeSnapshot(o); ok && snap != nil {
				n.install(*snap)
			}
		case (o.Kind == WriteAcceptedEpoch || o.Kind == WriteCurrentEpoch) && done:
			n.writeEpoch(o)
		}
	}
	n.up, n.leader, n.learner, n.link, n.order, n.lookUps = false, nil, nil, nil, nil, nil
	n.ended, n.served, n.reload, n.stalled = false, false, false, false
	for _, l := range slices.Clone(n.c.links) {
		if l.leader == n || l.learner == n {
			n.c.reset(l)
		}
	}
}

// answerLookUp searches the log on disk for a learner's position.
func (n *node) answerLookUp() bool {
	if len(n.lookUps) == 0 || n.leader == nil {
		return false
	}
	q := n.lookUps[0]
	n.lookUps = n.lookUps[1:]
	h := n.disk.hist
	k := sort.Search(len(h), func(i int) bool { return h[i].Zxid > q.Zxid })
	found := k >= n.disk.base
	n.c.tracef("%d looks up %v: floor %v, found %v", n.id, q.Zxid, lastOf(h[:k]), found)
	n.step(Located{q.Conn, q.Zxid, found, lastOf(h[:k])})
	return true
}

func (c *cluster) advance(ms int64) {
	c.nowMs += ms
	for _, n := range c.nodes {
		if n.leader != nil && n.leader.Deadline() <= c.nowMs || n.learner != nil && n.learner.Deadline() <= c.nowMs {
			n.step(Tick{})
		}
	}
}

// --- checkers

// establish: a quorum has the epoch and the leader's history, durably; nobody
// else leads in that epoch; what was committed is in the history.
func (c *cluster) establish(n *node, epoch int64) {
	c.seen["established"]++
	if by, taken := c.established[epoch]; taken {
		c.fail("I1: %d is established in epoch %d, as %d was", n.id, epoch, by)
	}
	c.established[epoch] = n.id
	last := lastOf(n.tree)
	if !c.verifier.ContainsQuorum(func(sid int64) bool {
		d := &c.node(int(sid)).disk
		return d.current >= epoch && d.has(last)
	}) {
		c.fail("I9: %d is established in epoch %d without a quorum that has it and %v on disk", n.id, epoch, last)
	}
	if len(n.tree) < len(c.committed) || !sameHistory(n.tree[:len(c.committed)], c.committed) {
		c.fail("I11: %d is established in epoch %d with a history to %v, but %v was committed", n.id, epoch, last, lastOf(c.committed))
		return
	}
	for _, e := range n.tree[len(c.committed):] {
		c.addCommitted(e)
	}
}

func (c *cluster) addCommitted(e Entry) {
	c.committedAt[e.Zxid] = len(c.committed)
	c.committed = append(c.committed, e)
}

// commits: a leader says that z is committed.
func (c *cluster) commits(n *node, z protocol.Zxid) {
	e := Entry{z, n.proposed[z]}
	if at, known := c.committedAt[z]; known {
		if !sameEntry(c.committed[at], e) {
			c.fail("I2: two txns %v are committed", z)
		}
		return
	}
	if !follows(lastOf(c.committed), z) {
		c.fail("I10: %d commits %v, the last committed is %v", n.id, z, lastOf(c.committed))
	}
	if !c.verifier.ContainsQuorum(func(sid int64) bool {
		d := &c.node(int(sid)).disk
		return d.has(z) && d.current >= z.Epoch()
	}) {
		c.fail("I10: %d commits %v, which no quorum has on disk in its epoch", n.id, z)
	}
	c.seen["commit"]++
	c.addCommitted(e)
}

func (c *cluster) checkLeaderMessage(n *node, m *Message) {
	switch m.Packet.Type {
	case quorum.Commit, quorum.Inform:
		if z := m.Packet.Zxid; n.proposed[z] != nil {
			c.commits(n, z)
		}
	case quorum.LeaderInfo:
		if e := m.Packet.Zxid.Epoch(); n.disk.accepted != e {
			c.fail("I9: LEADERINFO %d from %d, whose acceptedEpoch is %d", e, n.id, n.disk.accepted)
		}
	case quorum.NewLeader:
		if e := m.Packet.Zxid.Epoch(); n.disk.current != e {
			c.fail("I9: NEWLEADER %d from %d, whose currentEpoch is %d", e, n.id, n.disk.current)
		}
	}
}

func (c *cluster) checkLearnerMessage(n *node, m *Message) {
	z := m.Packet.Zxid
	switch m.Packet.Type {
	case quorum.AckEpoch:
		if n.disk.accepted < n.learner.Epoch() {
			c.fail("I9: ACKEPOCH of %d in epoch %d, its acceptedEpoch is %d", n.id, n.learner.Epoch(), n.disk.accepted)
		}
	case quorum.Ack:
		if z.Counter() == 0 {
			if n.disk.current != z.Epoch() || !n.disk.has(n.owed) {
				c.fail("I9: NEWLEADER %d acked by %d, on whose disk are currentEpoch %d and a history to %v of %v", z.Epoch(), n.id, n.disk.current, n.disk.last(), n.owed)
			}
		} else if !n.disk.has(z) {
			c.fail("I9: %v acked by %d, whose log ends at %v", z, n.id, n.disk.last())
		}
	}
}

// apply puts a committed txn into the tree.
func (n *node) apply(e Entry) {
	if !n.disk.has(e.Zxid) {
		n.c.fail("%d applies %v, its log ends at %v", n.id, e.Zxid, n.disk.last())
	}
	if !follows(lastOf(n.tree), e.Zxid) {
		n.c.fail("I4: %d applies %v after %v", n.id, e.Zxid, lastOf(n.tree))
	}
	n.tree = append(n.tree, e)
	if n.leader != nil {
		n.c.commits(n, e.Zxid)
	}
	if n.served {
		n.c.checkDelivered(n, len(n.tree)-1)
	}
}

// checkDelivered: what clients of a node may see is the committed history.
func (c *cluster) checkDelivered(n *node, from int) {
	if len(n.tree) > len(c.committed) {
		c.fail("I3: %d serves %v, the last committed is %v", n.id, lastOf(n.tree), lastOf(c.committed))
		return
	}
	for i := from; i < len(n.tree); i++ {
		if !sameEntry(n.tree[i], c.committed[i]) {
			c.fail("I3: %d serves %v where %v is committed", n.id, n.tree[i].Zxid, c.committed[i].Zxid)
			return
		}
	}
}

// checkRemoved: what is committed leaves a disk only while a quorum has it
// beside that disk. A leader cuts a learner that comes back in its epoch to the
// last txn it knows to be committed, and may commit more while that goes on.
func (c *cluster) checkRemoved(n *node, gone []Entry) {
	for _, e := range gone {
		at, known := c.committedAt[e.Zxid]
		if !known || !sameEntry(c.committed[at], e) {
			continue
		}
		c.seen["committed txn removed from one"]++
		if !c.verifier.ContainsQuorum(func(sid int64) bool { return int(sid) != n.id && c.node(int(sid)).disk.has(e.Zxid) }) {
			c.fail("I12: %d removes %v, which is committed, and no quorum is left that has it", n.id, e.Zxid)
			return
		}
	}
}

func (c *cluster) state() string {
	var b strings.Builder
	for _, n := range c.nodes {
		role := "looking"
		switch {
		case !n.up:
			role = "down"
		case n.leader != nil:
			role = "leader, " + n.leader.phase.String()
		case n.learner != nil && n.observer:
			role = "observer, " + n.learner.role.String()
		case n.learner != nil:
			role = "follower, " + n.learner.role.String()
		}
		fmt.Fprintf(&b, "%d: %s; accepted %d current %d log %v tree %v\n", n.id, role, n.disk.accepted, n.disk.current, n.disk.last(), lastOf(n.tree))
	}
	return b.String()
}
