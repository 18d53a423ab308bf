package chaos

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"zookit/protocol"
	"zookit/server/tree"
)

// A State is what a znode was from a txn on.
type State struct {
	From     protocol.Zxid
	Exists   bool
	Data     []byte
	Stat     protocol.Stat
	Children []string // sorted
}

// A Change is what a watch may be told of.
type Change struct {
	Zxid protocol.Zxid
	Type protocol.EventType
}

// A Timeline holds every state that every znode below /chaos ever had, by
// replaying a reference.
type Timeline struct {
	Tree    *tree.Tree // as it is at the end
	states  map[string][]State
	changes map[string][]Change
	Last    protocol.Zxid
}

func replay(ref *Reference) *Timeline {
	l := &Timeline{Tree: tree.New(tree.Options{Extended: true}), states: map[string][]State{}, changes: map[string][]Change{}}
	var out tree.Result
	for _, t := range ref.Txns {
		l.Tree.Apply(t, &out)
		l.Last = t.Zxid
		for _, e := range out.Events {
			path := strings.Clone(e.Path) // it aliases the txn
			l.changes[path] = append(l.changes[path], Change{t.Zxid, e.Type})
			l.look(path, t.Zxid)
		}
	}
	return l
}

// look records what a znode is now. The last look at a txn counts.
func (l *Timeline) look(path string, z protocol.Zxid) {
	s := State{From: z}
	if n, ok := l.Tree.Lookup(path); ok {
		s.Exists, s.Data, s.Stat = true, bytes.Clone(n.Data()), n.Stat()
		n.Children(func(name string) bool {
			s.Children = append(s.Children, strings.Clone(name))
			return true
		})
		slices.Sort(s.Children)
	}
	list := l.states[path]
	if k := len(list); k > 0 && list[k-1].From == z {
		list = list[:k-1]
	}
	l.states[path] = append(list, s)
}

// at is what a znode was at a zxid, and until is that of the next change: 0
// when there is none.
func (l *Timeline) at(path string, z protocol.Zxid) (s State, until protocol.Zxid) {
	list := l.states[path]
	n, found := slices.BinarySearchFunc(list, z, func(s State, z protocol.Zxid) int { return cmp.Compare(s.From, z) })
	if found {
		n++
	}
	if n < len(list) {
		until = list[n].From
	}
	if n == 0 {
		return State{}, until
	}
	return list[n-1], until
}

// during lists the states of a znode from one zxid to another, both included.
func (l *Timeline) during(path string, from, to protocol.Zxid) []State {
	first, next := l.at(path, from)
	list := []State{first}
	for next != 0 && next <= to {
		var s State
		s, next = l.at(path, next)
		list = append(list, s)
	}
	return list
}

// shower is a tree that can be asked for its znodes; offline.Data is one.
type shower interface {
	Znode(path string) (data []byte, acl []protocol.ACL, st protocol.Stat, owner protocol.SessionID, ok bool)
	Children(path string) ([]string, bool)
}

// sameTree compares what lies at and below a path; "" when it is equal, else the
// path and what differs.
func sameTree(got shower, want *tree.Tree, path string) string {
	n, exists := want.Lookup(path)
	data, acl, st, _, ok := got.Znode(path)
	switch {
	case exists != ok:
		return fmt.Sprintf("%s is there: %v, and should be: %v", path, ok, exists)
	case !ok:
		return ""
	case !bytes.Equal(data, n.Data()) || st != n.Stat() || !slices.Equal(acl, n.ACL()):
		return fmt.Sprintf("%s is %q %+v %v, and should be %q %+v %v", path, data, st, acl, n.Data(), n.Stat(), n.ACL())
	}
	children, _ := got.Children(path)
	var names []string
	n.Children(func(name string) bool {
		names = append(names, strings.Clone(name))
		return true
	})
	slices.Sort(children)
	slices.Sort(names)
	if !slices.Equal(children, names) {
		return fmt.Sprintf("%s has children %q, and should have %q", path, children, names)
	}
	for _, name := range names {
		if diff := sameTree(got, want, protocol.Join(path, name)); diff != "" {
			return diff
		}
	}
	return ""
}

// asksFor tells whether a watch of this kind ends with such an event. Where a
// znode has watches of several kinds, a deletion is one event for all.
func (k WatchKind) asksFor(t protocol.EventType) bool {
	switch t {
	case protocol.EventNodeDeleted:
		return true
	case protocol.EventNodeChildrenChanged:
		return k == WatchChildren
	}
	return k != WatchChildren
}

// next is the first change after a zxid that a watch asks for.
func (l *Timeline) next(w Watch, after protocol.Zxid) (Change, bool) {
	list := l.changes[w.Path]
	n, _ := slices.BinarySearchFunc(list, after+1, func(c Change, z protocol.Zxid) int { return cmp.Compare(c.Zxid, z) })
	for _, c := range list[n:] {
		if w.Kind.asksFor(c.Type) {
			return c, true
		}
	}
	return Change{}, false
}
