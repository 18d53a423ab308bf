package zab

import "fmt"

// Reason says why a role ended.
type Reason int

const (
	// Of a leader.
	NoFollowers    Reason = iota + 1 // no quorum came within initLimit, or not through one of the phases
	FollowerAhead                    // a voter has a better history: another must lead
	LostQuorum                       // no quorum was heard within syncLimit
	ZxidExhausted                    // the counter is used up: a new epoch must begin
	DiskStalled                      // the own log has not been synced for syncLimit
	EpochOvertaken                   // a voter has accepted a later epoch, of a leader that failed: a later one must begin
	EpochExhausted                   // an epoch is an int32 on the wire
	HandedOver                       // another leads the new configuration

	// Of a learner.
	LeaderUnreachable  // not connected in a few attempts, or within initLimit
	LeaderLost         // the connection has ended
	LeaderSilent       // no packet within initLimit or syncLimit
	LeaderBehind       // its epoch is older than the accepted one
	Discontinuity      // a proposal leaves a gap (ZOOKEEPER-4925)
	CommitMismatch     // a COMMIT is not for the oldest proposal
	BadPacket          // a packet that has no place here, or cannot be decoded
	CannotTruncate     // the history cannot be cut back: ask for a snapshot in this epoch
	SnapshotFailed     // the stream was bad; the disk is as it was
	TooManyUncommitted // proposals without commits exceed the limit
	Reconfigured       // the new configuration gives it another role or leader

	// Of both; these end the server.
	DiskFailed // nobody knows what is on the disk
	Broken     // an invariant does not hold
)

var reasonNames = [...]string{NoFollowers: "no quorum of followers", FollowerAhead: "follower is ahead of the leader",
	LostQuorum: "lost the quorum", ZxidExhausted: "zxid counter is used up", DiskStalled: "own log stalled",
	EpochOvertaken: "a voter has accepted a later epoch", EpochExhausted: "epochs are used up", LeaderUnreachable: "leader not reached", LeaderLost: "connection to the leader ended",
	LeaderSilent: "leader is silent", LeaderBehind: "leader's epoch is older than the accepted one",
	Discontinuity: "gap in the leader's proposals", CommitMismatch: "commit out of order", BadPacket: "bad packet",
	CannotTruncate: "cannot truncate the log", SnapshotFailed: "snapshot failed", TooManyUncommitted: "too many uncommitted proposals",
	HandedOver: "handed over to another leader", Reconfigured: "the configuration has changed",
	DiskFailed: "storage failed", Broken: "broken invariant"}

func (r Reason) String() string {
	if r > 0 && int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return fmt.Sprintf("reason %d", int(r))
}

// Final says that the server must end, not only the role.
func (r Reason) Final() bool { return r == DiskFailed || r == Broken }

// StepDown ends a role.
type StepDown struct {
	Reason Reason
	Detail string
	Epoch  int64 // of EpochOvertaken: the one that was accepted, LeaderConfig.OfferedEpoch of the next term
}

func (s *StepDown) Error() string {
	if s.Detail == "" {
		return s.Reason.String()
	}
	return s.Reason.String() + ": " + s.Detail
}
