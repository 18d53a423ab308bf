package session

import (
	"maps"
	"slices"
	"strings"

	"zookit/protocol"
)

// watchTable is what the session watches: the paths are the server's. It
// decides, as Apache's client does (ZKWatchManager in 3.9), which events belong
// to a watch, and what to send after a reconnect. It has no lock.
type watchTable struct {
	paths map[WatchKind]map[string]struct{}

	// existence of the znodes that carry a persistent or recursive watch. The
	// server replays nothing for such watches after a reconnect, so we ask it
	// to compare the znode with what we last knew; see Rearm.
	existence map[string]existence
}

type existence int

const (
	unknown existence = iota
	present
	missing
)

func newWatchTable() *watchTable {
	t := &watchTable{}
	t.Clear()
	return t
}

// Clear forgets all watches.
func (t *watchTable) Clear() {
	t.paths = map[WatchKind]map[string]struct{}{}
	for k := WatchData; k <= WatchRecursive; k++ {
		t.paths[k] = map[string]struct{}{}
	}
	t.existence = map[string]existence{}
}

// Add enters a watch.
func (t *watchTable) Add(path string, kind WatchKind) { t.paths[kind][path] = struct{}{} }

// Len counts the watches.
func (t *watchTable) Len() int {
	n := 0
	for _, paths := range t.paths {
		n += len(paths)
	}
	return n
}

// List is every watch, sorted by path and kind.
func (t *watchTable) List() []Watch {
	list := make([]Watch, 0, t.Len())
	for kind, paths := range t.paths {
		for p := range paths {
			list = append(list, Watch{Path: p, Kind: kind})
		}
	}
	slices.SortFunc(list, func(a, b Watch) int {
		if c := strings.Compare(a.Path, b.Path); c != 0 {
			return c
		}
		return int(a.Kind) - int(b.Kind)
	})
	return list
}

// kindsOf are the watches that a type of removeWatches names.
func kindsOf(kind protocol.WatcherType) []WatchKind {
	switch kind {
	case protocol.WatcherData:
		return []WatchKind{WatchData, WatchExist}
	case protocol.WatcherChildren:
		return []WatchKind{WatchChildren}
	case protocol.WatcherPersistent:
		return []WatchKind{WatchPersistent}
	case protocol.WatcherPersistentRecursive:
		return []WatchKind{WatchRecursive}
	case protocol.WatcherAny:
		return []WatchKind{WatchData, WatchExist, WatchChildren, WatchPersistent, WatchRecursive}
	}
	return nil
}

func removalOf(kind WatchKind) protocol.EventType {
	switch kind {
	case WatchData, WatchExist:
		return protocol.EventDataWatchRemoved
	case WatchChildren:
		return protocol.EventChildWatchRemoved
	}
	return protocol.EventPersistentWatchRemoved
}

// Has tells whether a watch of the type is set on the path.
func (t *watchTable) Has(path string, kind protocol.WatcherType) bool {
	for _, k := range kindsOf(kind) {
		if _, ok := t.paths[k][path]; ok {
			return true
		}
	}
	return false
}

// Remove forgets the watches of a type on a path and returns the events that
// tell so, at most one of each type.
func (t *watchTable) Remove(path string, kind protocol.WatcherType) []protocol.EventType {
	var removed []protocol.EventType
	for _, k := range kindsOf(kind) {
		if _, ok := t.paths[k][path]; !ok {
			continue
		}
		delete(t.paths[k], path)
		if ev := removalOf(k); !slices.Contains(removed, ev) {
			removed = append(removed, ev)
		}
	}
	if !t.stays(path) {
		delete(t.existence, path)
	}
	return removed
}

// stays tells whether the path carries a persistent or recursive watch.
func (t *watchTable) stays(path string) bool {
	_, p := t.paths[WatchPersistent][path]
	_, r := t.paths[WatchRecursive][path]
	return p || r
}

// Learn notes whether a znode with a persistent or recursive watch exists.
func (t *watchTable) Learn(path string, e existence) {
	if t.stays(path) {
		t.existence[path] = e
	}
}

// Fire consumes the one-shot watches an event is for and tells whether it is
// for any watch at all; an event that is for none is not delivered. While the
// server replays what changed during a lost connection, the deletion of a znode
// may arrive twice, once for its data and once for its children: the second is
// for none.
func (t *watchTable) Fire(ev protocol.EventType, path string, replay bool) bool {
	var consumed []WatchKind
	lasting := true
	switch ev {
	case protocol.EventNodeCreated, protocol.EventNodeDataChanged:
		consumed = []WatchKind{WatchData, WatchExist}
	case protocol.EventNodeDeleted:
		consumed = []WatchKind{WatchData, WatchExist, WatchChildren}
		lasting = !replay || t.existence[path] != missing
	case protocol.EventNodeChildrenChanged:
		consumed = []WatchKind{WatchChildren}
	}
	matched := false
	for _, k := range consumed {
		if _, ok := t.paths[k][path]; ok {
			delete(t.paths[k], path)
			matched = true
		}
	}
	if lasting && t.lasting(ev, path) {
		matched = true
	}
	if ev == protocol.EventNodeDeleted {
		t.Learn(path, missing)
	} else {
		t.Learn(path, present)
	}
	return matched
}

// lasting tells whether a persistent or recursive watch covers the event.
// Recursive watches never see the change of a list of children.
func (t *watchTable) lasting(ev protocol.EventType, path string) bool {
	if _, ok := t.paths[WatchPersistent][path]; ok {
		return true
	}
	if ev == protocol.EventNodeChildrenChanged || len(t.paths[WatchRecursive]) == 0 {
		return false
	}
	for p := path; p != ""; p = protocol.Parent(p) {
		if _, ok := t.paths[WatchRecursive][p]; ok {
			return true
		}
	}
	return false
}

// rearmLimit bounds one setWatches packet, in bytes of paths. Apache's client
// splits at the same size, well below any jute.maxbuffer in use.
const rearmLimit = 128 << 10

// Rearm lists the requests that bring the watches back on a new connection,
// given the zxid up to which every event is known to have arrived. A request
// without persistent or recursive watches is to be sent as setWatches.
//
// The server compares one-shot watches with the zxid and replays what was
// missed. It does not do so for persistent and recursive ones. Therefore the
// znode of such a watch is also listed for its data and children, or for its
// creation when it was missing: the server then replays one event of each kind
// for it, or leaves a one-shot watch behind that never shows, since one change
// is one event. The lasting watches come last, because a server before 3.9
// keeps one mode for a path and the last one wins (ZOOKEEPER-4466).
func (t *watchTable) Rearm(seen protocol.Zxid, limit int) []protocol.SetWatches2Request {
	data, exist := maps.Clone(t.paths[WatchData]), maps.Clone(t.paths[WatchExist])
	children := maps.Clone(t.paths[WatchChildren])
	compare := func(path string, kind WatchKind) {
		switch t.existence[path] {
		case present:
			data[path] = struct{}{}
			if kind == WatchPersistent {
				children[path] = struct{}{}
			}
		case missing:
			exist[path] = struct{}{}
		}
	}
	for _, kind := range []WatchKind{WatchPersistent, WatchRecursive} {
		for p := range t.paths[kind] {
			compare(p, kind)
		}
	}

	var reqs []protocol.SetWatches2Request
	size := limit
	list := func(paths map[string]struct{}, field func(*protocol.SetWatches2Request) *[]string) {
		for _, p := range slices.Sorted(maps.Keys(paths)) {
			if len(reqs) == 0 || size+len(p)+4 > limit {
				reqs = append(reqs, protocol.SetWatches2Request{RelativeZxid: seen,
					Data: []string{}, Exist: []string{}, Child: []string{}, Persistent: []string{}, PersistentRecursive: []string{}})
				size = 0
			}
			size += len(p) + 4
			f := field(&reqs[len(reqs)-1])
			*f = append(*f, p)
		}
	}
	list(data, func(r *protocol.SetWatches2Request) *[]string { return &r.Data })
	list(exist, func(r *protocol.SetWatches2Request) *[]string { return &r.Exist })
	list(children, func(r *protocol.SetWatches2Request) *[]string { return &r.Child })
	list(t.paths[WatchPersistent], func(r *protocol.SetWatches2Request) *[]string { return &r.Persistent })
	list(t.paths[WatchRecursive], func(r *protocol.SetWatches2Request) *[]string { return &r.PersistentRecursive })
	return reqs
}

// Blind lists the lasting watches for which a change during a lost connection
// cannot be found out: the recursive ones, and persistent ones on a znode of
// which we never knew whether it exists.
func (t *watchTable) Blind() []string {
	blind := maps.Clone(t.paths[WatchRecursive])
	for p := range t.paths[WatchPersistent] {
		if t.existence[p] == unknown {
			blind[p] = struct{}{}
		}
	}
	return slices.Sorted(maps.Keys(blind))
}

// Lasting counts the persistent and recursive watches.
func (t *watchTable) Lasting() int {
	return len(t.paths[WatchPersistent]) + len(t.paths[WatchRecursive])
}

// DropLasting forgets the persistent and recursive watches and returns their
// paths.
func (t *watchTable) DropLasting() []string {
	dropped := maps.Clone(t.paths[WatchPersistent])
	maps.Copy(dropped, t.paths[WatchRecursive])
	t.paths[WatchPersistent] = map[string]struct{}{}
	t.paths[WatchRecursive] = map[string]struct{}{}
	t.existence = map[string]existence{}
	return slices.Sorted(maps.Keys(dropped))
}
