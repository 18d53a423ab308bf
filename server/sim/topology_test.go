package sim

import (
	"testing"

	"zookit/protocol/quorum"
)

// What the checkers take for a quorum is one to the servers' own verifier, for
// every set of voters of every topology that is drawn; and it is one that goes on
// without the server that stands still.
func TestTopologies(t *testing.T) {
	t.Parallel()
	sizes, grouped := map[int]int{}, 0
	for seed := uint64(1); seed <= 400; seed++ {
		o := NewEnsemblePlan(seed).Options
		v, err := quorum.NewVerifier(o.config())
		if err != nil {
			t.Fatalf("seed %d, %+v: %v", seed, o, err)
		}
		for set := range 1 << o.Voters {
			has := func(id int) bool { return set>>(id-1)&1 == 1 }
			want := v.ContainsQuorum(func(sid int64) bool { return has(int(sid)) })
			if got := o.quorum(has); got != want {
				t.Fatalf("seed %d, groups %v, weights %v: the set %b is a quorum: %v, and the verifier says %v", seed, o.Groups, o.Weights, set, got, want)
			}
		}
		if o.Hung > 0 && !o.quorum(func(id int) bool { return id != o.Hung }) {
			t.Errorf("seed %d: nothing goes on while s%d stands still", seed, o.Hung)
		}
		sizes[o.Voters]++
		grouped += b2i(o.Groups != nil)
	}
	if sizes[3] == 0 || sizes[5] == 0 || sizes[7] == 0 || grouped < 20 {
		t.Errorf("sizes %v, %d with groups", sizes, grouped)
	}
}
