package replica

import (
	"testing"

	"zookit/server/election"
)

// A leader that stands still keeps its connections. The others leave it when
// syncLimit is over, and then have another at once, without the time in which
// elections wait for a better vote of a server that says nothing.
func TestSilentLeader(t *testing.T) {
	t.Parallel()
	c, leader, _ := stand(t, 21, 3, 0)
	c.cutOff[leader.sid], c.untold = true, true
	begin := c.now.MonoMs
	c.run("the others have a leader", 60_000, c.settled)
	limit := int64(c.cfg.TickMs) * 5
	if took := c.now.MonoMs - begin; took < limit/2 || took >= limit+election.DefaultFinalizeWaitMs {
		t.Errorf("another leader serves after %d ms, the limit is %d", took, limit)
	}
	delete(c.cutOff, leader.sid)
	c.settle()
	c.equal()
}
