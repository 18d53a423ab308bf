package storage

import (
	"fmt"
	"os"
	"path/filepath"

	"zookit/protocol"
	"zookit/server/defect"
	"zookit/server/vfs"
)

// Entry is one txn to log: Payload holds the txn's bytes as in a proposal, its
// zxid among them.
type Entry struct {
	Zxid    protocol.Zxid
	Payload []byte
}

// logFile is the log being written.
type logFile struct {
	f      vfs.File
	name   string
	zxid   protocol.Zxid // in the name
	off    int64         // end of the last record
	zeroed int64         // end of the zeros written ahead
	step   int64         // how many zeros come next
}

const (
	firstStep = 64 << 10 // zeros written ahead in a new log; doubled up to
	lastStep  = 1 << 20
	keepAhead = 4096
)

// Append writes a batch to the log and returns when it is durable. Entries
// must follow each other and the last one logged without a gap. A batch beyond
// MaxBatchBytes or MaxBatchRecords is written and synced in parts. Any error
// is final: see ErrFailed.
func (s *Store) Append(batch []Entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return err
	}
	if err := s.checkBatch(batch); err != nil {
		return s.fail(err)
	}
	for len(batch) > 0 {
		n, err := s.appendPart(batch)
		if err != nil {
			return s.fail(err)
		}
		batch = batch[n:]
	}
	return nil
}

// checkBatch keeps out of the log what could not be read back.
func (s *Store) checkBatch(batch []Entry) error {
	prev := s.last
	for _, e := range batch {
		switch n := len(e.Payload); {
		case n < minPayload || n > s.cfg.MaxRecordBytes:
			return fmt.Errorf("append txn %v: %d bytes, must be %d to %d", e.Zxid, n, minPayload, s.cfg.MaxRecordBytes)
		case payloadZxid(e.Payload) != e.Zxid:
			return fmt.Errorf("append txn %v: its bytes say %v", e.Zxid, payloadZxid(e.Payload))
		case !follows(prev, e.Zxid):
			return fmt.Errorf("append txn %v: the last one logged is %v", e.Zxid, prev)
		}
		prev = e.Zxid
	}
	return nil
}

// appendPart writes as many entries as one sync may cover.
func (s *Store) appendPart(batch []Entry) (n int, err error) {
	if s.cur == nil {
		if err := s.createLog(batch[0].Zxid); err != nil {
			return 0, err
		}
	}
	b := s.buf[:0]
	for _, e := range batch {
		if n > 0 && (len(b)+len(e.Payload)+recordFrame > MaxBatchBytes || n == MaxBatchRecords) {
			break
		}
		b = appendRecord(b, e.Payload)
		n++
	}
	if s.buf = b; cap(b) > 2*MaxBatchBytes {
		s.buf = nil // one huge record must not keep its buffer
	}
	l := s.cur
	if err := l.zeroAhead(l.off+int64(len(b)), s.maxStep()); err != nil {
		return 0, fmt.Errorf("extend %s: %w", l.name, err)
	}
	if _, err := l.f.WriteAt(b, l.off); err != nil {
		return 0, fmt.Errorf("write %s at offset %d: %w", l.name, l.off, err)
	}
	if defect.Planted(defect.WitnessFirst) {
		m := s.markAt(l.zxid, l.off+int64(len(b)))
		m.Zxid = batch[n-1].Zxid
		_ = s.witness.write(m, true)
	}
	if !defect.Planted(defect.LogNotSynced) {
		if err := s.syncLog(); err != nil {
			return 0, err
		}
	}
	l.off += int64(len(b))
	for _, e := range batch[:n] {
		s.ends.passed(s.last, e.Zxid)
		s.last = e.Zxid
	}
	s.stats.Syncs++
	s.stats.Records += int64(n)
	s.stats.Bytes += int64(len(b))
	if !s.cfg.NoSync {
		// The sync that this witness speaks of is done; that of the witness
		// itself is left to the kernel.
		if err := s.witness.write(s.markAt(l.zxid, l.off), false); err != nil {
			return 0, err
		}
	}
	if limit := s.cfg.TxnLogSizeLimitKB; limit > 0 && l.off > limit<<10 {
		if err := s.endLog(); err != nil {
			return 0, err
		}
	}
	return n, nil
}

func (s *Store) maxStep() int64 { return min(int64(s.cfg.PreAllocSizeKB)<<10, lastStep) }

func (s *Store) syncLog() error {
	if s.cfg.NoSync {
		return nil
	}
	if err := s.cur.f.Sync(); err != nil && !defect.Planted(defect.SyncErrorIgnored) {
		return fmt.Errorf("sync %s: %w", s.cur.name, err)
	}
	return nil
}

func (s *Store) markAt(log protocol.Zxid, off int64) mark {
	return mark{Log: log, Offset: off, Zxid: s.last, Accepted: s.accepted, Current: s.current}
}

// zeroAhead keeps zeros behind the record that will end at end, so that most
// syncs change no metadata.
func (l *logFile) zeroAhead(end, maxStep int64) error {
	if maxStep <= 0 || end+keepAhead < l.zeroed {
		return nil
	}
	from := max(end, l.zeroed)
	if err := l.f.Preallocate(from, l.step); err != nil {
		return err
	}
	l.zeroed = from + l.step
	l.step = min(2*l.step, maxStep)
	return nil
}

// createLog opens the log whose first record will be z. Its header and its
// directory entry are durable before the first record is written, and before
// that the witness names it.
func (s *Store) createLog(z protocol.Zxid) error {
	name := logName(z)
	if !s.cfg.NoSync {
		if err := s.witness.write(s.markAt(z, 0), true); err != nil {
			return err
		}
	} else if err := s.witness.remove(); err != nil {
		return err
	}
	path := filepath.Join(s.logDir, name)
	f, err := s.fs.Open(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return fmt.Errorf("create log: %w", err)
	}
	l := &logFile{f: f, name: name, zxid: z, off: fileHeadLen, zeroed: fileHeadLen, step: min(firstStep, s.maxStep())}
	s.cur = l
	if _, err := f.WriteAt(appendLogHead(nil), 0); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := l.zeroAhead(fileHeadLen, s.maxStep()); err != nil {
		return fmt.Errorf("extend %s: %w", path, err)
	}
	s.stats.Logs++
	if s.cfg.NoSync {
		return nil
	}
	if err := s.syncLog(); err != nil {
		return err
	}
	if defect.Planted(defect.LogDirNotSynced) {
		return nil
	}
	if err := s.fs.SyncDir(s.logDir); err != nil {
		return fmt.Errorf("sync %s: %w", s.logDir, err)
	}
	s.log.Info("creating new log file", "file", path)
	return nil
}

// Roll ends the current log; the next Append opens a new one.
func (s *Store) Roll() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return err
	}
	if err := s.endLog(); err != nil {
		return s.fail(err)
	}
	return nil
}

// endLog cuts off the zeros and closes the log. Everything in it is durable
// already; the new size need not be.
func (s *Store) endLog() error {
	l := s.cur
	if l == nil {
		return nil
	}
	s.cur = nil
	err := l.f.Truncate(l.off)
	if cerr := l.f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("close %s: %w", l.name, err)
	}
	return nil
}
