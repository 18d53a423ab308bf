// Package watch keeps who watches what, and tells them. It is pure: no lock, no
// goroutine. The caller serialises all methods.
//
// A watch is a path, a watcher (a connection) and a set of modes. Apache keeps
// two tables, for data and for children; the modes say which of them a watch is
// in:
//
//	mode          data  child  set by                        gone after an event
//	DataOneShot   x            getData, exists               yes
//	ChildOneShot        x      getChildren, getChildren2     yes
//	Persistent    x     x      addWatch mode 0               no
//	Recursive     x            addWatch mode 1               no
//
// and which events it sees:
//
//	event on P         data table                    child table
//	NodeCreated        watches on P; Recursive above
//	NodeDataChanged    watches on P; Recursive above
//	NodeDeleted        watches on P; Recursive above  watches on P, unless told already
//	ChildrenChanged                                  watches on P
//
// The modes of a watch are a set: a one-shot watch set over a persistent one
// leaves it as it is (ZOOKEEPER-4466). A watcher gets an event on a path once,
// whatever watches it has there and above. It must be allowed to read under the
// ACL that the event carries, as it is authenticated now; otherwise it learns
// nothing and its one-shot watch is consumed all the same (CVE-2024-23944).
//
// Facts are from WatchManager.java, WatchStats.java, DataTree.java and
// NIOServerCnxn.java of Apache 3.9.5, checked against a running 3.8.0.
//
// # Memory
//
// A watch is a record of 28 bytes in a slab, in a list of its path and a list
// of its watcher, and an entry of some 24 bytes in a map by path and watcher.
// A path is stored once, however many watch it. BenchmarkMemory measures 92 bytes
// a watch with its share of the path, three watching each.
package watch

import (
	"zookit/protocol"
	"zookit/server/acl"
	"zookit/server/defect"
	"zookit/server/tree"
)

// Watcher is a connection. It must be comparable, as a pointer is.
type Watcher interface {
	// Session is the session's id, for the dumps.
	Session() protocol.SessionID
	// IDs are the identities of the connection as of now.
	IDs() []protocol.ID
	// Deliver appends the event to the connection's queue: it must not block nor
	// call back into the tables.
	Deliver(ev *Event)
}

// Mode is a set of modes.
type Mode uint8

const (
	DataOneShot Mode = 1 << iota
	ChildOneShot
	Persistent
	Recursive

	inData  = DataOneShot | Persistent | Recursive
	inChild = ChildOneShot | Persistent
)

// Tables is the set of all watches.
type Tables struct {
	rules *acl.Rules

	watches  []record // 0 is never used
	freeHead uint32   // free records, linked by nextOfPath
	byPair   map[uint64]uint32

	paths    []pathEntry // 0 is never used
	freePath []uint32
	byPath   map[string]uint32

	watchers    []watcherEntry // 0 is never used
	freeWatcher []uint32
	byWatcher   map[Watcher]uint32

	recursive  int // watches with Recursive
	dataPaths  int // paths with a watch in the data table
	data       int // watches in the data table
	child      int // watches in the child table
	dataOwners int // watchers that have been in the data table; see Counts
	round      uint32
}

// record is one watch.
type record struct {
	path, watcher                uint32
	nextOfPath, prevOfPath       uint32
	nextOfWatcher, prevOfWatcher uint32
	modes                        Mode
}

type pathEntry struct {
	path        string
	first, last uint32 // in the order in which the watches were set
	data        uint32 // how many are in the data table
}

type watcherEntry struct {
	w           Watcher
	first, last uint32
	round       uint32 // the last Trigger that reached it
	data        uint32 // how many of its watches are in the data table
	inData      bool   // it counts in dataOwners
}

// NewTables returns empty tables; rules are asked whether a watcher may see an
// event.
func NewTables(rules *acl.Rules) *Tables {
	return &Tables{
		rules:     rules,
		watches:   make([]record, 1),
		byPair:    map[uint64]uint32{},
		paths:     make([]pathEntry, 1),
		byPath:    map[string]uint32{},
		watchers:  make([]watcherEntry, 1),
		byWatcher: map[Watcher]uint32{},
	}
}

// Add sets a watch: the modes join those that the watcher has on the path. The
// path is copied when it is kept.
func (t *Tables) Add(path string, w Watcher, modes Mode) {
	p, ok := t.byPath[path]
	if !ok {
		p = t.newPath(path)
	}
	o, ok := t.byWatcher[w]
	if !ok {
		o = t.newWatcher(w)
	}
	i, ok := t.byPair[pair(p, o)]
	if !ok {
		i = t.newRecord(p, o)
	}
	t.setModes(i, t.watches[i].modes|modes)
}

// Trigger tells the watchers of a change. The zxid is the txn's.
func (t *Tables) Trigger(ev *tree.Event, zxid protocol.Zxid) {
	if len(t.byPath) == 0 {
		return
	}
	t.round++
	if t.round == 0 { // wrapped: forget the marks of the first rounds
		for i := range t.watchers {
			t.watchers[i].round = 0
		}
		t.round = 1
	}
	d := delivery{t: t, ev: ev, zxid: zxid}
	if ev.Type != protocol.EventNodeChildrenChanged {
		d.fire(t.byPath[ev.Path], inData, DataOneShot)
		if t.recursive > 0 {
			for path := protocol.Parent(ev.Path); path != ""; path = protocol.Parent(path) {
				d.fire(t.byPath[path], Recursive, 0)
			}
		}
	}
	if ev.Type == protocol.EventNodeChildrenChanged || ev.Type == protocol.EventNodeDeleted {
		d.fire(t.byPath[ev.Path], inChild, ChildOneShot)
	}
}

// delivery is one Trigger under way.
type delivery struct {
	t    *Tables
	ev   *tree.Event
	zxid protocol.Zxid
	out  *Event // made when the first watcher gets it
}

// fire delivers to the watches of a path that have one of the modes in match,
// and takes the modes in consume from them.
func (d *delivery) fire(p uint32, match, consume Mode) {
	t := d.t
	if p == 0 {
		return
	}
	for i := t.paths[p].first; i != 0; {
		r := &t.watches[i]
		next, o, modes := r.nextOfPath, r.watcher, r.modes
		if modes&match != 0 {
			if modes&consume != 0 && !defect.Planted(defect.WatchNotConsumed) {
				t.setModes(i, modes&^consume)
			}
			d.deliver(o)
		}
		i = next
	}
}

func (d *delivery) deliver(o uint32) {
	e := &d.t.watchers[o]
	if e.round == d.t.round {
		return
	}
	e.round = d.t.round
	if !d.t.rules.Check(d.ev.ACL, protocol.PermRead, e.w.IDs()) {
		return
	}
	if d.out == nil {
		d.out = newEvent(d.ev.Type, d.ev.Path, d.zxid)
	}
	e.w.Deliver(d.out)
}

// RemoveWatcher drops all watches of a connection that is gone.
func (t *Tables) RemoveWatcher(w Watcher) {
	o, ok := t.byWatcher[w]
	if !ok {
		return
	}
	for t.watchers[o].first != 0 {
		t.setModes(t.watchers[o].first, 0)
	}
	t.dropWatcher(o)
}

// modesOf tells the modes in which a checkWatches or removeWatches of a type is
// interested. Since 3.9 types 1 and 2 mean one-shot watches alone
// (DataTree.containsWatcher).
func modesOf(kind protocol.WatcherType) (Mode, bool) {
	switch kind {
	case protocol.WatcherChildren:
		return ChildOneShot, true
	case protocol.WatcherData:
		return DataOneShot, true
	case protocol.WatcherAny:
		return inData | inChild, true
	case protocol.WatcherPersistent:
		return Persistent, true
	case protocol.WatcherPersistentRecursive:
		return Recursive, true
	}
	return 0, false
}

// Check tells whether the watcher has a watch of the kind on the path: OK,
// NoWatcher, or MarshallingError when there is no such kind.
func (t *Tables) Check(path string, kind protocol.WatcherType, w Watcher) protocol.Code {
	modes, ok := modesOf(kind)
	if !ok {
		return protocol.MarshallingError
	}
	if i := t.lookup(path, w); i == 0 || t.watches[i].modes&modes == 0 {
		return protocol.NoWatcher
	}
	return protocol.OK
}

// Remove drops the watches that Check looks for.
func (t *Tables) Remove(path string, kind protocol.WatcherType, w Watcher) protocol.Code {
	code := t.Check(path, kind, w)
	if code != protocol.OK {
		return code
	}
	modes, _ := modesOf(kind)
	i := t.lookup(path, w)
	o := t.watches[i].watcher
	t.setModes(i, t.watches[i].modes&^modes)
	if t.watchers[o].first == 0 {
		t.dropWatcher(o)
	} else if e := &t.watchers[o]; e.inData && e.data == 0 {
		e.inData = false
		t.dataOwners--
	}
	return protocol.OK
}

func (t *Tables) lookup(path string, w Watcher) uint32 {
	p, o := t.byPath[path], t.byWatcher[w]
	if p == 0 || o == 0 {
		return 0
	}
	return t.byPair[pair(p, o)]
}
