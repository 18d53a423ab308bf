// Package defect holds defects that servers of this kind have had, each at the
// place in the product that it would break. In an ordinary build Planted is
// false and the compiler leaves them out. With the build tag defects one at a
// time can be planted, for the test that sees whether the simulator (package
// sim) finds it.
package defect

// Defect is one of them; All says what it does.
type Defect int

const (
	None Defect = iota
	LogNotSynced
	LogDirNotSynced
	RecoveryNotSynced
	CleanPagesTrusted
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
	AckSurvivesTrunc
	FollowerAheadIgnored
	SnapshotTooOld
	HalfSnapshot
	SyncAnsweredEarly
	TailForgotten

	QuarantinedVotes
	DamagedPrefixVotes
	EmptiedVotes
	QuarantineForgotten
	CastWithoutAll
	SeenIgnored
	PromiseForgotten

	UpgradeForgotten
	LocalCloseOvertakes
	MasterSkips

	ChangeByOldQuorum
	ChangeByNewQuorum
	ChangeForgotten

	defects
)

// Where says what finds a defect.
type Where int

const (
	InEnsemble Where = iota // package sim, in an ensemble
	InAlone                 // package sim, with one server: an ensemble does not come there
	InDamaged               // package sim, in an ensemble whose disks are damaged
	InOutage                // package sim, in an ensemble that goes down as a whole, with damaged disks
	InChanging              // package sim, in an ensemble whose members change
	InCores                 // the random schedules of package zab: they have peers that behave as Apache's do, and orders of events that our replica does not let happen
)

// All describes them by number; None has no description.
var All = [defects]struct {
	Name string
	In   string // the package it is planted in
	What string
	// Shown says who shows it, if it is not an ensemble of the simulator's.
	Shown Where
	// First is the seed to begin with, a little before the first that shows it; 0: 1.
	First uint64
}{
	LogNotSynced:          {Name: "LogNotSynced", In: "storage", What: "a batch is reported as durable and was not synced"},
	LogDirNotSynced:       {Name: "LogDirNotSynced", In: "storage", What: "the directory entry of a new log is not synced"},
	RecoveryNotSynced:     {Name: "RecoveryNotSynced", In: "storage", What: "what a recovery read from the page cache is served without a sync"},
	CleanPagesTrusted:     {Name: "CleanPagesTrusted", In: "storage", What: "after a failed sync a recovery syncs what it reads and does not write it anew (fsyncgate)"},
	SyncErrorIgnored:      {Name: "SyncErrorIgnored", In: "storage", What: "a failed sync of the log is taken for a good one"},
	TornRecordAccepted:    {Name: "TornRecordAccepted", In: "storage", What: "checksum and end of a record are not looked at"},
	WitnessFirst:          {Name: "WitnessFirst", In: "storage", What: "the witness speaks of a batch before it is synced"},
	PurgeTakesNeededLog:   {Name: "PurgeTakesNeededLog", In: "storage", What: "purge removes the log that the oldest snapshot kept begins in (ZOOKEEPER-2574)"},
	SnapshotAhead:         {Name: "SnapshotAhead", In: "replica", What: "a snapshot is named by a zxid that it does not hold"},
	CommitBeforeSync:      {Name: "CommitBeforeSync", In: "replica", What: "a batch is committed and answered when it is handed to the disk", Shown: InAlone},
	EventAfterReply:       {Name: "EventAfterReply", In: "replica", What: "the reply of a write is queued before its watch events"},
	SessionEndsTwice:      {Name: "SessionEndsTwice", In: "replica", What: "an expired session is ended by two txns"},
	SequenceReused:        {Name: "SequenceReused", In: "replica", What: "a snapshot's count of created children is not restored"},
	TouchIgnored:          {Name: "TouchIgnored", In: "session", What: "a session expires by its first bucket, however often it was heard of"},
	RollbackForgotten:     {Name: "RollbackForgotten", In: "prep", What: "what a failed multi would have done stays in flight"},
	EphemeralLeft:         {Name: "EphemeralLeft", In: "tree", What: "the last ephemeral of a session survives it"},
	WatchLostOnReconnect:  {Name: "WatchLostOnReconnect", In: "watch", What: "setWatches does not arm the data watches that need no event"},
	ChangeLostOnReconnect: {Name: "ChangeLostOnReconnect", In: "watch", What: "setWatches is blind to the first change after the client's last zxid"},
	WatchNotConsumed:      {Name: "WatchNotConsumed", In: "watch", What: "a one-shot watch fires again"},
	SessionsForgotten:     {Name: "SessionsForgotten", In: "replica", What: "the sessions of a snapshot are not restored"},
	FuzzyDeleteForgotten:  {Name: "FuzzyDeleteForgotten", In: "tree", What: "a delete replayed over a fuzzy snapshot that lacks the znode leaves the parent as it was (ZOOKEEPER-3125)"},
	AckBeforeSync:         {Name: "AckBeforeSync", In: "zab", What: "a follower acks a proposal when it arrives"},
	EpochBeforeLog:        {Name: "EpochBeforeLog", In: "zab", What: "currentEpoch is written before the history is (ZOOKEEPER-4643)"},
	AckEpochBeforeWrite:   {Name: "AckEpochBeforeWrite", In: "zab", What: "ACKEPOCH leaves before acceptedEpoch is durable"},
	NewLeaderAckFirst:     {Name: "NewLeaderAckFirst", In: "zab", What: "the ack of NEWLEADER leaves before the history is durable (ZOOKEEPER-3911, 4646)"},
	CommitOutOfOrder:      {Name: "CommitOutOfOrder", In: "zab", What: "a proposal is committed before an older one"},
	HalfQuorum:            {Name: "HalfQuorum", In: "zab", What: "half of the voters is a quorum"},
	JoinMissesProposals:   {Name: "JoinMissesProposals", In: "zab", What: "a learner joins without the proposals in flight"},
	DiffWithHole:          {Name: "DiffWithHole", In: "zab", What: "a DIFF leaves out the first txn (ZOOKEEPER-4925)"},
	TruncOffByOne:         {Name: "TruncOffByOne", In: "zab", What: "TRUNC cuts one txn too many (ZOOKEEPER-1154)"},
	TruncMissing:          {Name: "TruncMissing", In: "zab", What: "a learner's uncommitted tail is left in place"},
	LeaderCountsEarly:     {Name: "LeaderCountsEarly", In: "zab", What: "the leader counts itself before its own sync"},
	AckSurvivesTrunc:      {Name: "AckSurvivesTrunc", In: "zab", What: "acks of a learner count that was truncated since"},
	FollowerAheadIgnored:  {Name: "FollowerAheadIgnored", In: "zab", What: "a follower with a better history is led all the same", Shown: InCores},
	SnapshotTooOld:        {Name: "SnapshotTooOld", In: "zab", What: "a snapshot lacks what the learner helped to commit"},
	HalfSnapshot:          {Name: "HalfSnapshot", In: "replica", What: "a snapshot whose stream has ended early is taken for the history (ZOOKEEPER-3642)"},
	SyncAnsweredEarly:     {Name: "SyncAnsweredEarly", In: "replica", What: "a learner answers a sync without asking the leader"},
	TailForgotten:         {Name: "TailForgotten", In: "replica", What: "the next role begins with a tree that lacks what is in the log"},
	QuarantinedVotes:      {Name: "QuarantinedVotes", In: "election", What: "a server with a damaged disk votes for whoever is the best it hears of", Shown: InOutage},
	DamagedPrefixVotes:    {Name: "DamagedPrefixVotes", In: "storage", What: "a server with a damaged log goes on with what is before the damage (Apache, for some kinds of it)", Shown: InOutage},
	EmptiedVotes:          {Name: "EmptiedVotes", In: "election", What: "a server whose disk was emptied votes beside those that have a history", Shown: InOutage},
	ChangeByOldQuorum:     {Name: "ChangeByOldQuorum", In: "zab", What: "a change of the members is committed by the quorum of the configuration before it", Shown: InChanging},
	ChangeByNewQuorum:     {Name: "ChangeByNewQuorum", In: "zab", What: "a change of the members is committed by its own quorum", Shown: InChanging},
	ChangeForgotten:       {Name: "ChangeForgotten", In: "replica", What: "a change that is in the log and not known to be committed counts for nothing in elections", Shown: InChanging},
	CastWithoutAll:        {Name: "CastWithoutAll", In: "election", What: "a vote is cast in quarantine before every voter was heard", Shown: InOutage},
	SeenIgnored:           {Name: "SeenIgnored", In: "election", What: "a vote is cast in quarantine for one that has less than was seen on damaged disks", Shown: InOutage},
	PromiseForgotten:      {Name: "PromiseForgotten", In: "replica", What: "who casts its vote in quarantine does not tell the leader which epoch damaged disks have accepted", Shown: InOutage, First: 1230},
	QuarantineForgotten:   {Name: "QuarantineForgotten", In: "replica", What: "a restart ends a quarantine", Shown: InOutage},
	UpgradeForgotten:      {Name: "UpgradeForgotten", In: "replica", What: "a local session owns an ephemeral, and the ensemble was never told of it"},
	MasterSkips:           {Name: "MasterSkips", In: "zab", What: "a follower does not tell the observers it serves of every commit"},
	LocalCloseOvertakes:   {Name: "LocalCloseOvertakes", In: "replica", What: "the close of a local session is answered before the writes in front of it"},
}
