package zab_test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"zookit/protocol"
	"zookit/protocol/jute"
	"zookit/protocol/quorum"
	"zookit/protocol/txn"
	"zookit/server/election"
	"zookit/server/peer"
	"zookit/server/peer/peertest"
	"zookit/server/tree"
	"zookit/server/zab"
	"zookit/server/zktest/apache"
)

// patience bounds the waits for Apache's servers.
const patience = 60 * time.Second

// live is one of our servers in an ensemble of Apache's: elections and cores
// are ours, the disk is memory, and of the requests it knows a few.
type live struct {
	t       *testing.T
	id      int64
	ens     *apache.Ensemble
	elector *peertest.Elector
	ln      net.Listener

	do chan func() // runs in the loop, which owns what follows

	leader            *zab.Leader
	learner           *zab.Learner
	conns             map[zab.Conn]net.Conn
	gone              map[zab.Conn]bool // closed by ours
	lastConn          zab.Conn
	log               []zab.Entry
	accepted, current int64
	recent            *zab.Recent
	applied           protocol.Zxid
	tree              *tree.Tree // of a leader that sends snapshots
	ask               bool
	heard             []string // types of the packets that came, PING left out
	told              []string // and of those that went out
	serving           bool
	ended             *zab.StepDown
}

func newLive(t *testing.T, ens *apache.Ensemble, id int64) *live {
	t.Helper()
	self, _ := ens.Config.Member(id)
	lns, err := peer.ListenElection(self, false, false)
	if err != nil {
		t.Fatal(err)
	}
	v, err := quorum.NewVerifier(ens.Config)
	if err != nil {
		t.Fatal(err)
	}
	core, err := election.New(election.Config{ID: id, Verifier: v, ConfigText: []byte(ens.Config.String())})
	if err != nil {
		t.Fatal(err)
	}
	m, err := peer.NewConnections(peer.ConnectionsConfig{ID: id, Servers: ens.Config}, lns...)
	if err != nil {
		t.Fatal(err)
	}
	n := &live{t: t, id: id, ens: ens, elector: peertest.NewElector(core, m, nil), do: make(chan func()), conns: map[zab.Conn]net.Conn{}, gone: map[zab.Conn]bool{}, recent: zab.NewRecent(0, 0)}
	if n.ln, err = net.Listen("tcp", self.Addresses[0].Quorum()); err != nil {
		t.Fatal(err)
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go n.loop(stop, stopped)
	go n.accept()
	t.Cleanup(func() {
		_ = n.ln.Close()
		n.elector.Close()
		m.Close()
		close(stop)
		<-stopped
	})
	return n
}

func (n *live) loop(stop, stopped chan struct{}) {
	defer close(stopped)
	for {
		wait := time.Hour
		if n.leader != nil {
			wait = time.Duration(min(n.leader.Deadline()-nowMs(), 1000)) * time.Millisecond
		} else if n.learner != nil {
			wait = time.Duration(min(n.learner.Deadline()-nowMs(), 1000)) * time.Millisecond
		}
		select {
		case <-stop:
			for _, c := range n.conns {
				_ = c.Close()
			}
			return
		case f := <-n.do:
			f()
		case <-time.After(max(wait, 0)):
			n.step(zab.Tick{})
		}
	}
}

var start = time.Now()

func nowMs() int64 { return time.Since(start).Milliseconds() }

// in runs f in the loop.
func (n *live) in(f func()) {
	done := make(chan struct{})
	n.do <- func() { f(); close(done) }
	<-done
}

// until waits for something to become true in the loop.
func (n *live) until(what string, f func() bool) {
	n.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		ok := false
		n.in(func() { ok = f() })
		if ok {
			return
		}
		if time.Now().After(end) {
			n.in(func() {
				n.t.Fatalf("waited for: %s; ended by %v; log to %v, applied %v; heard %v; told %v", what, n.ended, n.last(), n.applied, n.heard, n.told)
			})
		}
	}
}

func (n *live) accept() {
	for {
		c, err := n.ln.Accept()
		if err != nil {
			return
		}
		n.in(func() {
			if n.leader == nil {
				_ = c.Close()
				return
			}
			n.lastConn++
			n.attach(n.lastConn, c)
		})
	}
}

func (n *live) attach(id zab.Conn, c net.Conn) {
	n.conns[id] = c
	n.step(zab.Connected{Conn: id})
	go func() {
		br := bufio.NewReader(c)
		r := quorum.NewPacketReader(br, 4<<20)
		for {
			var p quorum.Packet
			if err := r.Read(&p); err != nil {
				n.in(func() { n.step(zab.Disconnected{Conn: id}) })
				return
			}
			n.in(func() {
				if p.Type != quorum.Ping {
					n.heard = append(n.heard, p.Type.String())
				}
				n.step(zab.Received{Conn: id, Packet: p})
			})
			if p.Type == quorum.Snap {
				nodes, err := readSnapshot(br)
				n.in(func() {
					n.heard = append(n.heard, fmt.Sprintf("%d znodes", nodes))
					n.log, n.applied = []zab.Entry{{Zxid: p.Zxid}}, p.Zxid
					n.step(zab.SnapshotInstalled{Zxid: p.Zxid, Err: err})
				})
			}
		}
	}()
}

// readSnapshot passes over the stream behind SNAP: sessions, ACLs, znodes, "/",
// "BenWasHere". It has neither a file's header nor its seal.
func readSnapshot(r io.Reader) (nodes int, err error) {
	take := func(k int) []byte {
		b := make([]byte, max(k, 0))
		if err == nil {
			_, err = io.ReadFull(r, b)
		}
		return b
	}
	num := func() int { return int(int32(binary.BigEndian.Uint32(take(4)))) }
	for k := num(); k > 0 && err == nil; k-- {
		take(12)
	}
	for k := num(); k > 0 && err == nil; k-- {
		take(8)
		for m := num(); m > 0 && err == nil; m-- {
			take(4)
			take(num())
			take(num())
		}
	}
	for err == nil {
		if string(take(num())) == "/" {
			break
		}
		take(num())
		take(8 + 60)
		nodes++
	}
	if s := string(take(num())); err == nil && s != "BenWasHere" {
		err = fmt.Errorf("the stream ends with %q", s)
	}
	return nodes, err
}

func (n *live) last() protocol.Zxid {
	if len(n.log) == 0 {
		return 0
	}
	return n.log[len(n.log)-1].Zxid
}

func (n *live) step(ev zab.Event) {
	switch {
	case n.leader != nil:
		n.leader.Step(nowMs(), ev)
	case n.learner != nil:
		n.learner.Step(nowMs(), ev)
	default:
		return
	}
	n.pump()
}

func (n *live) pump() {
	for n.leader != nil || n.learner != nil {
		var rd zab.Ready
		if n.leader != nil {
			rd = n.leader.Ready()
		} else {
			rd = n.learner.Ready()
		}
		for _, e := range rd.Commits {
			n.apply(e)
		}
		for i := range rd.Messages {
			m := &rd.Messages[i]
			if m.Packet.Type != quorum.Ping {
				n.told = append(n.told, m.Packet.Type.String())
			}
			if c := n.conns[m.To]; c != nil {
				_, _ = c.Write(m.Packet.AppendTo(nil))
				if m.Kind == zab.SnapshotStream {
					_, _ = c.Write(n.snapshot())
				}
			}
		}
		for _, cl := range rd.Close {
			n.t.Logf("%d closes %d: %s", n.id, cl.Conn, cl.Why)
			_ = n.conns[cl.Conn].Close()
			n.gone[cl.Conn] = true
		}
		for _, l := range rd.LookUps {
			n.leader.Step(nowMs(), zab.Located{Conn: l.Conn, Zxid: l.Zxid})
		}
		for _, o := range rd.Outputs {
			n.output(o)
		}
		if rd.StepDown != nil {
			n.ended = rd.StepDown
			n.t.Logf("%d steps down: %v", n.id, n.ended)
			for _, c := range n.conns {
				_ = c.Close()
			}
			n.leader, n.learner, n.serving = nil, nil, false
			clear(n.conns)
			return
		}
		if rd.Order == nil {
			return
		}
		n.carryOut(rd.Order)
		if rd.Order.Kind == zab.InstallSnapshot {
			return
		}
	}
}

func (n *live) apply(e zab.Entry) {
	n.applied = e.Zxid
	if n.tree == nil {
		return
	}
	x, err := txn.Decode(e.Payload)
	if err != nil {
		n.t.Errorf("txn %v: %v", e.Zxid, err)
		return
	}
	n.tree.Apply(x, new(tree.Result))
}

// snapshot is the stream behind SNAP.
func (n *live) snapshot() []byte {
	var w stream
	if err := n.tree.BeginSnapshot().WriteTo(&w, new(sync.RWMutex)); err != nil {
		n.t.Error(err)
	}
	return jute.AppendString(w, "BenWasHere")
}

// stream is a snapshot as it stands on the wire.
type stream []byte

func (w *stream) BeginSessions(n int) error { *w = jute.AppendInt(*w, int32(n)); return nil }
func (w *stream) Session(id protocol.SessionID, timeoutMs int32) error {
	*w = jute.AppendInt(jute.AppendLong(*w, int64(id)), timeoutMs)
	return nil
}
func (w *stream) BeginACLs(n int) error { *w = jute.AppendInt(*w, int32(n)); return nil }
func (w *stream) ACL(key int64, acl []protocol.ACL) error {
	*w = protocol.AppendACLs(jute.AppendLong(*w, key), acl)
	return nil
}
func (w *stream) Node(path string, data []byte, aclKey int64, st *protocol.StatPersisted) error {
	*w = jute.AppendLong(jute.AppendBuffer(jute.AppendString(*w, path), data), aclKey)
	*w = st.AppendTo(*w)
	return nil
}
func (w *stream) EndNodes() error                           { *w = jute.AppendString(*w, "/"); return nil }
func (w *stream) Digest(protocol.Zxid, int32, uint64) error { return nil }

func (n *live) carryOut(o *zab.Order) {
	var ev zab.Event
	switch o.Kind {
	case zab.Append:
		n.log = append(n.log, o.Batch...)
		ev = zab.Persisted{Zxid: o.Zxid}
	case zab.WriteAcceptedEpoch:
		n.accepted = o.Epoch
		ev = zab.EpochWritten{Kind: o.Kind, Epoch: o.Epoch}
	case zab.WriteCurrentEpoch:
		n.current = o.Epoch
		ev = zab.EpochWritten{Kind: o.Kind, Epoch: o.Epoch}
	case zab.Truncate:
		for n.last() > o.Zxid {
			n.log = n.log[:len(n.log)-1]
		}
		n.applied = o.Zxid
		ev = zab.Truncated{Zxid: o.Zxid}
	case zab.InstallSnapshot:
		return // the reader of the connection does it
	}
	if n.leader != nil {
		n.leader.Step(nowMs(), ev)
	} else {
		n.learner.Step(nowMs(), ev)
	}
}

func (n *live) output(o zab.Output) {
	switch o := o.(type) {
	case zab.Serve:
		n.serving = true
		go n.elector.Tell(election.Established{Epoch: o.Epoch})
	case zab.PingAsked:
		n.learner.Step(nowMs(), zab.PingReply{Zxid: o.Zxid})
	case zab.RevalidateAsked:
		n.leader.Step(nowMs(), zab.Revalidated{Conn: o.Conn, Session: o.Request.Session, Valid: true})
	case zab.Forwarded:
		n.prepare(o)
	}
}

// prepare makes the txn of a request as far as this test needs.
func (n *live) prepare(f zab.Forwarded) {
	q := &f.Request
	if q.Type == protocol.OpSync {
		n.leader.Step(nowMs(), zab.SyncRequest{Conn: f.Conn})
		return
	}
	z := n.leader.Proposed() + 1
	if z.Epoch() != n.leader.Epoch() {
		z = protocol.MakeZxid(n.leader.Epoch(), 1)
	}
	x := txn.Txn{Header: txn.Header{Session: q.Session, Cxid: q.Cxid, Zxid: z, TimeMs: time.Now().UnixMilli(), Type: q.Type}}
	d := jute.NewDecoder(q.Body)
	switch q.Type {
	case protocol.OpCreateSession:
		x.Body = &txn.CreateSession{TimeoutMs: d.Int()}
	case protocol.OpCloseSession:
		x.Body = &txn.CloseSession{}
	case protocol.OpCreate, protocol.OpCreate2:
		var c protocol.CreateRequest
		if err := c.Decode(d); err != nil {
			n.t.Errorf("create: %v", err)
		}
		x.Body = &txn.Create{Path: c.Path, Data: c.Data, ACL: c.ACL, ParentCversion: -1}
	default:
		x.Type, x.Body = protocol.OpError, &txn.Error{Err: protocol.Unimplemented}
	}
	n.leader.Propose(nowMs(), zab.Entry{Zxid: z, Payload: x.AppendTo(nil)})
}

var timing = zab.Timing{TickMs: 500, InitLimit: 20, SyncLimit: 10}

// elect finds a leader and takes the role.
func (n *live) elect() {
	n.t.Helper()
	n.elector.Tell(election.Look{Zxid: n.last(), CurrentEpoch: n.current})
	select {
	case d := <-n.elector.Decisions():
		n.in(func() { n.take(d) })
	case <-time.After(patience):
		n.t.Fatal("no leader was elected")
	}
}

func (n *live) take(d election.Decision) {
	n.heard, n.told, n.ended = nil, nil, nil
	if d.State == quorum.Leading {
		v, err := quorum.NewVerifier(n.ens.Config)
		if err != nil {
			n.t.Error(err)
		}
		n.leader = zab.NewLeader(zab.LeaderConfig{ID: n.id, Verifier: v, Config: []byte(n.ens.Config.String()), Timing: timing,
			AcceptedEpoch: n.accepted, CurrentEpoch: n.current, LastZxid: n.last(), Recent: n.recent}, nowMs())
		n.pump()
		return
	}
	n.learner = zab.NewLearner(zab.LearnerConfig{ID: n.id, Observer: d.State == quorum.Observing, Timing: timing,
		AcceptedEpoch: n.accepted, CurrentEpoch: n.current, LastZxid: n.last(), AskSnapshot: n.ask, Recent: n.recent}, nowMs())
	m, _ := n.ens.Config.Member(d.Leader)
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		c, err := net.Dial("tcp", m.Addresses[0].Quorum())
		if err == nil {
			n.attach(0, c)
			return
		}
		if time.Now().After(end) {
			n.t.Error(err)
			return
		}
	}
}

// leave ends the role as a lost connection does.
func (n *live) leave() {
	n.in(func() { n.step(zab.Disconnected{}) })
}

func create(t *testing.T, s *apache.Server, path string) {
	t.Helper()
	if r := apache.Shell(t, s.Addr, "", "create", path, "data"); r.Code != 0 || !strings.Contains(r.Stdout+r.Stderr, "Created "+path) {
		t.Fatalf("create %s: %d %s %s", path, r.Code, r.Stdout, r.Stderr)
	}
}

func get(t *testing.T, s *apache.Server, path string) {
	t.Helper()
	if r := apache.Shell(t, s.Addr, "", "get", path); !strings.Contains(r.Stdout, "data") {
		t.Fatalf("get %s: %d %s %s", path, r.Code, r.Stdout, r.Stderr)
	}
}

// Ours leads two of Apache's servers: their clients write through it, one is
// killed and comes back to a DIFF, and both go on when the other is away.
func TestLeadsApache(t *testing.T) {
	apache.Need(t)
	t.Parallel()
	ens := apache.NewEnsemble(t, 3, apache.Options{})
	n := newLive(t, ens, 3)
	one := ens.Start(1)
	n.elect()
	n.until("ours leads", func() bool { return n.leader != nil && n.serving })
	two := ens.Start(2)
	one.AwaitServing()
	two.AwaitServing()
	create(t, one, "/a")
	create(t, two, "/b")
	get(t, two, "/a")
	two.Kill9()
	create(t, one, "/c")
	two.Restart()
	two.AwaitServing()
	get(t, two, "/c")
	one.Kill9()
	create(t, two, "/d")
	one.Restart()
	one.AwaitServing()
	get(t, one, "/d")
	n.until("all is applied", func() bool { return n.ended == nil && n.applied == n.last() && n.applied.Epoch() == 1 })
}

// Ours follows one of Apache's servers: its acks make the quorum, and it comes
// back to a DIFF, a TRUNC and a SNAP.
func TestFollowsApache(t *testing.T) {
	apache.Need(t)
	t.Parallel()
	ens := apache.NewEnsemble(t, 3, apache.Options{})
	n := newLive(t, ens, 1)
	three := ens.Start(3)
	n.elect()
	n.until("ours serves", func() bool { return n.serving })
	three.AwaitServing()
	create(t, three, "/a") // by our ack
	n.until("/a is applied", func() bool { return n.applied == n.last() && n.applied.Counter() >= 2 })
	two := ens.Start(2)
	two.AwaitServing()

	rejoin := func(by string) {
		t.Helper()
		n.elect()
		n.until("ours serves after "+by, func() bool { return n.serving && n.applied == n.last() })
		n.in(func() {
			if !strings.Contains(strings.Join(n.heard, " "), by) {
				t.Errorf("heard %v, want %s", n.heard, by)
			}
			t.Logf("heard %v", n.heard)
		})
	}
	n.leave()
	create(t, two, "/b")
	rejoin("DIFF PROPOSAL")

	n.leave()
	n.in(func() {
		z := n.last() + 3 // as if it had led, and logged what nobody else has
		b := make([]byte, txn.HeaderLen)
		binary.BigEndian.PutUint64(b[12:], uint64(z))
		n.log = append(n.log, zab.Entry{Zxid: z, Payload: b})
	})
	rejoin("TRUNC")

	n.leave()
	n.ask = true
	rejoin("SNAP")
	n.ask = false

	two.Kill9()
	create(t, three, "/c") // by our ack again
	n.until("/c is applied", func() bool { return n.applied == n.last() })
}

// One of Apache's servers has logged what no other has, and the others have
// gone on in the next epoch. Ours, which leads, cuts it back by TRUNC and sends
// the rest, where Apache's leader would send a snapshot.
func TestTruncatesApache(t *testing.T) {
	apache.Need(t)
	t.Parallel()
	ens := apache.NewEnsemble(t, 3, apache.Options{})
	n := newLive(t, ens, 3)
	one := ens.Start(1)
	n.elect()
	n.until("ours leads", func() bool { return n.leader != nil && n.serving })
	two := ens.Start(2)
	one.AwaitServing()
	two.AwaitServing()
	create(t, one, "/a")
	n.in(func() {
		z := n.last() + 1
		x := txn.Txn{Header: txn.Header{Session: 1, Zxid: z, TimeMs: time.Now().UnixMilli(), Type: protocol.OpCreate},
			Body: &txn.Create{Path: "/ghost", Data: []byte("data"), ACL: protocol.OpenACL, ParentCversion: -1}}
		p := quorum.Packet{Type: quorum.Proposal, Zxid: z, Data: x.AppendTo(nil)}
		_, _ = n.conns[1].Write(p.AppendTo(nil)) // to server 1 alone
		n.heard = nil
	})
	// Its ack of a proposal that the core has not made costs it the connection.
	n.until("the ghost is logged", func() bool { return slices.Contains(n.heard, "ACK") && n.gone[1] })
	one.Kill9()
	n.in(func() {
		for _, c := range n.conns {
			_ = c.Close()
		}
		clear(n.conns)
		n.leader, n.serving = nil, false
	})
	n.elect()
	n.until("ours leads again", func() bool { return n.leader != nil && n.serving && n.leader.Epoch() == 2 })
	two.AwaitServing()
	create(t, two, "/b")
	n.in(func() { n.told = nil })
	one.Restart()
	one.AwaitServing()
	get(t, one, "/a")
	get(t, one, "/b")
	if r := apache.Shell(t, one.Addr, "", "ls", "/"); strings.Contains(r.Stdout, "ghost") {
		t.Errorf("the txn that was cut off is there: %s", r.Stdout)
	}
	n.in(func() {
		if told := strings.Join(n.told, " "); !strings.Contains(told, "TRUNC PROPOSAL COMMIT") {
			t.Errorf("told %s", told)
		}
	})
}

// An Apache server observes ours, and ours observes Apache's.
func TestObservers(t *testing.T) {
	apache.Need(t)
	t.Parallel()
	t.Run("of ours", func(t *testing.T) {
		t.Parallel()
		ens := apache.NewEnsemble(t, 3, apache.Options{}, 1)
		n := newLive(t, ens, 3)
		two := ens.Start(2)
		n.elect()
		n.until("ours leads", func() bool { return n.leader != nil && n.serving })
		one := ens.Start(1)
		one.AwaitServing()
		two.AwaitServing()
		create(t, one, "/a")
		create(t, two, "/b")
		get(t, one, "/b")
		if m := one.Mode(); m != "observer" {
			t.Errorf("server 1 is %s", m)
		}
		n.in(func() {
			if !slices.Contains(n.told, "INFORM") {
				t.Errorf("told %v", n.told)
			}
		})
	})
	t.Run("ours", func(t *testing.T) {
		t.Parallel()
		ens := apache.NewEnsemble(t, 3, apache.Options{}, 1)
		n := newLive(t, ens, 1)
		two, three := ens.Start(2), ens.Start(3)
		n.elect()
		n.until("ours observes", func() bool { return n.learner != nil && n.serving })
		two.AwaitServing()
		three.AwaitServing()
		create(t, two, "/a")
		n.until("/a is applied", func() bool {
			return slices.Contains(n.heard, "INFORM") && n.applied == n.last() && n.applied.Counter() >= 2
		})
	})
}

// One of Apache's servers comes with an empty disk, when the beginning of the
// history is no longer at hand: it gets a SNAP and serves what is in it.
func TestSnapshotToApache(t *testing.T) {
	apache.Need(t)
	t.Parallel()
	ens := apache.NewEnsemble(t, 3, apache.Options{})
	n := newLive(t, ens, 3)
	n.recent = zab.NewRecent(2, 0)
	n.tree = tree.New(tree.Options{})
	one := ens.Start(1)
	n.elect()
	n.until("ours leads", func() bool { return n.leader != nil && n.serving })
	one.AwaitServing()
	for _, path := range []string{"/a", "/b", "/c"} {
		create(t, one, path)
	}
	two := ens.Start(2)
	two.AwaitServing()
	for _, path := range []string{"/a", "/b", "/c"} {
		get(t, two, path)
	}
	n.in(func() {
		if !slices.Contains(n.told, "SNAP") {
			t.Errorf("told %v", n.told)
		}
	})
	one.Kill9()
	create(t, two, "/d")
}
