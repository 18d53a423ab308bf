package tree

import "zookit/protocol"

// node is the record of one znode, without pointers; doc.go has the table.
type node struct {
	czxid, mzxid, pzxid protocol.Zxid
	ctime, mtime        int64 // ms
	owner               protocol.SessionID

	version, cversion, aversion int32 // cversion is the persisted one: creations of children
	content                     uint32

	parent, firstChild uint32
	next, prev         uint32 // siblings in order of creation; the first one's prev is the last
	children           uint32
	descendants        uint32

	acl     uint32 // index in the ACL table
	block   ref    // name, then data
	nameLen uint32
	dataLen int32  // −1: null data
	born    uint32 // the tree's generation at its creation (snapshot.go)
	flags   uint32
}

// flagUncounted marks a znode below /zookeeper/: the digest leaves it out.
const flagUncounted = 1

// stat is the persisted part of the record.
func (n *node) stat() protocol.StatPersisted {
	return protocol.StatPersisted{
		Czxid: n.czxid, Mzxid: n.mzxid, Ctime: n.ctime, Mtime: n.mtime,
		Version: n.version, Cversion: n.cversion, Aversion: n.aversion,
		EphemeralOwner: n.owner, Pzxid: n.pzxid,
	}
}

func (n *node) setStat(st *protocol.StatPersisted) {
	n.czxid, n.mzxid, n.pzxid = st.Czxid, st.Mzxid, st.Pzxid
	n.ctime, n.mtime = st.Ctime, st.Mtime
	n.version, n.cversion, n.aversion = st.Version, st.Cversion, st.Aversion
	n.owner = st.EphemeralOwner
}

// records holds the node records in slabs of slabNodes; a node's number is
// slab << slabBits | slot. Number 0 is none.
type records struct {
	pages pages
	class class
	slabs []*[slabNodes]node
	spare int
}

const (
	slabBits  = 9
	slabNodes = 1 << slabBits // 56 KiB: seven pages of the runtime, nothing lost
	maxSlabs  = 1 << (32 - slabBits)
)

func (r *records) at(i uint32) *node { return &r.slabs[i>>slabBits][i&(slabNodes-1)] }

// alloc returns the number of a zeroed record, or 0 when 2^32 are in use.
func (r *records) alloc() uint32 {
	pg, slot, ok := r.pages.take(&r.class)
	if !ok {
		pg = r.pages.open(&r.class, 0, slabNodes, maxSlabs)
		if pg == 0 {
			return 0
		}
		for len(r.slabs) <= int(pg) {
			r.slabs = append(r.slabs, nil)
		}
		if r.slabs[pg] == nil {
			r.slabs[pg] = new([slabNodes]node)
		} else {
			r.spare--
		}
		pg, slot, _ = r.pages.take(&r.class)
	}
	i := pg<<slabBits | slot
	*r.at(i) = node{}
	return i
}

func (r *records) free(i uint32) {
	pg := i >> slabBits
	if !r.pages.give(&r.class, pg, i&(slabNodes-1)) {
		return
	}
	r.pages.close(&r.class, pg)
	if r.spare < spareLimit {
		r.spare++
	} else {
		r.slabs[pg] = nil
	}
}
