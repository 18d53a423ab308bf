package replica

import (
	"fmt"

	"zookit/protocol"
	"zookit/protocol/quorum"
	"zookit/server/election"
	"zookit/server/session"
	"zookit/server/zab"
)

// Ensemble is what a replica that is a member of an ensemble knows of it. Zero
// values of the limits mean the defaults of the core they go to.
type Ensemble struct {
	ID         int64
	Observer   bool
	Verifier   *quorum.Verifier
	ConfigText []byte // of the configuration: in notifications and NEWLEADER

	// View is the configuration where it may change (Config.ReconfigEnabled), else
	// nil. StandaloneEnabled and MultiAddress are the keys standaloneEnabled and
	// multiAddress.enabled, by which a change is judged.
	View                            *quorum.View
	StandaloneEnabled, MultiAddress bool

	zab.Timing
	zab.Batching

	// From the disk, neither below 0.
	AcceptedEpoch int64
	CurrentEpoch  int64

	// Quarantined: the history on the disk cannot be used, or its loss cannot be
	// ruled out. The server has no vote and joins as an observer, until a leader
	// has given it a snapshot.
	Quarantined   bool
	QuarantineWhy string        // one line
	Seen          protocol.Zxid // the highest zxid known to have been in that history; 0: none is
	// Trusted: a disk without any data is the operator's will, and may vote beside
	// disks that have some.
	Trusted bool

	RecentEntries int   // commitLogCount
	RecentBytes   int64 // of these

	MaxLearners       int   // connections
	MaxSnapshots      int   // leader.maxConcurrentSnapSyncs
	MaxDiffs          int   // leader.maxConcurrentDiffSyncs
	ForceSnapshot     bool  // forceSnapshotSync
	ConnectMs         int64 // to reach the leader
	MaxLearnerQueue   int64 // bytes of txns a learner may be behind
	MaxUncommitted    int64 // bytes of proposals a learner holds without their COMMIT
	FinalizeWaitMs    int64
	MinNotificationMs int64 // fastleader.minNotificationInterval
	MaxNotificationMs int64 // fastleader.maxNotificationInterval
	MaxInFlight       int64 // bytes of a leader's proposals that are not applied
	MaxUnsynced       int64 // bytes a learner holds that are not durable

	MaxCounter uint32 // the counter that ends an epoch; tests lower it

	LocalSessions    bool // localSessionsEnabled: sessions begin without a txn
	LocalUpgrading   bool // localSessionsUpgradingEnabled: one that creates an ephemeral becomes global
	HostObservers    bool // observerMasterPort: a follower serves observers
	ReadOnlyFallback bool // readonlymode.enabled: without a leader it serves those who only read
}

// Role is what a member of an ensemble does. Every Role of a replica has
// another Term.
type Role struct {
	State  quorum.ServerState
	Leader int64 // sid, while it follows, observes or leads
	// Term numbers the roles of this process. The connection of a learner to its
	// leader is zab.Conn(Term) in the events that tell of it, so that what an
	// old connection still says is known as such. A leader's connections are
	// numbered by the driver.
	Term int64
	// Serving: requests are taken. While it is false no client may connect.
	Serving bool
	// ReadOnly: with State LOOKING, clients that only read may connect.
	ReadOnly bool
	Epoch    int64 // of the leader, with Serving
	// Why the last role ended, with State LOOKING; nil at the start.
	Why *zab.StepDown
	// Quarantine is nil unless the member is in quarantine.
	Quarantine *Quarantine
}

// Peers is the part of a Ready that an ensemble adds. The driver handles it in
// the order of the fields.
type Peers struct {
	// View is a configuration that is in force from now on, Next one that is
	// proposed: they are to be kept in files, where there are some. With View,
	// members are reached where it says, and so are this server's ports.
	View, Next *quorum.View
	// Role is the new role, nil while it stays. With another Term every
	// connection to a learner or leader is closed; with Following or Observing
	// the leader is to be dialed, with Leading learners are to be let in. When
	// Serving ends, every connection of a client is closed.
	Role *Role
	// Votes go to the election port.
	Votes []election.Message
	// Messages go out at once, Close are connections to be closed after them:
	// see zab.Ready. For a SnapshotStream ask BeginSnapshot at once.
	Messages []zab.Message
	Close    []zab.Closing
	// Order, when not nil, is work for the disk, after Roll; its completion
	// comes back through PeerEvent. After a truncation or a snapshot Reloaded is
	// called first.
	Order *zab.Order
	// LookUps are answered with zab.Located.
	LookUps []zab.LookUp

	PeerNotes     []zab.Note
	ElectionNotes []election.Note
}

// core is what a zab.Leader and a zab.Learner have in common.
type core interface {
	Step(nowMs int64, ev zab.Event)
	Ready() zab.Ready
	Deadline() int64
	Accepting() bool
	Epoch() int64
	Tail() []zab.Entry
}

// ensemble is the state of a member. Its role is LOOKING (core is nil), or one
// of leader and learner is set. A role that has ended keeps its core until the
// disk is at rest: what was written meanwhile is part of the history.
type ensemble struct {
	Ensemble
	election *election.Election
	recent   *zab.Recent
	now      Now // of the last call that had one

	role    Role
	core    core
	leader  *zab.Leader
	learner *zab.Learner
	ending  bool

	// ordered is the order that is with the driver, held one that waits until no
	// snapshot is being written: the file could hold what a truncation removes.
	ordered zab.Order
	held    *zab.Order
	// logEnd is the zxid the log ends with, all of it durable.
	logEnd   protocol.Zxid
	reloaded *Reload
	// fuzzy: the tree may have come with a leader's snapshot, now or before this
	// process was started, and hold txns that are still to come. All of these
	// were committed before the leader let this server serve.
	fuzzy bool
	asked int64 // zab.LearnerConfig.AskInEpoch
	// silent is the leader that was just left for its silence while this server
	// served, which the next election is told; NoVote: none.
	silent int64
	// offeredEpoch is an epoch that a voter has accepted: this server leads no earlier one.
	offeredEpoch int64

	lookingSince int64 // with State LOOKING: when that began, steady clock

	turn          zab.Order // that begins or ends a quarantine when the role has ended; Kind 0: none
	quarantinedAt int64     // ms
	leaveAt       int64     // when the end of the quarantine is considered again; 0: not at all
	mismatched    int64     // the epoch in which a digest has led to a quarantine; 0: none
	leaderless    leaderless

	failures int   // roles in a row that ended before they served
	lookAt   int64 // when the next election begins; 0: none is due

	learners  map[zab.Conn]*learnerOwner // leader: owners of the sessions elsewhere
	forwarded forwarded                  // learner: what is with the leader
	hosting   hosting                    // follower: the observers it serves
	ended     endedSessions              // with local sessions

	changes

	out Peers
}

func newEnsemble(cfg *Ensemble) (*ensemble, error) {
	e := &ensemble{Ensemble: *cfg, recent: zab.NewRecent(cfg.RecentEntries, cfg.RecentBytes), silent: quorum.NoVote}
	e.AcceptedEpoch, e.CurrentEpoch = max(e.AcceptedEpoch, 0), max(e.CurrentEpoch, 0)
	var err error
	e.election, err = election.New(election.Config{
		ID: cfg.ID, Verifier: cfg.Verifier, ConfigText: cfg.ConfigText,
		FinalizeWaitMs: cfg.FinalizeWaitMs, MinNotificationMs: cfg.MinNotificationMs, MaxNotificationMs: cfg.MaxNotificationMs,
	})
	if err != nil {
		return nil, fmt.Errorf("replica: %w", err)
	}
	return e, nil
}

// startEnsemble begins the first election.
func (r *Replica) startEnsemble(now Now) {
	e := r.ens
	e.now, e.fuzzy = now, true
	e.quarantinedAt = now.MonoMs
	e.logEnd = r.state.tree.LastZxid()
	e.recent.Reset(e.logEnd)
	r.sessions = session.NewTracker(r.cfg.TickMs, session.FirstID(r.cfg.ServerID, now.WallMs))
	r.state.mu.Lock()
	r.useConfig(r.state.tree)
	r.state.publish(r.state.tree.SessionCount())
	r.state.mu.Unlock()
	r.look(nil)
}

// Role is what this member does; the zero Role when it is standalone.
func (r *Replica) Role() Role {
	if r.ens == nil {
		return Role{}
	}
	return r.ens.role
}

// Serving tells that requests are taken.
func (r *Replica) Serving() bool {
	return r.err == nil && r.started && (r.ens == nil || r.ens.role.Serving)
}

// ElectionEvent takes in what was heard on the election port.
func (r *Replica) ElectionEvent(now Now, ev election.Event) {
	if r.err != nil || !r.started || r.ens == nil {
		return
	}
	r.ens.now = now
	if got, ok := ev.(election.Received); ok {
		r.hear(got.Notification.Config)
	}
	r.ens.election.Step(now.MonoMs, ev)
}

// PeerEvent takes in what happened on the quorum port or on the disk. Those of
// a learner's connection carry Conn(Role.Term) and are passed over in another
// role.
func (r *Replica) PeerEvent(now Now, ev zab.Event) {
	if r.err != nil || !r.started || r.ens == nil {
		return
	}
	e := r.ens
	e.now = now
	if e.hosted(ev) {
		return
	}
	switch ev := ev.(type) {
	case zab.Connected:
		if e.stale(ev.Conn) {
			return
		}
	case zab.Disconnected:
		if e.stale(ev.Conn) {
			return
		}
	case zab.Received:
		if e.stale(ev.Conn) || !r.readableTxn(&ev) {
			return
		}
	case zab.StorageFailed:
		r.Failed(ev.Err)
		return
	case zab.Persisted, zab.EpochWritten, zab.Truncated, zab.SnapshotInstalled, zab.QuarantineNoted:
		if !r.orderDone(ev) {
			return
		}
	}
	if e.core != nil {
		e.core.Step(now.MonoMs, ev)
	}
}

// stale tells that a connection is not one of this role's. Leaders know their
// own.
func (e *ensemble) stale(c zab.Conn) bool {
	return e.core == nil || e.ending || e.learner != nil && c != zab.Conn(e.role.Term)
}

// ensembleDeadline is when time brings something.
func (r *Replica) ensembleDeadline() int64 {
	e := r.ens
	at := min(e.election.Deadline(), e.leaderless.deadline())
	if e.leaving != "" {
		return e.now.MonoMs
	}
	if e.leaveAt != 0 {
		at = min(at, e.leaveAt)
	}
	if e.lookAt != 0 {
		at = min(at, e.lookAt)
	}
	if e.core != nil {
		at = min(at, e.core.Deadline())
	}
	if r.local != nil {
		at = min(at, r.local.Deadline())
	}
	if e.hosting.master != nil {
		at = min(at, e.hosting.master.Deadline())
	}
	if e.mayReadOnly() {
		at = min(at, e.readOnlyAt())
	}
	if e.leader != nil && e.role.Serving {
		at = min(at, r.sessions.Deadline(), r.containers.deadline())
	}
	return at
}

// tickEnsemble lets time pass for election and role. It is true when there is
// more: what a leader does that serves.
func (r *Replica) tickEnsemble(now Now) bool {
	e := r.ens
	e.now = now
	if now.MonoMs >= e.election.Deadline() {
		e.election.Step(now.MonoMs, nil)
	}
	r.leave()
	if e.core != nil {
		e.core.Step(now.MonoMs, zab.Tick{})
	}
	if e.leaveAt != 0 && now.MonoMs >= e.leaveAt && !e.ending {
		r.served()
	}
	r.remind()
	if e.hosting.master != nil {
		e.hosting.in = append(e.hosting.in, zab.Tick{})
	}
	r.expireLocal(now)
	r.tryReadOnly()
	return e.leader != nil && e.role.Serving
}

// PeerAccepting is false while a learner holds so much that is not durable that
// no more should be read from the leader.
func (r *Replica) PeerAccepting() bool {
	return r.ens == nil || r.ens.learner == nil || r.ens.learner.Accepting()
}

// readyPeers collects what is to be done, and applies what is committed. The
// tree of a server that does not serve may hold what will be truncated, so no
// snapshot is taken of it.
func (r *Replica) readyPeers(rd *Ready) {
	r.pump()
	e := r.ens
	if r.err != nil {
		return
	}
	if r.snapshots.due && e.role.Serving {
		r.snap(rd)
	}
	if e.held != nil && !r.snapshots.running {
		e.ordered, e.held = *e.held, nil
		e.out.Order = &e.ordered
	}
	if o := e.out.Order; o != nil && o.Kind == zab.Append {
		bytes := 0
		for i := range o.Batch {
			bytes += len(o.Batch[i].Payload)
		}
		r.snapshots.count(len(o.Batch), bytes)
	}
	rd.Peers, e.out = e.out, Peers{}
}

// pump lets the cores run until they have nothing more to do.
func (r *Replica) pump() {
	e := r.ens
	for r.err == nil {
		er := e.election.Ready()
		e.out.Votes = append(e.out.Votes, er.Messages...)
		e.out.ElectionNotes = append(e.out.ElectionNotes, er.Notes...)
		if h := er.History; h != nil {
			r.quarantine(fmt.Sprintf("there is no data here, and server %d has some (epoch %d): this server's may have been lost", h.From, h.Epoch), 0)
			continue
		}
		if er.Decision != nil {
			r.begin(er.Decision)
		}
		if e.core != nil && !e.ending && (r.pumpCore() || r.pumpMaster()) {
			continue
		}
		if !r.rest() && !r.lookAgain() {
			return
		}
	}
}

// pumpCore takes one Ready of the role's core. It is false when that was empty.
func (r *Replica) pumpCore() bool {
	e := r.ens
	rd := e.core.Ready()
	if len(rd.Commits) > 0 {
		r.commitEntries(rd.Commits)
		r.inform(&rd)
	}
	e.out.Messages = append(e.out.Messages, rd.Messages...)
	e.out.Close = append(e.out.Close, rd.Close...)
	e.out.LookUps = append(e.out.LookUps, rd.LookUps...)
	e.out.PeerNotes = append(e.out.PeerNotes, rd.Notes...)
	if rd.Order != nil {
		r.takeOrder(*rd.Order)
	}
	for _, o := range rd.Outputs {
		r.output(o)
	}
	if rd.StepDown != nil {
		r.end(rd.StepDown)
		return true
	}
	return rd.Order != nil || len(rd.Commits)+len(rd.Messages)+len(rd.Close)+len(rd.LookUps)+len(rd.Outputs) > 0
}

// commitEntries applies what a quorum has, under the state's lock.
func (r *Replica) commitEntries(entries []zab.Entry) {
	if r.ens.leader != nil {
		r.commit(entries[len(entries)-1].Zxid)
		return
	}
	s := r.state
	s.mu.Lock()
	defer s.mu.Unlock() // also when a bug panics: readers must not hang on it
	for i := range entries {
		if r.err == nil && r.ens.turn.Kind == 0 {
			r.commitEntry(entries[i])
		}
	}
	s.publish(s.tree.SessionCount())
}

// output takes what a core says to its replica.
func (r *Replica) output(o zab.Output) {
	switch o := o.(type) {
	case zab.Serve:
		r.serve(o.Epoch)
	case zab.Forwarded:
		r.forwardedHere(&o)
	case zab.Touched:
		r.touched(o.Touches)
	case zab.RevalidateAsked:
		r.revalidate(&o)
	case zab.LearnerGone:
		delete(r.ens.learners, o.Conn)
	case zab.Synced:
		r.synced()
	case zab.RevalidateAnswered:
		r.revalidated(o.Reply)
	case zab.PingAsked:
		r.pong(o.Zxid)
	case zab.EnsembleConfig:
		if r.ens.view != nil {
			r.offer(o.Text)
		} else {
			r.compareConfig(o.Text)
		}
	case zab.Activate:
		r.activate(&o)
	case zab.Activated:
		r.activated(&o)
	}
}
