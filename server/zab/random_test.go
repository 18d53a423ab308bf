package zab

import (
	"flag"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/protocol/quorum"
)

var (
	seedFlag  = flag.Uint64("seed", 0, "run this seed alone, with a trace")
	seedsFlag = flag.Int("seeds", 1000, "how many seeds to run")
	stepsFlag = flag.Int("steps", 3000, "steps of a seed before faults end")
)

// schedule is how often what happens in one seed.
type schedule struct {
	crash, cut, reset, late, wrongLeader, purge, idle int // in 1000
	slow                                              int // the node whose disk is slow; 0: none
}

func randomCluster(seed uint64) (*cluster, schedule) {
	rng := rand.New(rand.NewPCG(seed, 0x7ab))
	sizes := []int{1, 3, 3, 3, 3, 5, 5, 7, 2}
	c := newCluster(clusterConfig{
		voters: sizes[rng.IntN(len(sizes))], observers: rng.IntN(3),
		timing:        Timing{TickMs: 100, InitLimit: 10, SyncLimit: 5},
		recentEntries: 1 + rng.IntN(12), batchEntries: 1 + rng.IntN(4), earlyAcks: rng.IntN(3) == 0,
	}, rng)
	if c.cfg.voters >= 5 && rng.IntN(3) == 0 {
		c.cfg.groups = true
		c = newCluster(c.cfg, rng)
	}
	s := schedule{crash: rng.IntN(12), cut: rng.IntN(10), reset: rng.IntN(12), late: rng.IntN(8), wrongLeader: rng.IntN(500), purge: rng.IntN(4) * rng.IntN(12), slow: rng.IntN(len(c.nodes) + 1), idle: 20 + rng.IntN(60)}
	if rng.IntN(10) == 0 {
		s = schedule{idle: 40} // no faults at all
	}
	return c, s
}

// TestRandom runs seeds: any order of deliveries, syncs, crashes, cuts and
// elections, with the checkers on; then the faults end, and the cluster must
// commit again.
func TestRandom(t *testing.T) {
	if *seedFlag != 0 {
		if trace, err := runSeed(*seedFlag, *stepsFlag, true, nil); err != nil {
			t.Fatalf("seed %d: %v\n%s", *seedFlag, err, strings.Join(trace, "\n"))
		}
		return
	}
	n := *seedsFlag
	if testing.Short() {
		n /= 8
	}
	seen := map[string]int{}
	for seed := uint64(1); seed <= uint64(n); seed++ {
		if _, err := runSeed(seed, *stepsFlag, false, seen); err != nil {
			trace, _ := runSeed(seed, *stepsFlag, true, nil)
			t.Fatalf("go test ./server/zab -run TestRandom -seed=%d -steps=%d\n%v\nits last steps:\n%s", seed, *stepsFlag, err, tail(trace, 60))
		}
	}
	for _, what := range []string{"commit", "established", "crash", "TRUNC", "SNAP", "ack before that of NEWLEADER", "log ahead of currentEpoch", "log range", "learner serves",
		"crash during append", "crash during truncate", "crash during install snapshot", "crash during write currentEpoch", "crash during write acceptedEpoch",
		LeaderSilent.String(), LostQuorum.String(), FollowerAhead.String(), EpochOvertaken.String()} {
		if seen[what] == 0 && !testing.Short() {
			t.Errorf("%q has never happened: the schedules miss it", what)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(seen)) {
		t.Logf("%7d %s", seen[k], k)
	}
}

// TestSameSeedSameTrace: nothing but the seed decides.
func TestSameSeedSameTrace(t *testing.T) {
	t.Parallel()
	for seed := uint64(1); seed <= 5; seed++ {
		a, _ := runSeed(seed, 1500, true, nil)
		b, _ := runSeed(seed, 1500, true, nil)
		if !slices.Equal(a, b) {
			t.Fatalf("seed %d: two runs differ", seed)
		}
	}
}

func tail(lines []string, n int) string {
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

func runSeed(seed uint64, steps int, trace bool, seen map[string]int) (traced []string, err error) {
	c, s := randomCluster(seed)
	c.trace = trace
	for c.steps = 0; c.steps < steps && c.err == nil; c.steps++ {
		c.randomStep(s)
	}
	if c.err == nil {
		c.heal()
	}
	for k, v := range c.seen {
		if seen != nil {
			seen[k] += v
		}
	}
	return c.traces, c.err
}

// randomStep lets one thing happen.
func (c *cluster) randomStep(s schedule) {
	r := c.rng
	happens := func(in1000 int) bool { return r.IntN(1000) < in1000 }
	n := c.nodes[r.IntN(len(c.nodes))]
	switch {
	case happens(s.crash) && n.up:
		n.crash()
		return
	case happens(s.purge):
		n.disk.base = r.IntN(len(n.disk.hist) + 1)
	case happens(s.reset) && len(c.links) > 0:
		c.reset(c.links[r.IntN(len(c.links))])
		return
	case happens(s.cut) && len(c.links) > 0:
		l := c.links[r.IntN(len(c.links))]
		if r.IntN(2) == 0 {
			l.upCut = !l.upCut
		} else {
			l.downCut = !l.downCut
		}
		return
	case happens(s.late):
		c.advance(r.Int64N(600))
		return
	case happens(s.idle):
		c.advance(r.Int64N(30))
		return
	}
	switch r.IntN(12) {
	case 0:
		if !n.up && r.IntN(4) == 0 {
			c.tracef("%d starts", n.id)
			n.start()
		}
	case 1, 2:
		c.elect(happens(s.wrongLeader))
	case 3, 4:
		if n.leader != nil && n.leader.Serving() && n.leader.Accepting() {
			for range 1 + r.IntN(4) {
				if n.leader != nil && n.leader.Serving() {
					n.propose()
				}
			}
		} else if n.learner != nil && n.learner.Serving() {
			op := protocol.OpCreate
			if r.IntN(3) == 0 {
				op = protocol.OpSync
			}
			n.step(Forward{Request: quorum.ForwardedRequest{Session: 1, Type: op}})
		}
	case 5, 6:
		if n.id == s.slow && r.IntN(10) > 0 || !n.finish() {
			n.answerLookUp()
		}
	default:
		if len(c.links) > 0 {
			l := c.links[r.IntN(len(c.links))]
			for range 1 + r.IntN(3) {
				if !c.deliver(l, r.IntN(2) == 0) {
					break
				}
			}
		}
	}
}

// elect gives roles to some of those that look for a leader: one leads, mostly
// the one whose (epoch, zxid, id) is best, others follow it; or they follow
// somebody who leads already. Safety must not depend on who is chosen.
func (c *cluster) elect(wrong bool) {
	var voters, all []*node
	var leading []*node
	for _, n := range c.nodes {
		if n.looking() {
			all = append(all, n)
			if !n.observer {
				voters = append(voters, n)
			}
		}
		if n.leader != nil && !n.ended {
			leading = append(leading, n)
		}
	}
	if len(all) == 0 {
		return
	}
	if len(leading) > 0 && (c.rng.IntN(3) > 0 || len(voters) <= c.cfg.voters/2) {
		all[c.rng.IntN(len(all))].follow(leading[c.rng.IntN(len(leading))])
		return
	}
	if len(voters) <= c.cfg.voters/2 && !wrong {
		return
	}
	if len(voters) == 0 {
		return
	}
	c.rng.Shuffle(len(voters), func(i, j int) { voters[i], voters[j] = voters[j], voters[i] })
	voters = voters[:min(len(voters), c.cfg.voters/2+1+c.rng.IntN(2))]
	best := slices.MaxFunc(voters, compareVotes)
	if wrong {
		best = voters[0]
	}
	best.lead()
	for _, n := range voters {
		if n != best && n.looking() && best.leader != nil && c.rng.IntN(8) > 0 {
			n.follow(best)
		}
	}
}

func compareVotes(a, b *node) int {
	switch {
	case a.disk.current != b.disk.current:
		return int(a.disk.current - b.disk.current)
	case a.disk.last() != b.disk.last():
		if a.disk.last() < b.disk.last() {
			return -1
		}
		return 1
	}
	return a.id - b.id
}

// heal ends the faults: everybody is up, every link works. Within some time
// there is one leader, everybody serves, and a new txn reaches all.
func (c *cluster) heal() {
	c.tracef("faults end")
	for _, l := range c.links {
		l.upCut, l.downCut = false, false
	}
	for _, n := range c.nodes {
		if !n.up {
			n.start()
		}
	}
	for round := 0; round < 4000 && c.err == nil; round++ {
		c.steps++
		c.settle()
		if c.err != nil || c.whole() {
			break
		}
		c.electBest()
		c.advance(20)
	}
	if c.err == nil && !c.whole() {
		c.fail("liveness: no leader that all follow\n%s", c.state())
	}
	if c.err != nil {
		return
	}
	for _, n := range c.nodes {
		if n.leader != nil {
			n.propose()
			z := n.leader.Proposed()
			c.settle()
			for _, o := range c.nodes {
				if lastOf(o.tree) != z || !sameHistory(o.tree, c.committed) {
					c.fail("liveness: %v did not reach %d\n%s", z, o.id, c.state())
				}
			}
		}
	}
}

// settle lets everything happen that needs no time.
func (c *cluster) settle() {
	for again := true; again && c.err == nil; {
		again = false
		for i := 0; i < len(c.links); i++ {
			l := c.links[i]
			for _, down := range []bool{true, false} {
				again = c.deliver(l, down) || again
			}
		}
		for _, n := range c.nodes {
			again = n.finish() || again
			again = n.answerLookUp() || again
		}
	}
}

// whole: one leads, all the others serve under it.
func (c *cluster) whole() bool {
	leaders := 0
	for _, n := range c.nodes {
		if !n.served || n.ended {
			return false
		}
		if n.leader != nil {
			leaders++
		} else if n.link == nil || n.link.leader.leader == nil || n.learner.Epoch() != n.link.leader.leader.Epoch() {
			return false
		}
	}
	return leaders == 1
}

// electBest is what an election without faults comes to.
func (c *cluster) electBest() {
	var looking []*node
	voters := 0
	for _, n := range c.nodes {
		if n.looking() {
			looking = append(looking, n)
			if !n.observer {
				voters++
			}
		}
	}
	var leads *node // serves, or has the most followers
	for _, n := range c.nodes {
		if n.leader != nil && (leads == nil || n.served || !leads.served && c.followers(n) > c.followers(leads)) {
			leads = n
		}
	}
	if leads != nil && (leads.served || voters <= c.cfg.voters/2) {
		for _, o := range looking {
			if leads.leader != nil {
				o.follow(leads)
			}
		}
		return
	}
	if voters <= c.cfg.voters/2 {
		return
	}
	var best *node
	for _, n := range looking {
		if !n.observer && (best == nil || compareVotes(n, best) > 0) {
			best = n
		}
	}
	best.lead()
	for _, n := range looking {
		if n != best && best.leader != nil {
			n.follow(best)
		}
	}
}

func (c *cluster) followers(n *node) int {
	k := 0
	for _, l := range c.links {
		if l.leader == n && !l.learner.observer {
			k++
		}
	}
	return k
}
