package replica

import (
	"testing"

	"zookit/protocol"
	"zookit/protocol/quorum"
	"zookit/server/session"
)

// A server that is cut off serves readers after its wait, in sessions of their
// own, and ends that with the connections when it finds the others again.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 21, 3, 1)
	c.cfg.MaxSessionTimeoutMs = 120_000
	c.change = func(e *Ensemble) { e.ReadOnlyFallback = true }
	c.startAll()
	c.settle()
	for _, n := range []*node{c.leader(), c.nodes[3]} {
		owner := c.client(60_000).on(n.sid)
		owner.must(protocol.OpCreate, createOf("/"+owner.name, protocol.FlagEphemeral))
		c.cutOff[n.sid] = true
		c.run("the role to end", 60_000, func() bool { return n.role.State == quorum.Looking })
		began := n.r.ens.lookingSince
		c.run("the mode", 60_000, func() bool { return n.role.ReadOnly })
		if waited := c.now.MonoMs - began; waited < readOnlyGraceMs || n.role.Serving {
			t.Errorf("server %d is read-only after %d ms: %+v", n.sid, waited, n.role)
		}

		before := n.r.State().Zxid()
		cl := c.client(4000).on(n.sid)
		if !cl.exists("/" + owner.name) {
			t.Error("what it had is not read")
		}
		for op, body := range map[protocol.OpCode]protocol.Record{
			protocol.OpCreate: createOf("/no", 0), protocol.OpSync: &protocol.SyncRequest{Path: "/"},
			protocol.OpSetData: setOf("/"+owner.name, "x"), protocol.OpMulti: multiOf(), protocol.OpReconfig: &protocol.ReconfigRequest{},
		} {
			if code, _ := cl.do(op, body); code != protocol.NotReadOnly || cl.k == nil {
				t.Errorf("%v: %v", op, code)
			}
		}
		cl.on(n.sid) // its own session is opened again
		if st := n.r.State().Status(); st.LocalSessions != 1 || n.r.State().Zxid() != before {
			t.Errorf("%+v", st)
		}
		short := c.client(1000).on(n.sid)
		short.quiet = true
		k := short.k
		c.run("a session to expire", 3000, func() bool { return !k.open })

		// A session of the ensemble may live on: it is not said to have expired.
		refused := &connection{cl: &client{c: c, name: "owner", session: owner.session}, n: n, open: true}
		password := session.Password(owner.session)
		n.do(func(r *Replica) {
			r.Reopen(c.now, owner.session, password[:], 4000, refused, func(*session.Handle) { t.Error("a session of the ensemble is answered for") })
		})
		if refused.open {
			t.Error("a session of the ensemble keeps its connection")
		}
		unknown, told := &connection{cl: &client{c: c, name: "unknown"}, n: n, open: true}, false
		password = session.Password(0x7711)
		n.do(func(r *Replica) {
			r.Reopen(c.now, 0x7711, password[:], 4000, unknown, func(h *session.Handle) { told = h == nil })
		})
		if !told {
			t.Error("an unknown session is not said to have expired")
		}
		done := c.client(4000).on(n.sid)
		done.must(protocol.OpCloseSession, nil)

		k = cl.k
		delete(c.cutOff, n.sid)
		c.settle()
		if k.open || n.role.ReadOnly || n.r.State().Status().LocalSessions != 0 || n.unended != 0 {
			t.Errorf("the mode goes on: %+v, %d connections left to the driver", n.role, n.unended)
		}
		answered := false
		cl.connect(n, func(bool) { answered = true })
		c.run("the server to answer", 10_000, func() bool { return answered })
		if cl.expired != 1 {
			t.Error("a session of the mode outlives it")
		}
		owner.on(c.nodes[1].sid)
		owner.must(protocol.OpCloseSession, nil)
		c.settle()
		c.equal()
	}
}

// A server whose data cannot be used shows them to nobody.
func TestQuarantineIsNotReadOnly(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 22, 3, 0)
	c.change = func(e *Ensemble) { e.ReadOnlyFallback = true }
	sick, other := c.node(1), c.node(2)
	sick.quarantined = true
	sick.start()
	other.start()
	c.run("the other to be read-only", 10_000, func() bool { return other.role.ReadOnly })
	c.pass(10_000)
	if sick.role.ReadOnly {
		t.Error("a server in quarantine serves readers")
	}
}
