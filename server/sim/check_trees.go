package sim

import (
	"bytes"
	"maps"
	"slices"

	"zookit/protocol"
	"zookit/server/tree"
)

// recovered compares what a server has read from its disk with what the history
// makes of an empty tree. A tree that ends with txns that are not committed, or
// not yet, is left to the next that stands there. That of a leader's snapshot
// without all the txns that came behind it is between the two (fuzzy): the snapshot
// holds some of them, and the server serves nothing until it has the others.
func (j *judge) recovered(p *process, t *tree.Tree) *Violation {
	z := t.LastZxid()
	g := j.w.ledger
	if !g.committed(z) {
		return nil
	}
	if until := min(g.fuzzy[p], g.end()); z < until {
		return j.fuzzy(p, t, z, until)
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

// fuzzy compares a tree that holds everything up to z, and some of what came
// behind it up to until. Each znode and each session is as it was at one of these
// times, and what was there all the time is there. (Of children a znode tells only
// how many it has, which is another number between two of their times.)
func (j *judge) fuzzy(p *process, t *tree.Tree, z, until protocol.Zxid) *Violation {
	j.w.reached("tree of a leader's snapshot compared with the history")
	for _, id := range j.m.sessionsAt(z) {
		if end, over := j.m.ended[id]; (!over || end > until) && !slices.Contains(t.Sessions(), id) {
			return violation("I14 determinism", "%v, from its disk between %v and %v: session %v is missing", p, z, until, id)
		}
	}
	for _, id := range t.Sessions() {
		if made, end := j.m.made[id], j.m.ended[id]; made == 0 || made > until || end != 0 && end <= z {
			return violation("I14 determinism", "%v, from its disk between %v and %v: session %v was made at %v and ended at %v", p, z, until, id, made, end)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(j.m.past)) {
		if path == "/" {
			continue // of the root the model knows only the children
		}
		n, there := t.Lookup(path)
		ok := false
		for _, v := range j.m.during(path, z, until) {
			if v == nil || !there {
				ok = ok || !there && v == nil
				continue
			}
			got, should := n.Stat(), v.clientStat()
			got.NumChildren = should.NumChildren
			got.Cversion, got.Pzxid = should.Cversion, should.Pzxid
			ok = ok || got == should && bytes.Equal(n.Data(), v.data)
		}
		if !ok {
			return violation("I14 determinism", "%v, from its disk between %v and %v: %s is there: %v, and never was like that", p, z, until, path, there)
		}
	}
	return j.onlyOurs(p, t, "/", z)
}

// onlyOurs tells that a tree holds no znode that there never was.
func (j *judge) onlyOurs(p *process, t *tree.Tree, path string, z protocol.Zxid) (v *Violation) {
	n, _ := t.Lookup(path)
	n.Children(func(name string) bool {
		child := protocol.Join(path, name)
		switch {
		case path == "/" && name == "zookeeper":
		case j.m.past[child] == nil:
			v = violation("I14 determinism", "%v, from its disk at %v: nobody ever made %s", p, z, child)
		default:
			v = j.onlyOurs(p, t, child, z)
		}
		return v == nil
	})
	return v
}

// sameSet tells that two lists without repetitions hold the same.
func sameSet(a, b []string) bool {
	return len(a) == len(b) && slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}
