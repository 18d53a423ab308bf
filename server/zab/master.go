package zab

import (
	"math"
	"slices"

	"zookit/protocol"
	"zookit/protocol/quorum"
	"zookit/server/defect"
)

// A Master is a follower's side of the observers that it serves instead of the
// leader (observerMasterPort). To an observer it is a leader that leads already:
// it brings the observer to its own history, tells it every commit, and takes
// its requests. It proposes nothing, and keeps nothing on disk; the replica
// passes commits down and requests up (Inform, and the Outputs that a Leader
// has, too). It begins when the follower serves and ends with that role.
//
// Facts come from ObserverMaster and LearnerHandler of Apache 3.9.5.
//
// Differs from Apache: an observer that has more of this epoch than its new
// master waits until the master has it, too; there it is cut back, and its
// clients see the past.
type Master struct{ l Leader }

// MasterConfig is what a follower that serves knows.
type MasterConfig struct {
	ID       int64
	Verifier *quorum.Verifier
	Config   []byte // data of NEWLEADER: the configuration's text
	Timing

	Epoch   int64
	Applied protocol.Zxid // Recent ends here
	Recent  *Recent       // the learner's, which adds what it applies

	ForceSnapshot bool  // forceSnapshotSync
	MaxConns      int   // connections; 0: 1024
	MaxSnapshots  int   // sent at the same time; 0: 10
	MaxDiffs      int   // observers brought up to date otherwise, at the same time; 0: 100
	MaxQueue      int64 // bytes of txns an observer may be behind; 0: 128 MiB
}

// NewMaster begins to serve observers.
func NewMaster(cfg MasterConfig, nowMs int64) *Master {
	// The epoch is settled: the phases of a Leader before broadcast are passed over.
	l := newLeader(LeaderConfig{
		ID: cfg.ID, Verifier: cfg.Verifier, Config: cfg.Config, Timing: cfg.Timing,
		AcceptedEpoch: cfg.Epoch, CurrentEpoch: cfg.Epoch, LastZxid: cfg.Applied, Recent: cfg.Recent,
		ForceSnapshot: cfg.ForceSnapshot, MaxConns: cfg.MaxConns, MaxSnapshots: cfg.MaxSnapshots, MaxDiffs: cfg.MaxDiffs, MaxQueue: cfg.MaxQueue,
	}, nowMs)
	l.master, l.epoch, l.phase = true, cfg.Epoch, broadcast
	l.nextPingMs, l.nextCheckMs = nowMs+l.pingMs(), math.MaxInt64
	return &Master{l: *l}
}

// Step takes in what happened: an event of a connection, or a Tick. All that the
// follower has applied must have been told by Inform.
func (m *Master) Step(nowMs int64, ev Event) {
	switch ev.(type) {
	case Tick, Connected, Disconnected, Received, StreamProgress, Located, SyncRequest, Revalidated:
		m.l.Step(nowMs, ev)
	}
}

// Inform tells the observers of a txn that was applied here, the next one. With
// activate it is a reconfiguration that comes into force.
func (m *Master) Inform(nowMs int64, e Entry, activate *Activate) {
	l := &m.l
	l.nowMs = max(l.nowMs, nowMs)
	l.busyMs = l.nowMs
	l.applied = e.Zxid
	p := quorum.Packet{Type: quorum.Inform, Zxid: e.Zxid, Data: e.Payload}
	if activate != nil {
		a := quorum.Activation{DesignatedLeader: activate.DesignatedLeader}
		p.Type, p.Data = quorum.InformAndActivate, append(a.AppendTo(nil), e.Payload...)
	}
	if defect.Planted(defect.MasterSkips) && e.Zxid.Counter()%7 == 3 {
		return
	}
	for _, f := range slices.Clone(l.learners) {
		if !f.registered() {
			continue
		}
		f.queuedBytes += e.size()
		l.out.send(f.conn, p)
		if behind := f.queuedBytes - f.readBytes; behind > l.cfg.MaxQueue {
			l.drop(f, "it is %d bytes behind", behind)
		}
	}
}

// Configure says which configuration is in force.
func (m *Master) Configure(v *quorum.Verifier, text []byte) {
	m.l.cfg.Verifier, m.l.cfg.Config = v, text
}

// Ready hands out what is to be done: Messages, Close, LookUps, Outputs and
// Notes alone. All that the follower has applied must have been told by Inform:
// an observer that was ahead joins here with all of Recent, and would be told
// the rest of it a second time.
func (m *Master) Ready() Ready {
	l := &m.l
	for _, f := range slices.Clone(l.learners) {
		if f.state == learnerAhead && f.lastZxid <= l.applied {
			l.synchronise(f)
		}
	}
	return l.out.take()
}

// Deadline is when Step wants to be called with a Tick at the latest.
func (m *Master) Deadline() int64 { return m.l.Deadline() }

// ahead tells that an observer has txns of this epoch that are still to come
// here: they are committed, as observers have nothing else.
func (l *Leader) ahead(f *learnerState) bool {
	p := f.lastZxid
	return l.master && p > l.applied && p.Epoch() == l.epoch && p.Counter() != 0 && p.Counter() != maxCounter
}
