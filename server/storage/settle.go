package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"zookit/protocol"
	"zookit/server/defect"
	"zookit/server/vfs"
)

// settle puts the directory into the state that was judged: what was cut off
// is copied and trimmed, what was read is made durable (a killed process may
// have left it in the page cache alone, and it is about to be served), and a
// new witness vouches for it.
func (r *recovery) settle() error {
	s := r.s
	if r.out.Lost != nil {
		if err := r.setAside(); err != nil {
			return err
		}
		if err := s.endQuarantine(); err != nil {
			return err
		}
	} else if s.cfg.AcceptDataLoss != 0 {
		s.log.Warn("nothing is damaged: remove this key", "key", AcceptDataLossKey, "value", s.cfg.AcceptDataLoss)
	}
	for _, t := range r.trims {
		if err := r.trim(t); err != nil {
			return err
		}
	}
	if err := r.removeLeftovers(); err != nil {
		return err
	}
	if r.init != "" {
		if err := s.fs.Remove(r.init); err != nil {
			return fmt.Errorf("consume %s: %w", r.init, err)
		}
		s.log.Info("initialize file found, an empty database will not block voting participation")
	}
	if err := r.syncRead(); err != nil {
		return err
	}
	if epoch := r.last.Epoch(); r.last > 0 && s.current >= 0 && epoch > s.current {
		if err := s.adoptEpochTmp(epoch); err != nil {
			return err
		}
		r.out.CurrentEpoch = s.current
		r.out.EpochBehind = epoch > s.current
	}
	return r.newWitness()
}

// trim cuts an end off a log, after a copy of it was made.
func (r *recovery) trim(t trim) error {
	s := r.s
	path := filepath.Join(s.logDir, t.file.name)
	if t.used > max(t.from, fileHeadLen) || t.used > 0 && t.file.size < fileHeadLen {
		saved := filepath.Join(s.logDir, fmt.Sprintf("%s%s-%d", trimmedPrefix, t.file.name, t.from))
		if err := copyRange(s.fs, path, t.from, t.used, saved); err != nil {
			return fmt.Errorf("copy the end of %s: %w", path, err)
		}
		if err := s.fs.SyncDir(s.logDir); err != nil {
			return fmt.Errorf("sync %s: %w", s.logDir, err)
		}
		s.log.Warn("log ends in a batch that was never finished: trimmed", "file", path, "offset", t.from, "bytes", t.used-t.from, "cause", t.why, "copy", saved)
	}
	if t.from == 0 {
		s.log.Info("removing a log without transactions", "file", path)
		if err := s.fs.Remove(path); err != nil {
			return fmt.Errorf("remove %s: %w", path, err)
		}
		r.forget(t.file)
		return nil
	}
	return r.truncate(path, t.from)
}

func (r *recovery) truncate(path string, size int64) error {
	f, err := r.s.fs.Open(path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("trim: %w", err)
	}
	err = f.Truncate(size)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("trim %s: %w", path, err)
	}
	return nil
}

// forget takes a log that is gone off the list of those to be synced.
func (r *recovery) forget(l dataFile) {
	kept := r.read[:0:0]
	for _, x := range r.read {
		if x != l {
			kept = append(kept, x)
		}
	}
	r.read = kept
}

// setAside moves what accepted damage makes useless into a directory beside
// it: the damaged log (its good part stays), the logs behind it, and snapshots
// beyond the end.
func (r *recovery) setAside() error {
	s := r.s
	first := r.out.Lost.FirstZxid
	if r.cut.name != "" {
		path := filepath.Join(s.logDir, r.cut.name)
		var later []string
		for _, l := range r.logs {
			if l.zxid > r.cut.zxid || l == r.cut && r.cutAt <= fileHeadLen {
				later = append(later, l.name)
				r.forget(l)
			}
		}
		if r.cutAt > fileHeadLen {
			dir := damagedDir(s.logDir, first)
			if err := s.makeAside(dir); err != nil {
				return err
			}
			if err := copyRange(s.fs, path, 0, r.cut.size, filepath.Join(dir, r.cut.name)); err != nil {
				return fmt.Errorf("copy %s: %w", path, err)
			}
			if err := s.fs.SyncDir(dir); err != nil {
				return fmt.Errorf("sync %s: %w", dir, err)
			}
		}
		if err := s.moveAside(s.logDir, first, later); err != nil {
			return err
		}
		if r.cutAt > fileHeadLen {
			if err := r.truncate(path, r.cutAt); err != nil {
				return err
			}
		}
		kept := r.trims[:0:0]
		for _, t := range r.trims {
			if t.file.zxid < r.cut.zxid {
				kept = append(kept, t)
			}
		}
		r.trims = kept
	}
	var snaps []string
	for _, f := range r.snaps {
		if f.zxid > max(r.last, 0) {
			snaps = append(snaps, f.name)
		}
	}
	return s.moveAside(s.snapDir, first, snaps)
}

func (s *Store) makeAside(dir string) error {
	if err := s.fs.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("set damaged files aside: %w", err)
	}
	if err := s.fs.SyncDir(filepath.Dir(dir)); err != nil {
		return fmt.Errorf("sync %s: %w", filepath.Dir(dir), err)
	}
	return nil
}

// moveAside moves files of dir into its directory for damaged ones.
func (s *Store) moveAside(dir string, first protocol.Zxid, names []string) error {
	if len(names) == 0 {
		return nil
	}
	return s.moveTo(dir, filepath.Base(damagedDir(dir, first)), names)
}

// moveTo moves files of dir into a directory in it.
func (s *Store) moveTo(dir, name string, names []string) error {
	if len(names) == 0 {
		return nil
	}
	aside := filepath.Join(dir, name)
	if err := s.makeAside(aside); err != nil {
		return err
	}
	for _, name := range names {
		if err := s.fs.Rename(filepath.Join(dir, name), filepath.Join(aside, name)); err != nil {
			return fmt.Errorf("set aside: %w", err)
		}
	}
	for _, d := range []string{aside, dir} {
		if err := s.fs.SyncDir(d); err != nil {
			return fmt.Errorf("sync %s: %w", d, err)
		}
	}
	return nil
}

// removeLeftovers removes our snapshots that a crash left unfinished.
func (r *recovery) removeLeftovers() error {
	s := r.s
	entries, err := s.fs.ReadDir(s.snapDir)
	if err != nil {
		return fmt.Errorf("list %s: %w", s.snapDir, err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), tmpPrefix) {
			if err := s.fs.Remove(filepath.Join(s.snapDir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("remove an unfinished snapshot: %w", err)
			}
		}
	}
	return nil
}

// syncRead makes the files that were read durable.
func (r *recovery) syncRead() error {
	s := r.s
	if s.cfg.NoSync || defect.Planted(defect.RecoveryNotSynced) {
		return nil
	}
	if err := r.rewriteTail(); err != nil {
		return err
	}
	paths := make([]string, 0, len(r.read)+1)
	for _, l := range r.read {
		paths = append(paths, filepath.Join(s.logDir, l.name))
	}
	if r.out.Snapshot != "" {
		paths = append(paths, r.out.Snapshot)
	}
	for _, path := range paths {
		f, err := s.fs.Open(path, os.O_RDWR, 0)
		if err != nil {
			return fmt.Errorf("sync after recovery: %w", err)
		}
		err = f.Sync()
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			return fmt.Errorf("sync %s: %w", path, err)
		}
	}
	dirs := s.dirs()
	if r.init != "" {
		dirs = append(dirs, s.cfg.LogDir)
	}
	for _, dir := range dirs {
		if err := s.fs.SyncDir(dir); err != nil {
			return fmt.Errorf("sync %s: %w", dir, err)
		}
	}
	return nil
}

// rewriteTail writes the records anew, as they were read, that the witness does
// not vouch for. When a sync has failed, the kernel counts the pages that it could
// not write as clean: the failed server's successor reads them from memory, and
// its sync has nothing to do and reports success. Written again they are dirty
// again. What had reached the disk is the same afterwards, sector by sector, so a
// power cut meanwhile spoils nothing.
func (r *recovery) rewriteTail() error {
	if r.vouched == nil || r.vouched.Log != r.newst || r.vouched.Offset >= r.end || defect.Planted(defect.CleanPagesTrusted) {
		return nil // synced, or not ours
	}
	for _, l := range r.read {
		if l.zxid != r.newst {
			continue
		}
		path := filepath.Join(r.s.logDir, l.name)
		if err := rewrite(r.s.fs, path, r.vouched.Offset, r.end); err != nil {
			return fmt.Errorf("write the end of %s anew: %w", path, err)
		}
	}
	return nil
}

// rewrite writes bytes [from, to) of a file over themselves.
func rewrite(fsys vfs.FS, path string, from, to int64) error {
	f, err := fsys.Open(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	b := make([]byte, min(to-from, 1<<20))
	for from < to && err == nil {
		part := b[:min(to-from, int64(len(b)))]
		if _, err = f.ReadAt(part, from); err == nil {
			_, err = f.WriteAt(part, from)
		}
		from += int64(len(part))
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// newWitness vouches for the history that was recovered.
func (r *recovery) newWitness() error {
	s := r.s
	w := s.witness
	if s.cfg.NoSync {
		return w.remove()
	}
	if w.f == nil && r.newst < 0 {
		return nil // nothing to vouch for yet
	}
	m := mark{Log: r.newst, Offset: r.end, Zxid: max(r.last, 0), Accepted: s.accepted, Current: s.current}
	if w.ok && w.mark == m {
		return nil
	}
	return w.write(m, true)
}
