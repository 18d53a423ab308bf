package zab

// defect names a mistake that tests put in to see that they notice it; see
// defect_off.go and defect_on.go.
type defect int

const (
	defectNone                 defect = iota
	defectAckBeforeSync               // a follower acks a proposal when it arrives
	defectEpochBeforeLog              // currentEpoch is written before the history is (ZOOKEEPER-4643)
	defectAckEpochBeforeWrite         // ACKEPOCH leaves before acceptedEpoch is durable
	defectNewLeaderAckFirst           // the ack of NEWLEADER leaves before the history is durable (ZOOKEEPER-3911, 4646)
	defectCommitOutOfOrder            // a proposal is committed before an older one
	defectHalfQuorum                  // half of the voters is a quorum
	defectJoinMissesProposals         // a learner joins without the proposals in flight
	defectDiffWithHole                // a DIFF leaves out the first txn (ZOOKEEPER-4925)
	defectTruncOffByOne               // TRUNC cuts one txn too many (ZOOKEEPER-1154)
	defectTruncMissing                // a learner's uncommitted tail is left in place
	defectLeaderCountsEarly           // the leader counts itself before its own sync
	defectAckBeforeNewLeader          // acks count before the learner has the epoch on disk
	defectAckSurvivesTrunc            // acks of a learner count that was truncated since
	defectFollowerAheadIgnored        // a follower with a better history is led all the same
	defectSnapshotTooOld              // a snapshot lacks what the learner helped to commit
	defects
)

var defectNames = [...]string{"none", "ack before sync", "epoch before log", "ACKEPOCH before acceptedEpoch",
	"ack of NEWLEADER before log", "commit out of order", "quorum of half", "joining learner misses proposals",
	"DIFF with a hole", "TRUNC off by one", "TRUNC left out", "leader counts itself early",
	"acks count before NEWLEADER", "acks survive TRUNC", "follower ahead ignored", "snapshot too old"}

func (d defect) String() string { return defectNames[d] }
