package chaos

import (
	"fmt"
	"slices"

	"zookit/protocol"
)

// ghosts finds the servers of Apache's that have, or had, a snapshot of what never
// came to be. A server of Apache's that begins to lead writes one, with all that is
// in its log; when it loses its quorum and is truncated, it reads that snapshot
// again, and serves what nobody else has (ZOOKEEPER-1549).
func (ref *Reference) ghosts(logs []Log) (ghosts map[int]bool) {
	if len(ref.Records) == 0 {
		return nil
	}
	ghosts = map[int]bool{}
	last := ref.Records[len(ref.Records)-1].Zxid
	for _, l := range logs {
		if !l.Apache || ghosts[l.Server] {
			continue
		}
		for _, z := range l.Snapshots {
			_, is := slices.BinarySearchFunc(ref.Records, z, func(r Record, z protocol.Zxid) int { return int(r.Zxid - z) })
			if !is && z > ref.Records[0].Zxid && z < last && z.Counter() > 0 {
				ref.Notes = append(ref.Notes, fmt.Sprintf("Apache: server %d has a snapshot of %v, which never was: what it serves is not looked at (ZOOKEEPER-1549)", l.Server, z))
				ghosts[l.Server] = true
				break
			}
		}
	}
	return ghosts
}

// failAt is fail for what a server has served.
func (c *checker) failAt(l *Conn, v Violation) {
	if c.ref.Ghosts[l.Server] {
		c.ref.Notes = append(c.ref.Notes, "Apache: "+v.String())
		return
	}
	c.fail(v)
}
