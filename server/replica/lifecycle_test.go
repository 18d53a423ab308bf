package replica

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/protocol/jute"
	"zookit/protocol/txn"
	"zookit/server/session"
	"zookit/server/tree"
)

func TestSnapshotTrigger(t *testing.T) {
	t.Parallel()
	cfg := testConfig()
	cfg.SnapCount = 20 // due after 10 to 19 txns
	g := newRig(t, cfg)
	c := g.connect()
	g.r.snapshots.reset(&g.r.cfg, g.r.rng)
	write := func() (n int) {
		for n < 30 {
			n++
			c.write(protocol.OpCreate, createOf(fmt.Sprintf("/n%d-", n), 2))
			if g.ready().Roll {
				return n
			}
			g.persist()
		}
		return n
	}
	n := write()
	if n < 11 || n > 21 {
		t.Errorf("rolled before txn %d, want after 11 to 20", n)
	}
	if g.last.Snapshot == nil || g.last.SnapshotZxid != g.r.State().Zxid() || len(g.out) != 1 || g.out[0].Zxid != g.last.SnapshotZxid+1 {
		t.Errorf("snapshot %v of zxid %v, applied %v, batch of %d", g.last.Snapshot, g.last.SnapshotZxid, g.r.State().Zxid(), len(g.out))
	}
	g.persist()
	if write(); g.last.Snapshot != nil {
		t.Error("a second snapshot while the first is written")
	}
	g.persist()
	g.r.SnapshotDone(errors.New("disk full"))
	if write(); g.last.Snapshot == nil {
		t.Error("no snapshot after the first has ended")
	}
	g.persist()
	g.r.SnapshotDone(nil)
	g.r.TakeSnapshot()
	if rd := g.ready(); rd.Snapshot == nil || !rd.Roll {
		t.Error("no snapshot when asked for")
	}
}

func TestSnapshotBySize(t *testing.T) {
	t.Parallel()
	cfg := testConfig()
	cfg.SnapSizeKB = 8 // due after 4 to 8 KiB
	g := newRig(t, cfg)
	c := g.connect()
	c.do(protocol.OpCreate, createOf("/a", 0))
	n := 0
	for ; !g.last.Roll && n < 20; n++ {
		c.write(protocol.OpSetData, setOf("/a", strings.Repeat("x", 1000)))
		g.ready()
		g.persist()
	}
	if n < 4 || n > 9 {
		t.Errorf("rolled at write %d of 1 KB, want 4 to 9", n)
	}
}

func TestFailedIsFinal(t *testing.T) {
	t.Parallel()
	g := newRig(t, testConfig())
	c := g.connect()
	c.write(protocol.OpCreate, createOf("/a", 0))
	g.ready()
	c.write(protocol.OpSync, &protocol.SyncRequest{Path: "/"})
	disk := errors.New("no space left on device")
	g.r.Failed(disk)
	g.r.Failed(errors.New("another"))
	g.r.Persisted(g.now, g.out[0].Zxid)
	c.write(protocol.OpCreate, createOf("/b", 0))
	g.r.Tick(Now{MonoMs: 1 << 40, WallMs: 1 << 40})
	if rd := g.r.Ready(); len(rd.Append) != 0 || rd.Snapshot != nil {
		t.Errorf("work after the failure: %+v", rd)
	}
	if _, ok := reopen(g.r, g.now, c.id, nil, 1, c); ok || g.r.Err() != disk || g.r.Deadline() != math.MaxInt64 {
		t.Errorf("reopen %v, error %v, deadline %d", ok, g.r.Err(), g.r.Deadline())
	}
	c.expect("nothing is answered after it")
}

func TestBrokenInvariants(t *testing.T) {
	t.Parallel()
	for name, breakIt := range map[string]func(g *rig, c *conn){
		"another zxid persisted": func(g *rig, c *conn) {
			c.write(protocol.OpCreate, createOf("/a", 0))
			g.r.Persisted(g.now, g.ready().Append[0].Zxid+1)
		},
		"persisted twice": func(g *rig, c *conn) {
			c.write(protocol.OpCreate, createOf("/a", 0))
			z := g.ready().Append[0].Zxid
			g.r.Persisted(g.now, z)
			c.take()
			g.r.Persisted(g.now, z)
		},
		"the tree has another history": func(g *rig, c *conn) {
			c.write(protocol.OpCreate, createOf("/a", 0))
			var res tree.Result
			g.r.state.tree.Apply(&txn.Txn{Body: &txn.Create{Path: "/a"}, Header: txn.Header{Type: protocol.OpCreate}}, &res)
			g.r.Persisted(g.now, g.ready().Append[0].Zxid)
		},
		"the tree has another digest": func(g *rig, c *conn) {
			var res tree.Result
			g.r.state.tree.Apply(&txn.Txn{Body: &txn.Create{Path: "/b"}, Header: txn.Header{Type: protocol.OpCreate}}, &res)
			c.write(protocol.OpSetData, setOf("/", "x"))
			g.r.Persisted(g.now, g.ready().Append[0].Zxid)
		},
		"the tree is ahead": func(g *rig, c *conn) {
			c.write(protocol.OpCreate, createOf("/a", 0))
			z := g.ready().Append[0].Zxid
			var res tree.Result
			g.r.state.tree.Apply(&txn.Txn{Body: &txn.Error{Err: -1}, Header: txn.Header{Type: protocol.OpError, Zxid: z}}, &res)
			g.r.Persisted(g.now, z)
		},
		"no zxid is left": func(g *rig, c *conn) {
			var res tree.Result
			g.r.state.tree.Apply(&txn.Txn{Body: &txn.Error{Err: -1}, Header: txn.Header{Type: protocol.OpError, Zxid: math.MaxInt64}}, &res)
			g.r.prep.Reset()
			c.write(protocol.OpCreate, createOf("/a", 0))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newRig(t, testConfig())
			c := g.connect()
			breakIt(g, c)
			if err := g.r.Err(); !errors.Is(err, ErrInvariant) {
				t.Fatalf("error %v, want ErrInvariant", err)
			}
			c.expect("nothing is answered after it")
			// The lock is free: readers find out by being closed, not by hanging.
			g.r.State().Status()
		})
	}
}

// workload is a fixed random run: every kind of write, syncs, reconnects,
// expiries, batches of all sizes.
func workload(t *testing.T, seed uint64, steps int) (*rig, []*conn) {
	t.Helper()
	cfg := testConfig()
	cfg.ContainerCheckMs, cfg.SnapCount = 3000, 200
	g := newRig(t, cfg)
	rng := rand.New(rand.NewPCG(seed, 2))
	var conns []*conn
	path := func() string {
		p := ""
		for range 1 + rng.IntN(2) {
			p += "/" + string(rune('a'+rng.IntN(5)))
		}
		return p
	}
	for range steps {
		for len(conns) < 3 {
			conns = append(conns, g.connect())
		}
		c := conns[len(conns)-1-rng.IntN(3)]
		switch rng.IntN(16) {
		case 0, 1, 2:
			c.write(protocol.OpCreate, createOf(path(), protocol.CreateFlag(rng.IntN(4))))
		case 3:
			c.write(protocol.OpCreateContainer, createOf(path(), 4))
		case 4:
			c.write(protocol.OpCreateTTL, &protocol.CreateTTLRequest{Path: path(), ACL: protocol.OpenACL, Flags: 5, TTL: 5000})
		case 5, 6:
			c.write(protocol.OpDelete, &protocol.DeleteRequest{Path: path(), Version: -1})
		case 7, 8:
			c.write(protocol.OpSetData, setOf(path(), strings.Repeat("d", rng.IntN(50))))
		case 9:
			c.write(protocol.OpMulti, &protocol.MultiRequest{Ops: []protocol.MultiOp{
				{Type: protocol.OpCreate, Record: createOf(path(), 0)}, {Type: protocol.OpSetData, Record: setOf(path(), "m")},
			}})
		case 10:
			c.write(protocol.OpSync, &protocol.SyncRequest{Path: "/"})
		case 11:
			c.data(path(), true)
		case 12:
			c.read(protocol.OpGetChildren, &protocol.GetChildrenRequest{Path: "/", Watch: true})
		case 13:
			c.reader.Session.Touch(g.now.MonoMs)
			g.settle()
			g.advance(int64(rng.IntN(900)))
		case 14:
			if rng.IntN(20) == 0 {
				c.write(protocol.OpCloseSession, nil)
				conns = append(conns, g.connect())
			}
		default:
			if len(g.out) > 0 {
				g.persist()
			}
			g.ready()
		}
		for _, c := range conns {
			c.reader.Session.Touch(g.now.MonoMs)
		}
		if g.last.Snapshot != nil {
			g.r.SnapshotDone(nil)
		}
	}
	g.settle()
	return g, conns
}

func TestSameInputsSameOutputs(t *testing.T) {
	t.Parallel()
	a, ca := workload(t, 5, 4000)
	b, cb := workload(t, 5, 4000)
	if len(a.log) < 1000 || len(a.log) != len(b.log) {
		t.Fatalf("logs of %d and %d txns", len(a.log), len(b.log))
	}
	for i := range a.log {
		if !bytes.Equal(a.log[i].Payload, b.log[i].Payload) {
			t.Fatalf("txn %d differs", i)
		}
	}
	for i := range ca {
		if !slices.Equal(ca[i].got, cb[i].got) || !slices.EqualFunc(ca[i].frames, cb[i].frames, bytes.Equal) {
			t.Fatalf("connection %d was sent different things", i)
		}
	}
	if x, y := a.r.State().Status(), b.r.State().Status(); x != y {
		t.Errorf("status %+v and %+v", x, y)
	}
}

// Every write is answered once, in request order, whatever happened around it.
// Reads answer at once here, so they have a list of their own.
func TestRepliesInRequestOrder(t *testing.T) {
	t.Parallel()
	g, conns := workload(t, 6, 4000)
	for i, c := range conns {
		var writes []int32
		total := int32(0)
		for _, f := range c.frames {
			var h protocol.ReplyHeader
			if _ = h.Decode(jute.NewDecoder(f[4:])); h.Xid <= 0 {
				continue
			}
			total++
			if c.writes[h.Xid] {
				writes = append(writes, h.Xid)
			}
		}
		if total != c.xid {
			t.Errorf("connection %d: %d requests, %d replies", i, c.xid, total)
		}
		if !slices.IsSorted(writes) || len(writes) != len(c.writes) {
			t.Errorf("connection %d: %d writes answered as %v", i, len(c.writes), writes)
		}
	}
	if g.r.State().Outstanding() != 0 {
		t.Errorf("%d outstanding", g.r.State().Outstanding())
	}
}

// A replica that replays the log is the one that wrote it, and goes on.
func TestRecovery(t *testing.T) {
	t.Parallel()
	a, conns := workload(t, 7, 3000)
	cfg := testConfig()
	r, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	sink := r.Sink()
	for _, e := range a.log {
		x, err := txn.Decode(e.Payload)
		if err != nil {
			t.Fatal(err)
		}
		sink.Apply(x)
	}
	now := Now{MonoMs: 100, WallMs: a.now.WallMs + 1000}
	if err := r.Start(now); err != nil {
		t.Fatal(err)
	}
	x, y := a.r.State().Status(), r.State().Status()
	x.Watches = y.Watches
	if x != y || a.r.state.tree.Digest() != r.state.tree.Digest() {
		t.Errorf("status %+v, recovered %+v", x, y)
	}
	if y.DigestMismatches != 0 {
		t.Errorf("%d digests of the log are not the tree's", y.DigestMismatches)
	}
	if err := r.Start(now); err == nil {
		t.Error("started twice")
	}
	// Its sessions are there, with their whole timeout from now.
	b := &rig{t: t, r: r, now: now}
	old := conns[len(conns)-1]
	c := &conn{g: b, id: old.id, ids: old.ids}
	for _, bucket := range r.Expiries() {
		if bucket.At != 5000 {
			t.Errorf("expiry at %d, want 5000", bucket.At)
		}
	}
	password := session.Password(old.id)
	h, ok := reopen(r, now, old.id, password[:], 4000, c)
	if !ok {
		t.Fatal("a session of before does not open")
	}
	c.reader = Reader{Session: h, IDs: c.ids, Watcher: c}
	c.do(protocol.OpCreate, createOf("/after-", 2))
	if got, want := b.log[0].Zxid, a.log[len(a.log)-1].Zxid+1; got != want {
		t.Errorf("goes on at %v, want %v", got, want)
	}
	if n := b.connect(); n.id == old.id {
		t.Error("a session id came again")
	}
}

// Ephemerals of sessions that are not there, as a fuzzy snapshot can leave
// them, are removed before anybody is served.
func TestOrphansAreRemoved(t *testing.T) {
	t.Parallel()
	r, err := New(testConfig())
	if err != nil {
		t.Fatal(err)
	}
	sink := r.Sink()
	for i, body := range []txn.Txn{
		{Header: txn.Header{Session: 9, Type: protocol.OpCreateSession}, Body: &txn.CreateSession{TimeoutMs: 4000}},
		{Header: txn.Header{Session: 8, Type: protocol.OpCreate}, Body: &txn.Create{Path: "/dead", Ephemeral: true, ParentCversion: 1}},
		{Header: txn.Header{Session: 9, Type: protocol.OpCreate}, Body: &txn.Create{Path: "/alive", Ephemeral: true, ParentCversion: 2}},
	} {
		body.Zxid = protocol.Zxid(i + 1)
		sink.Apply(&body)
	}
	if err := r.Start(Now{}); err != nil {
		t.Fatal(err)
	}
	if st := r.State().Status(); st.Ephemerals != 1 || st.LastZxid != 3 {
		t.Errorf("status %+v", st)
	}
	if rd := r.Ready(); len(rd.Append) != 0 || len(rd.Notes) != 1 || rd.Notes[0].Session != 8 {
		t.Errorf("ready %+v: no txn, one note", rd)
	}
}
