// Package storage keeps a ZooKeeper server's history on disk in Apache's own
// formats: txn logs, snapshots and epoch files. It appends and syncs batches
// of txns, writes snapshots, recovers, purges and truncates. It knows nothing
// of the tree: a Sink receives the history, a Source gives a snapshot.
//
// Sources: Apache 3.9 FileTxnLog.java, FileSnap.java, SnapStream.java,
// FileTxnSnapLog.java, Util.java and PurgeTxnLog.java; directories written by
// Apache 3.8.0 (testdata/apache-datadirs).
//
// # Files
//
//	dataDir/version-2/snapshot.<zxid>[.gz|.snappy]
//	dataDir/version-2/acceptedEpoch, currentEpoch
//	dataDir/version-2/install-snapshot.<zxid>…           see InstallSnapshot
//	dataLogDir/version-2/log.<zxid of the first record>
//	dataLogDir/version-2/zookit.witness, zookit.lock     ours; Apache ignores them
//	dataDir/version-2/zookit.quarantine                  likewise, see Quarantine
//	…/version-2/damaged-<time or zxid>/                  what was set aside
//	dataLogDir/initialize                                see Config.AutoCreateDB
//
// zxids in names are hexadecimal, without padding. When the two directories
// differ, a log in the first or a snapshot in the second is refused.
//
// # Txn log
//
//	offset  size
//	0       4     magic "ZKLG"
//	4       4     version 2
//	8       8     dbid 0
//	16            records, then zeros to the end of the file
//
//	record  8     Adler-32 of the payload, in the lower half
//	        4     length of the payload
//	        n     payload: a txn (package txn)
//	        1     'B'
//
// All integers are big-endian. Zeros in place of a checksum and length, or the
// end of the file, end the log. After a restart nobody appends to an old log:
// the next txn opens a new one.
//
// # What a crash can do, and what it cannot
//
// A batch is what one sync covers: at most MaxBatchBytes and MaxBatchRecords,
// or one record that is larger alone. The next batch is written only after the
// sync of the last one, so a power cut spoils nothing but the last batch, in
// any order of its sectors. Recovery trims such an end and keeps a copy; it
// refuses everything else with a *DamageError (recover.go).
package storage

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"zookit/protocol"
	"zookit/server/vfs"
)

// Limits of a batch.
const (
	MaxBatchBytes   = 1 << 20
	MaxBatchRecords = 4096
)

// versionDir is the directory in dataDir and dataLogDir that holds everything.
const versionDir = "version-2"

// Config is what a Store needs to know. Zero values mean Apache's defaults
// except where a field says otherwise.
type Config struct {
	FS      vfs.FS // nil: the host's
	DataDir string
	LogDir  string // "": DataDir

	// MaxRecordBytes bounds a payload that Append takes: jute.maxbuffer plus
	// its extra size, beyond which Apache could not read the record back.
	// 0: 2 × 0xfffff.
	MaxRecordBytes int
	// PreAllocSizeKB is Apache's preAllocSize. The log is extended by zeros in
	// steps of at most this and of at most 1 MiB. 0: 65536.
	PreAllocSizeKB int
	// TxnLogSizeLimitKB rolls a log that grew beyond it; 0 or less: no limit.
	TxnLogSizeLimitKB int64

	// NoSync leaves out every sync of the log (forceSync=no): an acknowledged
	// txn may be lost by a power cut.
	NoSync bool
	// TrustEmptySnapshot replays logs without any snapshot
	// (snapshot.trust.empty).
	TrustEmptySnapshot bool
	// NoAutoCreateDirs refuses a missing version-2 (datadir.autocreate=false).
	NoAutoCreateDirs bool
	// NoAutoCreateDB makes an empty directory recover to zxid −1, a server that
	// takes no part in elections, unless dataLogDir holds a file named
	// initialize, which is consumed (db.autocreate=false).
	NoAutoCreateDB bool

	// Compression of new snapshots: "", "gz" or "snappy"
	// (snapshot.compression.method). Reading goes by the name of the file.
	Compression string
	// NoDigest leaves out the digest section of snapshots (digest.enabled=false).
	NoDigest bool
	// NoLastProcessedZxid leaves out the section that 3.9 added
	// (serializeLastProcessedZxid.enabled=false). Without a digest section it
	// is left out too, for readers would take it for one.
	NoLastProcessedZxid bool

	// AcceptDataLoss is the operator's word that txns from exactly this zxid on
	// may be dropped: the FirstZxid of a DamageError. Any other damage is
	// refused as before. 0: nothing is accepted.
	AcceptDataLoss protocol.Zxid

	Logger *slog.Logger // nil: silent
}

// AcceptDataLossKey is the configuration key of Config.AcceptDataLoss, named
// in the text of a DamageError.
const AcceptDataLossKey = "acceptDataLoss"

// ErrFailed: an earlier write or sync of the log failed. Nothing is written
// after that, for nobody knows what is on the disk (after a failed sync the
// kernel may have dropped the pages).
var ErrFailed = errors.New("storage failed before")

// ErrInUse: another server holds the directory.
var ErrInUse = errors.New("data directory is in use")

// DirError refuses a data directory that cannot work.
type DirError struct {
	Dir  string
	Why  string
	Mend string
	Err  error // may be nil
}

func (e *DirError) Error() string { return fmt.Sprintf("%s: %s; %s", e.Dir, e.Why, e.Mend) }
func (e *DirError) Unwrap() error { return e.Err }

// Store is an open data directory. Append, Roll, Truncate and Close belong to
// one goroutine or are serialised by the lock; Snapshot, Purge and Sizes may
// run beside them.
type Store struct {
	cfg     Config
	fs      vfs.FS
	log     *slog.Logger
	snapDir string // dataDir/version-2
	logDir  string // dataLogDir/version-2
	locks   []io.Closer

	snapMu sync.Mutex // one Snapshot, Purge or Truncate at a time; guards verified; taken before mu

	// verified are the snapshots found whole by this Store, by name.
	verified map[string]bool

	mu        sync.Mutex // guards everything below
	err       error      // why the store failed; final
	closed    bool
	recovered bool
	history   int           // counts Truncate and InstallSnapshot
	last      protocol.Zxid // of the newest txn logged, or of the snapshot
	ends      boundaries    // of the epochs that last was in since Recover
	cur       *logFile      // nil: the next Append opens a new log
	buf       []byte        // encoded batch, reused
	witness   *witness
	// quarantine is nil while the history may be used.
	quarantine *Quarantine
	accepted   int64 // acceptedEpoch, −1 when there is none
	current    int64 // currentEpoch, likewise
	lastSnap   protocol.Zxid
	stats      Stats
}

// Stats counts what Append did since Open.
type Stats struct {
	Syncs   int64 // batches
	Records int64
	Bytes   int64 // payload and framing, without preallocation
	Logs    int64 // files opened
}

// Open checks, creates and locks the directories. Recover must follow before
// anything is appended.
func Open(cfg Config) (*Store, error) {
	if cfg.FS == nil {
		cfg.FS = vfs.OS()
	}
	if cfg.LogDir == "" {
		cfg.LogDir = cfg.DataDir
	}
	if cfg.MaxRecordBytes == 0 {
		cfg.MaxRecordBytes = 2 * protocol.DefaultMaxBuffer
	}
	if cfg.PreAllocSizeKB == 0 {
		cfg.PreAllocSizeKB = 65536
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if _, err := compressionExt(cfg.Compression); err != nil {
		return nil, err
	}
	s := &Store{
		cfg: cfg, fs: cfg.FS, log: cfg.Logger,
		snapDir:  filepath.Join(cfg.DataDir, versionDir),
		logDir:   filepath.Join(cfg.LogDir, versionDir),
		verified: make(map[string]bool),
		lastSnap: -1,
	}
	if err := s.open(); err != nil {
		s.unlock()
		return nil, err
	}
	return s, nil
}

func (s *Store) open() error {
	for _, dir := range s.dirs() {
		if err := s.makeDir(dir); err != nil {
			return err
		}
	}
	for _, dir := range s.dirs() {
		lock, err := s.fs.Lock(filepath.Join(dir, lockName))
		if errors.Is(err, vfs.ErrLocked) {
			return &DirError{Dir: dir, Why: "another server is running on it", Mend: "stop that one first, or give this one a dataDir of its own", Err: ErrInUse}
		}
		if err != nil {
			return &DirError{Dir: dir, Why: "cannot be written to: " + err.Error(), Mend: "give the server's user the right to write there", Err: err}
		}
		s.locks = append(s.locks, lock)
	}
	if err := s.checkContents(); err != nil {
		return err
	}
	w, err := openWitness(s.fs, s.logDir, os.O_RDWR)
	if err != nil {
		return err
	}
	s.witness = w
	return nil
}

// dirs are the one or two version-2 directories.
func (s *Store) dirs() []string {
	if s.snapDir == s.logDir {
		return []string{s.snapDir}
	}
	return []string{s.snapDir, s.logDir}
}

// makeDir creates dir and makes its creation durable: a log in a directory
// that a power cut takes away would be gone with it.
func (s *Store) makeDir(dir string) error {
	st, err := s.fs.Stat(dir)
	if err == nil && !st.IsDir() {
		return &DirError{Dir: dir, Why: "is not a directory", Mend: "move it away or change dataDir or dataLogDir"}
	}
	if err == nil {
		return s.syncMade(dir)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return &DirError{Dir: dir, Why: err.Error(), Mend: "make it accessible to the server's user", Err: err}
	}
	if s.cfg.NoAutoCreateDirs {
		return &DirError{Dir: dir, Why: "missing, and datadir.autocreate is false", Mend: "create this directory by hand", Err: err}
	}
	var parents []string // of every directory that has to be made, innermost first
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := s.fs.Stat(d); err == nil || filepath.Dir(d) == d {
			break
		}
		parents = append(parents, filepath.Dir(d))
	}
	if err := s.fs.MkdirAll(dir, 0o777); err != nil {
		return &DirError{Dir: dir, Why: err.Error(), Mend: "create it by hand, writable by the server's user", Err: err}
	}
	slices.Reverse(parents)
	return s.syncDirs(parents)
}

// syncMade makes a directory durable that is there and holds no history: a start
// before this one may have ended between making it and its sync.
func (s *Store) syncMade(dir string) error {
	for _, prefix := range []string{logPrefix, snapPrefix} {
		if list, err := listFiles(s.fs, dir, prefix); err != nil || len(list) > 0 {
			return err
		}
	}
	above := filepath.Dir(dir)
	return s.syncDirs([]string{filepath.Dir(above), above})
}

func (s *Store) syncDirs(dirs []string) error {
	for _, dir := range dirs {
		if err := s.fs.SyncDir(dir); err != nil && !errors.Is(err, fs.ErrPermission) {
			return &DirError{Dir: dir, Why: err.Error(), Mend: "check the disk", Err: err}
		}
	}
	return nil
}

// checkContents refuses a dataDir and dataLogDir that were mixed up
// (ZOOKEEPER-2967).
func (s *Store) checkContents() error {
	if s.snapDir == s.logDir {
		return nil
	}
	logs, err := listFiles(s.fs, s.snapDir, logPrefix)
	if err != nil {
		return err
	}
	if len(logs) > 0 {
		return &DirError{Dir: s.snapDir, Why: "snapshot directory has log files (" + logs[0].name + ")",
			Mend: "check if dataLogDir and dataDir configuration is correct, or move the log files to " + s.logDir}
	}
	snaps, err := listFiles(s.fs, s.logDir, snapPrefix)
	if err != nil {
		return err
	}
	if len(snaps) > 0 {
		return &DirError{Dir: s.logDir, Why: "log directory has snapshot files (" + snaps[0].name + ")",
			Mend: "check if dataLogDir and dataDir configuration is correct, or move the snapshot files to " + s.snapDir}
	}
	return nil
}

func (s *Store) unlock() {
	for _, l := range s.locks {
		l.Close()
	}
	s.locks = nil
}

// Close ends the current log and gives up the directory. It may be called
// again.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	var err error
	if s.err == nil {
		err = s.endLog()
	} else if s.cur != nil {
		s.cur.f.Close()
	}
	if s.witness != nil {
		if cerr := s.witness.close(s.err == nil && !s.cfg.NoSync); err == nil {
			err = cerr
		}
	}
	s.unlock()
	return err
}

// Err is why the store failed, or nil.
func (s *Store) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// fail makes an error final.
func (s *Store) fail(err error) error {
	if s.err == nil {
		s.err = err
	}
	return err
}

// usable says why nothing may be written now.
func (s *Store) usable() error {
	switch {
	case s.err != nil:
		return fmt.Errorf("%w: %w", ErrFailed, s.err)
	case s.closed:
		return fmt.Errorf("storage: %w", os.ErrClosed)
	case !s.recovered:
		return errors.New("storage: not recovered yet")
	}
	return nil
}

// LastZxid is the zxid of the newest txn logged, or of the snapshot.
func (s *Store) LastZxid() protocol.Zxid {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

// LastSnapshot is the zxid of the newest snapshot read or written since Open;
// −1 when there is none.
func (s *Store) LastSnapshot() protocol.Zxid {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lastSnap
}

// Stats returns the counts so far.
func (s *Store) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

// Dirs are the two directories that hold snapshots and logs; they may be one.
func (s *Store) Dirs() (snapshots, logs string) { return s.snapDir, s.logDir }

// Sizes are the bytes in dataDir/version-2 and in dataLogDir/version-2. When
// the two are one, both count everything, as in Apache.
func (s *Store) Sizes() (data, log int64, err error) {
	if data, err = dirSize(s.fs, s.snapDir); err != nil {
		return 0, 0, err
	}
	if log, err = dirSize(s.fs, s.logDir); err != nil {
		return 0, 0, err
	}
	return data, log, nil
}
