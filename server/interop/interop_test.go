//go:build interop

package interop

import "testing"

// An observer of either kind is sent the history of voters of the other, takes
// writes, and goes on under the next leader when the first is killed.
func TestObservers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, kinds string }{
		{"ours observes Apache", "AAAo"},
		{"Apache observes ours", "oooA"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := newEnsemble(t, tt.kinds, []int64{4})
			e.start(1, 2, 3)
			e.await("a leader", func() bool { return e.leader() != 0 })
			before := e.write("/before", 1, 2, 3)
			before.more(100)
			e.start(4)
			e.awaitMode(4, "observer")
			through := e.write("/through", 4)
			through.more(50)
			killed := e.leader()
			e.member(killed).kill()
			before.more(50)
			through.more(50)
			e.start(killed)
			e.awaitMode(killed, "follower")
			before.more(20)
			through.more(20)
			e.check(before, through)
		})
	}
}

// check compares all running members, and finds what the writers were told.
func (e *ensemble) check(writers ...*writer) {
	e.t.Helper()
	for _, w := range writers {
		w.end()
	}
	tree := e.sameTrees()
	for _, w := range writers {
		w.check(tree)
	}
}

// Ensembles of three in every mix: a client of each member writes all the
// time; the leader is killed, and comes back as a follower.
func TestMixes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, kinds string
		first       []int64 // started first; the larger of them leads
	}{
		{"ours follows Apache", "oAA", []int64{1, 3}},
		{"two of ours follow Apache", "ooA", []int64{1, 3}},
		{"three of ours", "ooo", []int64{1, 3}},
		{"ours leads Apache", "AAo", []int64{1, 3}},
		{"ours leads ours and Apache", "Aoo", []int64{1, 3}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := newEnsemble(t, tt.kinds, nil)
			e.start(tt.first...)
			e.awaitMode(3, "leader")
			writers := []*writer{e.write("/one", 1, 2, 3), e.write("/two", 2, 3, 1), e.write("/three", 3, 1, 2)}
			all := func(n int) {
				t.Helper()
				for _, w := range writers {
					w.more(n)
				}
			}
			all(100)
			for sid := int64(1); sid <= 3; sid++ {
				if !e.member(sid).running() {
					e.start(sid)
				}
				e.await("a follower", func() bool { m := e.mode(sid); return m == "follower" || m == "leader" })
			}
			all(100)
			e.member(3).kill()
			all(100)
			t.Logf("server %d leads after the kill", e.leader())
			e.start(3)
			e.awaitMode(3, "follower")
			all(100)
			e.check(writers...)
		})
	}
}
