package election

import (
	"fmt"
	"slices"
	"strings"

	"zookit/protocol"
	"zookit/protocol/quorum"
)

// A Vote names a leader and the history it stands for.
type Vote struct {
	Leader    int64 // quorum.NoVote: none
	Zxid      protocol.Zxid
	PeerEpoch int64 // the leader's currentEpoch
}

var noVote = Vote{Leader: quorum.NoVote, Zxid: protocol.Zxid(quorum.NoVote), PeerEpoch: quorum.NoVote}

// String is (leader, epoch, zxid), "none" for no vote.
func (v Vote) String() string {
	if v == noVote {
		return "none"
	}
	return fmt.Sprintf("(%d, epoch %d, zxid %v)", v.Leader, v.PeerEpoch, v.Zxid)
}

// less is the order of votes: epoch, zxid, sid.
func (v Vote) less(o Vote) bool {
	switch {
	case v.PeerEpoch != o.PeerEpoch:
		return v.PeerEpoch < o.PeerEpoch
	case v.Zxid != o.Zxid:
		return v.Zxid < o.Zxid
	}
	return v.Leader < o.Leader
}

// history is the vote without its leader.
func (v Vote) history() Vote { return Vote{Zxid: v.Zxid, PeerEpoch: v.PeerEpoch} }

// better reports that o takes the place of v: it is greater, and its leader
// has a weight (totalOrderPredicate).
func (e *Election) better(o, v Vote) bool {
	return e.weighs(o.Leader) && v.less(o) && !(e.abstain && o.Leader == e.config.ID)
}

// weighs reports that the vote of sid counts for something.
func (e *Election) weighs(sid int64) bool {
	for _, v := range e.verifiers() {
		if v.Weight(sid) != 0 {
			return true
		}
	}
	return false
}

// A ballot is a vote with what was said beside it.
type ballot struct {
	Vote
	round     int64
	state     quorum.ServerState
	versioned bool // 3.5 and later said so; see agree
}

// agree tells whether two ballots are for the same leader (Vote.equals). While
// either server is LOOKING everything must match. Afterwards peerEpoch moves
// when the leader has settled its epoch, and zxid and round stay what they were
// in whatever election each server last took part in; a 3.4 server does not
// move its peerEpoch, so between the two versions the leader alone counts.
func (b ballot) agree(o ballot) bool {
	switch {
	case b.state == quorum.Looking || o.state == quorum.Looking:
		return b.Vote == o.Vote && b.round == o.round
	case b.versioned != o.versioned:
		return b.Leader == o.Leader
	}
	return b.Leader == o.Leader && b.PeerEpoch == o.PeerEpoch
}

// verifiers are the configuration in force and the one about to be.
func (e *Election) verifiers() []*quorum.Verifier {
	if s := e.config.LastSeen; s != nil && s.Version() > e.config.Verifier.Version() {
		return []*quorum.Verifier{e.config.Verifier, s}
	}
	return []*quorum.Verifier{e.config.Verifier}
}

// voting reports that sid votes in either configuration.
func (e *Election) voting(sid int64) bool {
	for _, v := range e.verifiers() {
		if v.Voting(sid) {
			return true
		}
	}
	return false
}

// voters are all of them, ascending.
func (e *Election) voters() []int64 {
	var sids []int64
	for _, v := range e.verifiers() {
		sids = append(sids, v.Voters()...)
	}
	slices.Sort(sids)
	return slices.Compact(sids)
}

// hasQuorum reports that the ballots that agree with b are a quorum of every
// configuration.
func (e *Election) hasQuorum(box map[int64]ballot, b ballot) bool {
	for _, v := range e.verifiers() {
		if !v.ContainsQuorum(func(sid int64) bool {
			other, cast := box[sid]
			return cast && b.agree(other)
		}) {
			return false
		}
	}
	return true
}

// inForce is hasQuorum in the configuration in force alone: enough to join a
// leader that is there. Differs from Apache, where a server that holds a change
// which the others have dropped waits for a quorum of it for ever.
func (e *Election) inForce(box map[int64]ballot, b ballot) bool {
	return e.config.Verifier.ContainsQuorum(func(sid int64) bool {
		other, cast := box[sid]
		return cast && b.agree(other)
	})
}

// supporters are the voters whose ballots agree with b, ascending.
func (e *Election) supporters(box map[int64]ballot, b ballot) []int64 {
	var sids []int64
	for _, sid := range e.voters() {
		if other, cast := box[sid]; cast && b.agree(other) {
			sids = append(sids, sid)
		}
	}
	return sids
}

// tally prints a box of ballots, ascending by sid.
func (e *Election) tally(box map[int64]ballot) string {
	var b strings.Builder
	for _, sid := range e.voters() {
		if v, cast := box[sid]; cast {
			if b.Len() > 0 {
				b.WriteByte(' ')
			}
			fmt.Fprintf(&b, "%d:%d", sid, v.Leader)
		}
	}
	return b.String()
}
