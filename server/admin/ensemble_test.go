package admin

import (
	"strings"
	"testing"
	"time"
)

// still is a server in one state.
type still struct {
	Source
	status Status
}

func (s still) Status() Status                 { return s.status }
func (s still) Sizes() (dataDir, logDir int64) { return 597, 597 }

func answer(st Status, word string) string {
	st.Serving = true
	return (&Words{Source: still{status: st}, Allowed: []string{"*"}}).Answer(word, 0)
}

const membership = "server.1=127.0.0.1:38839:43791:participant\nserver.2=127.0.0.1:44353:40277:participant\nserver.3=127.0.0.1:50381:51113:participant\nversion=0"

// The answer of a server of three to conf, as Apache 3.8.0 gave it.
func TestConfOfEnsemble(t *testing.T) {
	t.Parallel()
	st := Status{Mode: "follower",
		Settings: Settings{ClientPort: 41565, SecureClientPort: -1, DataDir: "/zk/1/version-2", LogDir: "/zk/1/version-2", TickMs: 500, MaxClientCnxns: 60,
			MinSessionTimeoutMs: 1000, MaxSessionTimeoutMs: 10000, ListenBacklog: -1, ServerID: 1},
		Ensemble: &Ensemble{InitLimit: 10, SyncLimit: 5, QuorumPorts: []int{38839}, ElectionPorts: []int{43791}, Membership: membership}}
	alone := "clientPort=41565\nsecureClientPort=-1\ndataDir=/zk/1/version-2\ndataDirSize=597\ndataLogDir=/zk/1/version-2\ndataLogSize=597\n" +
		"tickTime=500\nmaxClientCnxns=60\nminSessionTimeout=1000\nmaxSessionTimeout=10000\nclientPortListenBacklog=-1\nserverId=1\n"
	want := alone + "initLimit=10\nsyncLimit=5\nelectionAlg=3\nelectionPort=43791\nquorumPort=38839\npeerType=0\nmembership: \n" + membership
	if got := answer(st, "conf"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}

	st.Ensemble.Observer = true
	st.Ensemble.QuorumPorts, st.Ensemble.ElectionPorts = []int{42231, 53577, 42231}, []int{53795, 54775, 53795}
	if got := answer(st, "conf"); !strings.Contains(got, "\nelectionPort=53795|54775\nquorumPort=42231|53577\npeerType=1\n") {
		t.Errorf("an observer of several addresses: %s", got)
	}
	st.ReadOnly = true
	if got := answer(st, "conf"); !strings.HasSuffix(got, "\npeerType=1\n") {
		t.Errorf("read-only: %s", got)
	}
}

// Which lines srvr and mntr have in each role.
func TestRoles(t *testing.T) {
	t.Parallel()
	leader := &Leader{Since: time.Now(), Learners: 3, SyncedFollowers: 2, SyncedNonVoting: 1, PendingSyncs: 4, LastProposal: 48, MinProposal: 36, MaxProposal: 100}
	const sizes = "\nProposal sizes last/min/max: 48/36/100\n"
	leading := []string{"learners\t3", "synced_followers\t2", "synced_non_voting_followers\t1", "pending_syncs\t4", "last_proposal_size\t48", "min_proposal_size\t36", "max_proposal_size\t100", "leader_uptime\t"}
	for _, tt := range []struct {
		mode     string
		ensemble *Ensemble
		has, not []string // of mntr
	}{
		{"standalone", nil, nil, append([]string{"peer_state", "quorum_size", "synced_observers", "observer_master_id"}, leading...)},
		{"leader", &Ensemble{PeerState: "leading - broadcast", Voters: 3, SyncedObservers: 1, Leader: leader},
			append([]string{"server_state\tleader\nzk_peer_state\tleading - broadcast\n", "quorum_size\t3\n", "synced_observers\t1\n"}, leading...), []string{"observer_master_id"}},
		{"follower", &Ensemble{PeerState: "following - broadcast", Voters: 3, LeaderID: 3},
			[]string{"server_state\tfollower\nzk_peer_state\tfollowing - broadcast\n", "quorum_size\t3\n", "synced_observers\t0\n"}, append([]string{"observer_master_id"}, leading...)},
		{"observer", &Ensemble{PeerState: "observing - broadcast", Voters: 3, LeaderID: 17, Observer: true},
			[]string{"server_state\tobserver\nzk_peer_state\tobserving - broadcast\nzk_observer_master_id\t17\n", "quorum_size\t3\n"}, append([]string{"synced_observers"}, leading...)},
		{"read-only", &Ensemble{PeerState: "leader election", Voters: 3}, []string{"server_state\tread-only\nzk_ephemerals_count"},
			append([]string{"peer_state", "quorum_size", "synced_observers", "observer_master_id"}, leading...)},
	} {
		st := Status{Mode: tt.mode, ReadOnly: tt.mode == "read-only", Ensemble: tt.ensemble, Started: time.Now(), MaxFiles: -1, OpenFiles: -1}
		srvr, mntr := answer(st, "srvr"), answer(st, "mntr")
		if !strings.Contains(srvr, "\nMode: "+tt.mode+"\n") || strings.HasSuffix(srvr, sizes) != (tt.mode == "leader") {
			t.Errorf("%s: srvr %s", tt.mode, srvr)
		}
		for _, key := range tt.has {
			if !strings.Contains(mntr, "zk_"+key) {
				t.Errorf("%s: mntr without %q:\n%s", tt.mode, key, mntr)
			}
		}
		for _, key := range tt.not {
			if strings.Contains(mntr, "zk_"+key) {
				t.Errorf("%s: mntr with %q", tt.mode, key)
			}
		}
	}
}
