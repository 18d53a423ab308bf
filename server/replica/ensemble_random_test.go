package replica

import (
	"fmt"
	"testing"

	"zookit/protocol/quorum"
)

// Clients work while servers crash, come back, are cut off, and have slow
// disks. At all times a tree is what it was on any other server at the same
// zxid, and a connection's answers come in order. In the end all is healed:
// every server has the same tree, with every write that was acknowledged, and
// the sessions of clients that are gone expire.
func TestEnsembleAtRandom(t *testing.T) {
	t.Parallel()
	seeds := 16
	if testing.Short() {
		seeds = 10
	}
	total := struct{ ops, lost, expired, epochs int }{}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			c := newCluster(t, uint64(seed), 3+2*(seed%2), seed%3)
			c.cfg.SnapCount = 300 + 600*(seed%3)
			for _, n := range c.nodes {
				n.snapMs = 2000
			}
			c.startAll()
			for range 4 {
				c.client(int32(600 + c.rng.IntN(3000))).live()
			}
			c.run("a leader", 20_000, func() bool { return c.leader() != nil })
			for range 15 {
				c.disturb()
				c.pass(c.rng.Int64N(2500))
			}
			clear(c.cutOff)
			for _, n := range c.nodes {
				if n.r == nil {
					n.start()
				}
			}
			c.pass(5000)
			for _, cl := range c.clients {
				cl.quiet = true
			}
			c.settle()
			c.equal()
			c.promises()
			c.run("the sessions expire", 20_000, func() bool {
				return c.settled() && c.leader().r.State().Status().Ephemerals == 0 && len(c.leader().r.Expiries()) == 0
			})
			c.settle()
			c.equal()
			for _, n := range c.nodes {
				if got := n.r.State().Outstanding(); got != 0 || n.r.pendingB != 0 {
					t.Errorf("server %d: %d requests and %d bytes under way in the end", n.sid, got, n.r.pendingB)
				}
			}
			for _, cl := range c.clients {
				total.ops += cl.ops
				total.lost += cl.lost
				total.expired += cl.expired
			}
			total.epochs += int(c.leader().role.Epoch)
		})
		if t.Failed() {
			break
		}
	}
	t.Logf("%+v", total)
	if !t.Failed() && (total.ops < 100*seeds || total.epochs < 3*seeds || total.lost < seeds || total.expired < seeds/4) {
		t.Errorf("too little has happened: %+v", total)
	}
}

// disturb breaks or mends something.
func (c *cluster) disturb() {
	n := c.nodes[c.rng.IntN(len(c.nodes))]
	if l := c.leader(); l != nil && c.rng.IntN(3) == 0 {
		n = l
	}
	switch c.rng.IntN(6) {
	case 0, 1:
		if n.r != nil {
			n.crash()
		}
	case 2:
		c.tracef("%d is cut off", n.sid)
		c.cutOff[n.sid] = true
	case 3:
		n.stall = c.now.MonoMs + c.rng.Int64N(3000)
		c.tracef("the disk of %d is slow until %d", n.sid, n.stall)
	case 4:
		clear(c.cutOff)
	case 5:
		if n.r != nil && n.up != nil {
			c.tracef("%d and its leader lose their connection", n.sid)
			n.up.close()
		}
	}
	for _, n := range c.nodes {
		if n.r == nil && c.rng.IntN(3) == 0 {
			n.start()
		}
	}
	if n := c.nodes[c.rng.IntN(len(c.nodes))]; n.r != nil && n.role.State != quorum.Looking && c.rng.IntN(3) == 0 && len(n.disk.snaps) > 0 {
		n.disk.purge()
	}
}
