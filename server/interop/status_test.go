//go:build interop

package interop

import (
	"regexp"
	"strings"
	"testing"

	"zookit/protocol"
)

// The words of a leader, a follower and an observer have the lines that Apache's
// have, in either kind of leader.
func TestWords(t *testing.T) {
	t.Parallel()
	lines := map[string]map[string][]string{} // by kind of leader, then by role
	for _, kinds := range []string{"AAAA", "oooo"} {
		lines[kinds] = map[string][]string{}
		func() {
			e := newEnsemble(t, kinds, []int64{4})
			e.startLedBy3(2, 4)
			e.awaitMode(4, "observer")
			srvr, err := protocol.FourLetter(t.Context(), e.member(3).addr(), "srvr")
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(srvr, "Zxid: 0x100000000\n") {
				t.Errorf("%s: before the first write the leader says\n%s", kinds, srvr)
			}
			w := e.write("/w", 2)
			w.more(5)
			w.end()
			for sid, role := range map[int64]string{3: "leader", 2: "follower", 4: "observer"} {
				for _, word := range []string{"srvr", "conf", "mntr"} {
					answer, err := protocol.FourLetter(t.Context(), e.member(sid).addr(), word)
					if err != nil {
						t.Fatal(err)
					}
					lines[kinds][role] = append(lines[kinds][role], keys(word, answer)...)
				}
			}
			mntr, err := protocol.FourLetter(t.Context(), e.member(3).addr(), "mntr")
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range []string{"zk_server_state\tleader", "zk_quorum_size\t3", "zk_synced_followers\t2", "zk_synced_observers\t1", "zk_learners\t3", "zk_peer_state\tleading - broadcast"} {
				if !strings.Contains(mntr, line+"\n") && !strings.Contains(mntr, line+".0\n") {
					t.Errorf("%s: mntr of the leader has no %q", kinds, line)
				}
			}
			for sid := range e.members {
				e.members[sid].kill()
			}
		}()
	}
	for role, theirs := range lines["AAAA"] {
		ours := strings.Join(lines["oooo"][role], "\n") + "\n"
		for _, key := range theirs {
			if !strings.Contains(ours, key+"\n") {
				t.Errorf("%s: %q is missing", role, key)
			}
		}
	}
}

var (
	keyOf  = regexp.MustCompile(`^[^:=\t]+[:=\t]`)
	wanted = regexp.MustCompile(`^mntr zk_(server_state|peer_state|quorum_size|learners|synced_\w+|pending_syncs|leader_uptime|\w+_proposal_size|observer_master_id)\t`)
)

// keys are what the lines of an answer begin with: of mntr those of ensembles
// alone.
func keys(word, answer string) (out []string) {
	for line := range strings.SplitSeq(answer, "\n") {
		key := word + " " + keyOf.FindString(line)
		if word == "mntr" && !wanted.MatchString(key) || key == word+" " {
			continue
		}
		out = append(out, key)
	}
	return out
}
