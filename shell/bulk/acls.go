package bulk

import (
	"context"
	"errors"
	"slices"

	"zookit/protocol"
)

const (
	// exactACLs is how many ACLs MostACLs reads before it samples.
	exactACLs = 4000

	// Of n leaves of a parent, sampleLeast + n/sampleEvery are read.
	sampleLeast = 8
	sampleEvery = 128
)

// aclReader reads the ACLs of a level.
type aclReader struct {
	s     Session
	mode  ACLs
	spent int // ACLs read so far

	acls    [][]protocol.ACL // of the level; nil where it was not read
	assumed []group          // of the level, in order: siblings whose samples agree
	last    []protocol.ACL   // equal ACLs share memory
}

// group is a run of siblings and the ACL their samples have; nil when the
// samples differ.
type group struct {
	from, to int // in the level
	acl      []protocol.ACL
}

// begin prepares for a level: it takes samples of large families.
func (a *aclReader) begin(ctx context.Context, p *Plan, from, to int) error {
	a.acls, a.assumed = nil, nil
	if a.mode == NoACLs {
		return nil
	}
	a.acls = make([][]protocol.ACL, to-from)
	if a.mode == AllACLs || a.spent+to-from <= exactACLs {
		return nil
	}
	for i := from; i < to; {
		j := i + 1
		for j < to && p.nodes[j].parent == p.nodes[i].parent {
			j++
		}
		if n := j - i; n >= 2*sampleLeast {
			if err := a.sample(ctx, p, from, i, j); err != nil {
				return err
			}
		}
		i = j
	}
	return nil
}

// sample reads some ACLs of the siblings [i, j) of a level that begins at from.
func (a *aclReader) sample(ctx context.Context, p *Plan, from, i, j int) error {
	n := j - i
	k := sampleLeast + n/sampleEvery
	picks := make([]int, k)
	for at := range picks {
		picks[at] = i + at*(n-1)/(k-1)
	}
	if err := a.fetch(ctx, k, func(at int) (int, string) { return picks[at] - from, p.path(picks[at]) }); err != nil {
		return err
	}
	var same []protocol.ACL
	for _, at := range picks {
		acl := a.acls[at-from]
		if acl == nil {
			continue // it vanished
		}
		if same != nil && !slices.Equal(same, acl) {
			return nil
		}
		same = acl
	}
	if same != nil {
		a.assumed = append(a.assumed, group{i - from, j - from, same})
	}
	return nil
}

// read reads the ACLs of a window of a level that are neither known nor to be
// assumed. at is the index of its first znode in the plan.
func (a *aclReader) read(ctx context.Context, p *Plan, at int, window []read, paths []string) error {
	if a.mode == NoACLs {
		return nil
	}
	start := p.levels[len(p.levels)-1]
	var want []int
	for i, w := range window {
		level := at + i - start
		if w.err != nil || a.acls[level] != nil {
			continue
		}
		if w.stat.NumChildren == 0 && w.stat.Aversion == 0 && a.groupOf(level) != nil {
			continue
		}
		want = append(want, i)
	}
	return a.fetch(ctx, len(want), func(k int) (int, string) { return at + want[k] - start, paths[want[k]] })
}

// fetch reads n ACLs; which tells the place in the level and the path of each.
func (a *aclReader) fetch(ctx context.Context, n int, which func(k int) (int, string)) error {
	a.spent += n
	err := parallel(n, readsInFlight, func(k int) error {
		level, path := which(k)
		acl, _, err := a.s.GetACL(ctx, path)
		if errors.Is(err, protocol.NoNode) || errors.Is(err, protocol.NoAuth) {
			return nil
		}
		a.acls[level] = acl
		return err
	})
	if err != nil {
		return err
	}
	for k := range n {
		level, _ := which(k)
		if acl := a.acls[level]; acl != nil && slices.Equal(acl, a.last) {
			a.acls[level] = a.last
		} else if acl != nil {
			a.last = acl
		}
	}
	return nil
}

func (a *aclReader) groupOf(level int) *group {
	i, _ := slices.BinarySearchFunc(a.assumed, level, func(g group, level int) int { return g.to - 1 - level })
	if i == len(a.assumed) || level < a.assumed[i].from {
		return nil
	}
	return &a.assumed[i]
}

// of is the ACL of a znode of the level, and whether it is that of its
// siblings; nil when it was not read.
func (a *aclReader) of(level int) (acl []protocol.ACL, assumed bool) {
	if a.mode == NoACLs {
		return nil, false
	}
	if acl := a.acls[level]; acl != nil {
		return acl, false
	}
	if g := a.groupOf(level); g != nil {
		return g.acl, true
	}
	return nil, false
}
