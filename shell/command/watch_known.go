package command

import (
	"context"
	"errors"
	"slices"
	"time"

	"zookit/protocol"
	"zookit/shell/session"
	"zookit/shell/walk"
)

const (
	// mostKnown bounds how many znodes a tail remembers for comparing.
	mostKnown = 50_000
	// mostKeptData bounds the data it remembers for showing what changed, in
	// bytes, in all and of one znode.
	mostKeptData    = 32 << 20
	mostKeptOfZnode = 1 << 20
)

// knownNode is a znode as it was last seen.
type knownNode struct {
	czxid, mzxid protocol.Zxid
	version      int32
	data         []byte
	hasData      bool
	children     []string // sorted; for watches of lists of children
}

// knownTree is what a tail has seen. partial: there was more than it keeps.
type knownTree struct {
	nodes   map[string]*knownNode
	bytes   int
	partial bool
}

func newKnownTree() *knownTree { return &knownTree{nodes: map[string]*knownNode{}} }

// put remembers a znode and returns what was known before, nil for nothing.
func (k *knownTree) put(path string, data []byte, st *protocol.Stat, children []string) *knownNode {
	before := k.nodes[path]
	if before == nil && len(k.nodes) >= mostKnown {
		k.partial = true
		return nil
	}
	if before != nil {
		k.bytes -= len(before.data)
	}
	n := &knownNode{czxid: st.Czxid, mzxid: st.Mzxid, version: st.Version, children: children}
	if len(data) <= mostKeptOfZnode && k.bytes+len(data) <= mostKeptData {
		n.data, n.hasData = data, true
		k.bytes += len(data)
	}
	k.nodes[path] = n
	return before
}

// drop forgets a znode and returns what was known of it.
func (k *knownTree) drop(path string) *knownNode {
	n := k.nodes[path]
	if n != nil {
		k.bytes -= len(n.data)
		delete(k.nodes, path)
	}
	return n
}

// watching reads with a one-shot watch.
type watching struct{ Session }

func (w watching) Get(ctx context.Context, path string, _ bool) ([]byte, *protocol.Stat, error) {
	return w.Session.Get(ctx, path, true)
}

func (w watching) Children(ctx context.Context, path string, _ bool) ([]string, *protocol.Stat, error) {
	return w.Session.Children(ctx, path, true)
}

func (w watching) Exists(ctx context.Context, path string, _ bool) (*protocol.Stat, error) {
	return w.Session.Exists(ctx, path, true)
}

// source reads znodes, with one-shot watches where those are needed.
func (t *tail) source() Session {
	if t.oneShot {
		return watching{t.s}
	}
	return t.s
}

// lookMode says what a look does with what it finds.
type lookMode int

const (
	remember lookMode = iota // shows nothing
	news                     // shows what is new: an event led to it
	late                     // shows what is new: the connection was away
)

// look reads a watched path, and what lies below it in a recursive tail,
// compares it with what is known and remembers it.
func (t *tail) look(root string, mode lookMode) error {
	return t.lookInto(root, mode, map[string]bool{})
}

// lookInto notes in seen what it finds. The look around it does the same for
// what was made while it was under way.
func (t *tail) lookInto(root string, mode lookMode, seen map[string]bool) error {
	depth := 1
	if t.recursive {
		depth = 0
	}
	err := walk.Walk(t.c, t.source(), root, walk.Options{Data: true, MaxDepth: depth, Keep: t.keep(root)}, func(n *walk.Node) error {
		if n.Stat == nil {
			return nil
		}
		if len(seen) >= mostKnown {
			t.known.partial = true
			return walk.Stop
		}
		seen[n.Path] = true
		return t.compare(n, mode, seen)
	})
	switch {
	case errors.Is(err, protocol.NoNode):
		if t.oneShot {
			if there, err := t.awaitCreation(root); err != nil {
				return err
			} else if there {
				return t.lookInto(root, mode, seen)
			}
		}
	case err != nil:
		return err
	}
	if !t.recursive {
		if err := t.lookAtChildren(root, mode); err != nil {
			return err
		}
	}
	if len(seen) >= mostKnown {
		return nil // what is not seen may be there
	}
	var gone []string
	for path := range t.known.nodes {
		if !seen[path] && (path == root || t.recursive && within(path, root)) {
			gone = append(gone, path)
		}
	}
	slices.SortFunc(gone, func(a, b string) int { return len(b) - len(a) }) // children first
	for _, path := range gone {
		before := t.known.drop(path)
		if mode == remember {
			continue
		}
		if err := t.show(&WatchedChange{Kind: kindDeleted, Path: path, Late: mode == late, Old: before.data, haveOld: before.hasData}); err != nil {
			return err
		}
	}
	return nil
}

// awaitCreation sets a one-shot watch for the creation of a znode that was
// missing. there: it was created in the meantime.
func (t *tail) awaitCreation(path string) (there bool, err error) {
	_, err = t.s.Exists(t.c, path, true)
	return err == nil, ignoreCodes(err)
}

// keep leaves the children of a path out that is watched alone.
func (t *tail) keep(string) func(parent, name string) bool {
	if t.recursive {
		return nil
	}
	return func(string, string) bool { return false }
}

// compare remembers a znode that was walked to and shows what is new about it.
func (t *tail) compare(n *walk.Node, mode lookMode, seen map[string]bool) error {
	var children, unseen []string
	if before := t.known.nodes[n.Path]; before != nil {
		children = before.children
	}
	if t.recursive && t.oneShot {
		if children = n.Children; children == nil {
			// A walk asks no childless znode for its children, so nothing watches them.
			var err error
			if children, _, err = t.source().Children(t.c, n.Path, true); err != nil {
				return ignoreCodes(err)
			}
			slices.Sort(children)
			unseen = children // made since the walk was there
		}
	}
	before := t.known.put(n.Path, n.Data, n.Stat, children)
	if err := t.showNews(n, before, mode); err != nil {
		return err
	}
	for _, name := range unseen {
		if err := t.lookInto(protocol.Join(n.Path, name), mode, seen); err != nil {
			return err
		}
	}
	return nil
}

// showNews shows how a znode that was walked to differs from what was known.
func (t *tail) showNews(n *walk.Node, before *knownNode, mode lookMode) error {
	if mode == remember {
		return nil
	}
	r := t.record(kindChanged, n.Path, n.Stat, n.Data, before)
	switch {
	case before == nil && t.known.partial, before != nil && before.mzxid == n.Stat.Mzxid && before.czxid == n.Stat.Czxid:
		return nil
	case before == nil || before.czxid != n.Stat.Czxid:
		r.Kind, r.Zxid, r.Missed = kindCreated, n.Stat.Czxid.String(), n.Stat.Version
	}
	r.Late = mode == late
	return t.show(r)
}

// lookAtChildren reads the names of the children of a path that is watched
// alone.
func (t *tail) lookAtChildren(path string, mode lookMode) error {
	node := t.known.nodes[path]
	if node == nil {
		return nil
	}
	names, st, err := t.source().Children(t.c, path, false)
	if err != nil {
		return ignoreCodes(err)
	}
	slices.Sort(names)
	before := node.children
	node.children = names
	if mode == remember || slices.Equal(before, names) {
		return nil
	}
	r := &WatchedChange{Kind: kindChildren, Path: path, Zxid: st.Pzxid.String(), Late: mode == late}
	r.Added, r.Removed = differences(before, names)
	return t.show(r)
}

// ignoreCodes drops an error code of the server: the znode is gone again, or is
// refused, which the next event tells.
func ignoreCodes(err error) error {
	if isCode(err) {
		return nil
	}
	return err
}

// differences of two sorted lists of names.
func differences(before, now []string) (added, removed []string) {
	for _, name := range now {
		if _, found := slices.BinarySearch(before, name); !found {
			added = append(added, name)
		}
	}
	for _, name := range before {
		if _, found := slices.BinarySearch(now, name); !found {
			removed = append(removed, name)
		}
	}
	return added, removed
}

// record is a change of a znode's data against what was known.
func (t *tail) record(kind, path string, st *protocol.Stat, data []byte, before *knownNode) *WatchedChange {
	version := st.Version
	r := &WatchedChange{Kind: kind, Path: path, Zxid: st.Mzxid.String(), Version: &version, New: data, haveNew: true}
	switch {
	case before == nil || before.czxid != st.Czxid:
	case before.mzxid == st.Mzxid: // the event is of a change that the first look saw already
	default:
		r.Old, r.haveOld = before.data, before.hasData
		r.Missed = max(st.Version-before.version-1, 0)
	}
	return r
}

// changed reads a znode that was created or changed, and shows it.
func (t *tail) changed(e session.Event) error {
	data, st, err := t.source().Get(t.c, e.Path, false)
	kind := map[protocol.EventType]string{protocol.EventNodeCreated: kindCreated, protocol.EventNodeDataChanged: kindChanged}[e.Type]
	if err != nil {
		if err := ignoreCodes(err); err != nil {
			return err
		}
		if t.oneShot && e.Path == t.rootOf(e.Path) {
			if there, err := t.awaitCreation(e.Path); err != nil {
				return err
			} else if there {
				return t.look(e.Path, news)
			}
		}
		return t.show(&WatchedChange{Kind: kind, Path: e.Path, Zxid: zxidText(e.Zxid), remark: "it is gone again"})
	}
	before := t.known.nodes[e.Path]
	var children []string
	if before != nil {
		children = before.children
	}
	t.known.put(e.Path, data, st, children)
	r := t.record(kind, e.Path, st, data, before)
	if kind == kindCreated {
		if before != nil && before.czxid == st.Czxid {
			r.Old, r.haveOld = nil, false
		}
		r.Zxid, r.Missed = st.Czxid.String(), 0
	}
	if e.Zxid > 0 {
		r.Zxid = e.Zxid.String()
	}
	replayed := t.late[e.Path]
	delete(t.late, e.Path)
	if before != nil && before.mzxid == st.Mzxid && replayed {
		return nil
	}
	if before != nil && before.mzxid == st.Mzxid {
		r.New, r.Old, r.haveNew, r.haveOld, r.remark = nil, nil, false, false, "its data was shown with a change before"
		r.Zxid = zxidText(e.Zxid)
	}
	if err := t.show(r); err != nil {
		return err
	}
	switch {
	case kind != kindCreated:
	case !t.recursive:
		return t.lookAtChildren(e.Path, remember)
	case t.oneShot:
		return t.look(e.Path, news) // and sets the watches below it
	}
	return nil
}

func zxidText(z protocol.Zxid) string {
	if z <= 0 {
		return ""
	}
	return z.String()
}

func (t *tail) deleted(e session.Event) error {
	before := t.known.drop(e.Path)
	r := &WatchedChange{Kind: kindDeleted, Path: e.Path, Zxid: zxidText(e.Zxid)}
	if before != nil {
		r.Old, r.haveOld = before.data, before.hasData
	}
	if before == nil && (t.oneShot || t.late[e.Path]) {
		delete(t.late, e.Path) // told by the watch of its children, or after the reconnect
	} else if err := t.show(r); err != nil {
		return err
	}
	switch {
	case !t.oneShot:
	case slices.Contains(t.paths, e.Path):
		return t.look(e.Path, news)
	case t.recursive:
		// It may be there again since before its parent's children were last
		// read, and then no other event tells so.
		return t.childrenChanged(session.Event{Path: protocol.Parent(e.Path)})
	}
	return nil
}

// childrenChanged shows which children came and went. In a recursive tail on
// one-shot watches the new ones are looked at; those that went tell themselves.
func (t *tail) childrenChanged(e session.Event) error {
	names, st, err := t.source().Children(t.c, e.Path, false)
	if err != nil {
		return ignoreCodes(err)
	}
	slices.Sort(names)
	node := t.known.nodes[e.Path]
	if node == nil {
		return nil
	}
	added, removed := differences(node.children, names)
	node.children = names
	if t.recursive {
		if !t.known.partial {
			// A child that was deleted and made again is no new name.
			added = slices.DeleteFunc(slices.Clone(names), func(name string) bool { return t.known.nodes[protocol.Join(e.Path, name)] != nil })
		}
		for _, name := range added {
			if err := t.look(protocol.Join(e.Path, name), news); err != nil {
				return err
			}
		}
		return nil
	}
	replayed := t.late[e.Path]
	delete(t.late, e.Path)
	r := &WatchedChange{Kind: kindChildren, Path: e.Path, Zxid: st.Pzxid.String(), Added: added, Removed: removed}
	if len(added)+len(removed) == 0 {
		if replayed {
			return nil
		}
		r.remark, r.Zxid = "the names are those shown before", ""
	}
	if e.Zxid > 0 {
		r.Zxid = e.Zxid.String()
	}
	return t.show(r)
}

// show prints a change, runs the command for it, and counts it.
func (t *tail) show(r *WatchedChange) error {
	r.Time = time.Now()
	if r.Late {
		t.late[r.Path] = true
	}
	if err := t.c.Emit(r, func() { t.print(r) }); err != nil {
		return err
	}
	_ = t.c.Shell.Out.Flush()
	if t.c.Has("exec") {
		if err := t.exec(r); err != nil {
			return err
		}
	}
	if t.left > 0 {
		if t.left--; t.left == 0 {
			return errWatched
		}
	}
	return nil
}
