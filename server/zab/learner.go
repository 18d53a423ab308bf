package zab

import (
	"cmp"
	"fmt"
	"math"

	"zookit/protocol"
	"zookit/protocol/quorum"
)

// LearnerConfig is what a server that joins a leader knows.
type LearnerConfig struct {
	ID       int64
	Observer bool
	Timing
	Batching

	// ConfigVersion is that of the configuration; 0 while reconfigEnabled is
	// false.
	ConfigVersion int64

	// From the disk; an epoch of −1 is missing, and that of LastZxid stands for it.
	AcceptedEpoch int64
	CurrentEpoch  int64
	LastZxid      protocol.Zxid // end of the log, all of it durable and applied; −1 implies AskSnapshot

	// AskSnapshot makes the learner say that it has no history, and that what it
	// says of it must not count: for a server whose own cannot be used. The
	// leader's snapshot replaces all there is.
	AskSnapshot bool
	// Counts makes the word of a learner that asks for a snapshot count all the
	// same when the leader settles its epoch. It is for a voter whose vote had to
	// be cast although its history cannot be used; the election has seen to it that
	// the leader has all there was.
	Counts bool
	// Promised is the latest epoch that damaged disks are known to have accepted, of
	// a voter that Counts: the leader has to settle a later one, or that epoch might
	// be led twice.
	Promised int64
	// AskInEpoch does so if the leader's epoch is this one: the epoch of a Learner
	// that ended with CannotTruncate. To any other leader the history is told as
	// it is, for it may be the better one. 0: no epoch.
	AskInEpoch int64

	ConnectMs int64 // the time to reach the leader (connectToLearnerMasterLimit); 0: initLimit

	// Recent ends at LastZxid; when it does not it begins anew.
	Recent *Recent

	MaxUnsynced    int64 // bytes received and not durable, see Accepting; 0: 16 MiB
	MaxUncommitted int64 // bytes of proposals that wait for their COMMIT; 0: 256 MiB
}

type learnerRole int

const (
	connecting    learnerRole = iota // waits for Connected
	registering                      // waits for LEADERINFO
	accepting                        // writes acceptedEpoch
	awaitingSync                     // waits for DIFF, TRUNC or SNAP
	synchronising                    // takes the history up to NEWLEADER
	entering                         // makes it durable, then writes currentEpoch
	awaitingStart                    // has acked NEWLEADER and waits for UPTODATE
	catchingUp                       // applies what it knows to be committed
	serving
	learnerStopped
)

var learnerRoleNames = [...]string{"connecting", "registering", "accepting epoch", "awaiting sync", "synchronising",
	"entering epoch", "awaiting start", "catching up", "serving", "stopped"}

func (r learnerRole) String() string { return learnerRoleNames[r] }

// Learner is the core of a follower or an observer.
type Learner struct {
	cfg     LearnerConfig
	role    learnerRole
	nowMs   int64
	heardMs int64
	epoch   int64
	out     outbox
	disk    disk
	step    *StepDown

	// last is the end of what was received. pending is what of it is not
	// applied; the first committedN of these are committed.
	last         protocol.Zxid
	applied      protocol.Zxid
	pending      []Entry
	committedN   int
	pendingBytes int64
	acked        protocol.Zxid // end of what was acknowledged in this epoch

	serveAt    protocol.Zxid // catchingUp: until this is applied
	syncs      []protocol.Zxid
	activation []Activate
}

// NewLearner begins to follow or observe. The disk must be at rest, and the
// tree hold exactly what the log does.
func NewLearner(cfg LearnerConfig, nowMs int64) *Learner {
	cfg.MaxUnsynced = cmp.Or(cfg.MaxUnsynced, 16<<20)
	cfg.MaxUncommitted = cmp.Or(cfg.MaxUncommitted, 256<<20)
	cfg.AcceptedEpoch, cfg.CurrentEpoch = epochsOf(cfg.AcceptedEpoch, cfg.CurrentEpoch, cfg.LastZxid)
	if cfg.Recent == nil {
		cfg.Recent = NewRecent(0, 0)
	}
	if cfg.Recent.Last() != cfg.LastZxid {
		cfg.Recent.Reset(cfg.LastZxid)
	}
	if cfg.LastZxid < 0 {
		cfg.LastZxid, cfg.AskSnapshot = 0, true
	}
	return &Learner{cfg: cfg, nowMs: nowMs, heardMs: nowMs, disk: cfg.disk(cfg.LastZxid), last: cfg.LastZxid, applied: cfg.LastZxid}
}

// Step takes in what happened.
func (l *Learner) Step(nowMs int64, ev Event) {
	l.nowMs = max(l.nowMs, nowMs)
	if l.role == learnerStopped {
		l.stepStopped(ev)
		return
	}
	switch ev := ev.(type) {
	case Connected:
		l.connected()
	case Disconnected:
		if l.role == connecting {
			l.stop(LeaderUnreachable, "")
			return
		}
		l.stop(LeaderLost, "")
	case Received:
		l.heardMs = l.nowMs
		l.receive(&ev.Packet)
	case StreamProgress:
		l.heardMs = l.nowMs
	case Persisted, EpochWritten, Truncated, SnapshotInstalled:
		l.answer(ev)
	case StorageFailed:
		l.stop(DiskFailed, fmt.Sprint(ev.Err))
	case Forward:
		l.forward(ev)
	case Revalidate:
		l.revalidate(ev)
	case Leave:
		l.stop(Reconfigured, ev.Why)
	case PingReply:
		l.pong(ev.Zxid, ev.Touches)
	}
	if l.role != learnerStopped && l.nowMs >= l.Deadline() {
		l.timeOut()
	}
}

// Ready hands out what is to be done.
func (l *Learner) Ready() Ready {
	if l.role != learnerStopped {
		l.advance()
		l.out.rd.Order = l.disk.next(l.nowMs)
	}
	return l.out.take()
}

// Deadline is when Step wants to be called at the latest.
func (l *Learner) Deadline() int64 {
	switch l.role {
	case learnerStopped:
		return math.MaxInt64
	case connecting:
		return l.heardMs + l.connectMs()
	case catchingUp, serving:
		return l.heardMs + l.cfg.syncMs()
	}
	return l.heardMs + l.cfg.initMs()
}

func (l *Learner) timeOut() {
	if l.role == connecting {
		l.stop(LeaderUnreachable, fmt.Sprintf("not connected within %d ms", l.connectMs()))
		return
	}
	l.stop(LeaderSilent, fmt.Sprintf("nothing heard for %d ms while %v", l.nowMs-l.heardMs, l.role))
}

func (l *Learner) connectMs() int64 { return cmp.Or(l.cfg.ConnectMs, l.cfg.initMs()) }

// Epoch is that of the leader; 0 until it is known.
func (l *Learner) Epoch() int64 { return l.epoch }

// Serving says that requests may be taken.
func (l *Learner) Serving() bool { return l.role == serving }

// Applied is the zxid of the last txn handed out by Commits.
func (l *Learner) Applied() protocol.Zxid { return l.applied }

// Accepting is false while more than MaxUnsynced bytes wait for the disk: read
// no more from the leader until some are durable.
func (l *Learner) Accepting() bool { return l.disk.bytes < l.cfg.MaxUnsynced }

// Stopped is the reason once the role has ended.
func (l *Learner) Stopped() *StepDown { return l.step }

// stop ends the role. Nothing is sent or applied any more; the order that is
// out is still to be answered.
func (l *Learner) stop(r Reason, detail string) {
	if l.role == learnerStopped {
		return
	}
	l.role = learnerStopped
	l.step = &StepDown{Reason: r, Detail: detail}
	l.out.rd.StepDown = l.step
	l.disk.halt()
}

func (l *Learner) broken(format string, args ...any) { l.stop(Broken, fmt.Sprintf(format, args...)) }

// stepStopped waits for the disk to come to rest.
func (l *Learner) stepStopped(ev Event) {
	if ev, ok := ev.(Persisted); ok {
		l.disk.answered(Append, ev.Zxid, 0)
	}
}

// Tail is, after the role has ended and the order that was out is answered,
// what is in the log and was never among the Commits. The next role begins
// with a tree that holds it, uncommitted or not. It may be asked once. After a
// truncation or a snapshot that was ordered and not answered without error it
// says nothing: the tree is read anew from the disk.
func (l *Learner) Tail() []Entry {
	var tail []Entry
	for _, e := range l.pending {
		if e.Zxid > l.disk.persisted {
			break
		}
		tail = append(tail, e)
		l.cfg.Recent.Add(e)
		l.applied = e.Zxid
	}
	l.pending, l.committedN = nil, 0
	return tail
}

func (l *Learner) send(p quorum.Packet) { l.out.send(0, p) }

// forward sends a request on. Before Serve and after StepDown there is nobody
// to send it to, and the replica knows.
func (l *Learner) forward(ev Forward) {
	if l.role == serving {
		l.send(quorum.Packet{Type: quorum.Request, Zxid: -1, Data: ev.Request.AppendTo(nil), Auth: ev.Auth})
	}
}

func (l *Learner) revalidate(ev Revalidate) {
	if l.role == serving {
		q := quorum.RevalidateRequest{Session: ev.Session, TimeoutMs: ev.TimeoutMs}
		l.send(quorum.Packet{Type: quorum.Revalidate, Zxid: -1, Data: q.AppendTo(nil)})
	}
}

// pong echoes a PING. The table without entries is an empty buffer, not null.
func (l *Learner) pong(zxid protocol.Zxid, t quorum.Touches) {
	if l.role >= awaitingStart {
		l.send(quorum.Packet{Type: quorum.Ping, Zxid: zxid, Data: t.AppendTo([]byte{})})
	}
}
