package storage

import (
	"errors"
	"fmt"
	"path/filepath"

	"zookit/protocol"
)

// ErrNotInLog: the logs do not hold what was asked for without a gap.
var ErrNotInLog = errors.New("not in the txn logs")

// Locate says where zxid stands in the logs: floor is the last txn at or
// before it, or zxid itself when the logs begin with the txn right after it. It
// is false when the logs do not go on from there to the end without a gap, or may
// have one that does not show (see boundaries), or
// when more than factor times the newest snapshot's size would have to be read
// (snapshotSizeFactor; negative: never read). It may run beside Append.
func (s *Store) Locate(zxid protocol.Zxid, factor float64) (floor protocol.Zxid, found bool, err error) {
	if factor < 0 {
		return 0, false, nil
	}
	last := s.LastZxid()
	logs, err := s.logsFrom(zxid)
	if err != nil || len(logs) == 0 {
		return 0, false, err
	}
	if tooMuch, err := s.worthASnapshot(logs, factor); err != nil || tooMuch {
		return 0, false, err
	}
	prev := protocol.Zxid(-1)
	err = s.eachRecord(logs, last, func(z protocol.Zxid, _ []byte) error {
		switch {
		case prev >= 0 && !s.adjoin(prev, z):
			return errGap
		case z <= zxid:
			floor, found = z, true
		case !found && z == zxid+1:
			floor, found = zxid, true
		case !found:
			return errGap
		}
		prev = z
		return nil
	})
	if errors.Is(err, errGap) {
		return 0, false, nil
	}
	return floor, found && prev == last && err == nil, err
}

var errGap = errors.New("a gap in the logs")

// worthASnapshot says whether the logs are larger than a share of the newest
// snapshot, counting what was written and not what was preallocated.
func (s *Store) worthASnapshot(logs []dataFile, factor float64) (bool, error) {
	snaps, err := listFiles(s.fs, s.snapDir, snapPrefix)
	if err != nil || len(snaps) == 0 {
		return true, err
	}
	limit := int64(factor * float64(snaps[len(snaps)-1].size))
	// A small history is always cheaper to read than to replace.
	limit = max(limit, smallLogs)
	var sum int64
	s.mu.Lock()
	cur := s.cur
	for _, l := range logs {
		if cur != nil && cur.name == l.name {
			sum += cur.off
		} else {
			sum += l.size
		}
	}
	s.mu.Unlock()
	return sum > limit, nil
}

// smallLogs are read whatever the snapshot's size is. Differs from Apache,
// which sends a snapshot to a learner that was away for a moment when the tree
// is small.
const smallLogs = 1 << 20

// ReadRange calls f for every txn t with after < t ≤ through, in order; the
// payload is valid until f returns. ErrNotInLog says that some are not there. It
// may run beside Append, for what is durable.
func (s *Store) ReadRange(after, through protocol.Zxid, f func(protocol.Zxid, []byte) error) error {
	if after >= through {
		return nil
	}
	logs, err := s.logsFrom(after)
	if err != nil {
		return err
	}
	prev := after
	err = s.eachRecord(logs, through, func(z protocol.Zxid, payload []byte) error {
		if z <= after {
			return nil
		}
		if !s.adjoin(prev, z) {
			return fmt.Errorf("%w: %v comes after %v", ErrNotInLog, z, prev)
		}
		prev = z
		return f(z, payload)
	})
	if err == nil && prev != through {
		err = fmt.Errorf("%w: they end at %v, %v is asked for", ErrNotInLog, prev, through)
	}
	return err
}

// logsFrom are the logs that may hold what follows zxid, and zxid itself.
func (s *Store) logsFrom(zxid protocol.Zxid) ([]dataFile, error) {
	logs, err := listFiles(s.fs, s.logDir, logPrefix)
	if err != nil {
		return nil, err
	}
	from := 0
	for i, l := range logs {
		if l.zxid <= zxid {
			from = i
		}
	}
	return logs[from:], nil
}

// eachRecord calls f for the records of logs up to last, and looks at nothing
// behind it: that may be half written.
func (s *Store) eachRecord(logs []dataFile, last protocol.Zxid, f func(protocol.Zxid, []byte) error) error {
	for _, l := range logs {
		if l.zxid > last {
			return nil
		}
		done, err := s.records(l, last, f)
		if err != nil || done {
			return err
		}
	}
	return nil
}

func (s *Store) records(l dataFile, last protocol.Zxid, f func(protocol.Zxid, []byte) error) (done bool, err error) {
	lr, err := OpenLog(s.fs, filepath.Join(s.logDir, l.name))
	if err != nil {
		return false, err
	}
	defer lr.Close()
	for lr.Next() {
		if lr.Zxid() > last {
			return true, nil
		}
		if err := f(lr.Zxid(), lr.Payload()); err != nil {
			return false, err
		}
		if lr.Zxid() == last {
			return true, nil
		}
	}
	return false, lr.Err()
}
