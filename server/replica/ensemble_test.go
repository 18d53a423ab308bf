package replica

import (
	"testing"

	"zookit/protocol"
	"zookit/protocol/quorum"
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
