package tree

import (
	"slices"
	"unsafe"

	"zookit/protocol"
	"zookit/protocol/jute"
)

// Node is a look-up's answer. It is valid until the tree changes next.
type Node struct {
	t *Tree
	n *node
	i uint32
}

// Lookup finds a znode by its full path; "" is the root, as in Apache. The path
// may be borrowed.
func (t *Tree) Lookup(path string) (Node, bool) {
	i := t.find(path)
	if i == 0 {
		return Node{}, false
	}
	return Node{t, t.records.at(i), i}, true
}

// Data is the znode's data, nil for null. It aliases the tree.
func (n Node) Data() []byte { return n.t.data(n.n) }

// ACL is the znode's ACL, shared with others: never change it. It stays valid
// when the tree changes.
func (n Node) ACL() []protocol.ACL { return n.t.acls.list(n.n.acl) }

// Owner is the stored ephemeralOwner: a session, or the mark of a container or
// a TTL znode.
func (n Node) Owner() protocol.SessionID { return n.n.owner }

// Session is the owner of an ephemeral znode, 0 for all others.
func (n Node) Session() protocol.SessionID {
	return protocol.EphemeralSession(n.n.owner, n.t.opt.Extended)
}

func (n Node) NumChildren() int         { return int(n.n.children) }
func (n Node) Version() int32           { return n.n.version }
func (n Node) Aversion() int32          { return n.n.aversion }
func (n Node) Mzxid() protocol.Zxid     { return n.n.mzxid }
func (n Node) Pzxid() protocol.Zxid     { return n.n.pzxid }
func (n Node) Descendants() int         { return int(n.n.descendants) }
func (n Node) PersistedCversion() int32 { return n.n.cversion } // creations of children: the next sequence number

// Content is ContentCRC of the znode's path and data.
func (n Node) Content() uint32 { return n.n.content }

// StatPersisted is the stored stat.
func (n Node) StatPersisted() protocol.StatPersisted { return n.n.stat() }

// Stat is the stat that a client sees.
func (n Node) Stat() protocol.Stat { return n.t.clientStat(n.n) }

// clientStat counts creations and deletions of children in cversion, where the
// stored one counts creations, and hides what is no session (DataNode.java).
func (t *Tree) clientStat(n *node) protocol.Stat {
	return protocol.Stat{
		Czxid: n.czxid, Mzxid: n.mzxid, Ctime: n.ctime, Mtime: n.mtime,
		Version: n.version, Cversion: 2*n.cversion - int32(n.children), Aversion: n.aversion,
		EphemeralOwner: protocol.EphemeralSession(n.owner, t.opt.Extended),
		DataLength:     max(n.dataLen, 0), NumChildren: int32(n.children), Pzxid: n.pzxid,
	}
}

// AppendStat appends the encoded Stat (68 bytes).
func (n Node) AppendStat(b []byte) []byte {
	st := n.t.clientStat(n.n)
	return st.AppendTo(b)
}

// AppendData appends the data as a jute buffer.
func (n Node) AppendData(b []byte) []byte { return jute.AppendBuffer(b, n.Data()) }

// AppendChildren appends the names of the children as a jute vector of strings,
// in order of creation.
func (n Node) AppendChildren(b []byte) []byte {
	b = jute.AppendInt(b, int32(n.n.children))
	for i := n.n.firstChild; i != 0; {
		c := n.t.records.at(i)
		b = jute.AppendBuffer(b, n.t.blocks.bytes(c.block)[:c.nameLen])
		i = c.next
	}
	return b
}

// Children calls f with the name of each child in order of creation until f
// returns false. The name aliases the tree.
func (n Node) Children(f func(name string) bool) {
	for i := n.n.firstChild; i != 0; {
		c := n.t.records.at(i)
		name := n.t.blocks.bytes(c.block)[:c.nameLen]
		if !f(unsafe.String(unsafe.SliceData(name), len(name))) {
			return
		}
		i = c.next
	}
}

// Zxids is what setWatches compares: when data and children changed last.
func (t *Tree) Zxids(path string) (mzxid, pzxid protocol.Zxid, ok bool) {
	i := t.find(path)
	if i == 0 {
		return 0, 0, false
	}
	n := t.records.at(i)
	return n.mzxid, n.pzxid, true
}

// LastZxid is the zxid of the last txn applied.
func (t *Tree) LastZxid() protocol.Zxid { return t.lastZxid }

// NodeCount is the number that Apache reports: it counts the root twice.
func (t *Tree) NodeCount() int { return t.nodes + 1 }

// DataSize is Apache's approximate data size: the bytes of all paths and data.
func (t *Tree) DataSize() int64 { return t.dataSize }

// EphemeralCount is the number of ephemeral znodes.
func (t *Tree) EphemeralCount() int { return t.ephemerals }

// UnresolvedACLs counts the ACLs that the loaded snapshot referred to, did not
// hold, and no replayed txn has set since. Their znodes are closed to all but
// the superuser.
func (t *Tree) UnresolvedACLs() int { return t.acls.unresolved() }

// Ephemerals lists the paths that a session owns, sorted, copied.
func (t *Tree) Ephemerals(session protocol.SessionID) []string {
	set := t.owners[session]
	if set == nil {
		return nil
	}
	paths := make([]string, 0, set.len())
	for _, i := range set.order {
		if i != 0 {
			paths = append(paths, t.pathCopy(i))
		}
	}
	slices.Sort(paths)
	return paths
}

// EphemeralOwners lists the sessions that own ephemerals, sorted.
func (t *Tree) EphemeralOwners() []protocol.SessionID { return sortedKeys(t.owners) }

// SessionCount is the number of sessions.
func (t *Tree) SessionCount() int { return len(t.sessions) }

// SessionTimeout is a session's timeout in ms.
func (t *Tree) SessionTimeout(id protocol.SessionID) (timeoutMs int32, ok bool) {
	timeoutMs, ok = t.sessions[id]
	return
}

// Sessions lists the sessions, sorted.
func (t *Tree) Sessions() []protocol.SessionID { return sortedKeys(t.sessions) }

// DeadSessions lists the owners of ephemerals that are no sessions, sorted.
// After a recovery there can be some: a closeSession that lies before the
// snapshot. Apache's leader closes them when it has loaded
// (ZooKeeperServer.loadData).
func (t *Tree) DeadSessions() []protocol.SessionID {
	var dead []protocol.SessionID
	for id := range t.owners {
		if _, ok := t.sessions[id]; !ok {
			dead = append(dead, id)
		}
	}
	slices.Sort(dead)
	return dead
}

func sortedKeys[V any](m map[protocol.SessionID]V) []protocol.SessionID {
	ids := make([]protocol.SessionID, 0, len(m))
	for id := range m {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func stringBytes(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
