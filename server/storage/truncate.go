package storage

import (
	"errors"
	"fmt"
	"path/filepath"

	"zookit/protocol"
)

// ErrTruncate: the history cannot be cut back that far from what is on the
// disk; a learner then needs a snapshot from its leader.
var ErrTruncate = errors.New("cannot truncate the log")

// Truncate removes every txn behind zxid from the logs, and every snapshot
// that may hold changes of one, durably. The state in memory is to be rebuilt
// afterwards: the Store is as after Open, and Recover must follow. zxid must
// be in the logs, or be that of a snapshot.
func (s *Store) Truncate(zxid protocol.Zxid) error {
	s.snapMu.Lock()
	defer s.snapMu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return err
	}
	if err := s.endLog(); err != nil {
		return s.fail(err)
	}
	plan, err := s.planTruncate(zxid)
	if err != nil {
		return err
	}
	// From here on a crash must leave something that starts: the witness goes
	// back first, then what is newest goes first.
	if err := s.truncate(zxid, plan); err != nil {
		return s.fail(fmt.Errorf("truncate to %v: %w", zxid, err))
	}
	s.recovered = false
	s.history++
	return nil
}

type truncation struct {
	snaps []dataFile // to be removed
	logs  []dataFile // to be removed, oldest first
	cut   *dataFile  // to be cut at off
	off   int64
}

func (s *Store) planTruncate(zxid protocol.Zxid) (truncation, error) {
	var t truncation
	snaps, err := listFiles(s.fs, s.snapDir, snapPrefix)
	if err != nil {
		return t, err
	}
	base := protocol.Zxid(-1)
	for _, f := range snaps {
		covered := f.zxid
		if f.zxid <= zxid {
			info, err := ReadSnapshot(s.fs, filepath.Join(s.snapDir, f.name), discard{})
			if errors.Is(err, ErrCorrupt) {
				continue // worthless, but no harm
			}
			if err != nil {
				return t, err
			}
			covered = max(covered, info.Covered)
		}
		if covered > zxid {
			t.snaps = append(t.snaps, f)
		} else {
			base = f.zxid
		}
	}
	if base < 0 {
		return t, fmt.Errorf("%w to %v: no snapshot as old as that is left", ErrTruncate, zxid)
	}
	logs, err := listFiles(s.fs, s.logDir, logPrefix)
	if err != nil {
		return t, err
	}
	last := base
	for i := range logs {
		l := logs[i]
		if l.zxid > zxid {
			t.logs = append(t.logs, l)
			continue
		}
		var off int64
		if off, last, err = s.follow(l, last, zxid); err != nil {
			return t, err
		}
		if off < l.size {
			t.cut, t.off = &logs[i], off
		}
	}
	if last != zxid {
		return t, fmt.Errorf("%w to %v: behind snapshot %v the logs lead to %v", ErrTruncate, zxid, base, last)
	}
	return t, nil
}

// follow reads a log up to zxid, and returns where that is and the last zxid of
// a history that had reached last before. A purge that was cut short leaves an
// old snapshot without the logs behind it: such a history has a gap.
func (s *Store) follow(l dataFile, last, zxid protocol.Zxid) (off int64, reached protocol.Zxid, err error) {
	lr, err := OpenLog(s.fs, filepath.Join(s.logDir, l.name))
	if err != nil {
		return 0, last, err
	}
	defer lr.Close()
	off = fileHeadLen
	for lr.Next() {
		z := lr.Zxid()
		switch {
		case z > zxid:
			return lr.Offset(), last, nil
		case z > last && !s.ends.adjoin(last, z):
			return 0, last, fmt.Errorf("%w to %v: the transaction after %v is %v in %s", ErrTruncate, zxid, last, z, l.name)
		}
		off, last = lr.off, max(last, z)
	}
	return off, last, lr.Err()
}

func (s *Store) truncate(zxid protocol.Zxid, t truncation) error {
	w := mark{Log: -1, Zxid: zxid, Accepted: s.accepted, Current: s.current}
	if t.cut != nil {
		w.Log, w.Offset = t.cut.zxid, t.off
	} else if m := s.witness.mark; m.Log <= zxid {
		w.Log, w.Offset = m.Log, m.Offset
	}
	if !s.cfg.NoSync {
		if err := s.witness.write(w, true); err != nil {
			return err
		}
	}
	for i := len(t.snaps) - 1; i >= 0; i-- {
		if err := s.fs.Remove(filepath.Join(s.snapDir, t.snaps[i].name)); err != nil {
			return err
		}
		delete(s.verified, t.snaps[i].name)
	}
	if err := s.fs.SyncDir(s.snapDir); err != nil {
		return err
	}
	for i := len(t.logs) - 1; i >= 0; i-- {
		if err := s.fs.Remove(filepath.Join(s.logDir, t.logs[i].name)); err != nil {
			return err
		}
		// One by one, so that the newest is gone first on the disk as well.
		if err := s.fs.SyncDir(s.logDir); err != nil {
			return err
		}
	}
	if t.cut != nil {
		r := &recovery{s: s}
		if err := r.truncate(filepath.Join(s.logDir, t.cut.name), t.off); err != nil {
			return err
		}
	}
	return nil
}
