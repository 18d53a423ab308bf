package replica

import (
	"math/rand/v2"

	"zookit/protocol"
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

// beginSnapshot fixes what the snapshot holds: at least everything up to the
// zxid returned. Later txns may show in it; their replay does no harm.
func (s *State) beginSnapshot() (storage.Source, protocol.Zxid) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &snapshotSource{s, s.tree.BeginSnapshot()}, s.tree.LastZxid()
}

// WriteSnapshot writes the snapshot, from any goroutine; it takes the state's
// lock for a chunk at a time and never while it writes.
func (s *snapshotSource) WriteSnapshot(w *storage.SnapshotWriter) error {
	return s.writeSnapshot(w)
}
