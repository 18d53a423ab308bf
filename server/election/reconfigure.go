package election

import (
	"zookit/protocol"
	"zookit/protocol/quorum"
)

// Reconfigured puts other configurations in force. A LOOKING server begins
// again.
type Reconfigured struct {
	Verifier, LastSeen *quorum.Verifier
	ConfigText         []byte
}

// Designated stands for Look after a change of the ensemble: the leader before
// it has named the next one, which needs no election. Others are told of it
// like of one that was elected; when it is not there, the next event is Look
// (QuorumPeer.updateServerState).
type Designated struct {
	Leader       int64
	Zxid         protocol.Zxid // as in Look, of this server
	CurrentEpoch int64
}

func (Reconfigured) event() {}
func (Designated) event()   {}

func (e *Election) reconfigure(now int64, r Reconfigured) {
	e.config.Verifier, e.config.LastSeen, e.config.ConfigText = r.Verifier, r.LastSeen, r.ConfigText
	if e.state != quorum.Looking || e.intervalMs == 0 {
		return
	}
	// It may have got its vote, without which there may be no quorum, or have lost
	// it; and then nobody's history is at stake.
	e.stand()
	e.empty = e.empty && e.candidate()
	e.begin(now, "the configuration has changed")
}

// candidate tells whether this server may be voted for by itself: as a voter of
// the configuration in force. One of the configuration proposed alone is not,
// for the others would not find it (FastLeaderElection.getInitId).
func (e *Election) candidate() bool { return e.config.Verifier.Voting(e.config.ID) }

// designate decides for the leader that was named.
func (e *Election) designate(d Designated) {
	e.state, e.abstain, e.empty = quorum.Looking, false, false
	e.clear()
	clear(e.looking)
	e.round++
	v := Vote{Leader: d.Leader, Zxid: d.Zxid, PeerEpoch: d.CurrentEpoch}
	e.decide(v, e.round, nil, ballot{Vote: v, round: e.round}, false, "the leader before has designated it")
}
