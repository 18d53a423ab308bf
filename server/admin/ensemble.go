package admin

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Ensemble is the state of a server that is one of several.
type Ensemble struct {
	PeerState string // what mntr calls peer_state: "leading - broadcast", "following - synchronization", …
	LeaderID  int64  // whom this server follows or observes

	InitLimit, SyncLimit       int    // ticks
	QuorumPorts, ElectionPorts []int  // of this server's line, one for each of its addresses
	Observer                   bool   // by the configuration
	Voters                     int    // in the configuration
	Membership                 string // the configuration's text, as in /zookeeper/config

	SyncedObservers int     // learners of this server that observe
	Leader          *Leader // nil unless this server leads
}

// Leader is what a leader knows of its ensemble.
type Leader struct {
	Since                                  time.Time // it leads
	Learners                               int       // connected, synchronised or not
	SyncedFollowers, SyncedNonVoting       int       // followers that keep up; those without a vote among them
	PendingSyncs                           int       // of the learners' clients
	LastProposal, MinProposal, MaxProposal int       // bytes; -1 before the first
}

// confEnsemble prints what conf has for one of several servers behind the lines
// of one alone (QuorumZooKeeperServer.dumpConf). Its last line has no end. One
// that only reads leaves the membership out (ReadOnlyZooKeeperServer.dumpConf).
func confEnsemble(b *strings.Builder, st Status) {
	e := st.Ensemble
	peerType := 0 // LearnerType.PARTICIPANT
	if e.Observer {
		peerType = 1
	}
	fmt.Fprintf(b, "initLimit=%d\nsyncLimit=%d\nelectionAlg=3\n", e.InitLimit, e.SyncLimit)
	fmt.Fprintf(b, "electionPort=%s\nquorumPort=%s\npeerType=%d\n", ports(e.ElectionPorts), ports(e.QuorumPorts), peerType)
	if !st.ReadOnly {
		fmt.Fprintf(b, "membership: \n%s", e.Membership)
	}
}

// ports joins ports as several addresses are, each once.
func ports(list []int) string {
	var texts []string
	for i, p := range list {
		if !slices.Contains(list[:i], p) {
			texts = append(texts, strconv.Itoa(p))
		}
	}
	return strings.Join(texts, "|")
}

// srvrLeader prints the line that a leader's srvr and stat end with.
func srvrLeader(b *strings.Builder, l *Leader) {
	fmt.Fprintf(b, "Proposal sizes last/min/max: %d/%d/%d\n", l.LastProposal, l.MinProposal, l.MaxProposal)
}

// monitorPeer gives mntr the keys of one of several servers that stand right
// behind server_state.
func monitorPeer(put func(key string, value any), st Status) {
	put("peer_state", st.Ensemble.PeerState)
	if st.Mode == "observer" {
		put("observer_master_id", st.Ensemble.LeaderID)
	}
}

// monitorEnsemble gives mntr the figures of an ensemble: those of every
// server, the leader's and the follower's.
func monitorEnsemble(put func(key string, value any), st Status) {
	e := st.Ensemble
	put("quorum_size", e.Voters)
	if e.Leader != nil || st.Mode == "follower" {
		put("synced_observers", e.SyncedObservers)
	}
	l := e.Leader
	if l == nil {
		return
	}
	put("learners", l.Learners)
	put("synced_followers", l.SyncedFollowers)
	put("synced_non_voting_followers", l.SyncedNonVoting)
	put("pending_syncs", l.PendingSyncs)
	put("leader_uptime", time.Since(l.Since).Milliseconds())
	put("last_proposal_size", l.LastProposal)
	put("min_proposal_size", l.MinProposal)
	put("max_proposal_size", l.MaxProposal)
}
