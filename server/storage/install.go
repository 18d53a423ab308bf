package storage

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"zookit/protocol"
)

// ErrStream: what came in place of a snapshot is none, or ended too early.
var ErrStream = errors.New("snapshot stream")

// InstallSnapshot replaces the whole history by the snapshot named zxid that
// in holds in the form of WriteSnapshotStream. Once it returns nil, the snapshot
// is durable and no older log or snapshot can come back: the Store is as after
// Open, and Recover must follow.
//
// An error that is no ErrFailed leaves everything as it was, on the disk and in
// the Store; it is ErrStream when in is to blame.
//
// The snapshot gets the name install-snapshot.<zxid> when it is whole and
// synced. From then on it is the history, and whoever opens the directory
// finishes the work: older files go, and the snapshot gets its name.
func (s *Store) InstallSnapshot(zxid protocol.Zxid, in io.Reader, end string) error {
	if zxid < 0 {
		return fmt.Errorf("%w: its zxid is %v", ErrStream, zxid)
	}
	s.mu.Lock()
	err := s.replaceable()
	s.mu.Unlock()
	if err != nil {
		return err
	}
	s.snapMu.Lock()
	defer s.snapMu.Unlock()
	ext, err := compressionExt(s.cfg.Compression)
	if err != nil {
		return err
	}
	name := snapName(zxid, ext)
	tmp := filepath.Join(s.snapDir, tmpPrefix+installPrefix+name)
	if err := s.writeSnapshot(tmp, ext, &streamSource{in, end, zxid}); err != nil {
		s.fs.Remove(tmp)
		return fmt.Errorf("install snapshot %v: %w", zxid, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.replaceable(); err != nil {
		return err
	}
	if err := s.endLog(); err != nil {
		return s.fail(err)
	}
	err = s.fs.Rename(tmp, filepath.Join(s.snapDir, installPrefix+name))
	if err == nil {
		err = s.fs.SyncDir(s.snapDir)
	}
	if err == nil {
		err = s.installed(name)
	}
	if err != nil {
		return s.fail(fmt.Errorf("install snapshot %v: %w: %w", zxid, ErrFailed, err))
	}
	s.recovered = false
	s.history++
	return nil
}

// installed removes all that is older, or sets it aside when it is damaged, and
// gives the snapshot its name.
func (s *Store) installed(name string) error {
	zxid, ok := zxidOf(name, snapPrefix)
	if !ok {
		return fmt.Errorf("%s: the name holds no zxid", name)
	}
	if s.witness.ok {
		// It must not vouch for what goes now.
		m := mark{Log: -1, Zxid: zxid, Accepted: s.accepted, Current: s.current}
		if err := s.witness.write(m, true); err != nil {
			return err
		}
	}
	if err := s.clearAway(s.logDir, logPrefix); err != nil {
		return err
	}
	if err := s.clearAway(s.snapDir, snapPrefix); err != nil {
		return err
	}
	clear(s.verified)
	if err := s.fs.Rename(filepath.Join(s.snapDir, installPrefix+name), filepath.Join(s.snapDir, name)); err != nil {
		return err
	}
	return s.fs.SyncDir(s.snapDir)
}

// removeAll removes the logs or snapshots of a directory, the newest first.
func (s *Store) removeAll(dir, prefix string) error {
	files, err := listFiles(s.fs, dir, prefix)
	if err != nil {
		return err
	}
	for i := len(files) - 1; i >= 0; i-- {
		if err := s.fs.Remove(filepath.Join(dir, files[i].name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return s.fs.SyncDir(dir)
}

// finishInstall goes on where a crash ended InstallSnapshot.
func (s *Store) finishInstall() error {
	entries, err := s.fs.ReadDir(s.snapDir)
	if err != nil {
		return fmt.Errorf("list %s: %w", s.snapDir, err)
	}
	for _, e := range entries {
		name, ok := strings.CutPrefix(e.Name(), installPrefix)
		if !ok {
			continue
		}
		path := filepath.Join(s.snapDir, e.Name())
		if _, err := ReadSnapshot(s.fs, path, discard{}); errors.Is(err, ErrCorrupt) {
			return &DamageError{File: path, Cause: "a snapshot that a leader had sent cannot be read any more: " + err.Error(),
				Mend: "empty this data directory but for myid, so that the ensemble fills it again"}
		} else if err != nil {
			return err
		}
		s.log.Warn("a crash had interrupted the installation of a leader's snapshot: finished", "file", path)
		if err := s.installed(name); err != nil {
			return fmt.Errorf("install %s: %w", path, err)
		}
	}
	return nil
}

// streamSource copies a snapshot from a stream.
type streamSource struct {
	in   io.Reader
	end  string
	zxid protocol.Zxid
}

func (s *streamSource) WriteSnapshot(w *SnapshotWriter) error {
	if err := ReadSnapshotStream(s.in, &copySink{w}, s.end); err != nil {
		if w.Err() != nil {
			return w.Err()
		}
		return fmt.Errorf("%w: %w", ErrStream, err)
	}
	w.EndNodes()
	return w.Finish(s.zxid, nil)
}

// copySink hands what it receives to a writer. The writer's error ends the
// reading at the next node.
type copySink struct{ w *SnapshotWriter }

func (c *copySink) sessionCount(n int) { c.w.BeginSessions(n) }
func (c *copySink) aclCount(n int)     { c.w.BeginACLs(n) }

func (c *copySink) RestoreSession(id protocol.SessionID, timeoutMs int32) { c.w.Session(id, timeoutMs) }
func (c *copySink) RestoreACL(key int64, acl []protocol.ACL)              { c.w.ACL(key, acl) }
func (c *copySink) RestoreNode(path string, data []byte, aclKey int64, st protocol.StatPersisted) error {
	if err := (discard{}).RestoreNode(path, data, aclKey, st); err != nil {
		return err
	}
	c.w.Node(path, data, aclKey, st)
	return c.w.Err()
}

var _ counter = (*copySink)(nil)
