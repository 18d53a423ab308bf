package zab

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"zookit/protocol"
	"zookit/protocol/quorum"
	"zookit/server/defect"
)

// Timing is what the configuration says of time.
type Timing struct {
	TickMs    int64 // tickTime
	InitLimit int64 // ticks a learner may take to join, and a leader to be accepted
	SyncLimit int64 // ticks a peer may be silent, or behind with its acks
}

func (t *Timing) initMs() int64 { return t.TickMs * t.InitLimit }
func (t *Timing) syncMs() int64 { return t.TickMs * t.SyncLimit }

// Batching bounds what one sync covers; 0 is 1 MiB and 4096 entries.
type Batching struct {
	MaxBatchBytes   int64
	MaxBatchEntries int
}

func (b *Batching) disk(persisted protocol.Zxid) disk {
	return disk{persisted: persisted, maxBytes: cmp.Or(b.MaxBatchBytes, 1<<20), maxRecords: cmp.Or(b.MaxBatchEntries, 4096)}
}

// LeaderConfig is what a server that was elected knows.
type LeaderConfig struct {
	ID       int64
	Verifier *quorum.Verifier
	Config   []byte // data of NEWLEADER: the configuration's text

	// View is the configuration where it may change (reconfigEnabled), else nil.
	// Next is one that was proposed in the history and is not known to be in
	// force, nil when there is none.
	View, Next *quorum.View

	Timing
	Batching

	// From the disk; an epoch of −1 is missing, and that of LastZxid stands for it.
	AcceptedEpoch int64
	CurrentEpoch  int64
	LastZxid      protocol.Zxid // end of the log, all of it durable and applied

	// OfferedEpoch is one that a voter is known to have accepted, from the
	// StepDown of an earlier term; 0: none is known.
	OfferedEpoch int64

	// Recent ends at LastZxid; when it does not it begins anew.
	Recent *Recent

	ForceSnapshot bool // forceSnapshotSync: every learner is sent a snapshot

	// Told is the epoch of the history that a voter has told in an election while
	// this server leads, 0 when it has told none. nil: nobody tells.
	Told func(sid int64) int64

	// MaxCounter is the counter that ends an epoch; 0: 0xffffffff. Tests lower it.
	MaxCounter uint32

	MaxConns     int   // connections of learners; 0: 1024
	MaxSnapshots int   // sent at the same time; an observer has to wait; 0: 10 (leader.maxConcurrentSnapSyncs)
	MaxDiffs     int   // learners that are brought up to date otherwise, likewise; 0: 100 (leader.maxConcurrentDiffSyncs)
	MaxQueue     int64 // bytes of txns a learner may be behind; 0: 128 MiB
	MaxInFlight  int64 // bytes of proposals not applied, see Accepting; 0: 64 MiB
}

type leaderPhase int

const (
	discovery       leaderPhase = iota // waits for a quorum of FOLLOWERINFO
	acceptingEpoch                     // writes acceptedEpoch
	collecting                         // waits for a quorum of ACKEPOCH
	enteringEpoch                      // writes currentEpoch
	synchronisation                    // waits for a quorum of NEWLEADER acks
	broadcast                          // leads
	leaderStopped
)

var leaderPhaseNames = [...]string{"discovery", "accepting epoch", "collecting", "entering epoch", "synchronisation", "broadcast", "stopped"}

func (p leaderPhase) String() string { return leaderPhaseNames[p] }

// proposal is a txn on its way.
type proposal struct {
	Entry
	atMs int64
}

// Leader is the core of a leading server.
type Leader struct {
	cfg     LeaderConfig
	phase   leaderPhase
	master  bool  // it is the inside of a Master
	sinceMs int64 // the phase began
	nowMs   int64
	epoch   int64 // the new one, once settled
	out     outbox
	disk    disk
	step    *StepDown
	members

	learners []*learnerState // ascending by conn: the order of everything sent to all
	offered  int64           // the highest acceptedEpoch of a voter

	// The history is cfg.Recent up to applied, then inFlight, of which the
	// first committedN are committed and wait for the own log alone.
	applied       protocol.Zxid
	inFlight      []proposal
	committedN    int
	inFlightBytes int64

	// acks is, for each voter whose currentEpoch is this one, the end of the
	// part of its log that it has acknowledged.
	acks map[int64]protocol.Zxid

	nextPingMs, nextCheckMs int64
	busyMs                  int64 // when a txn was proposed, or a session heard of by a learner
}

// NewLeader begins a term. The disk must be at rest, and the tree hold exactly
// what the log does.
func NewLeader(cfg LeaderConfig, nowMs int64) *Leader {
	l := newLeader(cfg, nowMs)
	l.tryDiscover()
	return l
}

func newLeader(cfg LeaderConfig, nowMs int64) *Leader {
	cfg.MaxConns = cmp.Or(cfg.MaxConns, 1024)
	cfg.MaxSnapshots = cmp.Or(cfg.MaxSnapshots, 10)
	cfg.MaxCounter = cmp.Or(cfg.MaxCounter, maxCounter)
	cfg.MaxDiffs = cmp.Or(cfg.MaxDiffs, 100)
	cfg.MaxQueue = cmp.Or(cfg.MaxQueue, 128<<20)
	cfg.MaxInFlight = cmp.Or(cfg.MaxInFlight, 64<<20)
	cfg.AcceptedEpoch, cfg.CurrentEpoch = epochsOf(cfg.AcceptedEpoch, cfg.CurrentEpoch, cfg.LastZxid)
	if cfg.Recent == nil {
		cfg.Recent = NewRecent(0, 0)
	}
	if cfg.Recent.Last() != cfg.LastZxid {
		cfg.Recent.Reset(cfg.LastZxid)
	}
	return &Leader{
		cfg: cfg, nowMs: nowMs, sinceMs: nowMs, busyMs: nowMs, disk: cfg.disk(cfg.LastZxid),
		applied: cfg.LastZxid, offered: max(cfg.AcceptedEpoch, cfg.OfferedEpoch), acks: map[int64]protocol.Zxid{},
		members: members{next: cfg.Next},
	}
}

// epochsOf fills in missing epochs (QuorumPeer.loadDataBase).
func epochsOf(accepted, current int64, last protocol.Zxid) (int64, int64) {
	if current < 0 {
		current = max(last, 0).Epoch()
	}
	if accepted < 0 {
		accepted = max(last, 0).Epoch()
	}
	return max(accepted, current), current
}

// Step takes in what happened.
func (l *Leader) Step(nowMs int64, ev Event) {
	l.nowMs = max(l.nowMs, nowMs)
	if l.phase == leaderStopped {
		l.stepStopped(ev)
		return
	}
	switch ev := ev.(type) {
	case Connected:
		l.connect(ev.Conn)
	case Disconnected:
		if f := l.byConn(ev.Conn); f != nil {
			l.remove(f)
		}
	case Received:
		if f := l.byConn(ev.Conn); f != nil {
			l.receive(f, &ev.Packet)
		}
	case StreamProgress:
		if f := l.byConn(ev.Conn); f != nil {
			f.heardMs = l.nowMs
		}
	case Persisted:
		if !l.disk.answered(Append, ev.Zxid, 0) {
			l.broken("%v reported as persisted, out is %v", ev.Zxid, &l.disk.out)
			break
		}
		l.commit()
	case EpochWritten:
		l.epochWritten(ev)
	case StorageFailed:
		l.stop(DiskFailed, fmt.Sprint(ev.Err))
	case Located:
		if f := l.byConn(ev.Conn); f != nil && f.state == learnerLocating && f.lastZxid == ev.Zxid {
			l.synchroniseFromDisk(f, ev)
		}
	case SyncRequest:
		if f := l.byConn(ev.Conn); f != nil && f.state == learnerReady {
			l.queueSync(f)
		}
	case Revalidated:
		if f := l.byConn(ev.Conn); f != nil && f.state == learnerReady {
			reply := quorum.RevalidateReply{Session: ev.Session, Valid: ev.Valid}
			l.out.send(f.conn, quorum.Packet{Type: quorum.Revalidate, Zxid: -1, Data: reply.AppendTo(nil)})
		}
	}
	if l.phase != leaderStopped {
		l.checkTime()
	}
}

// Ready hands out what is to be done.
func (l *Leader) Ready() Ready {
	if l.phase != leaderStopped {
		l.apply()
		l.out.rd.Order = l.disk.next(l.nowMs)
		if o := l.out.rd.Order; o != nil && o.Kind == Append && defect.Planted(defect.LeaderCountsEarly) {
			l.disk.persisted = o.Zxid
			l.commit()
		}
	}
	return l.out.take()
}

// Epoch is the new epoch; 0 until it is settled.
func (l *Leader) Epoch() int64 { return l.epoch }

// Serving says that the leader is established.
func (l *Leader) Serving() bool { return l.phase == broadcast }

// Committed is the last zxid a quorum is known to have.
func (l *Leader) Committed() protocol.Zxid {
	if l.committedN > 0 {
		return l.inFlight[l.committedN-1].Zxid
	}
	return l.applied
}

// Proposed is the last zxid there is.
func (l *Leader) Proposed() protocol.Zxid {
	if n := len(l.inFlight); n > 0 {
		return l.inFlight[n-1].Zxid
	}
	return l.applied
}

// Accepting is false while the txns on their way hold more than MaxInFlight:
// propose no more until some are applied.
func (l *Leader) Accepting() bool { return l.inFlightBytes < l.cfg.MaxInFlight }

// Stopped is the reason once the role has ended.
func (l *Leader) Stopped() *StepDown { return l.step }

func (l *Leader) enter(p leaderPhase) { l.phase, l.sinceMs = p, l.nowMs }

// stop ends the role. Nothing is sent or committed any more; the order that is
// out is still to be answered.
func (l *Leader) stop(r Reason, detail string) {
	if l.phase == leaderStopped {
		return
	}
	l.enter(leaderStopped)
	l.step = &StepDown{Reason: r, Detail: detail}
	l.out.rd.StepDown = l.step
	l.disk.halt()
}

func (l *Leader) broken(format string, args ...any) { l.stop(Broken, fmt.Sprintf(format, args...)) }

// stepStopped waits for the disk to come to rest.
func (l *Leader) stepStopped(ev Event) {
	if ev, ok := ev.(Persisted); ok {
		l.disk.answered(Append, ev.Zxid, 0)
	}
}

// Tail is, after the role has ended and the order that was out is answered,
// what is in the log and was never among the Commits. The next role begins
// with a tree that holds it. It may be asked once.
func (l *Leader) Tail() []Entry {
	var tail []Entry
	for _, p := range l.inFlight {
		if p.Zxid > l.disk.persisted {
			break
		}
		tail = append(tail, p.Entry)
		l.cfg.Recent.Add(p.Entry)
		l.applied = p.Zxid
	}
	l.inFlight, l.committedN = nil, 0
	return tail
}

// quorumOf says whether the voters for which in holds, and this server if self
// is true, are a quorum of every configuration that counts at zxid.
func (l *Leader) quorumOf(at protocol.Zxid, self bool, in func(sid int64) bool) bool {
	with := func(sid int64) bool {
		if sid == l.cfg.ID {
			return self
		}
		return in(sid)
	}
	if defect.Planted(defect.HalfQuorum) {
		n := 0
		for _, sid := range l.cfg.Verifier.Voters() {
			if with(sid) {
				n++
			}
		}
		return n >= len(l.cfg.Verifier.Voters())/2
	}
	for _, v := range l.verifiers(at) {
		if !v.ContainsQuorum(with) {
			return false
		}
	}
	return true
}

// quorumOfLearners is quorumOf for voters that are connected as followers.
func (l *Leader) quorumOfLearners(in func(f *learnerState) bool) bool {
	return l.quorumOf(l.nextAt, true, func(sid int64) bool {
		f := l.voter(sid)
		return f != nil && in(f)
	})
}

// voter is the connection of a server that follows, if there is one.
func (l *Leader) voter(sid int64) *learnerState {
	for _, f := range l.learners {
		if f.sid == sid && (f.follows || l.promoted(f)) {
			return f
		}
	}
	return nil
}

func (l *Leader) byConn(c Conn) *learnerState {
	if i, ok := l.search(c); ok {
		return l.learners[i]
	}
	return nil
}

func (l *Leader) search(c Conn) (int, bool) {
	return slices.BinarySearchFunc(l.learners, c, func(f *learnerState, c Conn) int { return cmp.Compare(f.conn, c) })
}

// maxEpoch: an epoch is an int32 in ACKEPOCH.
const maxEpoch = math.MaxInt32
