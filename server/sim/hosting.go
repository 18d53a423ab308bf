package sim

import (
	"math/rand/v2"
	"slices"

	"zookit/protocol/quorum"
	"zookit/server/replica"
)

// drawHosting draws with dice of its own, as drawLocal does: in half of the
// ensembles with observers these go to the followers first.
func drawHosting(seed uint64, o *Options) bool {
	g := &generator{rand.New(rand.NewPCG(seed, 0x4d))}
	return o.Processes > o.Voters && g.IntN(2) == 0
}

// hosts tells that a server lets observers in.
func (s *seat) hosts(role replica.Role) bool {
	return role.Serving && role.State == quorum.Following && s.p.w.plan.Options.Hosting
}

// masters tells that a server is a follower and serves an observer now.
func (p *process) masters() bool {
	return p.up && p.seat != nil && p.seat.hosts(p.seat.role) && slices.ContainsFunc(p.seat.links(), func(l *peerLink) bool {
		o := l.ends[toLearner]
		return o.up && o.seat != nil && o.seat.up == l && o.serving
	})
}

// lets tells that a server lets another in, which has this role: a leader
// everybody, a follower observers.
func (s *seat) lets(p *process, role replica.Role) bool {
	if s.down == nil {
		return false
	}
	return s.role.State == quorum.Leading && int64(s.p.id) == role.Leader || s.hosts(s.role) && p.id > p.w.plan.Options.Voters
}

// master is whom a server dials next: its leader, or of an observer with
// followers to serve it one after the other, and then the leader.
func (s *seat) master(role replica.Role) *process {
	p, o := s.p, &s.p.w.plan.Options
	if o.Hosting && p.id > o.Voters {
		p.dialed = (p.dialed + 1) % (o.Voters + 1)
		if p.dialed < o.Voters {
			return p.w.processes[p.dialed]
		}
	}
	return p.w.processes[role.Leader-1]
}
