package prep

import (
	"slices"
	"strings"

	"zookit/protocol"
	"zookit/server/defect"
)

// record is a znode as it will be when the txn zxid has been applied. It owns
// what it refers to: nothing in it aliases a request or the tree's storage.
type record struct {
	zxid     protocol.Zxid
	path     string // "/" is the root
	exists   bool
	stat     protocol.StatPersisted
	children int
	dataLen  int
	content  uint32 // tree.ContentCRC of path and data; 0 without digests
	acl      []protocol.ACL

	// prev is the record of the same path this one took the place of, for a
	// rollback within the same zxid. It means nothing afterwards.
	prev *record
}

// records are the changes in flight: all of them in zxid order, and the newest
// of each path.
type records struct {
	queue  []*record // from head
	head   int
	byPath map[string]*record
	free   []*record
	// owned counts the records in queue by the owner of their znode, where it
	// has one, so that a session without any is closed without a look at all.
	owned map[protocol.SessionID]int
}

func (s *records) clear() {
	s.queue, s.head = s.queue[:0], 0
	clear(s.byPath)
	clear(s.owned)
}

// outstanding is the list in zxid order.
func (s *records) outstanding() []*record { return s.queue[s.head:] }

// add puts a copy of c at the end of the list and makes it its path's newest.
func (s *records) add(c *record) *record {
	var r *record
	if n := len(s.free); n > 0 {
		r, s.free = s.free[n-1], s.free[:n-1]
	} else {
		r = new(record)
	}
	*r = *c
	r.prev = s.byPath[c.path]
	if r.prev != nil {
		r.path = r.prev.path
	} else {
		r.path = strings.Clone(c.path)
	}
	s.byPath[r.path] = r
	s.queue = append(s.queue, r)
	if r.stat.EphemeralOwner != 0 {
		s.owned[r.stat.EphemeralOwner]++
	}
	return r
}

// rollback takes the records of the newest zxid back. A path returns to the
// record it had before, so that a parent's sequence number is not lost with a
// failed multi (ZOOKEEPER-1624).
func (s *records) rollback(zxid protocol.Zxid) {
	if defect.Planted(defect.RollbackForgotten) {
		return
	}
	for n := len(s.queue); n > s.head && s.queue[n-1].zxid == zxid; n-- {
		r := s.queue[n-1]
		s.queue = s.queue[:n-1]
		if r.prev != nil {
			s.byPath[r.path] = r.prev
		} else {
			delete(s.byPath, r.path)
		}
		s.release(r)
	}
}

// Applied drops the records of every txn up to zxid: the tree has them now.
func (s *records) Applied(zxid protocol.Zxid) {
	for s.head < len(s.queue) && s.queue[s.head].zxid <= zxid {
		r := s.queue[s.head]
		s.queue[s.head] = nil
		s.head++
		if s.byPath[r.path] == r {
			delete(s.byPath, r.path)
		}
		s.release(r)
	}
	switch {
	case s.head == len(s.queue):
		s.queue, s.head = s.queue[:0], 0
	case s.head > 1024 && s.head > len(s.queue)/2:
		s.queue = slices.Delete(s.queue, 0, s.head)
		s.head = 0
	}
}

// release takes a record that has left the queue for reuse. A record that is still some path's prev is
// reused too: prev is read within the zxid it was written in alone.
func (s *records) release(r *record) {
	const keep = 4096
	if owner := r.stat.EphemeralOwner; owner != 0 {
		if s.owned[owner]--; s.owned[owner] == 0 {
			delete(s.owned, owner)
		}
	}
	*r = record{}
	if len(s.free) < keep {
		s.free = append(s.free, r)
	}
}

// lookup copies the state of a path, with everything in flight applied, into r.
// It is false when there is, or then will be, no such znode.
func (p *Prep) lookup(path string, r *record) bool {
	if path == "" {
		path = "/"
	}
	if c := p.byPath[path]; c != nil {
		*r = *c
		return c.exists
	}
	*r = record{path: path}
	if path[0] != '/' {
		return false
	}
	n, ok := p.tree.Lookup(path)
	if !ok {
		return false
	}
	r.exists = true
	r.stat = n.StatPersisted()
	r.children = n.NumChildren()
	r.dataLen = len(n.Data())
	r.acl = n.ACL()
	if p.cfg.Digest {
		r.content = n.Content()
	}
	return true
}

// nodeDigest is what a record adds to the tree's digest.
func (p *Prep) nodeDigest(r *record) uint64 {
	if !r.exists {
		return 0
	}
	return p.digester.Node(r.path, r.content, &r.stat)
}

// change replaces the state old of a path by r and moves the predicted digest.
func (p *Prep) change(old, r *record) {
	r.zxid = p.zxid
	if p.cfg.Digest {
		p.digest += p.nodeDigest(r) - p.nodeDigest(old)
	}
	p.add(r)
}

// keepACL is a copy of an ACL that does not alias the request.
func keepACL(v []protocol.ACL) []protocol.ACL {
	if slices.Equal(v, protocol.OpenACL) {
		return protocol.OpenACL
	}
	out := make([]protocol.ACL, len(v))
	for i, a := range v {
		out[i] = protocol.ACL{Perms: a.Perms, Scheme: strings.Clone(a.Scheme), ID: strings.Clone(a.ID)}
	}
	return out
}
