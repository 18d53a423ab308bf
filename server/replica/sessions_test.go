package replica

import (
	"reflect"
	"testing"

	"zookit/protocol"
	"zookit/protocol/txn"
	"zookit/server/session"
)

func TestSessionIsNegotiated(t *testing.T) {
	t.Parallel()
	g := newRig(t, testConfig())
	for asked, want := range map[int32]int32{1: 2000, 5000: 5000, 100_000: 20_000} {
		c := &conn{g: g}
		g.r.Propose(g.now, &Request{Op: protocol.OpCreateSession, TimeoutMs: asked, Owner: c, Done: c})
		if g.ready(); len(c.got) != 0 {
			t.Fatal("a session before its txn is on disk")
		}
		g.persist()
		if got := c.reader.Session.TimeoutMs(); got != want {
			t.Errorf("asked for %d, got %d, want %d", asked, got, want)
		}
		x, err := txn.Decode(g.log[len(g.log)-1].Payload)
		if err != nil || x.Session != c.id || x.Body.(*txn.CreateSession).TimeoutMs != want || x.Digest == nil {
			t.Errorf("the log has %+v, %v", x, err)
		}
	}
}

func TestReopen(t *testing.T) {
	t.Parallel()
	g := newRig(t, testConfig())
	old := g.connect()
	password := session.Password(old.id)

	wrong := &conn{g: g}
	if _, ok := reopen(g.r, g.now, old.id, make([]byte, 16), 4000, wrong); ok {
		t.Error("a wrong password opens the session")
	}
	if _, ok := reopen(g.r, g.now, 4711, password[:], 4000, wrong); ok {
		t.Error("an unknown session opens")
	}
	old.expect("whoever cannot open it does not cut off its client")

	old.write(protocol.OpCreate, createOf("/before", 0))
	c := &conn{g: g, id: old.id, ids: old.ids}
	h, ok := reopen(g.r, g.now, old.id, password[:], 9000, c)
	if !ok || h.ID() != old.id || h.TimeoutMs() != 9000 {
		t.Fatalf("reopen: %v %+v", ok, h)
	}
	old.expect("the connection that had it", "closed: "+ReasonReconnected.String())
	c.reader = Reader{Session: h, IDs: c.ids, Watcher: c}

	// What the old one had proposed is committed; what it sends now is not.
	zxid := g.r.State().Zxid()
	old.write(protocol.OpCreate, createOf("/after", 0))
	old.write(protocol.OpMulti, &protocol.MultiRequest{Ops: []protocol.MultiOp{{Type: protocol.OpCreate, Record: createOf("/after", 0)}}})
	old.write(protocol.OpSync, &protocol.SyncRequest{Path: "/"})
	g.settle()
	old.expect("moved", "reply 1 ok", "closed without reply", "closed without reply", "closed without reply")
	if got := g.r.State().Zxid(); got != zxid+3 {
		t.Errorf("zxid %v, want %v: a refused write takes one", got, zxid+3)
	}
	if _, code := c.data("/before", false); code != protocol.OK {
		t.Errorf("/before: %v", code)
	}
	if _, code := c.data("/after", false); code != protocol.NoNode {
		t.Errorf("/after: %v", code)
	}
	c.do(protocol.OpCreate, createOf("/mine", 1))

	// A connection that went away leaves the session to the next that opens it,
	// and not to an earlier one whose writes come late.
	g.r.Detach(c.id, old) // not its owner: nothing happens
	g.r.Detach(c.id, c)
	old.write(protocol.OpSetData, setOf("/mine", "late"))
	g.settle()
	old.expect("moved for good", "closed without reply")
	next := &conn{g: g, id: old.id, ids: old.ids}
	c.take()
	if _, ok := reopen(g.r, g.now, old.id, password[:], 9000, next); !ok {
		t.Fatal("a detached session does not open")
	}
	c.expect("a detached connection is not told")
	next.do(protocol.OpSetData, setOf("/mine", "y"))
}

func TestCloseSession(t *testing.T) {
	t.Parallel()
	g := newRig(t, testConfig())
	c, other := g.connect(), g.connect()
	c.do(protocol.OpCreate, createOf("/e", 1))
	other.data("/e", true)
	other.take()
	c.take()
	c.write(protocol.OpCreate, createOf("/late", 1)) // in flight when the close is prepared
	c.write(protocol.OpCloseSession, nil)
	c.write(protocol.OpCreate, createOf("/behind", 0))
	if _, code := c.data("/e", false); code != protocol.SessionExpired {
		t.Errorf("a read on a closing session: %v", code)
	}
	c.take()
	g.settle()
	c.expect("the closing client", "reply 2 ok", "reply 3 ok", "closed", "reply 4 Session expired")
	other.expect("the watcher", "event NodeDeleted /e")
	for _, path := range []string{"/e", "/late", "/behind"} {
		if _, code := other.data(path, false); code != protocol.NoNode {
			t.Errorf("%s: %v", path, code)
		}
	}
	password := session.Password(c.id)
	if _, ok := reopen(g.r, g.now, c.id, password[:], 4000, c); ok {
		t.Error("a closed session opens again")
	}
	c.write(protocol.OpCreate, createOf("/x", 0))
	c.write(protocol.OpCreate, createOf("/x", 1))
	g.settle()
	c.take()
	if st := g.r.State().Status(); st.Sessions != 1 || st.Ephemerals != 0 {
		t.Errorf("status %+v", st)
	}
}

func TestUnknownSession(t *testing.T) {
	t.Parallel()
	g := newRig(t, testConfig())
	c := &conn{g: g, id: 4711}
	c.write(protocol.OpCreate, createOf("/a", 0))
	c.write(protocol.OpCreate, createOf("/a", 1))
	c.write(protocol.OpSync, &protocol.SyncRequest{Path: "/"})
	g.settle()
	c.expect("no such session", "reply 1 Unknown session", "reply 2 Session expired", "reply 3 Unknown session")
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	g := newRig(t, testConfig())
	idle, busy := g.connect(), g.connect()
	idle.do(protocol.OpCreate, createOf("/idle", 1))
	busy.do(protocol.OpCreate, createOf("/busy", 1))
	busy.data("/idle", true)
	idle.take()
	busy.take()
	// Connected at 500 with 4000 ms: due at 5000.
	want := []session.Bucket{{At: 5000, Sessions: []protocol.SessionID{idle.id, busy.id}}}
	if got := g.r.Expiries(); !reflect.DeepEqual(got, want) {
		t.Errorf("expiries %v, want %v", got, want)
	}
	g.advance(4499)
	idle.expect("before its time")
	busy.reader.Session.Touch(g.now.MonoMs)
	zxid := g.r.State().Zxid()
	g.advance(1)
	idle.expect("expired", "closed: "+ReasonExpired.String())
	busy.expect("the watcher", "event NodeDeleted /idle")
	if got := g.r.State().Zxid(); got != zxid+1 {
		t.Errorf("zxid %v, want %v: an expiry is one txn", got, zxid+1)
	}
	x, err := txn.Decode(g.log[len(g.log)-1].Payload)
	if err != nil || x.Type != protocol.OpCloseSession || x.Session != idle.id || x.Cxid != 0 || x.TimeMs != g.now.WallMs {
		t.Errorf("the log has %+v, %v", x, err)
	}
	g.advance(4000)
	busy.expect("expired in its turn", "closed: "+ReasonExpired.String())
}

// The close of an expiring session waits for the disk as any write; what its
// client sends meanwhile is refused.
func TestExpiringSessionIsRefused(t *testing.T) {
	t.Parallel()
	g := newRig(t, testConfig())
	c := g.connect()
	g.now.MonoMs = 5000
	g.r.Tick(g.now)
	g.ready()
	c.write(protocol.OpCreate, createOf("/a", 0))
	if _, code := c.data("/", false); code != protocol.SessionExpired {
		t.Errorf("a read: %v", code)
	}
	c.take()
	g.settle()
	c.expect("the client", "closed: "+ReasonExpired.String(), "reply 1 Session expired")
}

func TestContainersAndTTL(t *testing.T) {
	t.Parallel()
	cfg := testConfig()
	cfg.ContainerCheckMs, cfg.ContainerMaxNeverUsedMs, cfg.ContainerMaxPerMinute = 10_000, 35_000, 600
	g := newRig(t, cfg)
	c := g.connect()
	exists := func(path string) bool {
		g.t.Helper()
		s := g.r.State()
		s.RLock()
		defer s.RUnlock()
		_, ok := s.Tree().Lookup(path)
		return ok
	}
	c.do(protocol.OpCreateContainer, createOf("/used", 4))
	c.do(protocol.OpCreate, createOf("/used/c", 0))
	c.do(protocol.OpDelete, &protocol.DeleteRequest{Path: "/used/c", Version: 0})
	c.do(protocol.OpCreateContainer, createOf("/inuse", 4))
	c.do(protocol.OpCreate, createOf("/inuse/c", 0))
	c.do(protocol.OpCreateContainer, createOf("/never", 4))
	for _, path := range []string{"/ttl", "/ttl-written", "/ttl-parent"} {
		c.do(protocol.OpCreateTTL, &protocol.CreateTTLRequest{Path: path, ACL: protocol.OpenACL, Flags: 5, TTL: 15_000})
	}
	c.do(protocol.OpCreate, createOf("/ttl-parent/c", 0))
	c.data("/used", true)
	c.take()

	at := func(ms int64, want map[string]bool) {
		t.Helper()
		for g.now.MonoMs < ms {
			c.reader.Session.Touch(g.now.MonoMs)
			g.advance(min(ms-g.now.MonoMs, 1000))
		}
		for path, there := range want {
			if exists(path) != there {
				t.Errorf("at %d: %s is there: %v, want %v", ms, path, !there, there)
			}
		}
	}
	at(10_400, map[string]bool{"/used": true})
	at(10_500, map[string]bool{"/used": false, "/inuse": true, "/never": true, "/ttl": true})
	c.expect("the watcher of a container", "event NodeDeleted /used")
	c.do(protocol.OpSetData, setOf("/ttl-written", "again"))
	at(20_700, map[string]bool{"/ttl": false, "/ttl-written": true, "/ttl-parent": true, "/inuse": true})
	at(31_000, map[string]bool{"/ttl-written": false, "/ttl-parent": true, "/never": true})
	at(41_000, map[string]bool{"/never": false, "/ttl-parent": true, "/inuse": true})
}

// A candidate that was used again before its turn stays.
func TestContainerUsedAgain(t *testing.T) {
	t.Parallel()
	cfg := testConfig()
	cfg.ContainerCheckMs, cfg.ContainerMaxPerMinute = 1000, 60 // one a second
	g := newRig(t, cfg)
	c := g.connect()
	for _, path := range []string{"/a", "/b"} {
		c.do(protocol.OpCreateContainer, createOf(path, 4))
		c.do(protocol.OpCreate, createOf(path+"/c", 0))
		c.do(protocol.OpDelete, &protocol.DeleteRequest{Path: path + "/c", Version: 0})
	}
	zxid := g.r.State().Zxid()
	g.advance(1000)
	if got := g.r.State().Zxid(); got != zxid+1 {
		t.Fatalf("%d deletions in the first second, want 1 of maxPerMinute 60", got-zxid)
	}
	left := "/b"
	if _, code := c.data("/a", false); code == protocol.OK {
		left = "/a"
	}
	c.do(protocol.OpCreate, createOf(left+"/again", 0))
	g.advance(1500)
	if _, code := c.data(left, false); code != protocol.OK {
		t.Errorf("%s was deleted while in use: %v", left, code)
	}
}
