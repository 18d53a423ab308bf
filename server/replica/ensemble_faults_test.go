package replica

import (
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/protocol/quorum"
	"zookit/server/zab"
)

// noted tells whether a server has noted something.
func (c *cluster) noted(text string) bool {
	for _, n := range c.notes {
		if strings.Contains(n, text) {
			return true
		}
	}
	return false
}

// A snapshot that is being written could hold what is cut off: the truncation
// waits for it.
func TestTruncationWaitsForSnapshot(t *testing.T) {
	t.Parallel()
	c, leader, others := stand(t, 16, 3, 0)
	own := c.client(10_000).on(leader.sid)
	own.must(protocol.OpCreate, createOf("/p", 0))
	leader.snapMs = 60_000
	for leader.r.snapshots.running = false; !leader.snapping; {
		leader.do(func(r *Replica) { r.TakeSnapshot() })
		c.pass(5)
	}
	c.cutOff[leader.sid] = true
	zxid := leader.disk.last()
	own.write(protocol.OpCreate, createOf("/lost", 0), nil)
	c.run("the lost write is on the leader's disk", 1000, func() bool { return leader.disk.last() > zxid })
	c.run("the rest goes on", 60_000, c.settled)
	c.client(4000).on(others[0].sid).must(protocol.OpCreate, createOf("/kept", 0))
	delete(c.cutOff, leader.sid)
	c.run("all agree", 200_000, c.settled)
	c.equal()
}

// A history that cannot be cut back is replaced by the leader's snapshot.
func TestZK3701CannotTruncate(t *testing.T) {
	t.Parallel()
	c, leader, others := stand(t, 11, 3, 0)
	own := c.client(10_000).on(leader.sid)
	c.cutOff[leader.sid] = true
	zxid := leader.disk.last()
	own.write(protocol.OpCreate, createOf("/lost", 0), nil)
	c.run("the lost write is on the leader's disk", 1000, func() bool { return leader.disk.last() > zxid })
	c.run("the rest goes on", 60_000, c.settled)
	c.client(4000).on(others[0].sid).must(protocol.OpCreate, createOf("/kept", 0))
	leader.disk.stubborn = true
	delete(c.cutOff, leader.sid)
	c.settle()
	c.equal()
	if leader.disk.start == 0 {
		t.Error("no snapshot was taken over")
	}
}

// A server whose data are gone has no vote until a leader has given it a
// snapshot; then it follows as before.
func TestQuarantine(t *testing.T) {
	t.Parallel()
	c, leader, others := stand(t, 12, 3, 0)
	cl := c.client(20_000).on(leader.sid)
	cl.must(protocol.OpCreate, createOf("/p", 0))
	c.settle()
	lost := others[0]
	lost.crash()
	lost.disk, lost.quarantined = disk{}, true
	c.cutOff[others[1].sid] = true
	c.run("the leader has no quorum", 20_000, func() bool { return leader.role.State == quorum.Looking })
	lost.start()
	c.pass(20_000)
	if leader.role.Serving || lost.role.Serving {
		t.Fatalf("a server without its data has voted: %v", c)
	}
	delete(c.cutOff, others[1].sid)
	c.settle()
	c.equal()
	if lost.role.State != quorum.Following || lost.disk.start == 0 || !c.noted("out of quarantine") {
		t.Errorf("role %+v, log from %v", lost.role, lost.disk.start)
	}
}

// A voter that has accepted a much later epoch, and that every leader hears of
// too late, is let in by the one after the next: that leader goes on from the
// epoch its predecessor was told of.
func TestLaterEpochIsRemembered(t *testing.T) {
	t.Parallel()
	c, _, others := stand(t, 14, 3, 0)
	late := others[0]
	late.crash()
	late.disk.accepted = 50
	c.settle()
	epochs := map[int64]bool{}
	for range 3 {
		leader := c.leader()
		epochs[leader.role.Epoch] = true
		late.start()
		c.run("the leader makes way", 20_000, func() bool { return !leader.role.Serving || late.role.Serving })
		if late.role.Serving {
			break
		}
		late.crash() // and misses the next election
		c.settle()
	}
	if got := c.leader().role.Epoch; got <= 50 || len(epochs) > 2 {
		t.Errorf("epoch %d after those of %v", got, epochs)
	}
}

// What a learner cannot read does not come into its log.
func TestUnreadableTxn(t *testing.T) {
	t.Parallel()
	for observers := range 2 {
		c, _, others := stand(t, 13, 3, observers)
		n := others[len(others)-1]
		kind := quorum.Proposal
		if n.observer {
			kind = quorum.Inform
		}
		zxid := protocol.MakeZxid(1, 1)
		data := make([]byte, 36) // a header of type 0x7fffffff
		data[19], data[15] = byte(zxid), 1
		copy(data[28:], []byte{0x7f, 0xff, 0xff, 0xff})
		term := n.role.Term
		n.do(func(r *Replica) {
			r.PeerEvent(c.now, zab.Received{Conn: zab.Conn(term), Packet: quorum.Packet{Type: kind, Zxid: zxid, Data: data}})
		})
		c.run("it leaves", 100, func() bool { return n.role.Term > term })
		if !c.noted("cannot be read") {
			t.Errorf("notes %q", c.notes)
		}
		c.settle()
		c.client(4000).on(n.sid).must(protocol.OpCreate, createOf("/a", 0))
		if last := n.disk.log[0].Payload; string(last) == string(data) {
			t.Error("it is in the log")
		}
		c.settle()
		c.equal()
	}
}

// What a learner makes up costs it its connection, or its client an error.
func TestBadForward(t *testing.T) {
	t.Parallel()
	c, leader, others := stand(t, 14, 3, 0)
	n := others[0]
	forward := func(q quorum.ForwardedRequest) {
		n.do(func(r *Replica) {
			r.PeerEvent(c.now, zab.Forward{Request: q, Auth: []protocol.ID{{Scheme: "world", ID: "anyone"}}})
		})
		c.pass(200)
	}
	// A session of its own, so that the owner is not the matter.
	timeout := []byte{0, 0, 0x10, 0}
	forward(quorum.ForwardedRequest{Session: 77, Type: protocol.OpCreateSession, Body: timeout})
	forward(quorum.ForwardedRequest{Session: 77, Type: protocol.OpCreateSession, Body: timeout}) // again
	zxid := leader.r.State().Zxid()
	for _, op := range []protocol.OpCode{protocol.OpCheck, protocol.OpDeleteContainer, protocol.OpError, protocol.OpGetData, 4711} {
		forward(quorum.ForwardedRequest{Session: 77, Cxid: 1, Type: op, Body: []byte("\x00\x00\x00\x0f/zookeeper/quota")})
	}
	forward(quorum.ForwardedRequest{Session: 77, Cxid: 2, Type: protocol.OpCreate, Body: []byte{1}})
	forward(quorum.ForwardedRequest{Session: 78, Cxid: 3, Type: protocol.OpCreate, Body: createOf("/nobody", 0).AppendTo(nil)})
	c.settle()
	if got := leader.r.State().Zxid(); got != zxid+7 {
		t.Errorf("zxid %v, want %v: every request takes one", got, zxid+7)
	}
	if st := leader.r.State().Status(); st.Sessions != 1 || st.Nodes != 5 {
		t.Errorf("status %+v", st)
	}
	c.equal()
	term := n.role.Term
	forward(quorum.ForwardedRequest{Session: 79, Type: protocol.OpCreateSession, Body: []byte{1, 2}})
	c.run("its connection is closed", 1000, func() bool { return n.role.Term > term })
	if !leader.role.Serving {
		t.Error("the leader has lost its role")
	}
	c.settle()
	c.equal()
}

// A member that was given other server lines is named in one line.
func TestOtherServerLines(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 15, 3, 0)
	c.node(1).start()
	c.node(2).start()
	c.settle()
	text := c.text
	c.text = []byte(strings.Replace(string(text), "server.3", "server.4", 1))
	c.node(3).start()
	c.settle()
	if !c.noted("the server lines here and on the leader differ") {
		t.Errorf("notes %q", c.notes)
	}
}
