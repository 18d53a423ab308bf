// Package quorum is what the servers of an ensemble say to each other: the
// packets of the quorum port (2888), the messages of the election port (3888),
// the text of the ensemble's configuration that both carry, and the rule which
// sets of servers form a quorum of it.
//
// Facts come from QuorumPacket and LearnerInfo in zookeeper.jute, Leader,
// Learner, LearnerHandler, FastLeaderElection, QuorumCnxManager, QuorumMaj and
// QuorumHierarchical of Apache ZooKeeper 3.9, checked against traffic of three
// 3.8.0 servers (testdata/wire/quorum-3.8.0.txt).
//
// Everything here is a value: no socket but the io.Reader a caller hands in,
// no clock. Lengths and counts are checked before anything is allocated for
// them.
package quorum
