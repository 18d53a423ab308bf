package replica

import (
	"zookit/protocol"
	"zookit/protocol/txn"
	"zookit/server/defect"
	"zookit/server/storage"
	"zookit/server/tree"
)

// Sink receives the recovered history: one snapshot, then the txns after it.
// Give it to Store.Recover before Start.
func (r *Replica) Sink() storage.Sink {
	return &sink{r: r, restorer: tree.Restorer{Tree: r.state.tree}}
}

// sink fills the tree. A recovery without a snapshot begins with the tree of a
// new server; one with a snapshot gets every znode from it.
type sink struct {
	r        *Replica
	restorer tree.Restorer
	empty    bool // the restorer's tree has nothing of the new server's any more
}

// Reset begins with the tree of a new server.
func (s *sink) Reset() {
	s.r.state.tree = tree.New(s.r.cfg.Tree)
	s.restorer = tree.Restorer{Tree: s.r.state.tree}
	s.empty = false
}

// restoring empties the tree when a snapshot begins.
func (s *sink) restoring() {
	if !s.empty {
		s.restorer.Reset()
		s.empty = true
	}
}

func (s *sink) RestoreSession(id protocol.SessionID, timeoutMs int32) {
	s.restoring()
	if !defect.SessionsForgotten {
		s.restorer.RestoreSession(id, timeoutMs)
	}
}

func (s *sink) RestoreACL(key int64, acl []protocol.ACL) {
	s.restoring()
	s.restorer.RestoreACL(key, acl)
}

func (s *sink) RestoreNode(path string, data []byte, aclKey int64, st protocol.StatPersisted) error {
	s.restoring()
	if defect.SequenceReused {
		st.Cversion = 0
	}
	return s.restorer.RestoreNode(path, data, aclKey, &st)
}

func (s *sink) EndSnapshot(zxid protocol.Zxid, digest *storage.SnapshotDigest) error {
	s.restoring()
	if digest == nil {
		return s.restorer.EndSnapshot(zxid, 0, 0, 0)
	}
	return s.restorer.EndSnapshot(zxid, digest.Zxid, digest.Version, digest.Tree)
}

// Apply replays one txn. What comes of it is no surprise here: over a fuzzy
// snapshot a txn may find its work done. A long replay brings the next snapshot
// nearer.
func (s *sink) Apply(t *txn.Txn) {
	s.restorer.Apply(t)
	s.r.snapshots.replayed++
}
