package replica

import (
	"math"

	"zookit/protocol"
	"zookit/server/tree"
)

// maxCandidates bounds one listing; what is left over comes with the next.
const maxCandidates = 100_000

// containerCheck is the removal of empty containers and of TTL znodes whose
// time is over: every checkIntervalMs the candidates are listed, and then
// proposed one by one, no faster than maxPerMinute.
type containerCheck struct {
	next       int64    // when to list again; steady clock, ms
	candidates []string // listed and not yet proposed
	nextDelete int64    // when to propose the first of them
}

func (c *containerCheck) deadline() int64 {
	if len(c.candidates) > 0 {
		return min(c.next, c.nextDelete)
	}
	if c.next == 0 {
		return math.MaxInt64
	}
	return c.next
}

// checkContainers lists the candidates when it is time, and proposes those that
// are due. What has changed since the listing is looked at again before each.
func (r *Replica) checkContainers(now Now) {
	c := &r.containers
	if now.MonoMs >= c.next {
		c.next = now.MonoMs + r.cfg.ContainerCheckMs
		if len(c.candidates) == 0 {
			c.candidates = r.state.tree.ExpiredContainers(now.WallMs, tree.ContainerPolicy{NeverUsedMs: r.cfg.ContainerMaxNeverUsedMs}, maxCandidates)
			c.nextDelete = now.MonoMs
		}
	}
	interval := max(60_000/r.cfg.ContainerMaxPerMinute, 1)
	for len(c.candidates) > 0 && now.MonoMs >= c.nextDelete {
		path := c.candidates[0]
		c.candidates = c.candidates[1:]
		c.nextDelete += interval
		if r.containerExpired(path, now.WallMs) {
			r.proposeOwn(now, Request{Op: protocol.OpDeleteContainer, path: path})
		}
	}
	if len(c.candidates) == 0 {
		c.candidates = nil
	}
}

// containerExpired tells whether a candidate is still one: a container that had
// a child or was never used for too long, or a TTL znode not written for its
// time, and without children.
func (r *Replica) containerExpired(path string, wallMs int64) bool {
	n, ok := r.state.tree.Lookup(path)
	if !ok || n.NumChildren() > 0 {
		return false
	}
	st := n.StatPersisted()
	age := wallMs - st.Mtime
	if st.EphemeralOwner == protocol.ContainerOwner {
		never := r.cfg.ContainerMaxNeverUsedMs
		return st.Cversion > 0 || never != 0 && age > never
	}
	ttl := protocol.TTLOf(st.EphemeralOwner, r.cfg.Tree.Extended)
	return ttl != 0 && age > ttl
}
