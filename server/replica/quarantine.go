package replica

import (
	"errors"
	"fmt"

	"zookit/protocol"
	"zookit/protocol/quorum"
	"zookit/server/defect"
	"zookit/server/storage"
	"zookit/server/zab"
)

// A member whose history is damaged, or may have been lost, is quarantined: it
// serves nothing and casts no vote until an established leader has given it a
// snapshot.
//
//	start with damage ─┐
//	no history here,   ├─ noted on the disk ── look, abstaining ── learn ── serve? ── no longer noted ── look
//	 a peer has one   ─┤
//	another digest    ─┘
//
// It learns as an observer under an id outside the configuration, from a leader
// that others have elected. Until the leader lets it serve, what it was given may
// be a history that no quorum has: that is why the quarantine is noted on the disk,
// and ends there before it ends here. If the others are too few, and every voter
// was heard LOOKING in one round, it casts its vote (package election) and follows
// as itself; then the quarantine ends when it enters the leader's epoch.
//
// What it had promised may be lost as well: an epoch it had accepted from a
// server that is still trying to become the leader. Were it to vote at once, for
// an earlier epoch, that server might be established by a quorum that has
// forgotten. So it waits until every other voter has said that it follows this
// leader, or until initLimit is over, the longest that a server tries.

// Quarantine is what is told of it.
type Quarantine struct {
	Why    string
	Awaits string
}

// quarantined takes the damage that the storage has found as what a member has
// to live with.
func (r *Replica) quarantined(store *storage.Store, got *storage.Recovered, now Now, err error) error {
	var damage *storage.DamageError
	if r.ens == nil || !errors.As(err, &damage) {
		return err
	}
	if err := store.Quarantine(damage.Brief(), max(damage.FirstZxid, damage.LastZxid, 0), now.WallMs); err != nil {
		return err
	}
	r.Sink().Reset()
	*got = storage.Recovered{SnapshotZxid: -1}
	got.AcceptedEpoch, got.CurrentEpoch = store.Epochs()
	return nil
}

// considerQuarantine looks at what a recovery has found. first is whether a first
// snapshot is to be written.
func (r *Replica) considerQuarantine(store *storage.Store, got *storage.Recovered, now Now) error {
	e := r.ens
	if store.Quarantined() == nil && got.AcceptedEpoch >= 0 && got.AcceptedEpoch < got.CurrentEpoch {
		why := fmt.Sprintf("acceptedEpoch is %d and currentEpoch %d: one of the two files is not as it was written", got.AcceptedEpoch, got.CurrentEpoch)
		if err := store.Quarantine(why, got.LastZxid, now.WallMs); err != nil {
			return err
		}
		r.Sink().Reset()
		got.LastZxid, got.SnapshotZxid, got.Fresh = 0, -1, false
		got.AcceptedEpoch, got.CurrentEpoch = store.Epochs()
	}
	if store.Quarantined() == nil && got.LastZxid < 0 { // db.autocreate=false
		if err := store.Quarantine("there is no data, and with db.autocreate=false that is no new database", 0, now.WallMs); err != nil {
			return err
		}
	}
	q := store.Quarantined()
	if defect.Planted(defect.QuarantineForgotten) && got.LastZxid > 0 {
		q = nil
	}
	e.Quarantined = q != nil
	if q != nil {
		e.QuarantineWhy, e.Seen = q.Why, q.Seen
	}
	e.Trusted = got.Asked || got.Lost != nil
	return nil
}

// empty says that this member has nothing, so that it may have lost all.
func (e *ensemble) empty() bool {
	return !e.Observer && !e.Trusted && e.logEnd <= 0 && e.CurrentEpoch <= 0
}

// quarantine withdraws this member's vote. It is noted on the disk before
// anything else happens.
func (r *Replica) quarantine(why string, seen protocol.Zxid) {
	e := r.ens
	e.Quarantined, e.QuarantineWhy, e.Seen = true, why, max(e.Seen, seen)
	e.quarantinedAt = e.now.MonoMs
	e.turn = zab.Order{Kind: zab.BeginQuarantine, Zxid: e.Seen, Why: why, AtMs: e.now.WallMs}
	if e.core == nil {
		r.takeTurn()
	}
}

// takeTurn gives the disk what begins or ends a quarantine, when no role is left
// that could have work for it.
func (r *Replica) takeTurn() {
	e := r.ens
	if e.turn.Kind != 0 && e.ordered.Kind == 0 {
		o := e.turn
		e.turn = zab.Order{}
		e.lookAt = 0
		r.takeOrder(o)
	}
}

// turned follows when it is done.
func (r *Replica) turned(kind zab.OrderKind) {
	e := r.ens
	switch kind {
	case zab.BeginQuarantine:
		if e.logEnd <= 0 && e.Seen == 0 {
			r.note(Note{Text: e.QuarantineWhy + "; this server joins without a vote until it has the history"})
		} else {
			r.note(Note{Text: "in quarantine: this server serves nothing and has no vote until a leader has given it a snapshot: " + e.QuarantineWhy})
		}
		rl := r.NewReload()
		rl.Reset()
		e.reloaded = rl
		e.recent.Reset(0)
		e.Seen = max(e.Seen, e.logEnd) // the storage has noted the same
		r.install(0)
	case zab.EndQuarantine:
		r.endQuarantine()
	}
	e.failures, e.lookAt = 0, max(e.now.MonoMs, 1) // 0: none is due, as in the first ms of the clock
}

// learnFor is how a quarantined member joins: who it says it is, whether as an
// observer, and the epochs: the one that a history which cannot be used is of
// means nothing. When no server can still count on a
// promise of this one, an earlier epoch than the one accepted is no harm: it will
// have been established without.
func (e *ensemble) learnFor() (id int64, observer bool, accepted, current int64) {
	switch {
	case e.Observer:
		// Nobody relies on what it has accepted. One that is of no leader's epoch for
		// long has a file that is not as it was written.
		if e.Quarantined || e.leaderless.longer(e.now.MonoMs, e.TickMs*e.InitLimit) {
			return e.ID, true, 0, 0
		}
		return e.ID, true, e.AcceptedEpoch, e.CurrentEpoch
	case !e.Quarantined:
		return e.ID, false, e.AcceptedEpoch, e.CurrentEpoch
	case e.role.State == quorum.Following:
		return e.ID, false, e.AcceptedEpoch, 0
	case e.promisesOver():
		return quorum.OutsideID(e.ID), true, 0, 0
	}
	return quorum.OutsideID(e.ID), true, e.AcceptedEpoch, 0
}

// promised is the epoch that the next leader has to be later than, as those that
// cast their votes from quarantine know; 0 for all others.
func (e *ensemble) promised() int64 {
	if e.Quarantined && e.role.State == quorum.Following && !defect.Planted(defect.PromiseForgotten) {
		return e.election.Promised()
	}
	return 0
}

// promisesOver tells that initLimit has passed.
func (e *ensemble) promisesOver() bool {
	return e.now.MonoMs >= e.quarantinedAt+e.TickMs*e.InitLimit
}

// releases tells that an order ends the quarantine: a voter that had to cast its
// vote has the leader's whole history when it enters the epoch, and acknowledges
// txns from then on. The leader may count on these, so they must not be set aside
// with the next start. Nobody can hold an older promise: all voters were LOOKING.
func (e *ensemble) releases(o zab.Order) bool {
	return e.Quarantined && o.Kind == zab.WriteCurrentEpoch && e.learner != nil && e.role.State == quorum.Following
}

func (r *Replica) released(o zab.Order) {
	if !o.Release {
		return
	}
	r.endQuarantine()
	role := r.ens.role
	role.Quarantine = nil
	r.ens.setRole(role)
}

func (r *Replica) endQuarantine() {
	e := r.ens
	e.Quarantined, e.QuarantineWhy, e.Seen = false, "", 0
	r.note(Note{Text: "out of quarantine: the leader's snapshot is on the disk"})
}

// served follows when the leader would let this member serve: it ends the
// quarantine when it may, or looks again after a tick.
func (r *Replica) served() {
	e := r.ens
	if !e.Observer && !e.promisesOver() && !e.election.Unanimous(e.role.Leader) {
		if e.leaveAt == 0 {
			r.note(Note{Text: "the leader's snapshot is on the disk; the quarantine ends when every other voter is known to follow this leader, or after initLimit"})
			e.tellQuarantine("that every other voter is known to follow this leader, or that initLimit is over")
		}
		e.leaveAt = min(e.now.MonoMs+e.TickMs, e.quarantinedAt+e.TickMs*e.InitLimit)
		return
	}
	e.leaveAt = 0
	e.turn = zab.Order{Kind: zab.EndQuarantine}
	e.learner.Step(e.now.MonoMs, zab.Disconnected{})
}

// tellQuarantine makes known what is awaited.
func (e *ensemble) tellQuarantine(awaits string) {
	role := e.role
	role.Quarantine = &Quarantine{Why: e.QuarantineWhy, Awaits: awaits}
	e.setRole(role)
}
