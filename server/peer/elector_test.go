package peer_test

import (
	"net"
	"slices"
	"testing"

	"zookit/protocol"
	"zookit/protocol/quorum"
	"zookit/server/election"
	"zookit/server/peer"
)

// Three servers elect over sockets; the leader goes, and comes back.
func TestElection(t *testing.T) {
	t.Parallel()
	e := newEnsemble(t, 3)
	one, two, three := e.server(1), e.server(2), e.server(3)
	for _, s := range []*server{one, two, three} {
		s.Tell(election.Look{})
	}
	agree(t, 3, one, two, three)
	for _, s := range []*server{one, two} {
		s.Tell(election.Established{Epoch: 1})
	}
	three.Close()

	one.Tell(election.Look{Zxid: protocol.MakeZxid(1, 5), CurrentEpoch: 1})
	two.Tell(election.Look{Zxid: protocol.MakeZxid(1, 4), CurrentEpoch: 1})
	agree(t, 1, one, two)

	e.listeners[3] = relisten(t, e, 3)
	back := e.server(3)
	back.Tell(election.Look{Zxid: protocol.MakeZxid(1, 3), CurrentEpoch: 1})
	agree(t, 1, back)
}

// A dead machine keeps nobody waiting: dials to it hang, and the other two
// elect all the same.
func TestZK2164UnreachableHostDelaysNobody(t *testing.T) {
	t.Parallel()
	e := newEnsemble(t, 5)
	hole := e.blackhole(4, 5)
	one, two, three := e.server(1, hole), e.server(2, hole), e.server(3, hole)
	for _, s := range []*server{one, two, three} {
		s.Tell(election.Look{})
	}
	agree(t, 3, one, two, three)
	for _, s := range []*server{one, two, three} {
		want := slices.DeleteFunc([]int64{1, 2, 3}, func(sid int64) bool { return sid == s.id })
		s.awaitConnected(t, want)
	}
}

// A server of an id outside of the configuration follows the leader of those in
// it, without a vote.
func TestOutsiderFollows(t *testing.T) {
	t.Parallel()
	e := newEnsemble(t, 3)
	one, two := e.server(1), e.server(2)
	one.Tell(election.Look{})
	two.Tell(election.Look{})
	agree(t, 2, one, two)
	e.listeners[40] = listen(t)
	outsider := e.server(40, func(c *peer.ConnectionsConfig) {
		c.Addresses = []quorum.Address{{Host: "127.0.0.1", ElectionPort: e.listeners[40].Addr().(*net.TCPAddr).Port}}
	})
	outsider.Tell(election.Look{Zxid: protocol.MakeZxid(9, 9), CurrentEpoch: 9})
	if d := outsider.decision(t); d.State != quorum.Following || d.Leader != 2 || !d.Joined {
		t.Errorf("decided %+v", d)
	}
	if _, err := peer.NewConnections(peer.ConnectionsConfig{ID: 41, Servers: e.config}); err == nil {
		t.Error("a server without an address has connections")
	}
}

// An observer that no configuration knows, and that asks, is told who leads.
func TestStrangerLearnsTheLeader(t *testing.T) {
	t.Parallel()
	e := newEnsemble(t, 3)
	one, two := e.server(1), e.server(2)
	one.Tell(election.Look{})
	two.Tell(election.Look{})
	agree(t, 2, one, two)
	r := dialRaw(t, e.listeners[1], greeting(9, "127.0.0.1:1"))
	r.send(&quorum.Notification{Leader: quorum.NoVote, Zxid: protocol.Zxid(quorum.NoVote), PeerEpoch: quorum.NoVote, ElectionEpoch: 7,
		Version: quorum.NotificationVersion, Config: []byte(e.config.String())})
	if round := r.round(); round != 1 {
		t.Errorf("answer of round %d", round)
	}
}
