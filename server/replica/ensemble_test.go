package replica

import (
	"testing"

	"zookit/protocol"
	"zookit/protocol/quorum"
	sessions "zookit/server/session"
)

func TestEnsembleServes(t *testing.T) {
	t.Parallel()
	for _, size := range []struct{ voters, observers int }{{1, 0}, {3, 0}, {3, 1}, {5, 0}} {
		c := newCluster(t, 1, size.voters, size.observers)
		c.startAll()
		c.settle()
		var all []*client
		for _, n := range c.nodes {
			if want := n.sid > int64(size.voters); (n.role.State == quorum.Observing) != want {
				t.Errorf("server %d is %v", n.sid, n.role.State)
			}
			cl := c.client(4000).on(n.sid)
			cl.must(protocol.OpCreate, createOf("/"+cl.name, protocol.FlagEphemeral))
			if code, _ := cl.do(protocol.OpCreate, createOf("/"+cl.name, 0)); code != protocol.NodeExists {
				t.Errorf("the second create: %v", code)
			}
			all = append(all, cl)
		}
		for _, cl := range all {
			cl.must(protocol.OpSync, &protocol.SyncRequest{Path: "/"})
			for _, other := range all {
				if !cl.exists("/" + other.name) {
					t.Errorf("%s of %d does not see /%s", cl.name, cl.k.n.sid, other.name)
				}
			}
		}
		c.settle()
		c.equal()
		for _, cl := range all {
			cl.must(protocol.OpCloseSession, nil)
		}
		c.settle()
		for _, n := range c.nodes {
			if st := n.r.State().Status(); st.Ephemerals != 0 || st.Sessions != 0 {
				t.Errorf("server %d: %+v", n.sid, st)
			}
		}
	}
}

// stand brings up a cluster and returns the leader and the others.
func stand(t *testing.T, seed uint64, voters, observers int) (c *cluster, leader *node, others []*node) {
	t.Helper()
	c = newCluster(t, seed, voters, observers)
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

// A session is the ensemble's: its client moves from server to server with its
// ephemerals; whoever holds the old connection can write no more.
func TestSessionMoves(t *testing.T) {
	t.Parallel()
	c, leader, others := stand(t, 2, 3, 1)
	route := []*node{others[0], leader, others[1], others[2], others[0], leader}
	cl := c.client(4000).on(route[0].sid)
	cl.must(protocol.OpCreate, createOf("/e", protocol.FlagEphemeral))
	id := cl.session
	for _, n := range route[1:] {
		old := cl.k
		cl.k = nil // it does not know that its client is gone
		cl.on(n.sid)
		ghost := &client{c: c, name: "ghost", session: id, timeout: 4000, k: old, zxid: cl.zxid}
		old.cl = ghost
		if old.open {
			if code, _ := ghost.do(protocol.OpCreate, createOf("/ghost", 0)); code != protocol.ConnectionLoss {
				t.Errorf("the old connection to %d writes: %v", old.n.sid, code)
			}
		}
		cl.must(protocol.OpSetData, setOf("/e", "y"))
		if cl.exists("/ghost") || !cl.exists("/e") {
			t.Error("what the old connection wrote is there, or the ephemeral is not")
		}
	}
	c.settle()
	c.equal()
	// On one learner the old connection may not yet know that it was closed.
	cl.on(others[0].sid)
	old := cl.k
	cl.on(others[0].sid)
	old.open, old.cl, old.waiting = true, &client{c: c, name: "ghost", session: id, timeout: 4000}, nil
	for _, op := range []protocol.OpCode{protocol.OpSync, protocol.OpCloseSession} {
		old.open = true
		if code, _ := old.cl.with(old).do(op, &protocol.SyncRequest{Path: "/ghost"}); code != protocol.ConnectionLoss {
			t.Errorf("the old connection is answered: %v", code)
		}
	}
	cl.must(protocol.OpSync, &protocol.SyncRequest{Path: "/mine"})
	cl.must(protocol.OpSetData, setOf("/e", "z"))
	// A wrong password or an unknown session is an expired one on every server.
	for _, n := range c.nodes {
		for _, known := range []bool{true, false} {
			k := &connection{cl: c.client(4000), n: n, open: true}
			session, password, answered := id, make([]byte, 16), false
			if !known {
				session = 0x7711
				p := sessions.Password(session)
				password = p[:]
			}
			n.do(func(r *Replica) {
				r.Reopen(c.now, session, password, 4000, k, func(h *sessions.Handle) {
					answered = true
					if h != nil {
						t.Errorf("server %d opens the session", n.sid)
					}
				})
			})
			c.run("an answer", 1000, func() bool { return answered })
		}
	}
	if !cl.k.open {
		t.Error("the failed attempts have cut off the client")
	}
}

// Expiry is the leader's: a session lives while its client is heard by any
// server, and dies for all of them at once.
func TestSessionsExpireEverywhere(t *testing.T) {
	t.Parallel()
	c, _, others := stand(t, 3, 3, 1)
	alive, silent := c.client(2000).on(others[0].sid), c.client(2000).on(others[2].sid)
	alive.must(protocol.OpCreate, createOf("/alive", protocol.FlagEphemeral))
	silent.must(protocol.OpCreate, createOf("/silent", protocol.FlagEphemeral))
	for _, path := range []string{"/alive", "/silent"} {
		alive.must(protocol.OpSync, &protocol.SyncRequest{Path: path})
		alive.read(protocol.OpExists, &protocol.ExistsRequest{Path: path, Watch: true})
	}
	c.pass(10_000)
	if !alive.k.open || !silent.k.open {
		t.Fatal("a session that is heard of has expired")
	}
	silent.quiet = true
	k := silent.k
	c.run("the session expires", 4000, func() bool { return !k.open })
	c.settle()
	if !alive.k.open || alive.exists("/silent") || !alive.exists("/alive") {
		t.Error("the wrong ephemeral is gone")
	}
	if len(alive.events) != 1 || alive.events[0] != "NodeDeleted /silent" {
		t.Errorf("events %q", alive.events)
	}
	c.equal()
	silent.connect(others[1], func(ok bool) {
		if ok {
			t.Error("an expired session opens")
		}
	})
	c.run("refused", 1000, func() bool { return silent.expired == 1 })
}

// The leader dies with proposals on its disk that nobody else has. The others
// go on; it comes back and gives them up.
func TestOldLeaderRejoins(t *testing.T) {
	t.Parallel()
	c, leader, others := stand(t, 4, 3, 0)
	cl := c.client(10_000).on(others[0].sid)
	cl.must(protocol.OpCreate, createOf("/before", protocol.FlagEphemeral))
	id := cl.session

	own := c.client(10_000).on(leader.sid)
	idle := c.client(10_000).on(leader.sid)
	c.cutOff[leader.sid] = true
	own.write(protocol.OpCreate, createOf("/lost", 0), nil)
	zxid := leader.disk.last()
	c.run("the lost write is on the leader's disk", 1000, func() bool { return leader.disk.last() > zxid })
	c.run("it steps down", 20_000, func() bool { return !leader.role.Serving })
	if idle.k != nil || leader.unended != 0 {
		t.Errorf("an idle client is still connected, or was left to the driver")
	}
	if own.k != nil || own.lost != 1 || own.ops != 1 {
		t.Errorf("its client: %+v", own)
	}
	c.run("the rest goes on", 30_000, c.settled)
	if leader.r.State().Zxid() <= zxid {
		t.Errorf("the old leader's tree stands at %v, its log at %v", leader.r.State().Zxid(), leader.disk.last())
	}
	cl.on(others[1].sid)
	if cl.session != id {
		t.Error("the session was lost")
	}
	cl.must(protocol.OpCreate, createOf("/after", 0))
	delete(c.cutOff, leader.sid)
	c.settle()
	c.equal()
	if role := leader.role; role.State != quorum.Following {
		t.Errorf("the old leader is %+v", role)
	}
	own.on(leader.sid)
	if own.exists("/lost") || !own.exists("/after") || !own.exists("/before") {
		t.Error("the history is wrong")
	}
	own.must(protocol.OpCreate, createOf("/again", 0))
	c.settle()
	c.equal()
}

// A server that was away comes back by DIFF, by the log on disk, or by a
// snapshot; with its sessions where they were.
func TestFollowerRestarts(t *testing.T) {
	t.Parallel()
	for _, away := range []int{3, 60, 200} {
		c, _, others := stand(t, 5, 3, 1)
		c.cfg.SnapCount = 100
		cl := c.client(60_000).on(others[0].sid)
		late := []*node{others[1], others[2]}
		for _, n := range late {
			n.crash()
		}
		for i := range away {
			cl.must(protocol.OpCreate, createOf("/n", 0))
			cl.must(protocol.OpDelete, &protocol.DeleteRequest{Path: "/n", Version: -1})
			if i == away/2 && away == 200 { // the leader keeps no old log
				for _, n := range c.nodes {
					if n.r != nil {
						n.do(func(r *Replica) { r.TakeSnapshot() })
						c.pass(50)
						n.disk.purge()
					}
				}
			}
		}
		for _, n := range late {
			n.start()
		}
		c.settle()
		c.equal()
		if snapped := late[0].disk.start > 0; snapped != (away == 200) {
			t.Errorf("away for %d: a snapshot: %v", away, snapped)
		}
		cl.on(late[1].sid)
		cl.must(protocol.OpCreate, createOf("/end", 0))
		// And what they took over is on their disks.
		for _, n := range late {
			n.crash()
			n.start()
		}
		c.settle()
		c.equal()
	}
}

// Nothing is lost when all go down at once.
func TestAllRestart(t *testing.T) {
	t.Parallel()
	c, _, others := stand(t, 6, 5, 0)
	cl := c.client(20_000).on(others[0].sid)
	cl.must(protocol.OpCreate, createOf("/e", protocol.FlagEphemeral))
	cl.must(protocol.OpCreate, createOf("/p", 0))
	for _, n := range c.nodes {
		n.crash()
	}
	c.pass(5000)
	c.startAll()
	c.settle()
	epoch := c.leader().role.Epoch
	if epoch != 2 {
		t.Errorf("epoch %d, want 2", epoch)
	}
	cl.on(others[1].sid)
	if cl.expired != 0 || !cl.exists("/e") || !cl.exists("/p") {
		t.Error("something is lost")
	}
	cl.must(protocol.OpCreate, createOf("/q", 0))
	if got, want := c.leader().r.State().Zxid(), protocol.MakeZxid(2, 1); got != want {
		t.Errorf("the first txn of the epoch is %v, want %v", got, want)
	}
	c.settle()
	c.equal()
}
