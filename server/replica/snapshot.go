package replica

import (
	"math/rand/v2"

	"zookit/protocol"
	"zookit/server/defect"
	"zookit/server/storage"
	"zookit/server/tree"
)

// snapshotTrigger counts what was logged since the last snapshot. One is due
// after snapCount/2 txns and up to as many again at random, so that the members
// of an ensemble do not all take theirs at once; likewise by size
// (SyncRequestProcessor).
type snapshotTrigger struct {
	txns, bytes           int64
	afterTxns, afterBytes int64
	replayed              int64 // txns recovered after the snapshot
	due                   bool
	running               bool
}

func (t *snapshotTrigger) reset(cfg *Config, rng *rand.Rand) {
	t.txns, t.bytes, t.due = t.replayed, 0, false
	t.replayed = 0
	half := int64(cfg.SnapCount / 2)
	t.afterTxns = half + rng.Int64N(half)
	t.afterBytes = 0
	if half := cfg.SnapSizeKB * 1024 / 2; half > 0 {
		t.afterBytes = half + rng.Int64N(half)
	}
}

func (t *snapshotTrigger) count(txns, bytes int) {
	t.txns += int64(txns)
	t.bytes += int64(bytes)
	t.due = t.due || t.txns > t.afterTxns || t.afterBytes > 0 && t.bytes > t.afterBytes
}

// TakeSnapshot asks for a snapshot with the next Ready, whatever was logged.
func (r *Replica) TakeSnapshot() { r.snapshots.due = true }

// SnapshotDone says that the snapshot of a Ready has ended. A failed one costs
// nothing: the log has it all, and the next is tried when it is due.
func (r *Replica) SnapshotDone(err error) {
	r.snapshots.running = false
	if err != nil {
		r.note(Note{Text: "snapshot failed: " + err.Error()})
	}
}

// snapshotSource writes one snapshot of the state.
type snapshotSource struct {
	state *State
	snap  *tree.Snapshot
}

// BeginSnapshot fixes what a snapshot for a learner holds; see beginSnapshot.
func (r *Replica) BeginSnapshot() (storage.Source, protocol.Zxid) {
	src, zxid := r.state.beginSnapshot()
	src.snap.CommittedOnly = true
	return src, zxid
}

// beginSnapshot fixes what the snapshot holds: at least everything up to the
// zxid returned. Later txns may show in it; their replay does no harm.
func (s *State) beginSnapshot() (*snapshotSource, protocol.Zxid) {
	s.mu.Lock()
	defer s.mu.Unlock()
	zxid := s.tree.LastZxid()
	if defect.Planted(defect.SnapshotAhead) {
		zxid++
	}
	return &snapshotSource{s, s.tree.BeginSnapshot()}, zxid
}

// WriteSnapshot writes the snapshot, from any goroutine; it takes the state's
// lock for a chunk at a time and never while it writes. Without digests the
// tree says nothing at the end, and the zxid is the one of the beginning.
func (s *snapshotSource) WriteSnapshot(w *storage.SnapshotWriter) error {
	a := &snapshotWriter{w: w}
	if err := s.snap.WriteTo(a, &s.state.mu); err != nil || a.finished {
		return err
	}
	return w.Finish(s.snap.Zxid(), nil)
}

// snapshotWriter is storage's writer as the tree calls it.
type snapshotWriter struct {
	w        *storage.SnapshotWriter
	finished bool
}

func (s *snapshotWriter) BeginSessions(n int) error {
	s.w.BeginSessions(n)
	return s.w.Err()
}

func (s *snapshotWriter) Session(id protocol.SessionID, timeoutMs int32) error {
	s.w.Session(id, timeoutMs)
	return s.w.Err()
}

func (s *snapshotWriter) BeginACLs(n int) error {
	s.w.BeginACLs(n)
	return s.w.Err()
}

func (s *snapshotWriter) ACL(key int64, acl []protocol.ACL) error {
	s.w.ACL(key, acl)
	return s.w.Err()
}

func (s *snapshotWriter) Node(path string, data []byte, aclKey int64, st *protocol.StatPersisted) error {
	s.w.Node(path, data, aclKey, *st)
	return s.w.Err()
}

func (s *snapshotWriter) EndNodes() error {
	s.w.EndNodes()
	return s.w.Err()
}

func (s *snapshotWriter) Digest(zxid protocol.Zxid, version int32, digest uint64) error {
	s.finished = true
	return s.w.Finish(zxid, &storage.SnapshotDigest{Zxid: zxid, Version: version, Tree: digest})
}
