package election_test

import (
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/protocol/quorum"
	"zookit/server/election"
)

// begin starts the election of a server whose disk is as l says.
func (w *network) begin(sid int64, l election.Look) {
	n := w.nodes[sid]
	n.alive, n.last = true, nil
	w.step(n, l)
	w.mend()
}

func (w *network) is(sid int64, want quorum.ServerState, leader int64) {
	w.t.Helper()
	n := w.nodes[sid]
	if n.core.State() != want || n.last != nil && n.last.Leader != leader {
		w.t.Errorf("server %d is %v of %+v, want %v of %d", sid, n.core.State(), n.last, want, leader)
	}
}

func three() *quorum.Config {
	c := &quorum.Config{}
	for id := int64(1); id <= 3; id++ {
		c.Members = append(c.Members, quorum.Member{ID: id, Addresses: []quorum.Address{{Host: "h", QuorumPort: 1, ElectionPort: 2}}})
	}
	return c
}

const zxid5 = protocol.Zxid(0x100000005)

func damaged(seen protocol.Zxid) election.Look {
	return election.Look{Abstain: true, CastWhenAll: true, Seen: seen}
}

func whole(zxid protocol.Zxid) election.Look { return election.Look{Zxid: zxid, CurrentEpoch: 1} }

// Of three servers two have damaged disks. They vote for the third when all are
// heard and it has all that they are known to have held, and not before.
func TestCastWhenAll(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		one, two election.Look
		three    election.Look
		leads    bool
		missing  string
	}{
		"the third has it all":             {damaged(zxid5), damaged(zxid5 - 2), whole(zxid5), true, ""},
		"the third has more":               {damaged(0), damaged(zxid5), whole(zxid5 + 9), true, ""},
		"the third has less than one held": {damaged(zxid5), damaged(zxid5 + 1), whole(zxid5), false, "damaged ones are known to have gone to 0x100000006"},
		"all three are damaged":            {damaged(zxid5), damaged(zxid5), damaged(zxid5), false, "no voter with an undamaged history"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newNetwork(t, three())
			w.begin(1, tt.one)
			w.begin(3, tt.three)
			w.run(3000)
			w.is(1, quorum.Looking, 0)
			w.is(3, quorum.Looking, 0)
			if got := w.nodes[1].core.Missing(); !strings.Contains(got, "server 2 has not been heard") && tt.leads {
				t.Errorf("it misses %q", got)
			}
			w.begin(2, tt.two)
			w.run(3000)
			if !tt.leads {
				for sid := int64(1); sid <= 3; sid++ {
					w.is(sid, quorum.Looking, 0)
				}
				if got := w.nodes[1].core.Missing(); !strings.Contains(got, tt.missing) {
					t.Errorf("it misses %q, want %q", got, tt.missing)
				}
				return
			}
			w.is(1, quorum.Following, 3)
			w.is(2, quorum.Following, 3)
			w.is(3, quorum.Leading, 3)
		})
	}
}

// Who casts a vote that was withheld knows the latest epoch that a damaged disk has
// accepted; the next leader has to begin a later one.
func TestPromised(t *testing.T) {
	t.Parallel()
	w := newNetwork(t, three())
	one, two := damaged(zxid5), damaged(zxid5)
	one.Accepted, two.Accepted = 2, 7
	w.begin(1, one)
	w.begin(2, two)
	w.begin(3, whole(zxid5))
	w.run(3000)
	w.is(3, quorum.Leading, 3)
	for sid := int64(1); sid <= 2; sid++ {
		w.is(sid, quorum.Following, 3)
		if got := w.nodes[sid].core.Promised(); got != 7 {
			t.Errorf("server %d knows of epoch %d, want 7", sid, got)
		}
	}
	if got := w.nodes[3].core.Promised(); got != 0 {
		t.Errorf("server 3, which is undamaged, has cast nothing: %d", got)
	}
}

// The damaged one of three with the stale one: nothing. With the intact one too:
// the two elect it, whatever the damaged one's clock says.
func TestDamagedBesideStale(t *testing.T) {
	t.Parallel()
	w := newNetwork(t, three())
	for range 4 { // its round is later than theirs will be
		w.begin(1, damaged(zxid5))
	}
	w.begin(3, whole(zxid5-4))
	w.run(2000)
	w.is(1, quorum.Looking, 0)
	w.is(3, quorum.Looking, 0)
	w.begin(2, whole(zxid5))
	w.run(2000)
	w.is(2, quorum.Leading, 2)
	w.is(3, quorum.Following, 2)
	if n := w.nodes[1]; n.core.State() == quorum.Looking || n.last.Leader != 2 {
		t.Errorf("the damaged one is %v of %+v", n.core.State(), n.last)
	}
}

// A server without data elects with others that have none. One that reports a
// history ends that: it says so, and is silent.
func TestEmptyBesideHistory(t *testing.T) {
	t.Parallel()
	empty := election.Look{Empty: true}
	w := newNetwork(t, three())
	w.begin(1, empty)
	w.begin(2, empty)
	w.run(1000)
	w.is(1, quorum.Following, 2)
	w.is(2, quorum.Leading, 2)

	for name, other := range map[string]election.Look{"a history": whole(zxid5), "an epoch": {CurrentEpoch: 1}, "a damaged one": damaged(3)} {
		w := newNetwork(t, three())
		w.begin(1, empty)
		w.begin(3, other)
		w.run(2000)
		if heard := w.nodes[1].heard; heard == nil || heard.From != 3 {
			t.Errorf("%s: heard %+v", name, heard)
		}
		w.step(w.nodes[1], election.Unreachable{Sid: 2}) // nobody is left to ask: it decides nothing
		w.step(w.nodes[1], election.Unreachable{Sid: 3})
		w.is(1, quorum.Looking, 0)
		w.is(3, quorum.Looking, 0)
	}
}

// Unanimous is what allows a server that may have lost a promise to vote at once.
func TestUnanimous(t *testing.T) {
	t.Parallel()
	w := newNetwork(t, three())
	w.begin(2, whole(zxid5))
	w.begin(3, whole(zxid5))
	w.run(1000)
	w.begin(1, damaged(0))
	w.run(1000)
	if c := w.nodes[1].core; c.State() != quorum.Observing || !c.Unanimous(3) || c.Unanimous(2) {
		t.Errorf("%v, unanimous for 3: %v, for 2: %v", c.State(), c.Unanimous(3), c.Unanimous(2))
	}
}
