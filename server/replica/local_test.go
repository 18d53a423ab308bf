package replica

import (
	"fmt"
	"testing"

	"zookit/protocol"
	"zookit/protocol/jute"
	"zookit/protocol/quorum"
	"zookit/server/zab"
)

// standLocal brings up three voters and an observer with local sessions.
func standLocal(t *testing.T, seed uint64, upgrading bool) (c *cluster, leader *node, others []*node) {
	t.Helper()
	c = newCluster(t, seed, 3, 1)
	c.change = func(e *Ensemble) { e.LocalSessions, e.LocalUpgrading = true, upgrading }
	c.startAll()
	c.settle()
	leader = c.leader()
	for _, n := range c.nodes {
		if n != leader {
			others = append(others, n)
		}
	}
	return c, leader, others
}

func multiOf(ops ...protocol.MultiOp) *protocol.MultiRequest { return &protocol.MultiRequest{Ops: ops} }

// A local session reads, writes and is closed without a txn of its own, on
// every server; it cannot own an ephemeral, and no other server knows it.
func TestLocalSessions(t *testing.T) {
	t.Parallel()
	c, leader, _ := standLocal(t, 3, false)
	for _, n := range c.nodes {
		before := leader.r.State().Zxid()
		cl := c.client(4000).on(n.sid)
		if st := n.r.State().Status(); st.LocalSessions != 1 || leader.r.State().Zxid() != before {
			t.Errorf("server %d: %+v; the leader stands at %v, before at %v", n.sid, st, leader.r.State().Zxid(), before)
		}
		name := "/" + cl.name
		cl.must(protocol.OpCreate, createOf(name, protocol.FlagPersistent))
		cl.must(protocol.OpSync, &protocol.SyncRequest{Path: name})
		if !cl.exists(name) {
			t.Errorf("server %d: its own write is not there", n.sid)
		}
		if code, _ := cl.do(protocol.OpCreate2, createOf("/e", protocol.FlagEphemeralSequential)); code != protocol.EphemeralOnLocalSession {
			t.Errorf("server %d: an ephemeral: %v", n.sid, code)
		}
		// In a multi the code is the leader's, which does not know the session of
		// another server.
		want := protocol.SessionExpired
		if n == leader {
			want = protocol.EphemeralOnLocalSession
		}
		_, d := cl.do(protocol.OpMulti, multiOf(
			protocol.MultiOp{Type: protocol.OpCreate, Record: createOf(name+"/a", protocol.FlagPersistent)},
			protocol.MultiOp{Type: protocol.OpCreate, Record: createOf(name+"/b", protocol.FlagEphemeral)}))
		if code := multiCode(t, d, 1); code != want || cl.exists(name+"/a") {
			t.Errorf("server %d: an ephemeral in a multi: %v, want %v", n.sid, code, want)
		}

		// The session is this server's: here it is opened again, elsewhere it has expired.
		cl.on(n.sid)
		elsewhere := c.node(n.sid%4 + 1)
		stranger := &client{c: c, name: "moved", session: cl.session, timeout: 4000, zxid: cl.zxid}
		answered := false
		c.run("the other server to be as far", 10_000, func() bool { return elsewhere.r.State().Zxid() >= cl.zxid })
		stranger.connect(elsewhere, func(bool) { answered = true })
		c.run("the other server to answer", 10_000, func() bool { return answered })
		if stranger.expired != 1 {
			t.Errorf("server %d knows a session of server %d", elsewhere.sid, n.sid)
		}

		// A close waits for the writes before it.
		var order []string
		note := func(what string) func(protocol.Code, *jute.Decoder) {
			return func(code protocol.Code, _ *jute.Decoder) { order = append(order, fmt.Sprint(what, int32(code))) }
		}
		cl.write(protocol.OpDelete, &protocol.DeleteRequest{Path: name, Version: -1}, note("delete "))
		cl.write(protocol.OpSync, &protocol.SyncRequest{Path: "/"}, note("sync "))
		k := cl.k
		cl.write(protocol.OpCloseSession, nil, note("close "))
		c.run("the close", 10_000, func() bool { return !k.open })
		if got, want := fmt.Sprint(order), "[delete 0 sync 0 close 0]"; got != want {
			t.Errorf("server %d answered %s, want %s", n.sid, got, want)
		}
		if n.r.State().Status().LocalSessions != 0 {
			t.Errorf("server %d still knows the session", n.sid)
		}
	}
	c.settle()
	c.equal()
	if len(leader.r.State().Tree().Sessions()) != 0 {
		t.Error("a session came into the tree")
	}
}

// multiCode is the code of one op in the reply of a multi.
func multiCode(t *testing.T, d *jute.Decoder, i int) protocol.Code {
	t.Helper()
	var m protocol.MultiResponse
	if d == nil || m.Decode(d) != nil || len(m.Results) <= i {
		t.Fatal("no reply of a multi")
	}
	return m.Results[i].Err
}

// A local session whose client is not heard of ends on its server, and one
// whose server loses its role with that; neither leaves anything behind.
func TestLocalSessionEnds(t *testing.T) {
	t.Parallel()
	for i := range 4 {
		c, leader, others := standLocal(t, uint64(10+i), true)
		n := []*node{leader, others[0], others[1], others[2]}[i]
		cl := c.client(1000).on(n.sid)
		cl.quiet = true
		k := cl.k
		c.run("the session to expire", 3000, func() bool { return !k.open })
		if st := n.r.State().Status(); st.LocalSessions != 0 || c.leader() != leader {
			t.Errorf("server %d: %+v", n.sid, st)
		}
		lasting := c.client(20_000).on(n.sid)
		id := lasting.session
		c.cutOff[n.sid] = true
		c.run("the role to end", 60_000, func() bool { return !n.role.Serving })
		delete(c.cutOff, n.sid)
		c.settle()
		answered := false
		lasting.connect(n, func(bool) { answered = true })
		c.run("the server to answer", 10_000, func() bool { return answered })
		if lasting.expired != 1 || lasting.session == id {
			t.Errorf("server %d: the session lived on with another role", n.sid)
		}
	}
}

// The first ephemeral makes a local session one of the ensemble, under its id:
// it moves between servers with what it owns, and its end removes that.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	c, leader, _ := standLocal(t, 5, true)
	for _, n := range c.nodes {
		cl := c.client(4000).on(n.sid)
		id := cl.session
		cl.must(protocol.OpCreate, createOf("/p"+cl.name, protocol.FlagPersistent))
		if len(leader.r.State().Tree().Sessions()) != 0 {
			t.Fatalf("server %d: upgraded before it was needed", n.sid)
		}
		// Both creates are on their way before the session is committed.
		codes := []protocol.Code{}
		note := func(code protocol.Code, _ *jute.Decoder) { codes = append(codes, code) }
		cl.write(protocol.OpCreate, createOf("/e"+cl.name, protocol.FlagEphemeral), note)
		cl.write(protocol.OpMulti, multiOf(protocol.MultiOp{Type: protocol.OpCreate2, Record: createOf("/m"+cl.name, protocol.FlagEphemeral)}), note)
		c.run("the creates", 10_000, func() bool { return len(codes) == 2 })
		if codes[0] != protocol.OK || codes[1] != protocol.OK {
			t.Fatalf("server %d: %v", n.sid, codes)
		}
		if st := n.r.State().Status(); st.LocalSessions != 0 {
			t.Errorf("server %d: the session is local and global", n.sid)
		}
		c.settle()
		for _, o := range c.nodes {
			if got := o.r.State().Tree().Ephemerals(id); len(got) != 2 {
				t.Errorf("on server %d the session of server %d owns %v", o.sid, n.sid, got)
			}
		}
		c.pass(6000) // it is heard of: through the learner's PINGs
		cl.on(c.node(n.sid%4 + 1).sid)
		cl.must(protocol.OpCreate, createOf("/x"+cl.name, protocol.FlagEphemeral))
		cl.must(protocol.OpCloseSession, nil)
		c.settle()
	}
	if st := leader.r.State().Status(); st.Ephemerals != 0 || st.Sessions != 0 {
		t.Errorf("left behind: %+v", st)
	}
	c.equal()
}

// ZOOKEEPER-2355, ZOOKEEPER-3471: whatever becomes of a server, of its client
// or of the leader while a session is being upgraded, no ephemeral outlives it.
func TestZK3471UpgradeMeetsItsEnd(t *testing.T) {
	t.Parallel()
	const seeds = 60
	upgraded, cut := 0, 0
	for seed := range uint64(seeds) {
		c, leader, others := standLocal(t, 1000+seed, true)
		n := append([]*node{leader}, others...)[c.rng.IntN(4)]
		cl := c.client(1000).on(n.sid)
		k, answered := cl.k, false
		cl.write(protocol.OpCreate, createOf("/e", protocol.FlagEphemeral), func(protocol.Code, *jute.Decoder) { answered = true })
		switch c.rng.IntN(5) {
		case 0:
			cl.write(protocol.OpCloseSession, nil, nil)
		case 1:
			cl.quiet = true
		case 2:
			c.pass(c.rng.Int64N(20))
			cl.quiet = true
			k.end("the client dies")
		case 3:
			c.pass(c.rng.Int64N(20))
			n.crash()
			c.after(c.rng.Int64N(2000), n.start)
		case 4:
			c.pass(c.rng.Int64N(20))
			if c.leader() != nil {
				c.leader().crash()
				c.after(c.rng.Int64N(2000), leader.start)
			}
		}
		cl.quiet = true
		c.pass(8000)
		c.settle()
		c.pass(4000)
		c.settle()
		c.equal()
		for _, o := range c.nodes {
			if st := o.r.State().Status(); st.Ephemerals != 0 || st.LocalSessions != 0 || len(o.r.State().Tree().Sessions()) != 0 {
				t.Errorf("seed %d: server %d: %+v", seed, o.sid, st)
			}
		}
		if answered {
			upgraded++
		} else {
			cut++
		}
	}
	if upgraded == 0 || cut == 0 {
		t.Errorf("%d upgrades ended, %d did not: the seeds miss one of the two", upgraded, cut)
	}
}

// A write that a follower sent before it knew that its session had ended is not
// taken for one of a local session there.
func TestLateWriteOfAnEndedSession(t *testing.T) {
	t.Parallel()
	c, leader, others := standLocal(t, 6, true)
	other := c.client(20_000).on(leader.sid)
	other.must(protocol.OpCreate, createOf("/p", protocol.FlagPersistent))
	cl := c.client(4000).on(others[0].sid)
	cl.must(protocol.OpCreate, createOf("/e", protocol.FlagEphemeral)) // upgrades it
	ended := cl.session
	cl.must(protocol.OpCloseSession, nil)
	late := func(session protocol.SessionID, cxid int32) {
		leader.do(func(r *Replica) {
			for conn := range r.ens.learners {
				r.forwardedHere(&zab.Forwarded{Conn: conn, Request: quorum.ForwardedRequest{
					Session: session, Cxid: cxid, Type: protocol.OpSetData, Body: setOf("/p", "late").AppendTo(nil)}})
				return
			}
			t.Error("the leader knows no learner")
		})
	}
	late(ended, 7)
	other.must(protocol.OpSync, &protocol.SyncRequest{Path: "/"})
	if n, _ := leader.r.State().Tree().Lookup("/p"); string(n.Data()) != "x" {
		t.Errorf("a write of a session that has ended is carried out: %q", n.Data())
	}
	// It is remembered for as long as a learner may be behind.
	c.pass(2*leader.r.ens.Timing.TickMs*leader.r.ens.Timing.SyncLimit + 1000)
	leader.do(func(r *Replica) {
		if n := len(r.ens.ended.known) + len(r.ens.ended.order); n != 0 {
			t.Errorf("%d ended sessions are still remembered", n)
		}
	})
	late(ended+1, 1) // one that may be local at the learner
	other.must(protocol.OpSync, &protocol.SyncRequest{Path: "/"})
	if n, _ := leader.r.State().Tree().Lookup("/p"); string(n.Data()) != "late" {
		t.Errorf("a write of a learner's local session is refused: %q", n.Data())
	}
}
