package prep

import (
	"math"
	"slices"

	"zookit/protocol"
	"zookit/protocol/txn"
)

// special are the znodes nobody may delete (DataTree.isSpecialPath).
func special(path string) bool {
	switch path {
	case "/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config":
		return true
	}
	return false
}

// delete checks session, path, parent, permission on the parent, znode,
// version, children.
func (p *Prep) delete(q *Request, out *Txn, inMulti bool, r *protocol.DeleteRequest) protocol.Code {
	if q.SessionErr != protocol.OK {
		return q.SessionErr
	}
	parentPath, ok := parentOf(r.Path)
	if !ok || special(r.Path) {
		return p.badPath()
	}
	var parent, node record
	switch {
	case !p.lookup(parentPath, &parent):
		return protocol.NoNode
	case !p.acl.Check(parent.acl, protocol.PermDelete, q.IDs):
		return protocol.NoAuth
	case !p.lookup(r.Path, &node):
		return protocol.NoNode
	case !versionMatches(node.stat.Version, r.Version):
		return protocol.BadVersion
	case node.children > 0:
		return protocol.NotEmpty
	}
	p.remove(&parent, &node)
	out.Body = out.deleteBody(inMulti, r.Path)
	return protocol.OK
}

// deleteContainer removes a container or TTL znode for the server itself; it
// checks again what made it a candidate, since something may have changed.
//
// Differs from Apache: any znode but an ephemeral passes there, and a client
// may send the request.
func (p *Prep) deleteContainer(q *Request, out *Txn) protocol.Code {
	parentPath, ok := parentOf(q.Path)
	if !ok || special(q.Path) {
		return protocol.BadArguments
	}
	var parent, node record
	switch {
	case !p.lookup(q.Path, &node) || !p.lookup(parentPath, &parent):
		return protocol.NoNode
	case node.children > 0:
		return protocol.NotEmpty
	case node.stat.EphemeralOwner == 0, protocol.EphemeralSession(node.stat.EphemeralOwner, p.cfg.Extended) != 0:
		return protocol.BadVersion
	}
	p.remove(&parent, &node)
	out.Body = out.deleteBody(false, q.Path)
	return protocol.OK
}

// remove records a deletion: first the parent, then the znode.
func (p *Prep) remove(parent, node *record) {
	newParent := *parent
	newParent.children--
	newParent.stat.Pzxid = p.zxid
	p.change(parent, &newParent)
	p.change(node, &record{path: node.path})
}

func (t *Txn) deleteBody(inMulti bool, path string) protocol.Record {
	b := &t.bodies.del
	if inMulti {
		b = new(txn.Delete)
	}
	b.Path = path
	return b
}

// setData checks session, path, znode, permission, quota, version.
func (p *Prep) setData(q *Request, out *Txn, inMulti bool, r *protocol.SetDataRequest) protocol.Code {
	var node record
	switch {
	case q.SessionErr != protocol.OK:
		return q.SessionErr
	case protocol.ValidatePath(r.Path) != nil:
		return protocol.BadArguments
	case !p.lookup(r.Path, &node):
		return protocol.NoNode
	case !p.acl.Check(node.acl, protocol.PermWrite, q.IDs):
		return protocol.NoAuth
	case p.aboveQuota(r.Path, 0, int64(len(r.Data)-node.dataLen)):
		return protocol.QuotaExceeded
	case !versionMatches(node.stat.Version, r.Version):
		return protocol.BadVersion
	}
	changed := node
	changed.stat.Version = nextVersion(node.stat.Version)
	changed.stat.Mtime = q.TimeMs
	changed.stat.Mzxid = p.zxid
	changed.dataLen = len(r.Data)
	changed.content = p.contentOf(r.Path, r.Data)
	p.change(&node, &changed)

	b := &out.bodies.setData
	if inMulti {
		b = new(txn.SetData)
	}
	*b = txn.SetData{Path: r.Path, Data: r.Data, Version: changed.stat.Version}
	out.Body = b
	return protocol.OK
}

// setACL checks session, path, the new ACL, znode, permission, ACL version.
//
// Differs from Apache: its change record keeps the old ACL, so that what is
// proposed behind a setACL is still allowed, or refused, by the one before it
// until it is applied.
func (p *Prep) setACL(q *Request, out *Txn, r *protocol.SetACLRequest) protocol.Code {
	if q.SessionErr != protocol.OK {
		return q.SessionErr
	}
	if protocol.ValidatePath(r.Path) != nil {
		return protocol.BadArguments
	}
	list, code := p.fixACL(q, out, r.ACL, 0)
	if code != protocol.OK {
		return code
	}
	var node record
	switch {
	case !p.lookup(r.Path, &node):
		return protocol.NoNode
	case !p.acl.Check(node.acl, protocol.PermAdmin, q.IDs):
		return protocol.NoAuth
	case !versionMatches(node.stat.Aversion, r.Version):
		return protocol.BadVersion
	}
	changed := node
	changed.stat.Aversion = nextVersion(node.stat.Aversion)
	changed.acl = keepACL(list)
	p.change(&node, &changed)

	out.bodies.setACL = txn.SetACL{Path: r.Path, ACL: list, Version: changed.stat.Aversion}
	out.Body = &out.bodies.setACL
	return protocol.OK
}

// check is the version test inside a multi: session, path, znode, READ,
// version. Its txn carries the version after the one it found, as Apache's.
func (p *Prep) check(q *Request, out *Txn, r *protocol.CheckVersionRequest) protocol.Code {
	var node record
	switch {
	case q.SessionErr != protocol.OK:
		return q.SessionErr
	case protocol.ValidatePath(r.Path) != nil:
		return protocol.BadArguments
	case !p.lookup(r.Path, &node):
		return protocol.NoNode
	case !p.acl.Check(node.acl, protocol.PermRead, q.IDs):
		return protocol.NoAuth
	case !versionMatches(node.stat.Version, r.Version):
		return protocol.BadVersion
	}
	out.Body = &txn.Check{Path: r.Path, Version: nextVersion(node.stat.Version)}
	return protocol.OK
}

// closeSession removes the session's ephemerals, those in flight included, in
// the order of their paths. A txn that would be too long with them is written in
// the form of 3.5 and before, without paths: every release reads it, and removes
// what the session owns then, which is the same.
//
// Differs from Apache: it writes any length, and then cannot read its own log,
// nor its followers the proposal (ZOOKEEPER-4306).
//
// Differs from Apache: each parent also loses the child in the change records,
// so that a delete of the parent proposed behind the close succeeds as it will
// once the close is applied.
func (p *Prep) closeSession(q *Request, out *Txn) protocol.Code {
	paths := p.tree.Ephemerals(q.Session)
	if p.owned[q.Session] > 0 {
		for _, c := range p.outstanding() {
			if c.exists && c.stat.EphemeralOwner == q.Session {
				paths = append(paths, c.path)
			}
		}
		slices.Sort(paths)
		paths = slices.Compact(paths)
	}

	gone := make([]string, 0, len(paths)) // never nil: that is another form of the txn
	for _, path := range paths {
		var parent, node record
		parentPath, _ := parentOf(path)
		if !p.lookup(path, &node) || node.stat.EphemeralOwner != q.Session || !p.lookup(parentPath, &parent) {
			continue
		}
		p.remove(&parent, &node)
		gone = append(gone, path)
	}
	out.bodies.close.Paths = nil
	if p.cfg.CloseSessionTxn && (p.cfg.MaxTxnBytes == 0 || closeLen(gone) <= p.cfg.MaxTxnBytes) {
		out.bodies.close.Paths = gone
	}
	out.Body = &out.bodies.close
	return protocol.OK
}

// closeLen is the length of a closeSession that names the paths.
func closeLen(paths []string) int {
	n := txn.HeaderLen + 4 + txn.DigestLen
	for _, path := range paths {
		n += 4 + len(path)
	}
	return n
}

// fixACL is the ACL that is stored for the one of a request. Apart from it, a
// txn has the parts of its request, op by op in a multi, and more at most other
// bytes for each create: the bound on txns is kept by what the ACLs add.
//
// Differs from Apache: there is no bound there, and a multi of many creates
// with scheme auth can make a log nobody reads back.
func (p *Prep) fixACL(q *Request, out *Txn, list []protocol.ACL, other int) ([]protocol.ACL, protocol.Code) {
	limit := math.MaxInt
	before := protocol.ACLsLen(list)
	if p.cfg.MaxTxnBytes > 0 {
		limit = p.cfg.MaxTxnBytes - txn.HeaderLen - txn.DigestLen - len(q.Body) - out.Grown - other + before
	}
	fixed, code := p.acl.FixUp(list, q.IDs, limit)
	if code == protocol.BadArguments {
		out.TooLong = true
	}
	if code == protocol.OK {
		out.Grown += max(0, protocol.ACLsLen(fixed)-before) + other
	}
	return fixed, code
}

// versionMatches tells whether a request that expects want may change a znode
// at version have; −1 is any.
func versionMatches(have, want int32) bool { return want == -1 || want == have }

// nextVersion counts a change. After 2147483647 comes −2147483648, and after −2
// comes 0: a client that expects version −1 means any (ZOOKEEPER-4743).
//
// Differs from Apache: up to 3.9.5 a znode does get version −1, and whoever
// wants to change just that version overwrites any.
func nextVersion(have int32) int32 {
	if have == -2 {
		return 0
	}
	return have + 1
}
