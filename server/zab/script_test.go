package zab

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"zookit/protocol"
	"zookit/protocol/quorum"
)

// TestScripts runs the stories of testdata/zab. Commands, one block each:
//
//	cluster voters=3 observers=1 recent=500   begins anew
//	lead 3, follow 1 3                        gives a role
//	run                                       all that needs no time
//	deliver 1 3 [n]                           the next n packets from 1 to 3
//	disk 1                                    what is out on 1's disk is done
//	stall 1, unstall 1                        the disk does nothing in run
//	propose 3 [n]                             the leader proposes
//	request 1 create|sync                     a learner's client asks
//	cut 1 3, mend 1 3                         packets from 1 to 3 do not arrive
//	crash 1, restart 1                        what was not synced is lost
//	purge 1                                   old logs go; a snapshot stays
//	counter 3 HEX                             the leader stands at that counter
//	wait MS                                   time goes by (PINGs are not shown)
//	show
//
// A block that begins with do holds many, and so does one with setup, whose
// output is the state in the end; otherwise it is what happened.
func TestScripts(t *testing.T) {
	t.Parallel()
	datadriven.Walk(t, "../../testdata/zab", func(t *testing.T, path string) {
		var c *cluster
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd == "cluster" {
				c = newCluster(clusterConfig{voters: 3, recentEntries: 500, timing: Timing{TickMs: 100, InitLimit: 10, SyncLimit: 5}}, nil)
				for _, a := range d.CmdArgs {
					n := number(t, a.Vals[0])
					switch a.Key {
					case "voters":
						c.cfg.voters = n
					case "observers":
						c.cfg.observers = n
					case "recent":
						c.cfg.recentEntries = n
					}
				}
				c = newCluster(c.cfg, nil)
				c.trace = true
				return c.state()
			}
			c.traces = nil
			for _, line := range strings.Split(strings.TrimSpace(d.Cmd+" "+argText(d)+"\n"+d.Input), "\n") {
				if line == "do " || line == "setup " {
					continue
				}
				c.command(t, strings.Fields(line))
			}
			if c.err != nil {
				t.Error(c.err)
			}
			if d.Cmd == "setup" {
				return c.state()
			}
			return strings.Join(c.traces, "\n") + "\n"
		})
	})
}

func argText(d *datadriven.TestData) string {
	var b strings.Builder
	for _, a := range d.CmdArgs {
		b.WriteString(a.Key + " ")
	}
	return b.String()
}

func number(t *testing.T, s string) int {
	t.Helper()
	var n int
	if _, err := fmt.Sscan(s, &n); err != nil {
		t.Fatalf("%q is no number", s)
	}
	return n
}

func (c *cluster) command(t *testing.T, f []string) {
	t.Helper()
	arg := func(i int) *node { return c.node(number(t, f[i])) }
	times := 1
	switch f[0] {
	case "lead":
		arg(1).lead()
	case "follow":
		arg(1).follow(arg(2))
	case "run":
		c.settle()
	case "deliver":
		if len(f) > 3 {
			times = number(t, f[3])
		}
		from, to := arg(1), arg(2)
		for range times {
			if !c.deliverFrom(from, to) {
				c.tracef("nothing to deliver")
			}
		}
	case "disk":
		n := arg(1)
		was := n.stalled
		n.stalled = false
		if !n.finish() {
			c.tracef("nothing is out")
		}
		n.stalled = was
	case "stall":
		arg(1).stalled = true
	case "unstall":
		arg(1).stalled = false
	case "propose":
		if len(f) > 2 {
			times = number(t, f[2])
		}
		for range times {
			arg(1).propose()
		}
	case "request":
		op := protocol.OpCreate
		if f[2] == "sync" {
			op = protocol.OpSync
		}
		arg(1).step(Forward{Request: quorum.ForwardedRequest{Session: 1, Type: op}})
	case "cut", "mend":
		from, to := arg(1), arg(2)
		for _, l := range c.links {
			if l.leader == to && l.learner == from {
				l.upCut = f[0] == "cut"
			}
			if l.leader == from && l.learner == to {
				l.downCut = f[0] == "cut"
			}
		}
	case "crash":
		arg(1).crash()
	case "restart":
		arg(1).start()
	case "purge":
		n := arg(1)
		n.disk.base = len(n.disk.hist)
	case "counter":
		c.jump(arg(1), f[2])
	case "wait":
		for ms := number(t, f[1]); ms > 0; ms -= 50 {
			c.advance(int64(min(ms, 50)))
			c.settle()
		}
		c.traces = slices.DeleteFunc(c.traces, func(s string) bool { return strings.Contains(s, " PING ") })
	case "show":
		c.traces = append(c.traces, strings.TrimSuffix(c.state(), "\n"))
	default:
		t.Fatalf("no command %q", f[0])
	}
}

func (c *cluster) deliverFrom(from, to *node) bool {
	for _, l := range c.links {
		switch {
		case l.leader == from && l.learner == to:
			return c.deliver(l, true)
		case l.leader == to && l.learner == from:
			return c.deliver(l, false)
		}
	}
	return false
}

// jump makes the next proposal the one with that counter, as if all before it
// had been proposed and committed.
func (c *cluster) jump(n *node, hex string) {
	var counter uint32
	fmt.Sscanf(hex, "%x", &counter)
	z := protocol.MakeZxid(n.leader.epoch, counter-1)
	e := testEntry(z, "jump")
	for _, o := range c.nodes {
		o.disk.hist = append(o.disk.hist, e)
		o.tree = append(o.tree, e)
		o.recent.Reset(z)
		switch {
		case o.leader != nil:
			o.leader.applied, o.leader.disk.persisted = z, z
		case o.learner != nil:
			o.learner.applied, o.learner.last, o.learner.disk.persisted = z, z, z
		}
	}
	c.addCommitted(e)
}
