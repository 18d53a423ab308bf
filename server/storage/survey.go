package storage

import (
	"errors"
	"fmt"
	"path/filepath"

	"zookit/protocol"
	"zookit/protocol/txn"
)

// Survey is what is in a data directory, readable or not.
type Survey struct {
	SnapshotDir, LogDir string // the version-2 directories

	Snapshots []SnapshotState // oldest first
	Logs      []LogState      // oldest first
	// AcceptedEpoch and CurrentEpoch are −1 when missing; EpochsErr says what is
	// wrong with one that cannot be read.
	AcceptedEpoch, CurrentEpoch int64
	EpochsErr                   error
	Quarantine                  *Quarantine // nil: none is noted

	// Last is the end of the history that can be used; 0: there is none.
	Last protocol.Zxid
	// Damage is what a server would refuse to start for, nil when the history is
	// whole.
	Damage *DamageError
}

// SnapshotState is a snapshot, whole if Err is nil.
type SnapshotState struct {
	Path string
	Zxid protocol.Zxid
	Err  error
}

// LogState is a log as a row of spans, each readable from its beginning to its
// end, with damage in between.
type LogState struct {
	Path  string
	Spans []LogSpan
}

// LogSpan is a readable part of a log, or one that is not.
type LogSpan struct {
	From, To    int64 // offsets
	Records     int   // 0 of damage
	First, Last protocol.Zxid
	Cause       string // of damage: why it cannot be read
}

// Look surveys a directory and changes nothing. Of cfg the same counts as for
// Read.
func Look(cfg Config) (*Survey, error) {
	s, err := forReading(cfg)
	if err != nil {
		return nil, err
	}
	v := &Survey{SnapshotDir: s.snapDir, LogDir: s.logDir}
	if v.Quarantine, err = readQuarantine(s.fs, s.snapDir); err != nil {
		return nil, err
	}
	var damaged [2]error
	v.AcceptedEpoch, damaged[0] = readEpoch(s.fs, s.snapDir, acceptedEpochName)
	v.CurrentEpoch, damaged[1] = readEpoch(s.fs, s.snapDir, currentEpochName)
	v.EpochsErr = errors.Join(damaged[:]...)
	snaps, err := listFiles(s.fs, s.snapDir, snapPrefix)
	if err != nil {
		return nil, err
	}
	for _, f := range snaps {
		path := filepath.Join(s.snapDir, f.name)
		_, err := ReadSnapshot(s.fs, path, discard{})
		v.Snapshots = append(v.Snapshots, SnapshotState{path, f.zxid, err})
	}
	logs, err := listFiles(s.fs, s.logDir, logPrefix)
	if err != nil {
		return nil, err
	}
	for _, l := range logs {
		state, err := s.lookAt(l)
		if err != nil {
			return nil, err
		}
		v.Logs = append(v.Logs, state)
	}
	got, err := Read(cfg, 0, nothing{})
	v.Last = got.LastZxid
	if err != nil && !errors.As(err, &v.Damage) {
		return nil, err
	}
	return v, nil
}

// lookAt reads a log through all its damage.
func (s *Store) lookAt(l dataFile) (LogState, error) {
	state := LogState{Path: filepath.Join(s.logDir, l.name)}
	lr, err := OpenLog(s.fs, state.Path)
	if err != nil {
		return state, fmt.Errorf("open log: %w", err)
	}
	defer lr.Close()
	for {
		var span LogSpan
		for lr.Next() {
			if span.Records == 0 {
				span.From, span.First = lr.Offset(), lr.Zxid()
			}
			span.Records++
			span.Last, span.To = lr.Zxid(), lr.off
		}
		if lr.Err() != nil {
			return state, lr.Err()
		}
		if span.Records > 0 {
			state.Spans = append(state.Spans, span)
		}
		end := lr.End()
		if end.Kind != EndBad {
			return state, nil
		}
		bad := LogSpan{From: end.Offset, To: end.Used, Cause: end.Cause}
		if end.Next < 0 || end.Unsure {
			state.Spans = append(state.Spans, bad)
			return state, nil
		}
		bad.To = end.Next
		state.Spans = append(state.Spans, bad)
		lr.Skip()
	}
}

// Accept is the operator's word that the txns from zxid on may be lost: zxid is
// the DamageError's FirstZxid, or in a quarantine without damage the one behind
// the history's last. What is damaged is set aside; then the history is whole,
// and shorter. No server may run on the directory.
func Accept(cfg Config, zxid protocol.Zxid) (*DamageError, error) {
	cfg.AcceptDataLoss = zxid
	s, err := Open(cfg)
	if err != nil {
		return nil, err
	}
	got, err := s.Recover(nothing{})
	if cerr := s.Close(); err == nil {
		err = cerr
	}
	return got.Lost, err
}

// nothing is a Sink that keeps nothing.
type nothing struct{ discard }

func (nothing) Reset()                                           {}
func (nothing) EndSnapshot(protocol.Zxid, *SnapshotDigest) error { return nil }
func (nothing) Apply(*txn.Txn)                                   {}

var _ Sink = nothing{}
