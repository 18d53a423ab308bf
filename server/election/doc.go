// Package election is FastLeaderElection as a pure core: votes come in, votes
// and a decision come out. It holds no goroutine, socket, clock or randomness;
// whoever drives it brings the time and carries the messages.
//
// A server LOOKING for a leader proposes itself, tells every voter, and takes
// over any better vote it hears of: the later currentEpoch, then the higher
// last zxid, then the larger sid. Votes count within one round
// (electionEpoch, the logical clock); who hears of a later round joins it.
// When a quorum votes as it does, a server waits a moment for a still better
// vote and then is LEADING, FOLLOWING or OBSERVING. Servers that are not
// LOOKING answer those that are with the vote they decided for, so a late one
// joins the ensemble that stands, if the leader itself says that it leads.
//
// The election keeps nobody safe: it may decide for two leaders, or for a dead
// one. Zab lets only one of them have an epoch, and sends the others back here.
//
// Facts come from FastLeaderElection, Vote and QuorumPeer of Apache ZooKeeper
// 3.9.5, checked against a running 3.8.0.
//
// Differs from Apache:
//   - A quorum decides without finalizeWait when no voter is left that could
//     bring a better vote: all others agree, or cannot be reached at all, or are
//     the leader that was just left for its silence.
//   - finalizeWait runs from the quorum on; messages that change nothing do not
//     begin it anew, and none of them is dropped: who spoke in it from another
//     round is answered when the decision falls.
//   - The back-off of notifications begins again at its least with every later
//     round, and when a connection comes up.
//   - A voter heard for the first time in a round is answered even if its vote
//     is the worse one: it may have been settled when the better one was sent,
//     and would learn of it from the next notification, 200 ms later.
//   - What a server said while it had a leader is forgotten when it is heard
//     LOOKING, and when a later round begins. Apache counts it until the
//     election ends, so that a restarted leader may lead again by the word of
//     followers it has lost.
//   - A voter goes back to the leader of its round if those who have decided for
//     it are a quorum with this voter alone (ZOOKEEPER-3109; joinAgain).
//   - A LOOKING server answers one that is no voter with its proposal, where
//     Apache sends the vote of its last decision.
//   - Abstain (see Look), which Apache does not have.
package election
