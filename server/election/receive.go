package election

import (
	"fmt"
	"maps"

	"zookit/protocol/quorum"
)

// receive takes a notification: WorkerReceiver and lookForLeader in
// FastLeaderElection.java.
func (e *Election) receive(now int64, from int64, n *quorum.Notification) {
	delete(e.down, from)
	looking := n.State == quorum.Looking
	if looking {
		delete(e.standing, from)
	}
	e.noteState(from, n)
	if e.hearsHistory(from, n) {
		return
	}
	if looking && e.state == quorum.Looking && (e.abstaining() || !e.candidate()) {
		e.followRound(now)
	}
	switch {
	case from == e.config.ID:
		e.ignore(from, "it has this server's own id")
		return
	case !e.voting(from):
		// An observer, or a server that wants to join: it learns of the leader
		// and of the configuration.
		e.reply(from)
		return
	case e.state != quorum.Looking:
		if looking {
			e.reply(from)
		}
		return
	case e.intervalMs == 0:
		return // before the first Look
	case looking && n.ElectionEpoch < e.round:
		e.reply(from)
		e.ignore(from, fmt.Sprintf("its round %d is over", n.ElectionEpoch))
		return
	case !e.voting(n.Leader):
		e.ignore(from, "it votes for no voter")
		return
	}
	switch n.State {
	case quorum.Looking:
		e.receiveLooking(now, from, n)
	case quorum.Following, quorum.Leading:
		e.receiveStanding(now, from, n)
	default:
		e.ignore(from, "it observes")
	}
}

func vote(n *quorum.Notification) Vote {
	return Vote{Leader: n.Leader, Zxid: n.Zxid, PeerEpoch: n.PeerEpoch}
}

// receiveLooking counts the vote of a server that looks too, in this round or
// a later one.
func (e *Election) receiveLooking(now int64, from int64, n *quorum.Notification) {
	v := vote(n)
	if e.initial.Zxid == -1 || v.Zxid == -1 {
		e.ignore(from, "a database is not initialised")
		return
	}
	later := n.ElectionEpoch > e.round
	isBetter := e.better(v, e.proposal)
	switch {
	case later && e.settling && !isBetter:
		// The quorum of this round stands; that server is told of it.
		e.owed[from] = true
		return
	case later:
		e.round = n.ElectionEpoch
		// Who stood before this round may stand no more. If it does it answers
		// the announcement of the new one.
		e.clear()
		e.proposal = e.initial
		if e.better(v, e.initial) {
			e.proposal = v
		}
		e.intervalMs = e.config.MinNotificationMs
		e.note("looking", from, "a later round")
	case isBetter:
		e.proposal = v
		e.note("vote changed", from, "a better vote")
	}
	_, again := e.votes[from]
	e.votes[from] = ballot{Vote: v, round: n.ElectionEpoch}
	switch {
	case later || isBetter:
		e.announce(now)
	case !again:
		// It may have been settled when this server announced its vote.
		e.reply(from)
		e.settle(now)
	default:
		e.settle(now)
	}
}

// settle begins finalizeWait when a quorum votes as this server does, and
// decides when no voter is left to wait for.
func (e *Election) settle(now int64) {
	if e.state != quorum.Looking || e.proposal == noVote {
		return
	}
	own := ballot{Vote: e.proposal, round: e.round}
	if !e.hasQuorum(e.votes, own) {
		e.settling = false
		return
	}
	if e.lastWord(own) {
		e.decide(e.proposal, e.round, e.votes, own, false, "a quorum agrees, and nobody is left to ask")
		return
	}
	if !e.settling {
		e.settling, e.settledAt = true, now+e.config.FinalizeWaitMs
		e.note("a quorum agrees", 0, "waiting for a better vote")
	}
}

// lastWord reports that every voter who could bring a better vote agrees or
// cannot be reached.
func (e *Election) lastWord(own ballot) bool {
	for _, sid := range e.voters() {
		b, cast := e.votes[sid]
		agrees := cast && own.agree(b)
		if !agrees && !e.down[sid] && e.weighs(sid) && sid != e.config.ID {
			return false
		}
	}
	return true
}

// receiveStanding hears from a server that has a leader already: its vote
// counts in this round if it is of it, and for joining what stands in any case
// (receivedFollowingNotification).
func (e *Election) receiveStanding(now int64, from int64, n *quorum.Notification) {
	// Apache keeps no version with the votes of a round, so that within one the
	// leader alone must match: half of the servers may have heard of the new
	// epoch before this one asked the other half.
	said := ballot{Vote: vote(n), round: n.ElectionEpoch, state: n.State, versioned: n.Version == quorum.NotificationVersion}
	if n.ElectionEpoch == e.round {
		e.votes[from] = ballot{Vote: said.Vote, round: said.round, state: said.state}
		if e.join(e.votes, said, "the ensemble of this round has a leader") {
			return
		}
	}
	e.standing[from] = said
	if e.hasQuorum(e.standing, said) {
		e.cast = false // they have it without this server's vote
	}
	if e.join(e.standing, said, "the ensemble has a leader") {
		return
	}
	if e.joinAgain(said) {
		return
	}
	e.settle(now) // its vote of this round may have changed
	e.note("notification counted", from, fmt.Sprintf("%v with leader %d of round %d, not yet a quorum that includes it", n.State, n.Leader, n.ElectionEpoch))
}

// join decides for the leader that said names if a quorum of the box does and
// the leader itself leads.
func (e *Election) join(box map[int64]ballot, said ballot, reason string) bool {
	if !e.inForce(box, said) || !e.leads(box, said) {
		return false
	}
	e.decide(said.Vote, said.round, box, said, true, reason)
	return true
}

// joinAgain decides for the leader of this round if those who have decided for it
// are a quorum with this server. They may have counted this server's vote, which
// has gone to a better one since, too late: without it the two camps wait for each
// other until initLimit is over. Differs from Apache (ZOOKEEPER-3109; there
// leader.maxTimeToWaitForEpoch ends that leader, if it is set). Who is LOOKING yet
// may change its mind as well; and a leader whose history is shorter than that of
// a follower ends, so it is left alone.
func (e *Election) joinAgain(said ballot) bool {
	self := e.config.ID
	if said.round != e.round || e.settling || e.abstain || !e.voting(self) || said.history().less(e.initial.history()) {
		return false
	}
	if said.Leader == self && said.Vote != e.initial {
		return false // it is of this server as it was before
	}
	box := maps.Clone(e.votes)
	maps.DeleteFunc(box, func(_ int64, b ballot) bool { return b.state == quorum.Looking })
	box[self] = ballot{Vote: said.Vote, round: said.round, state: quorum.Following}
	return e.join(box, said, "the leader of this round has a quorum with this server")
}

// leads is checkLeader: the leader named has itself said that it is LEADING;
// or it is this server, in the round it is in. Without it a server could join
// the ensemble of a leader that is gone.
func (e *Election) leads(box map[int64]ballot, said ballot) bool {
	if said.Leader == e.config.ID {
		return said.round == e.round && !e.abstain
	}
	b, heard := box[said.Leader]
	return heard && b.state == quorum.Leading
}

// decide ends the election: becomeLeading, becomeFollowing or becomeObserving.
func (e *Election) decide(v Vote, round int64, box map[int64]ballot, counted ballot, joined bool, reason string) {
	tally, supporters := e.tally(box), e.supporters(box, counted)
	switch {
	case v.Leader == e.config.ID:
		e.state = quorum.Leading
	case e.abstaining() || e.config.Verifier.Observing(e.config.ID) && !e.voting(e.config.ID):
		e.state = quorum.Observing
	default: // without a vote when it is in no configuration (FastLeaderElection.learningState)
		e.state = quorum.Following
	}
	e.proposal, e.round = v, round
	owed := e.owed
	e.clear()
	for _, sid := range e.voters() {
		if owed[sid] {
			e.reply(sid)
		}
	}
	e.ready.Decision = &Decision{State: e.state, Vote: v, Round: round, Supporters: supporters, Joined: joined}
	e.note("decided", 0, reason)
	e.ready.Notes[len(e.ready.Notes)-1].Votes = tally
}

func (e *Election) ignore(from int64, reason string) {
	if e.state == quorum.Looking {
		e.note("notification ignored", from, reason)
	}
}
