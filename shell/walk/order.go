package walk

import (
	"container/heap"

	"zookit/protocol"
)

// maxAhead bounds what is asked for before its turn: nodes that wait to be
// visited, the names of their children, and their data in units of dataUnit
// bytes. Beyond it only the nodes whose turn comes next are asked for.
const (
	maxAhead = 1 << 12
	dataUnit = 256
)

// entry is a node that was asked for. Its fetching goroutine has it alone until
// it is answered.
type entry struct {
	node     Node
	parent   *entry
	index    int // among the names of its parent
	answered bool
	unlisted bool  // it has more children than are asked for before its turn
	gone     bool  // vanished
	err      error // that ends the walk
	item     *item // nil when it was dropped or forgotten

	names *protocol.NameList // of very many children, instead of node.Children
}

// weight is what an answered node counts towards maxAhead.
func (e *entry) weight() int { return 1 + e.children() + len(e.node.Data)/dataUnit }

// children is how many children there are in the walk.
func (e *entry) children() int {
	if e.names != nil {
		return e.names.Len()
	}
	return len(e.node.Children)
}

// child is the name of one.
func (e *entry) child(i int) string {
	if e.names != nil {
		return e.names.Name(i)
	}
	return e.node.Children[i]
}

// item is a link of the order: a node that was asked for, or the rest of a
// parent's children, which were not.
type item struct {
	prev, next *item
	entry      *entry // nil for a rest

	parent *entry // of a rest
	index  int    // of the first child of the rest
	slot   int    // of a rest in the heap
}

// order is the nodes that are known and not visited yet, in pre-order, as a
// list, and the rests in it as a heap whose first is the first in the list.
// Children are taken out of their rest one by one when they are asked for, so
// its length is bounded by what is asked for ahead.
type order struct {
	list    item // ring: list.next is the first
	rests   rests
	ahead   int // what is held, in the units of maxAhead
	pending int // nodes known and not visited
}

func (o *order) root(path string) {
	o.list.prev, o.list.next = &o.list, &o.list
	top := &entry{index: -1}
	top.node = Node{Depth: -1, Children: []string{path}}
	o.insertRest(&o.list, top)
}

// head is the first of what is to be visited, nil at the end.
func (o *order) head() *item {
	if o.list.next == &o.list {
		return nil
	}
	return o.list.next
}

// next is the node to ask for next, nil when everything known was asked for or
// enough is held. The first near nodes of the order may always be asked for, so
// that the walk goes on, and goes on in parallel, whatever is held.
func (o *order) next(near int) *entry {
	if len(o.rests) == 0 {
		return nil
	}
	first := o.rests[0]
	if o.ahead >= maxAhead && !o.within(first, near) {
		return nil
	}
	e := &entry{parent: first.parent, index: first.index}
	e.node = Node{
		Path:  childPath(&first.parent.node, first.parent.child(first.index)),
		Depth: first.parent.node.Depth + 1,
		Last:  first.index == first.parent.children()-1,
	}
	e.item = &item{entry: e}
	insertBefore(e.item, first)
	o.ahead++
	if first.index++; first.index == first.parent.children() {
		o.removeRest(first)
	}
	return e
}

// within tells whether an item is one of the first n of the list.
func (o *order) within(i *item, n int) bool {
	at := o.list.next
	for range n {
		if at == i {
			return true
		}
		at = at.next
	}
	return false
}

// answered takes the answer of a node: its children come right behind it.
func (o *order) answered(e *entry) {
	e.answered = true
	if e.item == nil { // forgotten
		return
	}
	o.ahead += e.weight() - 1
	if e.children() > 0 {
		o.insertRest(e.item, e)
	}
}

// drop takes the first node out: it is visited now.
func (o *order) drop(e *entry) {
	unlink(e.item)
	e.item = nil
	o.ahead -= e.weight()
	o.pending--
}

// skipBelow takes out what lies below a node that was dropped: everything in
// front of the first item that does not.
func (o *order) skipBelow(e *entry) {
	for at := o.head(); at != nil; at = o.head() {
		if at.entry != nil {
			if !at.entry.under(e) {
				return
			}
			o.forget(at.entry)
			continue
		}
		if at.parent != e && !at.parent.under(e) {
			return
		}
		o.removeRest(at)
		o.pending -= at.parent.children() - at.index
	}
}

// forget takes a node out that will not be visited. Its answer may still come.
func (o *order) forget(e *entry) {
	unlink(e.item)
	e.item = nil
	o.pending--
	o.ahead--
	if e.answered {
		o.ahead -= e.weight() - 1
	}
}

func (e *entry) under(top *entry) bool {
	for p := e.parent; p != nil; p = p.parent {
		if p == top {
			return true
		}
	}
	return false
}

// relisted takes the children of a node that was unlisted.
func (o *order) relisted(e *entry) {
	e.answered = true
	o.ahead += e.children()
	if e.children() > 0 {
		o.insertRest(e.item, e)
	}
}

func (o *order) insertRest(behind *item, parent *entry) {
	rest := &item{parent: parent}
	insertBefore(rest, behind.next)
	heap.Push(&o.rests, rest)
	o.pending += parent.children()
}

func (o *order) removeRest(rest *item) {
	heap.Remove(&o.rests, rest.slot)
	unlink(rest)
}

func insertBefore(i, at *item) {
	i.prev, i.next = at.prev, at
	at.prev.next, at.prev = i, i
}

func unlink(i *item) {
	i.prev.next, i.next.prev = i.next, i.prev
	i.prev, i.next = nil, nil
}

func childPath(parent *Node, name string) string {
	if parent.Depth < 0 {
		return name // the root of the walk
	}
	return protocol.Join(parent.Path, name)
}
