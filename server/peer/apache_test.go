package peer_test

import (
	"bufio"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"zookit/protocol"
	"zookit/protocol/jute"
	"zookit/protocol/quorum"
	"zookit/server/election"
	"zookit/server/peer"
	"zookit/server/peer/peertest"
	"zookit/server/zktest/apache"
)

// joinApache runs our election side as one member of an ensemble whose others
// are Apache's servers. Its quorum port is open: infos has the first packet of
// everyone who comes to follow.
func joinApache(t *testing.T, a *apache.Ensemble, sid int64) (s *server, infos chan quorum.LearnerInfo) {
	t.Helper()
	self, _ := a.Config.Member(sid)
	lns, err := peer.ListenElection(self, false, false)
	if err != nil {
		t.Fatal(err)
	}
	v, err := quorum.NewVerifier(a.Config)
	if err != nil {
		t.Fatal(err)
	}
	core, err := election.New(election.Config{ID: sid, Verifier: v, ConfigText: []byte(a.Config.String())})
	if err != nil {
		t.Fatal(err)
	}
	log := new(logbook)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of our server %d:\n%s", sid, log.b.String())
		}
		for _, line := range log.lines("level=WARN") {
			if !strings.Contains(line, "cannot reach the election port") {
				t.Errorf("our server warns: %s", line)
			}
		}
	})
	m, err := peer.NewConnections(peer.ConnectionsConfig{ID: sid, Servers: a.Config, Log: log.logger()}, lns...)
	if err != nil {
		t.Fatal(err)
	}
	s = &server{Connections: m, Elector: peertest.NewElector(core, m, log.logger()), id: sid}
	t.Cleanup(s.Close)
	return s, quorumPort(t, self)
}

func quorumPort(t *testing.T, self quorum.Member) chan quorum.LearnerInfo {
	t.Helper()
	ln, err := net.Listen("tcp", self.Addresses[0].Quorum())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	infos := make(chan quorum.LearnerInfo, 16)
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = c.Close() })
			var p quorum.Packet
			var info quorum.LearnerInfo
			err = quorum.NewPacketReader(bufio.NewReader(c), protocol.DefaultMaxBuffer).Read(&p)
			if err == nil {
				err = info.Decode(jute.NewDecoder(p.Data))
			}
			if err == nil && p.Type == quorum.FollowerInfo {
				infos <- info
			}
		}
	}()
	return infos
}

// followedBy waits until these have come to the quorum port as followers.
func followedBy(t *testing.T, infos chan quorum.LearnerInfo, sids ...int64) {
	t.Helper()
	want := map[int64]bool{}
	for _, sid := range sids {
		want[sid] = true
	}
	deadline := time.After(bootPatience)
	for len(want) > 0 {
		select {
		case info := <-infos:
			if info != *quorum.NewLearnerInfo(info.ServerID, 0) {
				t.Errorf("follower %+v", info)
			}
			delete(want, info.ServerID)
		case <-deadline:
			t.Fatalf("servers %v did not come to follow", want)
		}
	}
}

// bootPatience bounds the wait for Apache's servers.
const bootPatience = 60 * time.Second

// decided waits for our decision.
func decided(t *testing.T, s *server, want quorum.ServerState, leader int64) election.Decision {
	t.Helper()
	select {
	case d := <-s.Decisions():
		if d.State != want || d.Leader != leader {
			t.Fatalf("server %d decided %+v, want %v with leader %d", s.id, d, want, leader)
		}
		return d
	case <-time.After(bootPatience):
		t.Fatalf("server %d: no decision", s.id)
		panic("unreachable")
	}
}

// Two of Apache's servers and ours, in each place, begin with empty disks. The
// largest id leads: an Apache server serves with the other as its follower, and
// ours follows too; or both Apache servers come to follow ours.
func TestApacheColdStart(t *testing.T) {
	apache.Need(t)
	t.Parallel()
	for ours := int64(1); ours <= 3; ours++ {
		t.Run(fmt.Sprintf("ours is %d", ours), func(t *testing.T) {
			t.Parallel()
			a := apache.NewEnsemble(t, 3, apache.Options{})
			s, infos := joinApache(t, a, ours)
			s.Tell(election.Look{})
			if ours == 3 {
				one := a.Start(1)
				d := decided(t, s, quorum.Leading, 3)
				if d.Round != 1 || !slices.Equal(d.Supporters, []int64{1, 3}) {
					t.Errorf("decided %+v", d)
				}
				a.Start(2)
				followedBy(t, infos, 1, 2)
				if mode := one.Mode(); mode != "" {
					t.Errorf("server 1 serves as %s with a leader that has not synchronised it", mode)
				}
				return
			}
			large := a.Start(3)
			d := decided(t, s, quorum.Following, 3)
			if d.Round != 1 || !slices.Equal(d.Supporters, []int64{ours, 3}) {
				t.Errorf("decided %+v", d)
			}
			small := a.Start(3 - ours)
			large.AwaitServing()
			small.AwaitServing()
			if l, f := large.Mode(), small.Mode(); l != "leader" || f != "follower" {
				t.Errorf("server 3 is %s, server %d is %s", l, 3-ours, f)
			}
		})
	}
}

// Two of Apache's servers stand when ours comes, in each place: it joins them.
// Then their leader is killed. Ours and the one left elect by their histories:
// first ours is behind and follows, then it is ahead and is followed.
func TestApacheEnsembleStands(t *testing.T) {
	apache.Need(t)
	t.Parallel()
	for ours := int64(1); ours <= 3; ours++ {
		t.Run(fmt.Sprintf("ours is %d", ours), func(t *testing.T) {
			t.Parallel()
			a := apache.NewEnsemble(t, 3, apache.Options{})
			others := slices.DeleteFunc([]int64{1, 2, 3}, func(sid int64) bool { return sid == ours })
			leader, left := others[1], others[0]
			servers := map[int64]*apache.Server{}
			for _, sid := range others {
				servers[sid] = a.Start(sid)
			}
			for _, sid := range others {
				servers[sid].AwaitServing()
			}
			s, infos := joinApache(t, a, ours)
			var round, epoch int64 // of Apache's: 1, unless the machine is so busy that they had to try again
			for i := range 3 {     // in later and later rounds of its own
				s.Tell(election.Look{})
				d := decided(t, s, quorum.Following, leader)
				if i == 0 {
					round = d.Round
				}
				// On a new connection Apache repeats the last message, which was a vote of the time when it was LOOKING.
				// And in its first round it needs no more than the leader, which has a quorum with it.
				if i == 0 && (!d.Joined || len(d.Supporters) == 2 && slices.Contains(d.Supporters, ours)) {
					continue
				}
				epoch = max(epoch, d.PeerEpoch)
				if !d.Joined || d.Round != round || epoch < 1 || d.PeerEpoch != epoch || !slices.Equal(d.Supporters, others) {
					t.Errorf("joined by %+v", d)
				}
			}
			servers[leader].Kill9()
			s.Tell(election.Look{})
			d := decided(t, s, quorum.Following, left)
			if d.Joined || d.Round != round+1 || d.PeerEpoch != epoch {
				t.Errorf("decided %+v", d)
			}
			s.Tell(election.Look{Zxid: protocol.MakeZxid(epoch+1, 7), CurrentEpoch: epoch + 1})
			d = decided(t, s, quorum.Leading, ours)
			if d.Joined || d.Zxid != protocol.MakeZxid(epoch+1, 7) {
				t.Errorf("decided %+v", d)
			}
			followedBy(t, infos, left)
		})
	}
}

// Ours is an observer of two of Apache's servers, before they have a leader and
// after.
func TestApacheObserver(t *testing.T) {
	apache.Need(t)
	t.Parallel()
	a := apache.NewEnsemble(t, 3, apache.Options{}, 1)
	s, _ := joinApache(t, a, 1)
	s.Tell(election.Look{})
	two, three := a.Start(2), a.Start(3)
	decided(t, s, quorum.Observing, 3)
	two.AwaitServing()
	three.AwaitServing()
	s.Tell(election.Look{})
	if d := decided(t, s, quorum.Observing, 3); !d.Joined {
		t.Errorf("decided %+v", d)
	}
}

// Groups and weights: servers 1 and 2 are one group, ours is the other without
// weight. Apache's two decide; ours has the largest id and does not lead.
func TestApacheHierarchy(t *testing.T) {
	apache.Need(t)
	t.Parallel()
	a := apache.NewEnsemble(t, 3, apache.Options{Config: []string{"group.1=1:2", "group.2=3", "weight.3=0"}})
	s, _ := joinApache(t, a, 3)
	s.Tell(election.Look{Zxid: protocol.MakeZxid(0, 9)})
	one, two := a.Start(1), a.Start(2)
	one.AwaitServing()
	two.AwaitServing()
	if l := two.Mode(); l != "leader" {
		t.Errorf("server 2 is %s", l)
	}
	decided(t, s, quorum.Following, 2)
}
