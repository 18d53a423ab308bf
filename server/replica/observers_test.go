package replica

import (
	"fmt"
	"slices"
	"testing"

	"zookit/protocol"
	"zookit/protocol/quorum"
	"zookit/server/session"
)

// standHosting brings up three voters and two observers that are served by
// followers: whichever the test has chosen, or the first that is not the leader.
func standHosting(t *testing.T, seed uint64, local bool) (c *cluster, followers []*node, chosen map[int64]int64) {
	t.Helper()
	c = newCluster(t, seed, 3, 2)
	chosen = map[int64]int64{}
	c.change = func(e *Ensemble) { e.HostObservers, e.LocalSessions, e.LocalUpgrading = true, local, local }
	c.master = func(o *node) int64 {
		if sid := chosen[o.sid]; sid != 0 && c.node(sid).role.State == quorum.Following {
			return sid
		}
		for _, n := range c.nodes[:3] {
			if n.r != nil && n.role.State == quorum.Following && !c.cutOff[n.sid] {
				return n.sid
			}
		}
		return o.role.Leader
	}
	c.startAll()
	c.settle()
	for _, n := range c.nodes[:3] {
		if n != c.leader() {
			followers = append(followers, n)
		}
	}
	return c, followers, chosen
}

// Clients of observers that a follower serves write, sync, watch, own
// ephemerals, move and expire as all others do; the leader has no connection to
// an observer.
func TestHostedObservers(t *testing.T) {
	t.Parallel()
	for _, local := range []bool{false, true} {
		c, followers, _ := standHosting(t, 31, local)
		if n := len(c.leader().down); n != 2 {
			t.Fatalf("the leader has %d learners", n)
		}
		var all []*client
		for _, n := range c.nodes {
			cl := c.client(4000).on(n.sid)
			cl.must(protocol.OpCreate, createOf("/"+cl.name, protocol.FlagEphemeral))
			all = append(all, cl)
		}
		for i, cl := range all {
			cl.must(protocol.OpSync, &protocol.SyncRequest{Path: "/"})
			for _, other := range all {
				if !cl.exists("/" + other.name) {
					t.Errorf("%s of server %d does not see /%s", cl.name, i+1, other.name)
				}
			}
		}
		// Heard of by way of two PINGs, they live.
		c.pass(12_000)
		watcher := all[3]
		if _, code := watcher.read(protocol.OpGetData, &protocol.GetDataRequest{Path: "/c0", Watch: true}); code != protocol.OK {
			t.Fatal(code)
		}
		all[0].must(protocol.OpSetData, setOf("/c0", "x"))
		c.run("the watch", 5000, func() bool {
			return slices.Contains(watcher.events, fmt.Sprintf("%v /c0", protocol.EventNodeDataChanged))
		})

		// From the observer to its own master, to the other observer and to the leader.
		for _, to := range []*node{followers[0], c.node(5), c.leader(), c.node(4)} {
			old := watcher.k
			watcher.k = nil
			watcher.on(to.sid)
			if to.sid == 5 { // the follower had it: it knows now that it has it no more
				c.run("the old connection to end", 5000, func() bool { return !old.open })
			}
			watcher.must(protocol.OpSetData, setOf("/"+watcher.name, "moved"))
		}
		refused := &client{c: c, name: "stranger", session: 0x7711, timeout: 4000}
		answered := false
		password := session.Password(0x7711)
		k := &connection{cl: refused, n: c.node(5), open: true}
		c.node(5).do(func(r *Replica) {
			r.Reopen(c.now, 0x7711, password[:], 4000, k, func(h *session.Handle) { answered = h == nil })
		})
		c.run("the leader's word", 5000, func() bool { return answered })

		all[4].quiet = true
		c.run("a session to expire", 20_000, func() bool { return !c.node(1).exists("/c4") && !c.node(5).exists("/c4") })
		for _, cl := range all[:4] {
			cl.must(protocol.OpCloseSession, nil)
		}
		c.settle()
		c.equal()
		if st := c.node(4).r.State().Status(); st.Ephemerals != 0 {
			t.Errorf("left behind: %+v", st)
		}
	}
}

func (n *node) exists(path string) bool {
	_, ok := n.r.State().Tree().Lookup(path)
	return ok
}

// A write that comes late from an observer which its client has left is not carried
// out, though the leader has the same follower for the owner of both.
func TestMovedBetweenHostedObservers(t *testing.T) {
	t.Parallel()
	c, followers, _ := standHosting(t, 34, false)
	for _, to := range []*node{c.node(5), followers[0]} {
		cl := c.client(20_000).on(4)
		cl.must(protocol.OpCreate, createOf("/"+cl.name, 0))
		old := cl.k
		cl.k = nil
		cl.on(to.sid).must(protocol.OpSetData, setOf("/"+cl.name, "new"))
		now := cl.k
		if code, _ := cl.with(old).do(protocol.OpSetData, setOf("/"+cl.name, "late")); code != protocol.ConnectionLoss || old.open {
			t.Errorf("from server 4 to %d: the late write is answered by %v", to.sid, code)
		}
		cl.with(now).must(protocol.OpSync, &protocol.SyncRequest{Path: "/"})
		if n, _ := to.r.State().Tree().Lookup("/" + cl.name); string(n.Data()) != "new" {
			t.Errorf("from server 4 to %d: the late write is carried out: %q", to.sid, n.Data())
		}
		cl.must(protocol.OpSetData, setOf("/"+cl.name, "newer"))
		cl.must(protocol.OpCloseSession, nil)
	}
	c.settle()
	c.equal()
}

// An observer that its master loses, or that loses its master, comes back: from
// what is in memory, from the log on disk, by a snapshot. One that is ahead of
// its new master waits for it and is not cut back.
func TestHostedObserverJoins(t *testing.T) {
	t.Parallel()
	c, followers, chosen := standHosting(t, 32, false)
	near, far := followers[0], followers[1]
	cl := c.client(20_000).on(c.leader().sid)
	o := c.node(4)
	write := func(n int) {
		t.Helper()
		for i := range n {
			cl.must(protocol.OpCreate, createOf(fmt.Sprintf("/n%d-%d", c.now.MonoMs, i), 0))
		}
	}
	for _, missed := range []int{0, 3, 60} {
		o.crash()
		write(missed)
		o.start()
		c.settle()
		c.equal()
	}
	o.crash()
	write(5)
	for _, n := range followers {
		n.do(func(r *Replica) { r.TakeSnapshot() })
	}
	c.pass(500)
	write(60)
	for _, n := range followers {
		n.disk.purge()
	}
	o.disk = disk{}
	o.start()
	c.settle()
	c.equal()

	// near is the master, and is killed.
	chosen[4] = near.sid
	o.crash()
	o.start()
	c.settle()
	near.crash()
	write(3)
	c.run("the observer to find another", 60_000, func() bool { return o.role.Serving && c.settled() })
	near.start()
	c.settle()

	// far's disk stands still: it applies nothing that the others commit.
	chosen[4] = near.sid
	o.crash()
	o.start()
	c.settle()
	far.stall = c.now.MonoMs + 500
	write(1) // far's write is with its disk now
	write(4)
	ahead := o.r.State().Zxid()
	c.run("the observer to have it", 400, func() bool { ahead = o.r.State().Zxid(); return ahead == c.leader().r.State().Zxid() })
	if far.r.State().Zxid() >= ahead {
		t.Fatal("the master is not behind: the test shows nothing")
	}
	chosen[4] = far.sid
	o.up.close()
	c.run("the observer to ask its new master", 400, func() bool { return o.up != nil && o.up.leader == far && o.role.State == quorum.Observing })
	for far.r.State().Zxid() < ahead {
		if o.r.State().Zxid() < ahead {
			t.Fatalf("the observer was cut back to %v", o.r.State().Zxid())
		}
		c.pass(10)
	}
	c.settle()
	c.equal()
}

// Nobody but an observer is served, and a follower that has lost its leader
// serves none.
func TestHostingEnds(t *testing.T) {
	t.Parallel()
	c, followers, _ := standHosting(t, 33, false)
	master := followers[0]
	c.cutOff[c.leader().sid] = true
	c.run("the role to end", 60_000, func() bool { return !master.role.Serving })
	if master.r.ens.hosting.master != nil {
		t.Error("it goes on as a master")
	}
	clear(c.cutOff)
	c.settle()
	c.equal()
}
