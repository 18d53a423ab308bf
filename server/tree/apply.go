package tree

import (
	"zookit/protocol"
	"zookit/protocol/txn"
	"zookit/server/defect"
)

// Apply changes the tree by one txn. Applied again, alone or with all that
// followed it, a txn changes nothing or sets what is already so: that is how
// the log is replayed over a fuzzy snapshot.
//
// Nothing of the txn is kept: its strings and data may be borrowed.
func (t *Tree) Apply(x *txn.Txn, out *Result) {
	out.reset(x.Type)
	t.apply(&x.Header, x.Type, x.Body, out, out)
	t.lastZxid = max(t.lastZxid, x.Zxid)
	out.DigestMismatch = !t.checkDigest(x.Zxid, x.Digest)
}

// apply runs one txn or sub-txn; events go to top.
func (t *Tree) apply(h *txn.Header, op protocol.OpCode, body protocol.Record, out, top *Result) {
	switch b := body.(type) {
	case *txn.Create:
		if op != protocol.OpCreate && op != protocol.OpCreate2 {
			break
		}
		var owner protocol.SessionID
		if b.Ephemeral {
			owner = h.Session
		}
		t.create(h, creation{b.Path, b.Data, b.ACL, owner, b.ParentCversion}, out, top)
		return
	case *txn.CreateContainer:
		if op != protocol.OpCreateContainer {
			break
		}
		t.create(h, creation{b.Path, b.Data, b.ACL, protocol.ContainerOwner, b.ParentCversion}, out, top)
		return
	case *txn.CreateTTL:
		if op != protocol.OpCreateTTL {
			break
		}
		if protocol.ValidateTTL(b.TTL) != nil {
			out.Path, out.Err = b.Path, protocol.BadArguments
			return
		}
		t.create(h, creation{b.Path, b.Data, b.ACL, protocol.OwnerOfTTL(b.TTL), b.ParentCversion}, out, top)
		return
	case *txn.Delete:
		if op != protocol.OpDelete && op != protocol.OpDeleteContainer {
			break
		}
		out.Path = b.Path
		out.Err = t.delete(h.Zxid, b.Path, top)
		return
	case *txn.SetData:
		if op != protocol.OpSetData && op != protocol.OpReconfig {
			break
		}
		t.setData(h, b, out, top)
		return
	case *txn.SetACL:
		if op != protocol.OpSetACL {
			break
		}
		t.setACL(b, out)
		return
	case *txn.Check:
		if op != protocol.OpCheck {
			break
		}
		out.Path = b.Path
		return
	case *txn.Error:
		if op != protocol.OpError {
			break
		}
		out.Err = b.Err
		return
	case *txn.CreateSession:
		if op != protocol.OpCreateSession {
			break
		}
		t.sessions[h.Session] = b.TimeoutMs
		return
	case *txn.CloseSession:
		if op != protocol.OpCloseSession {
			break
		}
		t.closeSession(h, b.Paths, top)
		return
	case *txn.Multi:
		if op != protocol.OpMulti || out != top {
			break
		}
		t.multi(h, b, out)
		return
	case nil:
		if op != protocol.OpCloseSession {
			break
		}
		t.closeSession(h, nil, top)
		return
	}
	out.Err = protocol.MarshallingError
}

// creation is what the four kinds of create have in common.
type creation struct {
	path           string
	data           []byte
	acl            []protocol.ACL
	owner          protocol.SessionID
	parentCversion int32
}

func (t *Tree) create(h *txn.Header, c creation, out, top *Result) {
	out.Path = c.path
	parent, name, ok := t.split(c.path)
	if !ok {
		out.Err = protocol.BadArguments
		return
	}
	if parent == 0 {
		out.Err = protocol.NoNode
		return
	}
	acl := t.acls.use(c.acl)
	t.bumpCversion(parent, c.parentCversion, h.Zxid)
	if i := t.find(c.path); i != 0 {
		// Replay: the snapshot already had it, perhaps under an ACL key that its
		// map lacked (ZOOKEEPER-4846).
		t.replaceACL(i, acl)
		out.Err = protocol.NodeExists
		return
	}
	i := t.link(parent, c.path, name, c.data, acl, &protocol.StatPersisted{
		Czxid: h.Zxid, Mzxid: h.Zxid, Pzxid: h.Zxid,
		Ctime: h.TimeMs, Mtime: h.TimeMs, EphemeralOwner: c.owner,
	})
	if i == 0 {
		t.acls.drop(acl)
		out.Err = protocol.SystemError
		return
	}
	t.quotaCreated(c.path, len(c.data))
	out.Stat = t.clientStat(t.records.at(i))
	top.event(protocol.EventNodeCreated, c.path, t.acls.list(acl))
	top.event(protocol.EventNodeChildrenChanged, protocol.Parent(c.path), t.acls.list(t.records.at(parent).acl))
}

// bumpCversion gives a parent the cversion that a create brought it, unless a
// later one already did.
func (t *Tree) bumpCversion(parent uint32, cversion int32, zxid protocol.Zxid) {
	p := t.records.at(parent)
	if cversion == -1 { // logs before 3.4
		cversion = p.cversion + 1
	}
	if cversion <= p.cversion {
		return
	}
	t.digestSub(p)
	p.cversion, p.pzxid = cversion, zxid
	t.digestAdd(p)
}

// delete removes a znode. The parent's pzxid follows even when the znode is
// not there: a fuzzy snapshot can hold the parent of before and not the child.
func (t *Tree) delete(zxid protocol.Zxid, path string, top *Result) protocol.Code {
	parent, _, ok := t.split(path)
	if !ok {
		return protocol.BadArguments
	}
	if parent == 0 {
		return protocol.NoNode
	}
	if defect.Planted(defect.FuzzyDeleteForgotten) && t.find(path) == 0 {
		return protocol.NoNode
	}
	if p := t.records.at(parent); zxid > p.pzxid {
		t.digestSub(p)
		p.pzxid = zxid
		t.digestAdd(p)
	}
	i := t.find(path)
	if i == 0 {
		return protocol.NoNode
	}
	n := t.records.at(i)
	for n.children > 0 { // replay over a fuzzy snapshot; see doc.go
		t.removeLeaf(t.firstLeaf(i))
	}
	acl := t.acls.list(n.acl)
	size := len(t.data(n))
	t.unlink(i, path)
	t.quotaDeleted(path, size)
	top.event(protocol.EventNodeDeleted, path, acl)
	top.event(protocol.EventNodeChildrenChanged, protocol.Parent(path), t.acls.list(t.records.at(parent).acl))
	return protocol.OK
}

func (t *Tree) firstLeaf(i uint32) uint32 {
	for {
		c := t.records.at(i).firstChild
		if c == 0 {
			return i
		}
		i = c
	}
}

func (t *Tree) removeLeaf(i uint32) {
	path := t.path(i)
	size := len(t.data(t.records.at(i)))
	t.unlink(i, path)
	t.quotaDeleted(path, size)
}

func (t *Tree) setData(h *txn.Header, b *txn.SetData, out, top *Result) {
	out.Path = b.Path
	i := t.find(b.Path)
	if i == 0 {
		out.Err = protocol.NoNode
		return
	}
	n := t.records.at(i)
	before := len(t.data(n))
	t.digestSub(n)
	t.setBlock(n, b.Data)
	n.content = t.contentCRC(b.Path, b.Data)
	n.mtime, n.mzxid, n.version = h.TimeMs, h.Zxid, b.Version
	t.digestAdd(n)
	t.charge(b.Path, 0, int64(len(b.Data)-before))
	out.Stat = t.clientStat(n)
	path := b.Path
	if i == rootNode {
		path = "/"
	}
	top.event(protocol.EventNodeDataChanged, path, t.acls.list(n.acl))
}

// SetConfig gives /zookeeper/config the text of an ensemble's configuration. A
// member does that for itself, without a txn (ZKDatabase.initConfigInZKDatabase);
// the digest leaves that znode out. A tree of 3.4 has none, and gets one.
func (t *Tree) SetConfig(text []byte, version, timeMs int64) {
	var out Result
	if t.find(configPath) == 0 {
		t.addConfig()
	}
	t.setData(&txn.Header{Zxid: protocol.Zxid(version), TimeMs: timeMs}, &txn.SetData{Path: configPath, Data: text, Version: -1}, &out, &out)
}

func (t *Tree) setACL(b *txn.SetACL, out *Result) {
	out.Path = b.Path
	i := t.find(b.Path)
	if i == 0 {
		out.Err = protocol.NoNode
		return
	}
	n := t.records.at(i)
	t.replaceACL(i, t.acls.use(b.ACL))
	t.digestSub(n)
	n.aversion = b.Version
	t.digestAdd(n)
	out.Stat = t.clientStat(n)
}

// replaceACL gives a znode an ACL whose use is already counted.
func (t *Tree) replaceACL(i, acl uint32) {
	n := t.records.at(i)
	for _, s := range t.snapshots {
		s.keepACL(i, n)
	}
	t.acls.drop(n.acl)
	n.acl = acl
}

// closeSession deletes the paths that the txn names, then what else the
// session owns (all of it before 3.6), and forgets the session.
func (t *Tree) closeSession(h *txn.Header, paths []string, top *Result) {
	if defect.Planted(defect.EphemeralLeft) && len(paths) > 0 {
		paths = paths[:len(paths)-1]
	}
	for _, path := range paths {
		t.delete(h.Zxid, path, top)
	}
	own := t.Ephemerals(h.Session)
	if defect.Planted(defect.EphemeralLeft) && len(own) > 0 {
		own = own[:len(own)-1]
	}
	for _, path := range own {
		t.delete(h.Zxid, path, top)
	}
	delete(t.sessions, h.Session)
}

func (t *Tree) multi(h *txn.Header, b *txn.Multi, out *Result) {
	failed := false
	for i := range b.Txns {
		failed = failed || b.Txns[i].Type == protocol.OpError
	}
	after := false // the sub-txn that failed
	for i := range b.Txns {
		sub := &b.Txns[i]
		r := Result{Type: sub.Type}
		switch {
		case !failed:
			t.apply(h, sub.Type, sub.Body, &r, out)
		case sub.Type == protocol.OpError:
			after = true
			t.apply(h, sub.Type, sub.Body, &r, out)
		default:
			r.Type = protocol.OpError
			if after {
				r.Err = protocol.RuntimeInconsistency
			}
		}
		if out.Err == protocol.OK {
			out.Err = r.Err
		}
		out.Multi = append(out.Multi, r)
	}
}

// ContainerPolicy says when an unused container may go.
type ContainerPolicy struct {
	// NeverUsedMs is the age at which a container that never had a child goes;
	// 0: never (znode.container.maxNeverUsedIntervalMs).
	NeverUsedMs int64
}

// ExpiredContainers lists the containers and TTL znodes that may be deleted at
// nowMs, by prep's word: containers without children that had some, TTL znodes
// without children whose mtime is more than the TTL ago (ContainerManager.java,
// Apache 3.9). At most limit; 0 is no limit.
func (t *Tree) ExpiredContainers(nowMs int64, policy ContainerPolicy, limit int) []string {
	var due []string
	collect := func(of *nodeSet, may func(*node) bool) {
		for _, i := range of.order {
			if limit > 0 && len(due) >= limit {
				return
			}
			if i == 0 {
				continue
			}
			if n := t.records.at(i); n.children == 0 && may(n) {
				due = append(due, t.pathCopy(i))
			}
		}
	}
	collect(&t.containers, func(n *node) bool {
		return n.cversion > 0 || policy.NeverUsedMs != 0 && nowMs-n.mtime > policy.NeverUsedMs
	})
	collect(&t.ttls, func(n *node) bool {
		ttl := protocol.TTLOf(n.owner, t.opt.Extended)
		return ttl != 0 && nowMs-n.mtime > ttl
	})
	return due
}

// pathCopy is path without the tree's buffer, for readers.
func (t *Tree) pathCopy(i uint32) string {
	return string(t.appendPath(nil, i))
}
