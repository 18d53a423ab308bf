package storage

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"zookit/server/vfs"
)

const (
	acceptedEpochName = "acceptedEpoch"
	currentEpochName  = "currentEpoch"
	epochTmpSuffix    = ".tmp" // as Apache's AtomicFileOutputStream names it
)

// readEpoch reads an epoch file, an ASCII decimal (QuorumPeer.java); −1 when
// it is missing. A file that holds no epoch is damage.
func readEpoch(fsys vfs.FS, dir, name string) (int64, error) {
	path := filepath.Join(dir, name)
	f, err := fsys.Open(path, os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return -1, nil
	}
	if err != nil {
		return -1, fmt.Errorf("read %s: %w", path, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 64))
	if err != nil {
		return -1, fmt.Errorf("read %s: %w", path, err)
	}
	line, _, _ := strings.Cut(string(b), "\n")
	epoch, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
	if err != nil || epoch < 0 {
		return -1, &DamageError{File: path, Cause: fmt.Sprintf("%q is no epoch", line),
			Mend: "restore the file from a backup, or empty the data directory so that the ensemble fills it again"}
	}
	return epoch, nil
}

// Epochs are acceptedEpoch and currentEpoch as they stand on the disk; −1 for
// one that is missing.
func (s *Store) Epochs() (accepted, current int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accepted, s.current
}

// SetAcceptedEpoch writes acceptedEpoch; it is durable on return. An error is
// final, as with Append: an epoch that may or may not be on the disk must not
// be followed by a vote.
func (s *Store) SetAcceptedEpoch(epoch int64) error {
	return s.setEpoch(acceptedEpochName, epoch, func() { s.accepted = epoch })
}

// SetCurrentEpoch is SetAcceptedEpoch for currentEpoch.
func (s *Store) SetCurrentEpoch(epoch int64) error {
	return s.setEpoch(currentEpochName, epoch, func() { s.current = epoch })
}

func (s *Store) setEpoch(name string, epoch int64, remember func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.replaceable(); err != nil {
		return err
	}
	vouch := !s.cfg.NoSync && s.witness.ok
	if m := s.witness.mark; vouch && back(name, epoch, &m) {
		if err := s.witness.write(m, true); err != nil { // before the file: see checkEpochs
			return s.fail(err)
		}
	}
	if err := writeFile(s.fs, s.snapDir, name, name+epochTmpSuffix, strconv.AppendInt(nil, epoch, 10)); err != nil {
		return s.fail(fmt.Errorf("write %s: %w", name, err))
	}
	remember()
	if !vouch {
		return nil
	}
	m := s.witness.mark
	m.Accepted, m.Current = s.accepted, s.current
	if err := s.witness.write(m, true); err != nil {
		return s.fail(err)
	}
	return nil
}

// back puts an epoch into the mark that is earlier than the one there: a server
// whose file said too much, or that is no voter, follows a leader of an earlier one.
func back(name string, epoch int64, m *mark) bool {
	was := &m.Accepted
	if name == currentEpochName {
		was = &m.Current
	}
	if epoch >= *was {
		return false
	}
	*was = epoch
	return true
}

// adoptEpochTmp finishes a write of currentEpoch that a crash ended before the
// rename, where the log has gone further than currentEpoch says: Apache does
// so too, and does not start otherwise (QuorumPeer.loadDataBase).
func (s *Store) adoptEpochTmp(epochOfLast int64) error {
	tmp, err := readEpoch(s.fs, s.snapDir, currentEpochName+epochTmpSuffix)
	if err != nil || tmp < epochOfLast {
		return nil // unfinished: it says nothing
	}
	// Written anew: of the old file nobody knows whether it was synced. A rename
	// alone could leave an empty currentEpoch after a power cut.
	if err := writeFile(s.fs, s.snapDir, currentEpochName, currentEpochName+epochTmpSuffix, strconv.AppendInt(nil, tmp, 10)); err != nil {
		return fmt.Errorf("adopt %s%s: %w", currentEpochName, epochTmpSuffix, err)
	}
	s.log.Warn("a crash had left currentEpoch half replaced: finished", "epoch", tmp)
	s.current = tmp
	return nil
}
