package replica

import (
	"fmt"
	"slices"

	"zookit/protocol"
	"zookit/protocol/quorum"
	"zookit/protocol/txn"
	"zookit/server/defect"
	"zookit/server/election"
	"zookit/server/session"
	"zookit/server/zab"
)

// A role begins when the election has decided, serves when zab says so, and
// ends when zab steps down:
//
//	look ── begin ── serve ── end ── rest ── look
//
// While the driver asks again and again, pump takes one of these steps after
// the other. rest waits for the order that is with the disk. Then the tree is given what
// is in the log and was not applied, so that every role begins with a tree that
// holds exactly what the log does.

// setRole makes a role known. The term stays as long as the connections do.
func (e *ensemble) setRole(role Role) {
	if e.Quarantined && role.Quarantine == nil {
		role.Quarantine = &Quarantine{Why: e.QuarantineWhy, Awaits: "a leader that the other voters elect"}
		if role.State != quorum.Looking {
			role.Quarantine.Awaits = "the leader's snapshot"
		}
	}
	if role.State == quorum.Looking && role.Term != e.role.Term {
		e.lookingSince = e.now.MonoMs
	}
	e.role = role
	e.out.Role = &role
}

// look begins an election, with what the log holds.
func (r *Replica) look(why *zab.StepDown) {
	e := r.ens
	e.lookAt = 0
	if e.role.State != quorum.Looking || e.role.Term == 0 {
		e.setRole(Role{State: quorum.Looking, Term: e.role.Term + 1, Why: why})
	}
	e.leaderless.begin(e.now.MonoMs)
	silent := e.silent
	e.silent = quorum.NoVote
	if r.lookForDesignated() {
		return
	}
	e.election.Step(e.now.MonoMs, election.Look{Zxid: e.logEnd, CurrentEpoch: e.CurrentEpoch,
		Abstain: e.Quarantined, Seen: e.Seen, Accepted: e.AcceptedEpoch, CastWhenAll: true, Empty: e.empty()})
	if silent != quorum.NoVote {
		e.election.Step(e.now.MonoMs, election.Silent{Sid: silent})
	}
}

// begin takes up the role that was decided for.
func (r *Replica) begin(d *election.Decision) {
	e := r.ens
	if e.core != nil {
		r.broken("an election ended while the role is %v", e.role.State)
		return
	}
	r.endReadOnly()
	e.setRole(Role{State: d.State, Leader: d.Leader, Term: e.role.Term + 1})
	if d.Joined && d.PeerEpoch < e.CurrentEpoch && e.failures == 2 {
		r.note(Note{Text: fmt.Sprintf("the history of this server is of epoch %d, that of its leader of %d: the data here are of another ensemble, or a majority has lost its own; empty the data directory to be given those of the ensemble, or restore the others",
			e.CurrentEpoch, d.PeerEpoch)})
	}
	if d.State == quorum.Leading {
		r.becomeLeading()
	} else {
		r.becomeLearner()
	}
}

func (r *Replica) becomeLeading() {
	e := r.ens
	e.learners = make(map[zab.Conn]*learnerOwner)
	e.leader = zab.NewLeader(zab.LeaderConfig{
		ID: e.ID, Verifier: e.Verifier, Config: e.ConfigText, View: e.view, Next: e.proposed, Timing: e.Timing, Batching: e.Batching,
		AcceptedEpoch: e.AcceptedEpoch, CurrentEpoch: e.CurrentEpoch, LastZxid: e.logEnd, Recent: e.recent,
		OfferedEpoch: e.offeredEpoch, Told: e.told, MaxCounter: e.MaxCounter,
		MaxConns: e.MaxLearners, MaxSnapshots: e.MaxSnapshots, MaxDiffs: e.MaxDiffs, ForceSnapshot: e.ForceSnapshot, MaxQueue: e.MaxLearnerQueue, MaxInFlight: e.MaxInFlight,
	}, e.now.MonoMs)
	e.core = e.leader
}

// told is the epoch of the history that a server which looks for a leader has
// told; a vote for another tells nothing of its own.
func (e *ensemble) told(sid int64) int64 {
	for _, l := range e.election.Looking() {
		if l.Sid == sid && l.Vote.Leader == sid {
			return l.Vote.PeerEpoch
		}
	}
	return 0
}

func (r *Replica) becomeLearner() {
	e := r.ens
	e.forwarded.reset()
	id, observer, accepted, current := e.learnFor()
	e.learner = zab.NewLearner(zab.LearnerConfig{
		ID: id, Observer: observer, Counts: !observer, ConfigVersion: e.configVersion(), Timing: e.Timing, Batching: e.Batching,
		AcceptedEpoch: accepted, CurrentEpoch: current, LastZxid: e.logEnd,
		AskSnapshot: e.Quarantined, Promised: e.promised(), AskInEpoch: e.asked, Recent: e.recent,
		ConnectMs: e.ConnectMs, MaxUnsynced: e.MaxUnsynced, MaxUncommitted: e.MaxUncommitted,
	}, e.now.MonoMs)
	e.core = e.learner
}

// serve begins to take requests. The sessions of a leader get their whole
// timeout from now; a learner knows only of those that come to it.
func (r *Replica) serve(epoch int64) {
	e := r.ens
	t := r.state.tree
	if e.Quarantined {
		r.served()
		return
	}
	if e.learner != nil && r.takeOffered() {
		return
	}
	if last := t.LastZxid(); e.leader != nil && last != e.logEnd {
		r.broken("leading epoch %d: the tree stands at %v and the log at %v", epoch, last, e.logEnd)
		return
	}
	e.election.Step(e.now.MonoMs, election.Established{Epoch: epoch})
	e.asked, e.failures, e.fuzzy = 0, 0, false
	e.leaderless.end()
	r.sessions = session.NewTracker(r.cfg.TickMs, max(r.sessions.NextID(), session.FirstID(r.cfg.ServerID, e.now.WallMs)))
	clear(r.owners)
	if e.LocalSessions {
		r.beginLocal()
	}
	if e.leader != nil {
		r.prep = r.newPrep()
		r.prep.Begin(protocol.MakeZxid(epoch, 0))
		for _, id := range t.Sessions() {
			timeoutMs, _ := t.SessionTimeout(id)
			r.sessions.Track(id, timeoutMs, e.now.MonoMs)
		}
		r.containers = containerCheck{next: e.now.MonoMs + r.cfg.ContainerCheckMs}
	}
	r.state.publish(t.SessionCount())
	role := e.role
	role.Serving, role.Epoch = true, epoch
	e.setRole(role)
	r.beginHosting(epoch)
	if e.leader != nil {
		r.closeDeadSessions()
	}
}

// end stops to take requests. Nobody can say what becomes of those under way:
// they are not answered, and the clients lose their connections.
func (r *Replica) end(why *zab.StepDown) {
	e := r.ens
	if why.Reason.Final() {
		err := fmt.Errorf("%v of epoch %d: %w", e.role.State, e.core.Epoch(), why)
		if why.Reason == zab.Broken {
			err = fmt.Errorf("%w: %w", ErrInvariant, err)
		}
		r.Failed(err)
		return
	}
	switch why.Reason {
	case zab.CannotTruncate:
		e.asked = e.core.Epoch()
	case zab.EpochOvertaken:
		e.offeredEpoch = max(e.offeredEpoch, why.Epoch)
	case zab.LeaderSilent:
		if e.role.Serving {
			e.silent = e.role.Leader
		}
	}
	e.ending = true
	e.held, e.hosting, e.leaveAt, e.leaving = nil, hosting{}, 0, ""
	// Its connections are closed: what it had to say must not go out on those
	// of the next role.
	e.out.Messages, e.out.Close, e.out.LookUps = nil, nil, nil
	e.setRole(Role{State: quorum.Looking, Term: e.role.Term + 1, Why: why})
	r.dropRequests()
	r.disconnectClients()
}

// dropRequests ends every request under way without an answer.
func (r *Replica) dropRequests() {
	s := r.state
	s.mu.Lock()
	defer s.mu.Unlock()
	for r.queue.len() > 0 {
		p := r.queue.at(0)
		r.pendingB -= len(p.q.Body) + p.txn.Grown
		s.outstanding.Add(-1)
		r.drop(p.q)
		r.queue.pop()
	}
	for _, f := range r.ens.forwarded.takeAll() {
		r.pendingB -= len(f.q.Body)
		s.outstanding.Add(-1)
		r.drop(f.q)
	}
}

// drop completes a request without an answer. The state is locked.
func (r *Replica) drop(q *Request) {
	if q.Done == nil {
		return
	}
	r.reply = Reply{Xid: q.Xid, Close: true, Silent: true, op: q.Op}
	q.Done.Complete(q, &r.reply)
}

// disconnectClients closes the connections of this server's clients, in the
// order of their sessions.
func (r *Replica) disconnectClients() {
	ids := make([]protocol.SessionID, 0, len(r.owners))
	for id := range r.owners {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		r.owners[id].Disconnect(ReasonNotServing)
	}
	clear(r.owners)
	r.endLocal()
	for _, w := range r.ens.forwarded.takeReopening() {
		w.owner.Disconnect(ReasonNotServing)
	}
}

// rest ends a role for good once no order is with the disk.
func (r *Replica) rest() bool {
	e := r.ens
	if !e.ending || e.ordered.Kind != 0 {
		return false
	}
	s := r.state
	s.mu.Lock()
	tail := e.core.Tail()
	if defect.Planted(defect.TailForgotten) {
		tail = nil
	}
	if len(tail) > 0 {
		// A snapshot on its way to a learner must not show what was never committed.
		s.tree.AbandonCommitted()
	}
	discarded := e.turn.Kind == zab.BeginQuarantine
	if discarded {
		tail = nil
	}
	for _, entry := range tail {
		t, err := txn.Decode(entry.Payload)
		if err != nil {
			r.broken("txn %v is in the log and cannot be read: %v", entry.Zxid, err)
			break
		}
		s.tree.Apply(t, &r.result)
	}
	s.publish(s.tree.SessionCount())
	s.mu.Unlock()
	if last := s.tree.LastZxid(); r.err == nil && last != e.logEnd && !discarded {
		r.broken("end of a role: the tree stands at %v and the log at %v", last, e.logEnd)
	}
	e.core, e.leader, e.learner, e.ending = nil, nil, nil, false
	r.seeAgain()
	e.lookAt = e.now.MonoMs
	if e.designated == nil {
		e.lookAt += e.backOff()
	}
	r.takeTurn()
	return r.err == nil
}

// backOff is how long to wait with the next election, in ms, so that a server
// that cannot join does not try hundreds of times a second.
func (e *ensemble) backOff() int64 {
	const first, most = int64(50), int64(2000)
	e.failures++
	if e.failures <= 2 {
		return 0
	}
	return min(first<<min(e.failures-3, 8), most)
}

// lookAgain begins the election that is due. It is false when none is.
func (r *Replica) lookAgain() bool {
	e := r.ens
	if e.lookAt == 0 || e.now.MonoMs < e.lookAt {
		return false
	}
	r.look(e.role.Why)
	return true
}

// takeOrder hands an order to the driver, or keeps it until the snapshot that
// is being written has ended.
func (r *Replica) takeOrder(o zab.Order) {
	e := r.ens
	if (o.Kind == zab.Truncate || o.Kind == zab.InstallSnapshot || o.Kind == zab.BeginQuarantine) && r.snapshots.running {
		e.held = &o
		return
	}
	o.Release = e.releases(o)
	e.ordered = o
	e.out.Order = &e.ordered
}

// orderDone notes what the disk holds now. It is false when the answer is not
// that of the order that is out: the core must not see it.
func (r *Replica) orderDone(ev zab.Event) bool {
	e := r.ens
	o := e.ordered
	ok := false
	switch ev := ev.(type) {
	case zab.Persisted:
		if ok = o.Kind == zab.Append && o.Zxid == ev.Zxid; ok {
			e.logEnd = ev.Zxid
		}
	case zab.EpochWritten:
		if ok = o.Kind == ev.Kind && o.Epoch == ev.Epoch; ok && ev.Kind == zab.WriteAcceptedEpoch {
			e.AcceptedEpoch = ev.Epoch
		} else if ok {
			e.CurrentEpoch = ev.Epoch
			r.released(o)
		}
	case zab.Truncated:
		if ok = o.Kind == zab.Truncate && o.Zxid == ev.Zxid; ok && ev.Err == nil {
			r.install(ev.Zxid)
		}
	case zab.SnapshotInstalled:
		if ok = o.Kind == zab.InstallSnapshot && o.Zxid == ev.Zxid; ok && ev.Err == nil {
			e.fuzzy = true
			r.install(ev.Zxid)
		}
	}
	if ev, is := ev.(zab.QuarantineNoted); is && o.Kind == ev.Kind {
		e.ordered = zab.Order{}
		r.turned(ev.Kind)
		return r.err == nil
	}
	if !ok {
		r.broken("%#v reported as done while the order that is out is %v %v (epoch %d)", ev, o.Kind, o.Zxid, o.Epoch)
		return false
	}
	e.ordered, e.reloaded = zab.Order{}, nil
	return r.err == nil
}

// install puts the tree that was read anew in the place of the old one.
func (r *Replica) install(zxid protocol.Zxid) {
	e, rl := r.ens, r.ens.reloaded
	if rl == nil || rl.tree.LastZxid() != zxid {
		last := protocol.Zxid(-1)
		if rl != nil {
			last = rl.tree.LastZxid()
		}
		r.broken("the disk stands at %v, the tree read from it at %v", zxid, last)
		return
	}
	s := r.state
	s.mu.Lock()
	r.useConfig(rl.tree)
	s.tree = rl.tree
	r.snapshots.txns = rl.replayed
	s.publish(s.tree.SessionCount())
	s.mu.Unlock()
	e.logEnd = zxid
}
