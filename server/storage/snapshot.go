package storage

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"zookit/protocol"
	"zookit/server/vfs"
)

// Snapshot writes snapshot.<zxid>, where every txn up to zxid was applied when
// src began to write. It may run beside Append. The file appears under its
// name once it is whole and durable. An error leaves the store as it was: the
// log still holds everything. zxid must not be beyond the last txn logged: a
// snapshot never holds what is not durable.
func (s *Store) Snapshot(zxid protocol.Zxid, src Source) error {
	s.mu.Lock()
	err, last, history := s.usable(), max(s.last, 0), s.history
	s.mu.Unlock()
	if err != nil {
		return err
	}
	if zxid < 0 || zxid > last {
		return fmt.Errorf("snapshot %v: the last txn logged is %v", zxid, last)
	}
	s.snapMu.Lock()
	defer s.snapMu.Unlock()
	if err := s.sameHistory(history); err != nil {
		return fmt.Errorf("snapshot %v: %w", zxid, err)
	}
	ext, err := compressionExt(s.cfg.Compression)
	if err != nil {
		return err
	}
	name := snapName(zxid, ext)
	tmp := filepath.Join(s.snapDir, tmpPrefix+name)
	if err := s.writeSnapshot(tmp, ext, src); err != nil {
		s.fs.Remove(tmp)
		return fmt.Errorf("snapshot %v: %w", zxid, err)
	}
	if err := s.fs.Rename(tmp, filepath.Join(s.snapDir, name)); err != nil {
		s.fs.Remove(tmp)
		return fmt.Errorf("snapshot %v: %w", zxid, err)
	}
	if err := s.fs.SyncDir(s.snapDir); err != nil {
		return fmt.Errorf("snapshot %v: sync %s: %w", zxid, s.snapDir, err)
	}
	s.verified[name] = true
	s.mu.Lock()
	s.lastSnap = max(s.lastSnap, zxid)
	s.mu.Unlock()
	return nil
}

// errReplaced: the history that the snapshot was to be of is not there any more.
var errReplaced = errors.New("the history was cut or replaced meanwhile")

func (s *Store) sameHistory(history int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.history != history {
		return errReplaced
	}
	return s.usable()
}

func (s *Store) writeSnapshot(path, ext string, src Source) error {
	f, err := s.fs.Open(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return err
	}
	c := compress(&pacedWriter{f: f}, ext)
	w := newSnapshotWriter(c)
	w.noDigest, w.noLast = s.cfg.NoDigest, s.cfg.NoLastProcessedZxid
	err = src.WriteSnapshot(w)
	if err == nil {
		err = w.close()
	}
	if cerr := c.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// pacedWriter syncs as it goes, so that the log's syncs never wait for a whole
// snapshot's worth of dirty pages.
type pacedWriter struct {
	f     vfs.File
	dirty int
}

const paceBytes = 8 << 20

func (w *pacedWriter) Write(b []byte) (int, error) {
	n, err := w.f.Write(b)
	if err != nil {
		return n, err
	}
	if n < len(b) {
		return n, io.ErrShortWrite
	}
	if w.dirty += n; w.dirty >= paceBytes {
		w.dirty = 0
		if err := w.f.Sync(); err != nil {
			return n, err
		}
	}
	return n, nil
}
