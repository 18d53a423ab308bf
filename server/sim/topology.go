package sim

import (
	"fmt"

	"zookit/protocol/quorum"
)

// drawTopology draws who takes part: mostly majorities of three, sometimes of
// five or seven, and in one seed of six groups and weights.
func (g *generator) drawTopology(o *Options) {
	o.Voters = pick(g, []int{3, 3, 3, 3, 3, 3, 5, 5, 5, 7})
	if o.Voters < 7 {
		o.Processes = pick(g, []int{0, 0, 0, 1, 2})
	}
	o.Processes += o.Voters
	if g.IntN(6) == 0 {
		o.Groups, o.Weights = g.hierarchy(o.Voters)
	}
	o.Hung = max(0, 1+g.IntN(2*o.Voters)-o.Voters)
	if !o.quorum(func(id int) bool { return id != o.Hung }) {
		o.Hung = 0 // nothing can go on without that one
	}
}

// hierarchy draws groups of voters, by id, and the weight of each voter.
func (g *generator) hierarchy(voters int) (groups [][]int, weights []int64) {
	switch voters {
	case 3:
		groups = pick(g, [][][]int{{{1, 2, 3}}, {{1}, {2}, {3}}})
		weights = pick(g, [][]int64{{1, 1, 1}, {2, 1, 1}, {1, 1, 0}, {3, 2, 2}})
	case 5:
		groups = pick(g, [][][]int{{{1, 2, 3}, {4, 5}}, {{1, 2, 3, 4, 5}}, {{1, 5}, {2, 4}, {3}}})
		weights = pick(g, [][]int64{{1, 1, 1, 1, 1}, {1, 2, 1, 1, 2}, {1, 1, 1, 0, 1}})
	default:
		groups = pick(g, [][][]int{{{1, 2, 3}, {4, 5}, {6, 7}}, {{1, 2, 3}, {4, 5, 6}, {7}}})
		weights = pick(g, [][]int64{{1, 1, 1, 1, 1, 1, 1}, {1, 1, 1, 1, 1, 1, 0}})
	}
	for i, w := range weights {
		if w == 0 && len(groups) > 1 {
			weights[i] = 1 // a group of nobody's would count for nothing
		}
	}
	return groups, weights
}

// quorum is what the checkers take for one: more than half of the voters, or
// more than half of the groups, each by more than half of its weight.
func (o *Options) quorum(has func(id int) bool) bool {
	groups := o.Groups
	if groups == nil {
		all := make([]int, o.Voters)
		for i := range all {
			all[i] = i + 1
		}
		groups = [][]int{all}
	}
	won := 0
	for _, ids := range groups {
		var mine, all int64
		for _, id := range ids {
			weight := o.weight(id)
			all += weight
			if has(id) {
				mine += weight
			}
		}
		if 2*mine > all {
			won++
		}
	}
	return 2*won > len(groups)
}

// weight is that of a voter; one without any is never voted for.
func (o *Options) weight(id int) int64 {
	switch {
	case id > o.Voters:
		return 0
	case o.Weights == nil:
		return 1
	}
	return o.Weights[id-1]
}

// config is the topology as the servers read it.
func (o *Options) config() *quorum.Config {
	c := &quorum.Config{}
	for i := range o.Processes {
		c.Members = append(c.Members, quorum.Member{ID: int64(i + 1), Observer: i >= o.Voters,
			Addresses: []quorum.Address{{Host: fmt.Sprintf("s%d", i+1), QuorumPort: 2888, ElectionPort: 3888}}})
	}
	for i, ids := range o.Groups {
		if c.Groups == nil {
			c.Groups, c.Weights = map[int64][]int64{}, map[int64]int64{}
		}
		for _, id := range ids {
			c.Groups[int64(i+1)] = append(c.Groups[int64(i+1)], int64(id))
			c.Weights[int64(id)] = o.Weights[id-1]
		}
	}
	return c
}
