// Package defect holds defects that servers of this kind have had, each at the
// place in the product that it would break. In an ordinary build Planted is
// false and the compiler leaves them out. With the build tag defects one at a
// time can be planted, for tests that see whether the simulation around it
// finds it: package sim a server alone, the random schedules of package zab the
// cores of an ensemble.
package defect

// Defect is one of them; All says what it does.
type Defect int

const (
	None Defect = iota
	LogNotSynced
	LogDirNotSynced
	RecoveryNotSynced
	SyncErrorIgnored
	TornRecordAccepted
	WitnessFirst
	PurgeTakesNeededLog

	SnapshotAhead
	CommitBeforeSync
	EventAfterReply
	SessionEndsTwice
	SequenceReused

	TouchIgnored

	RollbackForgotten

	EphemeralLeft

	WatchLostOnReconnect
	ChangeLostOnReconnect
	WatchNotConsumed

	SessionsForgotten

	FuzzyDeleteForgotten

	AckBeforeSync
	EpochBeforeLog
	AckEpochBeforeWrite
	NewLeaderAckFirst
	CommitOutOfOrder
	HalfQuorum
	JoinMissesProposals
	DiffWithHole
	TruncOffByOne
	TruncMissing
	LeaderCountsEarly
	AckBeforeNewLeader
	AckSurvivesTrunc
	FollowerAheadIgnored
	SnapshotTooOld

	defects
)

// All describes them by number; None has no description.
var All = [defects]struct {
	Name string
	In   string // the package it is planted in
	What string
}{
	LogNotSynced:          {"LogNotSynced", "storage", "a batch is reported as durable and was not synced"},
	LogDirNotSynced:       {"LogDirNotSynced", "storage", "the directory entry of a new log is not synced"},
	RecoveryNotSynced:     {"RecoveryNotSynced", "storage", "what a recovery read from the page cache is served without a sync"},
	SyncErrorIgnored:      {"SyncErrorIgnored", "storage", "a failed sync of the log is taken for a good one (fsyncgate)"},
	TornRecordAccepted:    {"TornRecordAccepted", "storage", "checksum and end of a record are not looked at"},
	WitnessFirst:          {"WitnessFirst", "storage", "the witness speaks of a batch before it is synced"},
	PurgeTakesNeededLog:   {"PurgeTakesNeededLog", "storage", "purge removes the log that the oldest snapshot kept begins in (ZOOKEEPER-2574)"},
	SnapshotAhead:         {"SnapshotAhead", "replica", "a snapshot is named by a zxid that it does not hold"},
	CommitBeforeSync:      {"CommitBeforeSync", "replica", "a batch is committed and answered when it is handed to the disk"},
	EventAfterReply:       {"EventAfterReply", "replica", "the reply of a write is queued before its watch events"},
	SessionEndsTwice:      {"SessionEndsTwice", "replica", "an expired session is ended by two txns"},
	SequenceReused:        {"SequenceReused", "replica", "a snapshot's count of created children is not restored"},
	TouchIgnored:          {"TouchIgnored", "session", "a session expires by its first bucket, however often it was heard of"},
	RollbackForgotten:     {"RollbackForgotten", "prep", "what a failed multi would have done stays in flight"},
	EphemeralLeft:         {"EphemeralLeft", "tree", "the last ephemeral of a session survives it"},
	WatchLostOnReconnect:  {"WatchLostOnReconnect", "watch", "setWatches does not arm the data watches that need no event"},
	ChangeLostOnReconnect: {"ChangeLostOnReconnect", "watch", "setWatches is blind to the first change after the client's last zxid"},
	WatchNotConsumed:      {"WatchNotConsumed", "watch", "a one-shot watch fires again"},
	SessionsForgotten:     {"SessionsForgotten", "replica", "the sessions of a snapshot are not restored"},
	FuzzyDeleteForgotten:  {"FuzzyDeleteForgotten", "tree", "a delete replayed over a fuzzy snapshot that lacks the znode leaves the parent as it was (ZOOKEEPER-3125)"},
	AckBeforeSync:         {"AckBeforeSync", "zab", "a follower acks a proposal when it arrives"},
	EpochBeforeLog:        {"EpochBeforeLog", "zab", "currentEpoch is written before the history is (ZOOKEEPER-4643)"},
	AckEpochBeforeWrite:   {"AckEpochBeforeWrite", "zab", "ACKEPOCH leaves before acceptedEpoch is durable"},
	NewLeaderAckFirst:     {"NewLeaderAckFirst", "zab", "the ack of NEWLEADER leaves before the history is durable (ZOOKEEPER-3911, 4646)"},
	CommitOutOfOrder:      {"CommitOutOfOrder", "zab", "a proposal is committed before an older one"},
	HalfQuorum:            {"HalfQuorum", "zab", "half of the voters is a quorum"},
	JoinMissesProposals:   {"JoinMissesProposals", "zab", "a learner joins without the proposals in flight"},
	DiffWithHole:          {"DiffWithHole", "zab", "a DIFF leaves out the first txn (ZOOKEEPER-4925)"},
	TruncOffByOne:         {"TruncOffByOne", "zab", "TRUNC cuts one txn too many (ZOOKEEPER-1154)"},
	TruncMissing:          {"TruncMissing", "zab", "a learner's uncommitted tail is left in place"},
	LeaderCountsEarly:     {"LeaderCountsEarly", "zab", "the leader counts itself before its own sync"},
	AckBeforeNewLeader:    {"AckBeforeNewLeader", "zab", "acks count before the learner has the epoch on disk"},
	AckSurvivesTrunc:      {"AckSurvivesTrunc", "zab", "acks of a learner count that was truncated since"},
	FollowerAheadIgnored:  {"FollowerAheadIgnored", "zab", "a follower with a better history is led all the same"},
	SnapshotTooOld:        {"SnapshotTooOld", "zab", "a snapshot lacks what the learner helped to commit"},
}
