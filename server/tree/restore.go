package tree

import (
	"errors"
	"fmt"

	"zookit/protocol"
	"zookit/protocol/txn"
)

// ErrSnapshot: the znodes of a snapshot do not make a tree.
var ErrSnapshot = errors.New("snapshot is not a tree")

// Restorer fills a tree from storage: one snapshot (Reset, RestoreSession,
// RestoreACL, RestoreNode, EndSnapshot, in this order), then Apply for every
// txn after it. Without a snapshot the txns are applied to a new tree.
type Restorer struct {
	Tree *Tree
	// OnMismatch is called for every replayed txn that ends in another digest
	// than the one recorded. May be nil.
	OnMismatch func(zxid protocol.Zxid)
	result     Result
}

// Reset empties the tree, /zookeeper included: a snapshot holds all of it.
func (r *Restorer) Reset() { r.Tree.clear() }

// RestoreSession adds a session.
func (r *Restorer) RestoreSession(id protocol.SessionID, timeoutMs int32) {
	r.Tree.sessions[id] = timeoutMs
}

// RestoreACL adds an entry of the ACL map.
func (r *Restorer) RestoreACL(key int64, acl []protocol.ACL) { r.Tree.acls.restore(key, acl) }

// RestoreNode adds a znode, parents before children; the root's path is "".
// Path and data may be borrowed.
func (r *Restorer) RestoreNode(path string, data []byte, aclKey int64, st *protocol.StatPersisted) error {
	t := r.Tree
	if path == "" {
		t.overwrite(rootNode, path, data, t.acls.useKey(aclKey), st)
		t.restoredRoot = true
		return nil
	}
	parent, name, ok := t.split(path)
	switch {
	case !ok:
		return fmt.Errorf("znode %q: not a path: %w", path, ErrSnapshot)
	case parent == 0 || !t.restoredRoot:
		return fmt.Errorf("znode %q: its parent is not there: %w", path, ErrSnapshot)
	}
	if i := t.find(path); i != 0 {
		t.overwrite(i, path, data, t.acls.useKey(aclKey), st)
		return nil
	}
	if t.link(parent, path, name, data, t.acls.useKey(aclKey), st) == 0 {
		return fmt.Errorf("znode %q: more than 2^32 znodes", path)
	}
	return nil
}

// overwrite replaces all of a znode but its name and place.
func (t *Tree) overwrite(i uint32, path string, data []byte, acl uint32, st *protocol.StatPersisted) {
	n := t.records.at(i)
	t.digestSub(n)
	if i != rootNode { // never owned, whatever a damaged snapshot says
		t.disown(i, n.owner)
	}
	t.setBlock(n, data)
	n.setStat(st)
	n.content = t.contentCRC(path, data)
	t.replaceACL(i, acl)
	if i != rootNode {
		t.own(i, n.owner)
	}
	t.digestAdd(n)
}

// EndSnapshot ends the snapshot named by zxid. The digest is that of the tree
// at digestZxid, which the replay is going to reach; version 0 means that the
// snapshot has none.
func (r *Restorer) EndSnapshot(zxid, digestZxid protocol.Zxid, digestVersion int32, digest uint64) error {
	t := r.Tree
	if !t.restoredRoot {
		return fmt.Errorf("no root: %w", ErrSnapshot)
	}
	t.lastZxid = zxid
	t.setupQuotas()
	t.acls.purge()
	// A digest from before the snapshot's zxid belongs to no txn of the replay,
	// and the snapshot is not fuzzy (DataTree.deserializeZxidDigest).
	if t.opt.Digest && digestVersion != 0 && digestZxid > 0 && digestZxid >= zxid {
		t.digest.fuzzy = ZxidDigest{digestZxid, digestVersion, digest}
		t.digest.isFuzzy = true
		if digestZxid == zxid {
			t.checkDigest(zxid, nil)
		}
	}
	return nil
}

// Apply replays one txn.
func (r *Restorer) Apply(x *txn.Txn) {
	r.Tree.Apply(x, &r.result)
	if r.result.DigestMismatch && r.OnMismatch != nil {
		r.OnMismatch(x.Zxid)
	}
}
