package quorum

import (
	"fmt"
	"maps"
	"slices"
)

// A Verifier tells which sets of servers are a quorum of a configuration: more
// than half of the voters, or with groups more than half of the groups each by
// more than half of its weight, groups without weight left aside (QuorumMaj,
// QuorumHierarchical). Any two quorums share a voter. It does not change.
type Verifier struct {
	version   int64
	voters    []int64 // ascending
	observers []int64 // ascending
	weights   map[int64]int64
	groups    []group // nil when the majority rules
	counted   int     // groups with a weight
}

type group struct {
	voters []int64
	weight int64 // of all its members, observers included, as Apache adds it up
}

// NewVerifier makes the verifier of a configuration. A configuration that
// Apache refuses is an error: a voter outside of every group, a member in two, a
// group of nobody's, an observer in a group without a line for its weight (there
// 3.8.0 ends with a NullPointerException), no voter with a weight at all.
func NewVerifier(c *Config) (*Verifier, error) {
	v := &Verifier{version: c.Version, weights: map[int64]int64{}}
	for _, m := range c.Members {
		if m.Observer {
			v.observers = append(v.observers, m.ID)
		} else {
			v.voters = append(v.voters, m.ID)
			v.weights[m.ID] = 1
		}
	}
	if len(v.voters) == 0 {
		return nil, fmt.Errorf("quorum: a configuration without participants")
	}
	if len(c.Groups) == 0 {
		return v, nil
	}
	in := map[int64]int64{}
	for _, gid := range slices.Sorted(maps.Keys(c.Groups)) {
		var g group
		for _, sid := range c.Groups[gid] {
			m, known := c.Member(sid)
			if !known {
				return nil, fmt.Errorf("quorum: group.%d names server %d, which has no server line", gid, sid)
			}
			if other, twice := in[sid]; twice {
				return nil, fmt.Errorf("quorum: server %d is in group.%d and in group.%d", sid, other, gid)
			}
			in[sid] = gid
			if _, set := c.Weights[sid]; m.Observer && !set {
				return nil, fmt.Errorf("quorum: observer %d is in group.%d and has no weight; add weight.%d=0 or take it out of the group", sid, gid, sid)
			}
			weight := c.weight(sid)
			if weight < 0 || g.weight+weight < g.weight {
				return nil, fmt.Errorf("quorum: weight.%d=%d is out of range", sid, weight)
			}
			g.weight += weight
			if !m.Observer {
				g.voters = append(g.voters, sid)
				v.weights[sid] = weight
			}
		}
		if g.weight > 0 {
			v.counted++
		}
		v.groups = append(v.groups, g)
	}
	for _, sid := range v.voters {
		if _, grouped := in[sid]; !grouped {
			return nil, fmt.Errorf("quorum: server %d is in no group", sid)
		}
	}
	if !v.ContainsQuorum(v.Voting) {
		return nil, fmt.Errorf("quorum: all voters together are no quorum")
	}
	return v, nil
}

// Version is the configuration's.
func (v *Verifier) Version() int64 { return v.version }

// Voters are the sids that vote, ascending; not to be changed.
func (v *Verifier) Voters() []int64 { return v.voters }

// Voting reports that sid is a voter.
func (v *Verifier) Voting(sid int64) bool {
	_, found := slices.BinarySearch(v.voters, sid)
	return found
}

// Observing reports that sid is an observer.
func (v *Verifier) Observing(sid int64) bool {
	_, found := slices.BinarySearch(v.observers, sid)
	return found
}

// Weight is how much the vote of sid counts: 1 unless groups say otherwise, 0
// for one that is no voter. A voter of weight 0 never leads.
func (v *Verifier) Weight(sid int64) int64 { return v.weights[sid] }

// ContainsQuorum reports that the voters for which in holds are a quorum.
func (v *Verifier) ContainsQuorum(in func(sid int64) bool) bool {
	if v.groups == nil {
		n := 0
		for _, sid := range v.voters {
			if in(sid) {
				n++
			}
		}
		return n > len(v.voters)/2
	}
	n := 0
	for _, g := range v.groups {
		var weight int64
		for _, sid := range g.voters {
			if in(sid) {
				weight += v.weights[sid]
			}
		}
		if weight > g.weight/2 {
			n++
		}
	}
	return n > v.counted/2
}
