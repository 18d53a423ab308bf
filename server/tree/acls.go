package tree

import (
	"slices"
	"strings"

	"zookit/protocol"
)

// openKey is the key of world:anyone:ALL in a snapshot; it stands in no ACL
// map (ReferenceCountedACLCache, Apache 3.9).
const openKey = -1

// acls holds every distinct ACL of the tree once, counted by its users. Index
// 0 is the open ACL. A key, once given, is never given again, so a snapshot
// and the tree it came from never mean different ACLs by one key.
type acls struct {
	entries []aclEntry
	free    []uint32
	byText  map[string]uint32 // encoded ACL
	byKey   map[int64]uint32
	lastKey int64
	scratch []byte
}

type aclEntry struct {
	key        int64
	acl        []protocol.ACL // shared with readers: never changed
	text       string
	refs       int
	unresolved bool // the snapshot had no ACL under this key
}

// closedACL stands for an ACL that a snapshot refers to and does not hold
// (ZOOKEEPER-4846): it lets nobody in but the superuser until the replay of the
// txn that set it.
var closedACL = []protocol.ACL{{Perms: 0, Scheme: "world", ID: "anyone"}}

func newACLs() acls {
	return acls{
		entries: []aclEntry{{key: openKey, acl: protocol.OpenACL}},
		byText:  map[string]uint32{},
		byKey:   map[int64]uint32{},
	}
}

// use returns the index of an ACL and counts one more user of it. Nil is the
// open ACL; an empty list is a list like any other.
func (a *acls) use(acl []protocol.ACL) uint32 {
	if acl == nil || slices.Equal(acl, protocol.OpenACL) {
		return 0
	}
	a.scratch = protocol.AppendACLs(a.scratch[:0], acl)
	if i, ok := a.byText[string(a.scratch)]; ok {
		a.entries[i].refs++
		return i
	}
	a.lastKey++
	i := a.add(a.lastKey, acl, string(a.scratch))
	a.entries[i].refs = 1
	return i
}

func (a *acls) add(key int64, acl []protocol.ACL, text string) uint32 {
	kept := make([]protocol.ACL, len(acl))
	for i, e := range acl {
		kept[i] = protocol.ACL{Perms: e.Perms, Scheme: strings.Clone(e.Scheme), ID: strings.Clone(e.ID)}
	}
	e := aclEntry{key: key, acl: kept, text: text}
	var i uint32
	if k := len(a.free); k > 0 {
		i, a.free = a.free[k-1], a.free[:k-1]
		a.entries[i] = e
	} else {
		i = uint32(len(a.entries))
		a.entries = append(a.entries, e)
	}
	a.byKey[key] = i
	if text != "" {
		// Two keys of a snapshot may hold one ACL; the first is used from then on.
		if _, ok := a.byText[text]; !ok {
			a.byText[text] = i
		}
	}
	return i
}

// restore records an ACL of a snapshot under its key; nobody uses it yet.
func (a *acls) restore(key int64, acl []protocol.ACL) {
	a.lastKey = max(a.lastKey, key)
	if _, ok := a.byKey[key]; ok || key == openKey {
		return
	}
	a.add(key, acl, string(protocol.AppendACLs(nil, acl)))
}

// useKey is use for a znode of a snapshot.
func (a *acls) useKey(key int64) uint32 {
	if key == openKey {
		return 0
	}
	i, ok := a.byKey[key]
	if !ok {
		a.lastKey = max(a.lastKey, key)
		i = a.add(key, closedACL, "")
		a.entries[i].unresolved = true
	}
	a.entries[i].refs++
	return i
}

// drop ends one use of an ACL.
func (a *acls) drop(i uint32) {
	if i == 0 {
		return
	}
	e := &a.entries[i]
	e.refs--
	if e.refs <= 0 {
		a.forget(i)
	}
}

func (a *acls) forget(i uint32) {
	e := &a.entries[i]
	delete(a.byKey, e.key)
	if j, ok := a.byText[e.text]; ok && j == i {
		delete(a.byText, e.text)
	}
	*e = aclEntry{}
	a.free = append(a.free, i)
}

// purge forgets what no znode of a snapshot used.
func (a *acls) purge() {
	for i := 1; i < len(a.entries); i++ {
		if e := &a.entries[i]; e.acl != nil && e.refs == 0 {
			a.forget(uint32(i))
		}
	}
}

func (a *acls) list(i uint32) []protocol.ACL { return a.entries[i].acl }

// unresolved counts the ACLs that a snapshot referred to and did not hold.
func (a *acls) unresolved() (n int) {
	for i := range a.entries {
		if a.entries[i].unresolved {
			n++
		}
	}
	return n
}
