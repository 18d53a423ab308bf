package storage

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"zookit/protocol"
	"zookit/protocol/txn"
	"zookit/server/vfs"
)

// errThrough ends the replay where Read was asked to.
var errThrough = errors.New("as far as was asked for")

// readAttempts is how often Read begins anew when what it finds does not fit
// together: a server that is running on the directory may have appended, rolled
// or purged between two looks.
const readAttempts = 4

// Read hands the history of a directory to sink and judges it as Recover does,
// but changes nothing: no lock is taken, nothing is created, trimmed, removed or
// synced, and no file is opened for writing. A server may be running on the
// directory; then the history ends with a txn that was the newest one a moment
// ago.
//
// With through > 0 the history ends with that txn, whatever comes later; damage
// behind it is not looked at.
//
// On a *DamageError Recovered.LastZxid is the last txn before the damage that
// sink has received, which is what a second call may be asked for; 0 when there
// is none. Of cfg, the directories, TrustEmptySnapshot, MaxRecordBytes and
// Logger count.
func Read(cfg Config, through protocol.Zxid, sink Sink) (Recovered, error) {
	s, err := forReading(cfg)
	if err != nil {
		return Recovered{}, err
	}
	for attempt := 1; ; attempt++ {
		r := &recovery{s: s, sink: sink, newst: -1, through: through}
		err := r.look()
		r.out.LastZxid = max(r.last, 0)
		r.out.AcceptedEpoch, r.out.CurrentEpoch = s.accepted, s.current
		if err == nil || attempt == readAttempts || !errors.Is(err, ErrCorrupt) && !moved(err) {
			return r.out, err
		}
	}
}

// moved tells that a file changed while it was read: purged, or cut to its used
// length because the server went on in the next log.
func moved(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, io.ErrUnexpectedEOF)
}

// forReading is a Store that is good for looking alone.
func forReading(cfg Config) (*Store, error) {
	if cfg.FS == nil {
		cfg.FS = vfs.OS()
	}
	if cfg.LogDir == "" {
		cfg.LogDir = cfg.DataDir
	}
	if cfg.MaxRecordBytes == 0 {
		cfg.MaxRecordBytes = 2 * protocol.DefaultMaxBuffer
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	cfg.AcceptDataLoss = 0
	s := &Store{
		cfg: cfg, fs: cfg.FS, log: cfg.Logger,
		snapDir:  filepath.Join(cfg.DataDir, versionDir),
		logDir:   filepath.Join(cfg.LogDir, versionDir),
		verified: make(map[string]bool),
		lastSnap: -1,
	}
	for _, dir := range s.dirs() {
		if st, err := s.fs.Stat(dir); err != nil {
			return nil, &DirError{Dir: dir, Why: "cannot be read: " + err.Error(),
				Mend: "name the directory that zoo.cfg calls dataDir, as a user who may read it", Err: err}
		} else if !st.IsDir() {
			return nil, &DirError{Dir: dir, Why: "is not a directory", Mend: "name the directory that zoo.cfg calls dataDir"}
		}
	}
	return s, s.checkContents()
}

// look is one attempt of Read. The witness is read before the epochs and the logs:
// what it vouches for is in them by then.
func (r *recovery) look() (err error) {
	s := r.s
	if s.witness, err = openWitness(s.fs, s.logDir, os.O_RDONLY); err != nil {
		return err
	}
	defer s.witness.close(false)
	if s.accepted, err = readEpoch(s.fs, s.snapDir, acceptedEpochName); err != nil {
		return err
	}
	if s.current, err = readEpoch(s.fs, s.snapDir, currentEpochName); err != nil {
		return err
	}
	if err := r.list(); err != nil {
		return err
	}
	if err := r.listInstalled(); err != nil {
		return err
	}
	if r.through > 0 {
		if err := r.dropLater(); err != nil {
			return err
		}
	}
	switch err := r.judge(); {
	case errors.Is(err, errThrough):
		return nil
	case err != nil:
		return err
	case r.through > 0 && r.last < r.through:
		return &DirError{Dir: s.logDir, Why: fmt.Sprintf("its history ends at %v, before %v", r.last, r.through),
			Mend: "ask for an earlier zxid, or for none to see the newest state"}
	}
	return nil
}

// listInstalled takes a leader's snapshot whose installation was begun for the
// whole history, which it is (InstallSnapshot).
func (r *recovery) listInstalled() error {
	installs, err := listFiles(r.s.fs, r.s.snapDir, installPrefix+snapPrefix)
	if err != nil || len(installs) == 0 {
		return err
	}
	r.snaps, r.logs = installs[len(installs)-1:], nil
	r.s.witness.ok = false // it may still vouch for what goes
	return nil
}

// dropLater leaves out the snapshots that were taken after through.
func (r *recovery) dropLater() error {
	var kept []dataFile
	for _, f := range r.snaps {
		if f.zxid <= r.through {
			kept = append(kept, f)
		}
	}
	if len(kept) == 0 && len(r.snaps) > 0 {
		return r.tooEarly(r.snaps[0])
	}
	r.snaps = kept
	return nil
}

// tooEarly is the error for a through that no snapshot leads to.
func (r *recovery) tooEarly(oldest dataFile) error {
	return &DirError{Dir: r.s.snapDir, Why: fmt.Sprintf("the state at %v cannot be made: it takes an older snapshot than %s", r.through, oldest.name),
		Mend: "ask for a later zxid"}
}

// SnapshotFile is a snapshot in a data directory.
type SnapshotFile struct {
	Path string
	Zxid protocol.Zxid // of its name
}

// Snapshots lists the snapshots of dataDir, the oldest first.
func Snapshots(cfg Config) ([]SnapshotFile, error) {
	s, err := forReading(cfg)
	if err != nil {
		return nil, err
	}
	files, err := listFiles(s.fs, s.snapDir, snapPrefix)
	list := make([]SnapshotFile, len(files))
	for i, f := range files {
		list[i] = SnapshotFile{filepath.Join(s.snapDir, f.name), f.zxid}
	}
	return list, err
}

// EachTxn calls f for every txn in the logs, the oldest first, and changes
// nothing. What cannot be read is passed over: notes say in words what is
// missing. The txn is valid until f returns. An error of f ends the reading and
// is returned.
func EachTxn(cfg Config, f func(*txn.Txn) error) (notes []string, err error) {
	s, err := forReading(cfg)
	if err != nil {
		return nil, err
	}
	logs, err := listFiles(s.fs, s.logDir, logPrefix)
	if err != nil {
		return nil, err
	}
	e := &eachTxn{s: s, f: f, last: -1}
	for i, l := range logs {
		err := e.log(l, i == len(logs)-1)
		for attempt := 1; errors.Is(err, io.ErrUnexpectedEOF) && attempt < readAttempts; attempt++ {
			err = e.log(l, false) // what was told is not told again
		}
		if errors.Is(err, fs.ErrNotExist) {
			e.note("%s was purged while it was read", l.name)
			continue
		}
		if err != nil {
			return e.notes, err
		}
	}
	return e.notes, nil
}

// maxNotes bounds what EachTxn tells of a directory full of damage.
const maxNotes = 20

type eachTxn struct {
	s     *Store
	f     func(*txn.Txn) error
	last  protocol.Zxid
	notes []string
}

func (e *eachTxn) note(format string, args ...any) {
	switch {
	case len(e.notes) == maxNotes:
		e.notes = append(e.notes, "and more of the kind")
	case len(e.notes) < maxNotes:
		e.notes = append(e.notes, fmt.Sprintf(format, args...))
	}
}

// log reads one log. The unreadable end of an older log is told only by the gap
// it leaves, since killed servers leave such ends; that of the newest one may be
// a batch that is just being written.
func (e *eachTxn) log(l dataFile, newest bool) error {
	lr, err := OpenLog(e.s.fs, filepath.Join(e.s.logDir, l.name))
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	defer lr.Close()
	for {
		for lr.Next() {
			z := lr.Zxid()
			if z <= e.last {
				continue // a log that an older one overlaps
			}
			if e.last >= 0 && !follows(e.last, z) {
				e.note("the transactions between %v and %v are missing (%s)", e.last, z, l.name)
			}
			e.last = z
			t, err := txn.DecodeBorrowed(lr.Payload())
			if err != nil {
				e.note("transaction %v in %s cannot be read: %v", z, l.name, err)
				continue
			}
			if err := e.f(t); err != nil {
				return err
			}
		}
		if lr.Err() != nil {
			return lr.Err()
		}
		end := lr.End()
		if end.Kind != EndBad || end.Next < 0 || end.Unsure {
			if newest && end.Kind == EndBad && end.Used-end.Offset > MaxBatchBytes+recordFrame {
				e.note("%s cannot be read from offset %d on: %s", l.name, end.Offset, strings.TrimSpace(end.Cause))
			}
			return nil
		}
		lr.Skip()
	}
}
