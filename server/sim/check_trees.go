package sim

import (
	"bytes"
	"slices"

	"zookit/protocol"
	"zookit/server/tree"
)

// recovered compares what a server has read from its disk with what the history
// makes of an empty tree. A tree that ends with txns that are not committed, or
// not yet, is left to the next that stands there; so is that of a leader's
// snapshot without all the txns that came behind it: the snapshot holds some of
// them, and the server serves nothing until it has the others.
func (j *judge) recovered(p *process, t *tree.Tree) *Violation {
	z := t.LastZxid()
	if g := j.w.ledger; !g.committed(z) || z < g.fuzzy[p] {
		return nil
	}
	j.w.reached("tree from a disk compared with the history")
	if got, want := t.Sessions(), j.m.sessionsAt(z); !slices.Equal(got, want) {
		return violation("I14 determinism", "%v, from its disk at %v: the sessions are %v, and should be %v", p, z, got, want)
	}
	return j.sameBelow(p, t, "/", z)
}

func (j *judge) sameBelow(p *process, t *tree.Tree, path string, z protocol.Zxid) *Violation {
	want := j.m.at(path, z)
	n, ok := t.Lookup(path)
	if !ok || want == nil {
		return violation("I14 determinism", "%v, from its disk at %v: %s is there: %v, and should be: %v", p, z, path, ok, want != nil)
	}
	if path != "/" { // of the root the model knows only the children
		if got, should := n.Stat(), want.clientStat(); got != should || !bytes.Equal(n.Data(), want.data) {
			return violation("I14 determinism", "%v, from its disk at %v: %s is %.20q %+v, and should be %.20q %+v", p, z, path, n.Data(), got, want.data, should)
		}
	}
	var names []string
	n.Children(func(name string) bool { names = append(names, name); return true })
	if !sameSet(names, want.children) {
		return violation("I14 determinism", "%v, from its disk at %v: the children of %s are %q, and should be %q", p, z, path, names, want.children)
	}
	for _, name := range names {
		if path == "/" && name == "zookeeper" {
			continue // of each server
		}
		if v := j.sameBelow(p, t, protocol.Join(path, name), z); v != nil {
			return v
		}
	}
	return nil
}

// sameSet tells that two lists without repetitions hold the same.
func sameSet(a, b []string) bool {
	return len(a) == len(b) && slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}
