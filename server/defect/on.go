//go:build defects

package defect

// The switches; see off.go. Set them before anything runs.
var (
	LogNotSynced          bool
	LogDirNotSynced       bool
	RecoveryNotSynced     bool
	SyncErrorIgnored      bool
	TornRecordAccepted    bool
	WitnessFirst          bool
	PurgeTakesNeededLog   bool
	SnapshotAhead         bool
	CommitBeforeSync      bool
	EventAfterReply       bool
	SessionEndsTwice      bool
	SequenceReused        bool
	TouchIgnored          bool
	RollbackForgotten     bool
	EphemeralLeft         bool
	WatchLostOnReconnect  bool
	ChangeLostOnReconnect bool
	WatchNotConsumed      bool
	SessionsForgotten     bool
	FuzzyDeleteForgotten  bool
)

// Switch is one of them.
type Switch struct {
	Name string
	On   *bool
	What string
}

// Switches are all of them.
var Switches = []Switch{
	{"LogNotSynced", &LogNotSynced, "storage: a batch is reported as durable and was not synced"},
	{"LogDirNotSynced", &LogDirNotSynced, "storage: the directory entry of a new log is not synced"},
	{"RecoveryNotSynced", &RecoveryNotSynced, "storage: what a recovery read from the page cache is served without a sync"},
	{"SyncErrorIgnored", &SyncErrorIgnored, "storage: a failed sync of the log is taken for a good one (fsyncgate)"},
	{"TornRecordAccepted", &TornRecordAccepted, "storage: checksum and end of a record are not looked at"},
	{"WitnessFirst", &WitnessFirst, "storage: the witness speaks of a batch before it is synced"},
	{"PurgeTakesNeededLog", &PurgeTakesNeededLog, "storage: purge removes the log that the oldest snapshot kept begins in (ZOOKEEPER-2574)"},
	{"SnapshotAhead", &SnapshotAhead, "replica: a snapshot is named by a zxid that it does not hold"},
	{"CommitBeforeSync", &CommitBeforeSync, "replica: a batch is committed and answered when it is handed to the disk"},
	{"EventAfterReply", &EventAfterReply, "replica: the reply of a write is queued before its watch events"},
	{"SessionEndsTwice", &SessionEndsTwice, "replica: an expired session is ended by two txns"},
	{"SequenceReused", &SequenceReused, "replica: a snapshot's count of created children is not restored"},
	{"TouchIgnored", &TouchIgnored, "session: a session expires by its first bucket, however often it was heard of"},
	{"RollbackForgotten", &RollbackForgotten, "prep: what a failed multi would have done stays in flight"},
	{"EphemeralLeft", &EphemeralLeft, "tree: the last ephemeral of a session survives it"},
	{"WatchLostOnReconnect", &WatchLostOnReconnect, "watch: setWatches does not arm the data watches that need no event"},
	{"ChangeLostOnReconnect", &ChangeLostOnReconnect, "watch: setWatches is blind to the first change after the client's last zxid"},
	{"WatchNotConsumed", &WatchNotConsumed, "watch: a one-shot watch fires again"},
	{"SessionsForgotten", &SessionsForgotten, "replica: the sessions of a snapshot are not restored"},
	{"FuzzyDeleteForgotten", &FuzzyDeleteForgotten, "tree: a delete replayed over a fuzzy snapshot that lacks the znode leaves the parent as it was (ZOOKEEPER-3125)"},
}
