//go:build !defects

// Package defect holds defects that servers of this kind have had, as switches
// at the places where they would break this one. In an ordinary build they are
// constants, false, and cost nothing. With the build tag defects they are
// variables, for one test: that the simulator (package sim) finds each of them.
package defect

// The switches.
const (
	// LogNotSynced, in storage: a batch is reported as durable and was not synced.
	LogNotSynced = false
	// LogDirNotSynced, in storage: the directory entry of a new log is not synced.
	LogDirNotSynced = false
	// RecoveryNotSynced, in storage: what a recovery read from the page cache is served without a sync.
	RecoveryNotSynced = false
	// SyncErrorIgnored, in storage: a failed sync of the log is taken for a good one (fsyncgate).
	SyncErrorIgnored = false
	// TornRecordAccepted, in storage: checksum and end of a record are not looked at.
	TornRecordAccepted = false
	// WitnessFirst, in storage: the witness speaks of a batch before it is synced.
	WitnessFirst = false
	// PurgeTakesNeededLog, in storage: purge removes the log that the oldest snapshot kept begins in (ZOOKEEPER-2574).
	PurgeTakesNeededLog = false
	// SnapshotAhead, in replica: a snapshot is named by a zxid that it does not hold.
	SnapshotAhead = false
	// CommitBeforeSync, in replica: a batch is committed and answered when it is handed to the disk.
	CommitBeforeSync = false
	// EventAfterReply, in replica: the reply of a write is queued before its watch events.
	EventAfterReply = false
	// SessionEndsTwice, in replica: an expired session is ended by two txns.
	SessionEndsTwice = false
	// SequenceReused, in replica: a snapshot's count of created children is not restored.
	SequenceReused = false
	// TouchIgnored, in session: a session expires by its first bucket, however often it was heard of.
	TouchIgnored = false
	// RollbackForgotten, in prep: what a failed multi would have done stays in flight.
	RollbackForgotten = false
	// EphemeralLeft, in tree: the last ephemeral of a session survives it.
	EphemeralLeft = false
	// WatchLostOnReconnect, in watch: setWatches does not arm the data watches that need no event.
	WatchLostOnReconnect = false
	// ChangeLostOnReconnect, in watch: setWatches is blind to the first change after the client's last zxid.
	ChangeLostOnReconnect = false
	// WatchNotConsumed, in watch: a one-shot watch fires again.
	WatchNotConsumed = false
	// SessionsForgotten, in replica: the sessions of a snapshot are not restored.
	SessionsForgotten = false
	// FuzzyDeleteForgotten, in tree: a delete replayed over a fuzzy snapshot that lacks the znode leaves the parent as it was (ZOOKEEPER-3125).
	FuzzyDeleteForgotten = false
)
