package election

import (
	"fmt"

	"zookit/protocol"
	"zookit/protocol/quorum"
	"zookit/server/defect"
)

// What follows is of voters that do not trust their own disk: one that abstains
// because its history is damaged, and one that has none.
//
// A voter that abstains sends LOOKING with the leader quorum.NoVote, as a server
// of Apache's that is no voter does; Apache's voters leave such a vote out
// (FastLeaderElection.validVoter), and so do these. In the zxid, which nobody
// looks at then, it says how far the history on its disk is known to have gone,
// and in the epoch which one it is known to have accepted.
//
// It joins a leader that others have elected. If they are too few for that, it
// may cast its vote all the same once every voter has been heard LOOKING in one
// round (Look.CastWhenAll): then one that holds all there was is among them. The
// vote is for the best of those that propose themselves, which trust their disks,
// and only if that one has got as far as every disk that is not trusted is known
// to have got.

// abstaining tells that this server's vote is withheld now.
func (e *Election) abstaining() bool {
	return e.abstain && !e.cast && !defect.Planted(defect.QuarantinedVotes)
}

// noteState remembers what every voter says of itself.
func (e *Election) noteState(from int64, n *quorum.Notification) {
	delete(e.looking, from)
	delete(e.named, from)
	switch {
	case !e.voting(from) || from == e.config.ID:
	case n.State != quorum.Looking:
		e.named[from] = n.Leader
	case n.Leader == quorum.NoVote:
		e.looking[from] = Looker{Sid: from, Round: n.ElectionEpoch, Vote: noVote, Abstains: true, Seen: max(0, n.Zxid), Accepted: max(0, n.PeerEpoch)}
	default:
		e.looking[from] = Looker{Sid: from, Round: n.ElectionEpoch, Vote: vote(n)}
	}
}

// Unanimous tells that every other voter has said since Look that it follows
// this leader, or leads. None of them waits for a quorum of its own then, and
// none holds a promise that this server may have made and lost.
func (e *Election) Unanimous(leader int64) bool {
	for _, sid := range e.voters() {
		if named, heard := e.named[sid]; sid != e.config.ID && (!heard || named != leader) {
			return false
		}
	}
	return true
}

// hearsHistory ends the election of a server that has no history when a peer
// reports one: its own may have been lost. It is true when that is so.
func (e *Election) hearsHistory(from int64, n *quorum.Notification) bool {
	if !e.empty || e.state != quorum.Looking || e.intervalMs == 0 || from == e.config.ID || !e.voting(from) {
		return false
	}
	if n.Zxid <= 0 && n.PeerEpoch <= 0 || defect.Planted(defect.EmptiedVotes) {
		return false
	}
	e.ready.History = &History{From: from, Epoch: max(0, n.PeerEpoch), Zxid: max(0, n.Zxid)}
	e.note("vote withheld", from, fmt.Sprintf("it reports a history (epoch %d, zxid %v), and there is none here", max(0, n.PeerEpoch), max(0, n.Zxid)))
	e.clear()
	e.initial, e.proposal = noVote, noVote
	e.empty, e.intervalMs = false, 0
	return true
}

// followRound puts one that abstains, or is no candidate, into the round of those
// that are: its own clock means nothing to them, who pass over what it sends. (Its
// vote may count all the same: in a configuration that is proposed, and that it
// does not know.)
func (e *Election) followRound(now int64) {
	round := int64(0)
	for _, l := range e.looking {
		if !l.Abstains {
			round = max(round, l.Round)
		}
	}
	if round == 0 || round >= e.round { // a later one is joined as ever
		return
	}
	e.round = round
	e.clear()
	e.proposal = e.initial
	e.intervalMs = e.config.MinNotificationMs
	e.note("looking", 0, "the round of those that vote")
	e.announce(now)
}

// ReasonCast is the Reason of the Note of a vote that is cast although it was
// withheld.
const ReasonCast = "every voter is looking, and it has all that is known to have been"

// castWhenAll casts the vote that was withheld, if all are heard; see above.
func (e *Election) castWhenAll(now int64) {
	if !e.abstaining() || !e.allMayCast || e.state != quorum.Looking || e.intervalMs == 0 {
		return
	}
	best, why := e.bestOfAll()
	if why != "" {
		e.missing = why
		return
	}
	e.missing = ""
	e.cast, e.proposal = true, best
	e.promised = e.began.Accepted
	for _, l := range e.looking {
		if l.Abstains {
			e.promised = max(e.promised, l.Accepted)
		}
	}
	e.note("vote changed", best.Leader, ReasonCast)
	e.announce(now)
}

// bestOfAll is the vote to cast when every voter looks in this round; why says
// what is missing.
func (e *Election) bestOfAll() (best Vote, why string) {
	best = noVote
	seen := e.seen
	for _, sid := range e.voters() {
		if sid == e.config.ID {
			continue
		}
		l, heard := e.looking[sid]
		switch {
		case !heard && defect.Planted(defect.CastWithoutAll):
			continue
		case !heard:
			return noVote, fmt.Sprintf("server %d has not been heard", sid)
		case l.Round != e.round:
			return noVote, fmt.Sprintf("server %d is in round %d, this one in %d", sid, l.Round, e.round)
		case l.Abstains:
			seen = max(seen, l.Seen)
		case l.Vote.Leader == sid && e.weighs(sid) && best.less(l.Vote):
			best = l.Vote
		}
	}
	for _, l := range e.looking {
		if !l.Abstains && e.weighs(l.Vote.Leader) && best.less(l.Vote) {
			return noVote, fmt.Sprintf("server %d proposes server %d, which has not proposed itself in this round", l.Sid, l.Vote.Leader)
		}
	}
	switch {
	case best == noVote:
		return noVote, "no voter with an undamaged history has been heard"
	case best.Zxid < seen && !defect.Planted(defect.SeenIgnored):
		return noVote, fmt.Sprintf("the history of server %d, the best undamaged one, ends at %v, and damaged ones are known to have gone to %v", best.Leader, best.Zxid, seen)
	}
	return best, ""
}

// Promised is, of a vote that was cast although it was withheld, the latest epoch
// that a damaged disk is known to have accepted. The quorum that accepted it may
// have no other member left that remembers, so the next leader has to be told by
// those that cast their votes.
func (e *Election) Promised() int64 { return e.promised }

// Missing says why a vote that is withheld is not cast, as Look.CastWhenAll may
// have it; "" when it is cast, or when nobody was heard yet.
func (e *Election) Missing() string {
	if !e.abstaining() {
		return ""
	}
	return e.missing
}

// A History is what a peer reports while this server has none.
type History struct {
	From  int64
	Epoch int64
	Zxid  protocol.Zxid
}

// Heard is what a voter was last heard to do since Look: LOOKING; FOLLOWING, also
// when it leads itself, with the leader it named; or OBSERVING, when nothing was
// heard of it.
func (e *Election) Heard(sid int64) (quorum.ServerState, int64) {
	if _, ok := e.looking[sid]; ok {
		return quorum.Looking, 0
	}
	if leader, ok := e.named[sid]; ok {
		return quorum.Following, leader
	}
	return quorum.Observing, 0
}
