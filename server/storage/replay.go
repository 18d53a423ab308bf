package storage

import (
	"errors"
	"fmt"
	"path/filepath"

	"zookit/protocol"
	"zookit/protocol/txn"
	"zookit/server/defect"
)

// readLogs replays what follows the snapshot: all logs from it on, and the one
// that begins at or before it.
func (r *recovery) readLogs() error {
	if r.reached() {
		return errThrough
	}
	from := 0
	for i, l := range r.logs {
		if l.zxid <= r.last+1 {
			from = i
		}
	}
	r.read = r.logs[from:]
	if len(r.read) > 0 && r.fellBack() && r.read[0].zxid > r.last+1 {
		l := r.read[0]
		return r.damage(l, 0, l.zxid, fmt.Sprintf("a newer snapshot cannot be read, and no log goes on from the one of %v: the logs begin with %v", r.last, l.zxid))
	}
	for i, l := range r.read {
		if err := r.readLog(l, r.read[i+1:]); err != nil {
			return err
		}
	}
	return nil
}

// fellBack tells that there is a newer snapshot than the one that was read. Logs
// may have been removed because of it: that a later epoch begins behind the older
// one is then no sign that nothing is missing.
func (r *recovery) fellBack() bool {
	return r.out.SnapshotZxid >= 0 && r.snaps[len(r.snaps)-1].zxid > r.out.SnapshotZxid
}

// readLog replays one log; later are the logs behind it.
func (r *recovery) readLog(l dataFile, later []dataFile) error {
	path := filepath.Join(r.s.logDir, l.name)
	lr, err := OpenLog(r.s.fs, path)
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	defer lr.Close()
	whole := true // nothing was skipped
	for {
		for lr.Next() {
			if whole && lr.records == 1 && lr.Zxid() != l.zxid {
				return r.damage(l, lr.Offset(), lr.Zxid(), fmt.Sprintf("its first transaction is %v, not the one in its name", lr.Zxid()))
			}
			if err := r.replay(lr, l); err != nil {
				return err
			}
			r.newst, r.end = l.zxid, lr.off
		}
		if lr.Err() != nil {
			return lr.Err()
		}
		end := lr.End()
		if end.Kind != EndBad || end.Next < 0 || end.Unsure || end.NextZxid > r.last+1 {
			return r.judgeEnd(l, end, lr.records, later)
		}
		// What cannot be read is in the snapshot; the next record is at hand.
		r.s.log.Warn("log is damaged where nothing is missing", "file", path, "offset", end.Offset, "cause", end.Cause)
		r.out.WantSnapshot, whole = true, false
		lr.Skip()
	}
}

// replay applies one record, if the snapshot does not hold it already.
func (r *recovery) replay(lr *LogReader, l dataFile) error {
	z := lr.Zxid()
	if z <= r.last && z <= r.out.SnapshotZxid {
		return nil
	}
	if r.through > 0 && z > r.through { // of a later epoch
		return errThrough
	}
	if !follows(r.last, z) {
		why := fmt.Sprintf("the transaction after %v is %v", r.last, z)
		return r.damage(l, lr.Offset(), z, why)
	}
	t, err := txn.Decode(lr.Payload())
	if err != nil {
		return r.damage(l, lr.Offset(), z, fmt.Sprintf("a record with a right checksum holds no transaction (%v)", err))
	}
	r.sink.Apply(t)
	r.ends.passed(r.last, z)
	r.last = z
	r.out.Txns++
	r.out.TxnBytes += int64(len(lr.Payload()))
	if r.reached() { // what follows may be damaged
		return errThrough
	}
	return nil
}

// reached tells that the history is as long as Read was asked for.
func (r *recovery) reached() bool { return r.through > 0 && r.last >= r.through }

// damage is the error for a record at an offset of a log; seen is the highest
// zxid known to have been at or behind it.
func (r *recovery) damage(l dataFile, offset int64, seen protocol.Zxid, cause string) error {
	r.cut, r.cutAt = l, offset
	return &DamageError{
		File: filepath.Join(r.s.logDir, l.name), Offset: offset,
		FirstZxid: r.last + 1, LastZxid: max(seen, r.highest()), Cause: cause, Acceptable: true,
	}
}

// highest is the highest zxid known to have been in the history: that of a
// valid record of the newest log that has any, of a snapshot's name, of the
// witness.
func (r *recovery) highest() protocol.Zxid {
	z := protocol.Zxid(0)
	if n := len(r.snaps); n > 0 {
		z = r.snaps[n-1].zxid
	}
	if r.vouched != nil {
		z = max(z, r.vouched.Zxid)
	}
	for i := len(r.logs) - 1; i >= 0; i-- {
		if end := r.highestIn(r.logs[i]); end > 0 {
			return max(z, end)
		}
	}
	return z
}

// highestIn is that of the valid records of a log, 0 when it has none.
func (r *recovery) highestIn(l dataFile) (z protocol.Zxid) {
	lr, err := OpenLog(r.s.fs, filepath.Join(r.s.logDir, l.name))
	if err != nil {
		return 0
	}
	defer lr.Close()
	for lr.Next() {
		z = max(z, lr.Zxid())
	}
	if lr.Err() == nil {
		z = max(z, lr.End().Highest)
	}
	return z
}

// judgeEnd decides whether the end of a log is what a crash leaves.
func (r *recovery) judgeEnd(l dataFile, end LogEnd, records int, later []dataFile) error {
	if records == 0 && end.Kind != EndBad {
		// Created and never written to.
		r.trims = append(r.trims, trim{file: l, used: end.Used, why: "the log was created and never written to"})
		return nil
	}
	if end.Kind == EndClean {
		return nil
	}
	next, err := r.nextLog(later)
	if err != nil {
		return err
	}
	why := ""
	switch {
	case end.Offset == 0:
		why = end.Cause // the header is durable before anything else
	case next != nil && next.zxid == r.last+1:
	case next != nil && !follows(r.last, next.zxid):
		why = fmt.Sprintf("%s, and the next log begins with %v", end.Cause, next.zxid)
	default:
		why = r.notTorn(l, end)
	}
	if why != "" {
		return r.damage(l, end.Offset, end.Highest, why)
	}
	t := trim{file: l, from: end.Offset, used: end.Used, why: end.Cause}
	if records == 0 {
		t.from = 0
	}
	r.trims = append(r.trims, t)
	return nil
}

// nextLog is the first log of a list that holds anything.
func (r *recovery) nextLog(later []dataFile) (*dataFile, error) {
	for i := range later {
		blank, err := r.blank(later[i])
		if err != nil {
			return nil, err
		}
		if !blank {
			return &later[i], nil
		}
	}
	return nil, nil
}

// notTorn says why an unreadable end is not the torn last batch; "" if it is.
func (r *recovery) notTorn(l dataFile, end LogEnd) string {
	w := r.vouched
	batch := int64(max(MaxBatchBytes, r.s.cfg.MaxRecordBytes)) + recordFrame
	switch {
	case w != nil && !reaches(r.last, w.Zxid):
		return fmt.Sprintf("%s, but transactions up to %v had been synced", end.Cause, w.Zxid)
	case end.Used-end.Offset > batch:
		return fmt.Sprintf("%s, and %d bytes follow, more than one batch", end.Cause, end.Used-end.Offset)
	case end.Next < 0:
		return ""
	case w != nil && w.Log == l.zxid && end.LostSector:
		return ""
	}
	return fmt.Sprintf("%s, and a valid record (%v) follows at offset %d", end.Cause, end.NextZxid, end.Next)
}

// checkEnd refuses a history that ends before something that is known of it.
func (r *recovery) checkEnd() error {
	s := r.s
	reached := max(r.last, 0)
	if !reaches(reached, r.covered) {
		return &DamageError{File: r.out.Snapshot, FirstZxid: reached + 1, LastZxid: r.covered,
			Cause: fmt.Sprintf("it holds changes up to %v, but the logs end at %v", r.covered, r.last),
			Mend:  "restore the missing logs; or move this snapshot away, so that an older one is used"}
	}
	if r.out.Lost != nil {
		return nil
	}
	if n := len(r.snaps); n > 0 && !reaches(reached, r.snaps[n-1].zxid) {
		return &DamageError{File: filepath.Join(s.snapDir, r.snaps[n-1].name), FirstZxid: reached + 1, LastZxid: r.highest(), Acceptable: true,
			Cause: fmt.Sprintf("this snapshot cannot be read, and without it the history ends at %v", r.last)}
	}
	if w := r.vouched; w != nil && !reaches(reached, w.Zxid) {
		file := s.logDir
		if w.Log >= 0 {
			file = filepath.Join(s.logDir, logName(w.Log))
		}
		return &DamageError{File: file, Offset: w.Offset, FirstZxid: reached + 1, LastZxid: w.Zxid, Acceptable: true,
			Cause: fmt.Sprintf("transactions up to %v had been synced, but the history ends at %v: a log is missing or cut short", w.Zxid, r.last),
			Mend: fmt.Sprintf("restore the missing files; if this directory was replaced on purpose by an older copy, remove %s",
				filepath.Join(s.logDir, witnessName))}
	}
	return nil
}

// accept lets damage pass that the operator has accepted by its number.
func (r *recovery) accept(err error) error {
	var d *DamageError
	if !errors.As(err, &d) || !d.Acceptable || r.s.cfg.AcceptDataLoss != d.FirstZxid && !defect.Planted(defect.DamagedPrefixVotes) {
		return err
	}
	r.s.log.Error("data loss accepted by the operator", "from", d.FirstZxid, "to", d.LastZxid, "file", d.File, "offset", d.Offset, "cause", d.Cause)
	r.out.Lost = d
	r.out.WantSnapshot = true
	return nil
}
