package command

import (
	"fmt"
	"strings"
	"testing"

	"zookit/protocol"
)

// Who holds and who waits, recipe by recipe.
func TestContenders(t *testing.T) {
	t.Parallel()
	const c = "_c_6f9b3f0e-6a0e-4b0e-9d4b-0d8f3a3c9b1a-"
	const k = "0123456789abcdef0123456789abcdef"
	for _, tt := range []struct {
		name     string
		children string
		want     string // number-state, in line; | between lines
	}{
		{"Curator lock", c + "lock-0000000012 " + c + "lock-0000000007", "Curator lock or LeaderSelector: 7 holds, 12 waits"},
		{"Curator latch", c + "latch-0000000000 " + c + "latch-0000000001", "Curator LeaderLatch: 0 leads, 1 waits"},
		{"readers in front of a writer", c + "__READ__0000000001 " + c + "__READ__0000000002 " + c + "__WRIT__0000000003 " + c + "__READ__0000000004",
			"Curator read/write lock: 1 holds (read), 2 holds (read), 3 waits, 4 waits"},
		{"a writer in front", c + "__WRIT__0000000001 " + c + "__READ__0000000002", "Curator read/write lock: 1 holds (write), 2 waits"},
		{"semaphore", c + "lease-0000000001 " + c + "lease-0000000003", "Curator semaphore: 1 holds a lease, 3 holds a lease"},
		{"kazoo lock", k + "__lock__0000000002 " + k + "__lock__0000000001", "kazoo Lock or Election: 1 holds, 2 waits"},
		{"kazoo read/write", k + "__rlock__0000000001 " + k + "__lock__0000000002", "kazoo read/write lock: 1 holds (read), 2 waits"},
		{"ZooKeeper's recipe", "x-72057597441736704-0000000003 x-0x100000000000002-0000000002", "ZooKeeper lock: 2 holds, 3 waits"},
		{"plain", "n_0000000009 n_0000000010", "sequential ephemerals: 9 first, 10 waits"},
		{"two lines below one znode", "a-0000000001 b-0000000000", "sequential ephemerals: 1 first | sequential ephemerals: 0 first"},
		{"names with ids of their own", "6f9b3f0e-6a0e-4b0e-9d4b-0d8f3a3c9b1a-n-0000000001 7f9b3f0e-6a0e-4b0e-9d4b-0d8f3a3c9b1a-n-0000000000", "sequential ephemerals: 0 first, 1 waits"},
		{"overflown numbers", "n_-000000002 n_-2147483648 n_0000000000", "sequential ephemerals: -2147483648 first, -2 waits, 0 waits"},
		{"neither numbered nor ephemeral", "x persistent-0000000001 123456789", ""},
	} {
		var all []contender
		for _, name := range strings.Fields(tt.children) {
			st := &protocol.Stat{EphemeralOwner: 1}
			if strings.HasPrefix(name, "persistent") {
				st.EphemeralOwner = 0
			}
			if k, ok := contenderOf(name, st); ok {
				all = append(all, k)
			}
		}
		var lines []string
		for _, l := range inLine(all) {
			var states []string
			for i, k := range l {
				if k.place != i+1 {
					t.Errorf("%s: place %d of %s", tt.name, k.place, k.name)
				}
				states = append(states, strings.TrimSpace(strings.Join([]string{fmt.Sprint(k.number), k.state}, " ")))
			}
			lines = append(lines, l[0].recipe.name+": "+strings.Join(states, ", "))
		}
		if got := strings.Join(lines, " | "); got != tt.want {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.name, got, tt.want)
		}
	}
	for name, found := range map[string]bool{"ActiveStandbyElectorLock": true, "controller": true, "broker-1": false} {
		if _, ok := single(name, &protocol.Stat{EphemeralOwner: 1}, false); ok != found {
			t.Errorf("%s found on the way: %t", name, ok)
		}
		if _, ok := single(name, &protocol.Stat{EphemeralOwner: 1}, true); !ok {
			t.Errorf("%s asked about is no lock", name)
		}
	}
}
