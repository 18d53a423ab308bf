package election_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/protocol/quorum"
	"zookit/server/election"
)

var (
	seedFlag  = flag.Uint64("seed", 0, "play this seed alone, and print what happens")
	seedsFlag = flag.Int("seeds", 250, "how many seeds to play")
)

// TestModel lets servers elect while messages are late, lost and repeated,
// connections are cut one way or both, and servers crash and come back. What
// follows an election is played by a stand-in for Zab: a leader needs a quorum
// of connected followers in time, a follower its leader; who lacks it looks
// again.
//
// Whoever comes to lead has the best vote of the quorum that put it there. When
// the faults stop, everybody agrees on one leader, and keeps it.
func TestModel(t *testing.T) {
	t.Parallel()
	if *seedFlag != 0 {
		playModel(t, *seedFlag, func(line string) { fmt.Println(line) })
		return
	}
	for seed := range uint64(*seedsFlag) {
		playModel(t, seed+1, nil)
		if t.Failed() {
			t.Fatalf("again with: go test ./server/election -run TestModel -seed %d", seed+1)
		}
	}
}

// A model is a network with the stand-in for Zab.
type model struct {
	*network
	t      *testing.T
	seed   uint64
	rand   *rand.Rand
	config *quorum.Config
	votes  *quorum.Verifier

	casts map[cast][]election.Vote // what a server proposed at first when it voted in a round
	since map[int64]int64          // when each server decided
	leads map[int64]int64          // leaders whose epoch is settled, with the epoch
}

type cast struct{ sid, round int64 }

const (
	modelPatience = 1500    // ms until a leader must have its quorum: initLimit
	modelCalm     = 200_000 // ms after the faults: two of the longest back-offs, and more
)

var modelConfigs = []string{
	"server.1=h:1:2\nserver.2=h:1:2\nserver.3=h:1:2\n",
	"server.1=h:1:2\nserver.2=h:1:2\nserver.3=h:1:2\nserver.4=h:1:2:observer\n",
	"server.1=h:1:2\nserver.2=h:1:2\nserver.3=h:1:2\nserver.4=h:1:2\nserver.5=h:1:2\n",
	"server.1=h:1:2\nserver.2=h:1:2\n",
	"server.1=h:1:2\nserver.2=h:1:2\nserver.3=h:1:2\nserver.4=h:1:2\nserver.5=h:1:2\nserver.6=h:1:2\n" +
		"group.1=1:2:3\ngroup.2=4:5\ngroup.3=6\nweight.6=0\nweight.1=2\n",
}

func playModel(t *testing.T, seed uint64, trace func(string)) {
	r := rand.New(rand.NewPCG(seed, 3888))
	config, err := quorum.ParseConfig(modelConfigs[r.IntN(len(modelConfigs))])
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := quorum.NewVerifier(config)
	if err != nil {
		t.Fatal(err)
	}
	m := &model{network: newNetwork(t, config), t: t, seed: seed, rand: r, config: config, votes: verifier,
		casts: map[cast][]election.Vote{}, since: map[int64]int64{}, leads: map[int64]int64{}}
	m.trace, m.debug, m.told = trace, trace != nil, r.IntN(3) > 0
	m.decided = m.check
	m.sent = func(from int64, n *quorum.Notification) {
		if at := (cast{from, n.ElectionEpoch}); n.State == quorum.Looking {
			m.casts[at] = append(m.casts[at], m.nodes[from].began)
		}
	}
	slow := r.IntN(2) == 0
	m.delay = func(pair) int64 {
		if slow && r.IntN(10) == 0 {
			return int64(r.IntN(600))
		}
		return int64(r.IntN(20))
	}
	for _, sid := range m.sids() {
		m.look(sid, false)
	}
	for range 40 {
		m.fault()
		m.pass(int64(m.rand.IntN(800)))
	}
	m.cut = map[pair]bool{}
	slow = false
	for _, sid := range m.sids() {
		if !m.nodes[sid].alive {
			m.restart(sid)
		}
	}
	m.mend()
	m.pass(modelCalm)
	m.agreed()
	before := m.states()
	m.pass(10_000)
	if m.states() != before {
		t.Errorf("seed %d: the ensemble did not rest:\n%s\nthen\n%s", seed, before, m.states())
	}
}

// fault does one thing that goes wrong, or mends one.
func (m *model) fault() {
	sids := m.sids()
	any := func() int64 { return sids[m.rand.IntN(len(sids))] }
	p := pair{any(), any()}
	switch m.rand.IntN(9) {
	case 0, 1:
		m.cut[p] = true
	case 2:
		m.cut[p], m.cut[pair{p.to, p.from}] = true, true
	case 3:
		for _, sid := range sids {
			m.cut[pair{p.from, sid}], m.cut[pair{sid, p.from}] = true, true
		}
	case 4, 5:
		m.cut = map[pair]bool{}
		m.mend()
	case 6:
		if p.from != p.to && m.nodes[p.from].alive {
			m.reset(p)
		}
	case 7:
		m.crash(p.from)
		delete(m.leads, p.from)
	case 8:
		if !m.nodes[p.from].alive {
			m.restart(p.from)
			m.mend()
		}
	}
}

func (m *model) restart(sid int64) {
	m.boot(sid, m.config)
	m.look(sid, false)
}

// pass lets time go by in steps, and plays Zab after each.
func (m *model) pass(ms int64) {
	for end := m.now + ms; m.now < end && !m.t.Failed(); {
		m.run(min(100, end-m.now))
		for _, sid := range m.sids() {
			m.zab(m.nodes[sid])
		}
	}
}

func (m *model) connected(a, b int64) bool {
	return !m.blocked(pair{a, b}) && !m.blocked(pair{b, a})
}

// zab settles an epoch for a leader with a quorum, and sends back to look who
// is without for too long.
func (m *model) zab(n *node) {
	if !n.alive || n.core.State() == quorum.Looking {
		return
	}
	leader := n.core.Vote().Leader
	with := func(sid int64) bool {
		f := m.nodes[sid]
		return sid == leader || f.alive && f.core.State() != quorum.Looking && f.core.Vote().Leader == leader && m.connected(sid, leader)
	}
	if leader == n.id && m.votes.ContainsQuorum(with) {
		m.since[n.id] = m.now
		m.settle(n, with)
		return
	}
	if l := m.nodes[leader]; leader != n.id && l.alive && l.core.State() == quorum.Leading && m.connected(n.id, leader) {
		m.since[n.id] = m.now
		return
	}
	if m.now-m.since[n.id] >= modelPatience {
		delete(m.leads, n.id)
		m.look(n.id, false)
	}
}

// settle gives the leader's epoch and its latest txn to those who are with it.
func (m *model) settle(leader *node, with func(int64) bool) {
	epoch, settled := m.leads[leader.id]
	if !settled {
		for _, n := range m.nodes {
			if with(n.id) {
				epoch = max(epoch, n.epoch+1)
			}
		}
		m.leads[leader.id] = epoch
		leader.zxid = protocol.MakeZxid(epoch, 0)
	}
	leader.zxid += protocol.Zxid(m.rand.IntN(3))
	for _, sid := range m.sids() {
		if n := m.nodes[sid]; with(sid) && (n.epoch != epoch || m.rand.IntN(2) == 0) {
			n.epoch, n.zxid = epoch, leader.zxid
			m.step(n, election.Established{Epoch: epoch})
		}
	}
}

// check: a decision has a quorum, and who leads by the votes of those that
// looked with it has the best one.
func (m *model) check(n *node, d *election.Decision) {
	m.since[n.id] = m.now
	if (d.State == quorum.Leading) != (d.Leader == n.id) || !m.votes.ContainsQuorum(func(sid int64) bool {
		for _, s := range d.Supporters {
			if s == sid {
				return true
			}
		}
		return false
	}) {
		m.t.Errorf("seed %d: server %d decided %+v", m.seed, n.id, d)
	}
	if d.State != quorum.Leading || d.Joined {
		return
	}
	for _, sid := range d.Supporters {
		behind := m.votes.Weight(sid) == 0
		for _, v := range m.casts[cast{sid, d.Round}] {
			behind = behind || v == d.Vote || less(v, d.Vote)
		}
		if !behind {
			m.t.Errorf("seed %d at %d ms: server %d leads by %+v, but supporter %d had %v", m.seed, m.now, n.id, d, sid, m.casts[cast{sid, d.Round}])
		}
	}
}

func less(a, b election.Vote) bool {
	if a.PeerEpoch != b.PeerEpoch {
		return a.PeerEpoch < b.PeerEpoch
	}
	if a.Zxid != b.Zxid {
		return a.Zxid < b.Zxid
	}
	return a.Leader < b.Leader
}

// agreed: one leads, and all others are its own.
func (m *model) agreed() {
	leaders := map[int64]bool{}
	states := strings.Builder{}
	for _, sid := range m.sids() {
		n := m.nodes[sid]
		leaders[n.core.Vote().Leader] = true
		fmt.Fprint(&states, n.core.State(), " ")
		if n.core.State() == quorum.Looking || (n.core.State() == quorum.Leading) != (n.core.Vote().Leader == sid) {
			leaders[0] = true
		}
	}
	if len(leaders) != 1 {
		m.t.Errorf("seed %d: no agreement after %d ms of calm (told %v):\n%s", m.seed, modelCalm, m.told, m.network.states())
	}
}
