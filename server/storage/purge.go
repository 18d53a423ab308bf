package storage

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"zookit/protocol"
	"zookit/server/defect"
)

// Purge keeps the newest retain whole snapshots and whatever is newer, every
// log that a recovery from the oldest of them may need (those that begin
// behind it and the one that begins at or before it), and removes the rest.
// With fewer whole snapshots than retain nothing is removed. A snapshot counts
// as whole after it was read through once (ZOOKEEPER-3231).
func (s *Store) Purge(retain int) error {
	s.mu.Lock()
	err := s.usable()
	s.mu.Unlock()
	if err != nil {
		return err
	}
	if retain < 1 {
		return fmt.Errorf("purge: %d snapshots to keep: must be at least 1", retain)
	}
	s.snapMu.Lock()
	defer s.snapMu.Unlock()
	snaps, err := listFiles(s.fs, s.snapDir, snapPrefix)
	if err != nil {
		return err
	}
	oldest := len(snaps)
	for kept := 0; kept < retain; {
		if oldest--; oldest < 0 {
			return nil
		}
		if s.isWhole(snaps[oldest]) {
			kept++
		}
	}
	keepFrom := snaps[oldest].zxid
	logs, err := listFiles(s.fs, s.logDir, logPrefix)
	if err != nil {
		return err
	}
	firstKept := 0
	for i, l := range logs {
		if l.zxid <= keepFrom {
			firstKept = i
		}
	}
	if err := s.removeSnapshots(snaps[:oldest], keepFrom); err != nil {
		return err
	}
	if defect.Planted(defect.PurgeTakesNeededLog) {
		firstKept = min(firstKept+1, len(logs))
	}
	for _, l := range logs[:firstKept] {
		if err := s.removeLog(l); err != nil {
			return err
		}
	}
	return nil
}

// removeSnapshots removes snapshots, for good before any log goes. One that a power
// cut brought back without the logs behind it would be what a recovery falls back
// to when the newer ones are damaged, and where a new epoch begins behind the hole
// no zxid tells of it.
func (s *Store) removeSnapshots(list []dataFile, kept protocol.Zxid) error {
	for _, f := range list {
		if f.zxid == kept {
			continue // the same state under another extension
		}
		if err := s.fs.Remove(filepath.Join(s.snapDir, f.name)); err != nil {
			return fmt.Errorf("purge: %w", err)
		}
		delete(s.verified, f.name)
		s.log.Info("removed", "file", filepath.Join(s.snapDir, f.name))
	}
	if err := s.fs.SyncDir(s.snapDir); err != nil {
		return fmt.Errorf("purge: %w", err)
	}
	return nil
}

// isWhole reads a snapshot through, unless this Store wrote or read it before.
func (s *Store) isWhole(f dataFile) bool {
	if s.verified[f.name] {
		if st, err := s.fs.Stat(filepath.Join(s.snapDir, f.name)); err == nil && st.Size() > 0 {
			return true
		}
	}
	path := filepath.Join(s.snapDir, f.name)
	if _, err := ReadSnapshot(s.fs, path, discard{}); err != nil {
		s.log.Warn("snapshot does not count as kept: it cannot be read", "file", path, "err", err)
		return false
	}
	s.verified[f.name] = true
	return true
}

// removeLog removes a log and the copies of what was trimmed from it. It is gone
// for good before the next one goes: what a power cut leaves is then always the
// end of the history, and not an older log with a hole behind it, which no zxid
// tells where a new epoch begins behind the hole.
func (s *Store) removeLog(l dataFile) error {
	entries, err := s.fs.ReadDir(s.logDir)
	if err != nil {
		return fmt.Errorf("purge: %w", err)
	}
	for _, e := range entries {
		if e.Name() != l.name && !strings.HasPrefix(e.Name(), trimmedPrefix+l.name+"-") {
			continue
		}
		path := filepath.Join(s.logDir, e.Name())
		if err := s.fs.Remove(path); err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("purge: %w", err)
		}
		s.log.Info("removed", "file", path)
	}
	if err := s.fs.SyncDir(s.logDir); err != nil {
		return fmt.Errorf("purge: %w", err)
	}
	return nil
}
