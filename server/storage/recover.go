package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"zookit/protocol"
	"zookit/protocol/txn"
)

// Sink receives a recovered history in order: one snapshot (Reset,
// RestoreSession*, RestoreACL*, RestoreNode*, EndSnapshot), then every txn
// after it. An empty directory, or one without a snapshot, gives Reset alone.
type Sink interface {
	// Reset makes the state that of a new, empty server. It may be called
	// again, when a snapshot turns out to be unreadable.
	Reset()
	RestoreSession(id protocol.SessionID, timeoutMs int32)
	RestoreACL(key int64, acl []protocol.ACL)
	// RestoreNode receives every znode, a parent before its children; the
	// root's path is "". path and data are borrowed: they change after the call.
	RestoreNode(path string, data []byte, aclKey int64, st protocol.StatPersisted) error
	// EndSnapshot: the snapshot was whole. Its name says zxid; being fuzzy it
	// may hold later changes as well. digest is nil when there is none.
	EndSnapshot(zxid protocol.Zxid, digest *SnapshotDigest) error
	// Apply replays a txn, which is the sink's to keep.
	Apply(t *txn.Txn)
}

// Recovered is what Recover found.
type Recovered struct {
	LastZxid     protocol.Zxid // 0: empty; −1: empty, and NoAutoCreateDB
	SnapshotZxid protocol.Zxid // −1: no snapshot
	Snapshot     string        // its path
	Txns         int           // replayed
	TxnBytes     int64         // their payloads
	// Fresh: nothing was there. The caller writes snapshot.0 before it serves,
	// as Apache does.
	Fresh bool
	// WantSnapshot: an older snapshot had to be used, or a log is damaged where
	// a snapshot makes up for it. The caller should take a snapshot soon.
	WantSnapshot bool
	// AcceptedEpoch and CurrentEpoch are −1 when missing.
	AcceptedEpoch, CurrentEpoch int64
	// EpochBehind: the log holds a later epoch than currentEpoch, as after a
	// crash while a learner was synced. Such a server must not vote by its log.
	EpochBehind bool
	// Asked: the operator has asked for a new database by the file initialize.
	Asked bool
	// Lost is set when damage was accepted by Config.AcceptDataLoss.
	Lost *DamageError
}

// recovery is one run of Recover.
type recovery struct {
	s    *Store
	sink Sink
	out  Recovered

	snaps   []dataFile
	logs    []dataFile // all, oldest first
	covered protocol.Zxid
	vouched *mark // the witness, nil when void

	last  protocol.Zxid // of the history so far
	ends  boundaries
	trims []trim
	read  []dataFile    // the logs that were read
	newst protocol.Zxid // name of the newest log with records; −1: none
	end   int64         // where its records end
	init  string        // the initialize file, to be consumed

	through protocol.Zxid // Read: what comes later is left out; 0: nothing is

	cut   dataFile // accepted damage: this log is cut at cutAt and later ones go
	cutAt int64
}

// trim is an end of a log that will be cut off.
type trim struct {
	file dataFile
	from int64 // 0: the whole file goes
	used int64 // end of the bytes worth a copy
	why  string
}

// Recover hands the history to sink and makes the Store ready for Append.
//
// It reads the newest whole snapshot and every later txn. How a log may end:
//
//   - with zeros or the end of the file;
//   - with anything, if the next log begins with the next zxid: Apache leaves
//     such logs when it is killed, and goes on in a new one;
//   - with an unreadable record that is not older than the witness, no further
//     than a batch from the end of the bytes written, and followed by no valid
//     record, or by some when a sector before them never reached the disk.
//
// The newest log may also be shorter than its header. All these ends are cut
// off, after a copy was made, so that Apache reads the logs too. Everything
// else is a *DamageError, and so is a history with a gap, or one that ends
// before a zxid that the witness or a snapshot has seen. Nothing is changed on
// the disk before the whole history was judged.
func (s *Store) Recover(sink Sink) (Recovered, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.err != nil || s.recovered {
		return Recovered{}, errors.New("storage: Recover must be called once, right after Open")
	}
	r := &recovery{s: s, sink: sink, newst: -1}
	if err := r.run(); err != nil {
		return r.out, err
	}
	s.recovered = true
	s.last, s.lastSnap, s.ends = max(r.last, 0), r.out.SnapshotZxid, r.ends
	return r.out, nil
}

func (r *recovery) run() (err error) {
	s := r.s
	if s.quarantine, err = readQuarantine(s.fs, s.snapDir); err != nil {
		return err
	}
	if s.accepted, err = readEpoch(s.fs, s.snapDir, acceptedEpochName); err != nil {
		return err
	}
	if s.current, err = readEpoch(s.fs, s.snapDir, currentEpochName); err != nil {
		return err
	}
	if err := s.finishInstall(); err != nil {
		return err
	}
	if err := r.list(); err != nil {
		return err
	}
	if err := r.judge(); err != nil {
		return err
	}
	r.acceptQuarantine()
	r.out.LastZxid, r.out.Asked = r.last, r.init != ""
	r.out.AcceptedEpoch, r.out.CurrentEpoch = s.accepted, s.current
	return r.settle()
}

// list finds the snapshots and the logs.
func (r *recovery) list() (err error) {
	if r.snaps, err = listFiles(r.s.fs, r.s.snapDir, snapPrefix); err != nil {
		return err
	}
	r.logs, err = listFiles(r.s.fs, r.s.logDir, logPrefix)
	return err
}

// judge hands the history to the sink and decides whether it is whole. It
// changes nothing on the disk.
func (r *recovery) judge() error {
	if err := r.readWitness(); err != nil {
		return err
	}
	if err := r.checkEpochs(); err != nil {
		return err
	}
	if err := r.readSnapshot(); err != nil {
		return err
	}
	if err := r.accept(r.readLogs()); err != nil {
		return err
	}
	return r.accept(r.checkEnd())
}

// checkEpochs refuses epochs that have gone back since the witness was written.
// That comes behind them, and before one that is earlier on purpose; another
// implementation writes none. A vote with a currentEpoch that is too early would let
// a server win that has less in its log.
func (r *recovery) checkEpochs() error {
	s, w := r.s, r.s.witness
	for _, e := range []struct {
		name     string
		is, knew int64
	}{{acceptedEpochName, s.accepted, w.mark.Accepted}, {currentEpochName, s.current, w.mark.Current}} {
		if w.ok && e.is >= 0 && e.is < e.knew {
			return &DamageError{File: filepath.Join(s.snapDir, e.name), LastZxid: max(w.mark.Zxid, r.highest()),
				Cause: fmt.Sprintf("it says %d, and %d had been written to it", e.is, e.knew),
				Mend:  fmt.Sprintf("write %d into it; or empty the data directory so that the ensemble fills it again", e.knew)}
		}
	}
	return nil
}

// readWitness drops the witness if somebody else has written since.
func (r *recovery) readWitness() error {
	w := r.s.witness
	if !w.ok {
		return nil
	}
	if w.mark.Accepted != r.s.accepted || w.mark.Current != r.s.current {
		r.s.log.Info("witness is void: the epoch files have changed since it was written")
		return nil
	}
	for _, l := range r.logs {
		if l.zxid <= w.mark.Log {
			continue
		}
		blank, err := r.blank(l)
		if err != nil {
			return err
		}
		if !blank {
			r.s.log.Info("witness is void: another server has written since", "file", l.name)
			return nil
		}
	}
	m := w.mark
	r.vouched = &m
	return nil
}

// blank says that a log holds nothing behind its header.
func (r *recovery) blank(l dataFile) (bool, error) {
	lr, err := OpenLog(r.s.fs, filepath.Join(r.s.logDir, l.name))
	if err != nil {
		return false, err
	}
	defer lr.Close()
	if lr.Next() {
		return false, nil
	}
	if lr.Err() != nil {
		return false, lr.Err()
	}
	return lr.End().Kind != EndBad, nil
}

// readSnapshot restores the newest whole snapshot.
func (r *recovery) readSnapshot() error {
	s := r.s
	r.out.SnapshotZxid = -1
	var unread error // of a file that could not be read at all
	fuzzy := dataFile{}
	for i := len(r.snaps) - 1; i >= 0; i-- {
		f := r.snaps[i]
		path := filepath.Join(s.snapDir, f.name)
		r.sink.Reset()
		info, err := ReadSnapshot(s.fs, path, r.sink)
		if err == nil {
			if err = r.sink.EndSnapshot(f.zxid, info.Digest); err != nil {
				err = fmt.Errorf("%s: %w: %w", path, ErrCorrupt, err)
			}
		}
		if err != nil {
			s.log.Warn("snapshot cannot be used", "file", path, "err", err)
			r.out.WantSnapshot = true
			if !errors.Is(err, ErrCorrupt) {
				unread = errors.Join(unread, err)
			}
			continue
		}
		if r.through > 0 && info.Covered > r.through {
			fuzzy = f // taken while later txns were applied, some of which it shows
			continue
		}
		s.verified[f.name] = true
		r.out.SnapshotZxid, r.out.Snapshot, r.last = f.zxid, path, f.zxid
		r.covered = max(f.zxid, info.Covered)
		return nil
	}
	if unread != nil {
		return unread // it may be whole: this directory is not empty
	}
	r.sink.Reset()
	if fuzzy.name != "" {
		return r.tooEarly(fuzzy)
	}
	return r.withoutSnapshot()
}

// withoutSnapshot decides what a directory without a usable snapshot is.
func (r *recovery) withoutSnapshot() error {
	s := r.s
	records, err := r.anyRecords()
	if err != nil {
		return err
	}
	unusable := len(r.snaps) > 0
	newest := dataFile{}
	if unusable {
		newest = r.snaps[len(r.snaps)-1]
	}
	switch {
	case newest.zxid > 0 || unusable && records:
		return &DamageError{File: filepath.Join(s.snapDir, newest.name), LastZxid: newest.zxid,
			Cause: "no snapshot in this directory can be read",
			Mend: "restore a snapshot from a backup; if the logs go back to the first transaction, " +
				"move the damaged snapshots away and set snapshot.trust.empty=true for one start"}
	case records && !s.cfg.TrustEmptySnapshot:
		return &DamageError{File: s.snapDir, Cause: "no snapshot found, but there are log entries",
			Mend: "restore the snapshots from a backup; after an upgrade from 3.4, whose logs go back to the first transaction, " +
				"set snapshot.trust.empty=true for one start"}
	case records:
		s.log.Warn("no snapshot found, but there are log entries: they are replayed, as snapshot.trust.empty says")
		r.out.WantSnapshot = true
		return nil
	case s.cfg.NoAutoCreateDB && s.current <= 0 && s.accepted > 0:
		// It was stopped while a leader sent it its first data.
	case s.current > 0 || s.accepted > 0:
		return &DamageError{File: s.snapDir, Cause: fmt.Sprintf("neither snapshot nor log is there, but the epoch files say acceptedEpoch %d, currentEpoch %d", s.accepted, s.current),
			Mend: "restore the directory from a backup; to begin anew, empty it altogether"}
	}
	return r.fresh()
}

// fresh is a directory in which nothing was ever written, as far as it shows.
func (r *recovery) fresh() error {
	s := r.s
	init := filepath.Join(s.cfg.LogDir, "initialize")
	_, err := s.fs.Stat(init)
	switch {
	case err == nil:
		r.init = init
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("stat %s: %w", init, err)
	case s.cfg.NoAutoCreateDB:
		s.log.Warn("unexpected empty data tree, setting zxid to -1")
		r.last = -1
	}
	r.out.Fresh = true
	return nil
}

func (r *recovery) anyRecords() (bool, error) {
	for _, l := range r.logs {
		blank, err := r.blank(l)
		if err != nil {
			return false, err
		}
		if !blank {
			return true, nil
		}
	}
	return false, nil
}
