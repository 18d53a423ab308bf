//go:build interop

package interop

import (
	"fmt"
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/server/zktest/ports"
)

// masterOf is the server that an observer is connected to, 0 while there is none.
func (e *ensemble) masterOf(sid int64) (master int64) {
	answer, err := protocol.FourLetter(e.t.Context(), e.member(sid).addr(), "mntr")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(answer, "zk_observer_master_id\t")
	if _, err := fmt.Sscan(rest, &master); err != nil {
		return 0
	}
	return master
}

// An observer of either kind is served by followers of the other: it is sent
// the history, its clients write, sync and keep their sessions, and it finds
// the other follower when the first is killed, and comes back under the next
// leader.
func TestObserverMasters(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, kinds string }{
		{"ours observes followers of Apache", "AAAo"},
		{"Apache observes followers of ours", "oooA"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := newEnsemble(t, tt.kinds, []int64{4}, fmt.Sprint("observerMasterPort=", ports.Free(t)))
			e.startLedBy3(2)
			before := e.write("/before", 1, 2, 3)
			before.more(100)
			e.start(4)
			e.awaitMode(4, "observer")
			first := e.masterOf(4)
			if first != 1 && first != 2 {
				t.Fatalf("server %d, which leads, or none serves the observer", first)
			}
			through := e.write("/through", 4)
			through.more(50)
			c := e.sessionFor(4, nil, 30_000)
			e.ephemeral(c, "/mine")
			if err := c.Do(protocol.OpSync, &protocol.SyncRequest{Path: "/"}, nil); err != nil {
				t.Fatal(err)
			}
			e.member(first).kill()
			e.await("the observer to find the other follower", func() bool { return e.masterOf(4) == 3-first })
			c.Drop()
			c = e.sessionFor(4, c, 30_000)
			e.ephemeral(c, "/more")
			before.more(50)
			through.more(50)
			e.start(first)
			e.awaitMode(first, "follower")
			e.member(3).kill() // the leader; its followers part from their observers
			before.more(20)
			through.more(20)
			c.Drop()
			c = e.sessionFor(4, c, 30_000)
			if !e.exists(1, "/mine") || !e.exists(2, "/more") {
				t.Error("an ephemeral is lost")
			}
			if err := c.CloseSession(); err != nil {
				t.Fatal(err)
			}
			e.start(3)
			e.await("server 3 to follow", func() bool { return e.mode(3) == "follower" })
			e.check(before, through)
		})
	}
}
