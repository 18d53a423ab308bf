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
	s := &sink{opt: r.cfg.Tree, replayed: &r.snapshots.replayed}
	s.use = func(t *tree.Tree) { r.state.tree = t }
	s.restorer.Tree = r.state.tree
	return s
}

// Reload receives the history anew, after a truncation or with a leader's
// snapshot. Its tree is nobody else's until Reloaded, so it may be filled by
// any goroutine.
type Reload struct {
	sink
	tree     *tree.Tree
	replayed int64
}

// NewReload returns a Reload that holds the tree of a new server.
func (r *Replica) NewReload() *Reload {
	rl := new(Reload)
	rl.sink = sink{opt: r.cfg.Tree, replayed: &rl.replayed}
	rl.use = func(t *tree.Tree) { rl.tree = t }
	rl.Reset()
	return rl
}

// Reloaded hands over what was read anew. The zab.Truncated or
// zab.SnapshotInstalled that follows puts it in force.
func (r *Replica) Reloaded(rl *Reload) {
	if r.ens != nil {
		r.ens.reloaded = rl
	}
}

// sink fills a tree. A recovery without a snapshot begins with the tree of a
// new server; one with a snapshot gets every znode from it.
type sink struct {
	opt      tree.Options
	use      func(*tree.Tree)
	replayed *int64
	restorer tree.Restorer
	empty    bool // the restorer's tree has nothing of the new server's any more
}

// Reset begins with the tree of a new server.
func (s *sink) Reset() {
	t := tree.New(s.opt)
	s.use(t)
	s.restorer = tree.Restorer{Tree: t}
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
	if !defect.Planted(defect.SessionsForgotten) {
		s.restorer.RestoreSession(id, timeoutMs)
	}
}

func (s *sink) RestoreACL(key int64, acl []protocol.ACL) {
	s.restoring()
	s.restorer.RestoreACL(key, acl)
}

func (s *sink) RestoreNode(path string, data []byte, aclKey int64, st protocol.StatPersisted) error {
	s.restoring()
	if defect.Planted(defect.SequenceReused) {
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
	*s.replayed++
}
