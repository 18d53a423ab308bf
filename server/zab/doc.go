// Package zab is the replication of an ensemble: what a leader, a follower and
// an observer say to each other on the quorum port once an election has chosen
// who leads. A Leader and a Learner (follower or observer) are one role of one
// server from its beginning to its StepDown; the next role is a new value.
//
// They are pure: no goroutine, socket, file, clock or randomness. A driver
// hands in events (Step), calls Step with a Tick when Deadline has come, and
// does what Ready lists. Txns are opaque bytes with a zxid; requests, sessions
// and the tree are the replica's.
//
// Facts come from Leader, LearnerHandler, Learner, Follower, Observer and
// ZKDatabase of Apache ZooKeeper 3.9.5, and from traffic with 3.8.0. The order
// of writes is that of 3.9.5, not that of 3.8.0, which loses txns.
//
// # The course of things
//
//	learner                               leader
//	                                      discovery: waits for a quorum of FOLLOWERINFO
//	FOLLOWERINFO acceptedEpoch   →        (observers: OBSERVERINFO, which does not count)
//	                                      accepting epoch: 1 + the highest accepted
//	                             ←        LEADERINFO new epoch
//	accepting epoch                       collecting: waits for a quorum of ACKEPOCH;
//	ACKEPOCH currentEpoch, zxid  →        gives up if a voter's (epoch, zxid) is better
//	                                      entering epoch
//	awaiting sync                         synchronisation: for each learner, in one step,
//	                             ←        DIFF, TRUNC or SNAP, {PROPOSAL, COMMIT}…,
//	                                      NEWLEADER, {PROPOSAL}… in flight; from here
//	synchronising, entering epoch         on it gets every new proposal
//	ACK of NEWLEADER             →        waits for a quorum of these
//	awaiting start
//	                             ←        broadcast: UPTODATE
//	catching up, serving
//	REQUEST                      →        …the replica makes a txn: Propose
//	                             ←        PROPOSAL
//	ACK                          →        a quorum, in the order of zxids:
//	                             ←        COMMIT (observers: INFORM, with the txn)
//
// Every wait ends: initLimit ticks for each phase up to broadcast and for each
// silence of a peer that is joining, syncLimit ticks for a silence, for an ack,
// and for the leader's own sync, after that. A leader looks every tick whether
// a quorum is still connected.
//
// # Persist, then speak
//
//	what is said              what is durable before, on the speaker's disk
//	LEADERINFO e              acceptedEpoch = e
//	ACKEPOCH e                acceptedEpoch = e
//	NEWLEADER e               the leader's history, then currentEpoch = e
//	ACK of NEWLEADER e        the history received, then currentEpoch = e
//	ACK z                     the log up to z (and currentEpoch = e)
//	COMMIT z, INFORM z        nothing more: a quorum has acked z; the leader is
//	                          one of it only when its own log is durable up to z
//	PROPOSAL z                nothing: it is on the wire while the own sync runs
//	Commits (to be applied)   the own log up to z
//
// A message of the upper half is made by the Step that takes the disk's answer,
// so whatever Ready hands out may go at once. One Order is out at a time, in
// the order in which things must become durable.
//
// The tree never holds what the own log does not; beyond that a learner applies
// what was committed. Between roles tree and log are level: Tail gives what is
// logged and not applied, committed or not, and the next leader's history or
// TRUNC decides about it.
//
// # Acks
//
// An ack says that the log up to that zxid is durable, so one zxid for each
// voter is all a leader keeps. It counts after the ack of NEWLEADER, as before
// that an election would rank the learner by an older epoch; and it no longer
// counts when the learner is synchronised anew, as TRUNC or SNAP may take away
// what it had acked. For the same reason a snapshot is not sent before it holds
// all that was committed when the learner came.
//
// # What a log on disk must bear
//
// A learner logs what it receives while it is synchronised, at once. A crash
// before currentEpoch is written leaves a log with txns of a later epoch than
// currentEpoch. That is no damage: what is in it came in order behind all that
// went before in that epoch's history, so the server may take the epoch for
// entered or take part with the currentEpoch it has (the tests do both), and the
// next leader cuts or confirms its end.
package zab
