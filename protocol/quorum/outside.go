package quorum

// A voter whose history cannot be used joins a leader as an observer under an id
// that no configuration has. Under its own it would count: Apache's leader asks
// only whether the id is a voter's, not whether that learner observes
// (Leader.getEpochToPropose, waitForEpochAck and Proposal.addAck of 3.8 and 3.9).
// The ids are below those that Apache's leader gives to observers without one,
// which count down from −1 (Leader.followerCounter).
const outsideBase int64 = -1 << 40

// OutsideID is the id outside every configuration that server sid takes; sid is
// not negative.
func OutsideID(sid int64) int64 { return outsideBase - sid }

// OutsideOf tells whose an outside id is.
func OutsideOf(id int64) (sid int64, ok bool) {
	if id > outsideBase || id == NoVote {
		return 0, false
	}
	return outsideBase - id, true
}
