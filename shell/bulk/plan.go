package bulk

import (
	"iter"

	"zookit/protocol"
)

// Plan is a subtree as it was when it was looked at: the names and versions of
// its znodes, breadth first, and what they add up to. A million znodes are some
// 60 MB.
type Plan struct {
	Root string

	Count      int   // znodes, the root included
	Bytes      int64 // of data
	Ephemerals map[protocol.SessionID]int
	Containers int
	TTL        int // znodes with a time to live
	Counters   int // parents whose sequence counter would begin lower if they were made anew

	// Refused are the places that may not be looked at.
	Refused []error

	nodes  []node
	levels []int // index of the first znode of each level
}

type node struct {
	name    string // the root's is its path
	parent  int32
	version int32
	gone    bool // it vanished while the subtree was looked at, or may not be read
}

// Depth is the number of levels.
func (p *Plan) Depth() int { return len(p.levels) }

// Foreign counts the ephemerals of sessions other than one.
func (p *Plan) Foreign(mine protocol.SessionID) (n int) {
	for owner, count := range p.Ephemerals {
		if owner != mine {
			n += count
		}
	}
	return n
}

func (p *Plan) path(i int) string {
	n := &p.nodes[i]
	if i == 0 {
		return n.name
	}
	return protocol.Join(p.path(int(n.parent)), n.name)
}

// level is the range of a level's znodes.
func (p *Plan) level(l int) (from, to int) {
	to = len(p.nodes)
	if l+1 < len(p.levels) {
		to = p.levels[l+1]
	}
	return p.levels[l], to
}

// Down yields the paths and versions, parents before their children; level 0
// is the root's.
func (p *Plan) Down() iter.Seq2[int, Place] {
	return func(yield func(int, Place) bool) {
		for l := range p.levels {
			if !p.yieldLevel(l, yield) {
				return
			}
		}
	}
}

// Up yields the paths and versions, children before their parents, with their
// level.
func (p *Plan) Up() iter.Seq2[int, Place] {
	return func(yield func(int, Place) bool) {
		for l := len(p.levels) - 1; l >= 0; l-- {
			if !p.yieldLevel(l, yield) {
				return
			}
		}
	}
}

// Place is a znode of a plan.
type Place struct {
	Path    string
	Version int32
}

func (p *Plan) yieldLevel(l int, yield func(int, Place) bool) bool {
	from, to := p.level(l)
	parent, prefix := int32(-1), ""
	for i := from; i < to; i++ {
		n := &p.nodes[i]
		if n.gone {
			continue
		}
		path := n.name
		if i > 0 {
			if n.parent != parent {
				parent, prefix = n.parent, p.path(int(n.parent))
			}
			path = protocol.Join(prefix, n.name)
		}
		if !yield(l, Place{path, n.version}) {
			return false
		}
	}
	return true
}

// Deletes are the steps that delete the subtree, leaves first. Each znode is
// deleted while it has the version that was seen, or, unchecked, any.
func (p *Plan) Deletes(checked bool) iter.Seq[Step] {
	return func(yield func(Step) bool) {
		for l, place := range p.Up() {
			version := place.Version
			if !checked {
				version = -1
			}
			step := Step{Level: p.Depth() - l, Op: protocol.MultiOp{Type: protocol.OpDelete,
				Record: &protocol.DeleteRequest{Path: place.Path, Version: version}}}
			if !yield(step) {
				return
			}
		}
	}
}
