//go:build interop

package interop

import (
	"math/rand/v2"
	"testing"
)

// An operator moves from Apache's servers to ours and back by an ordinary
// rolling restart; clients write all the time.
func TestRollingRestart(t *testing.T) {
	t.Parallel()
	e := newEnsemble(t, "AAA", nil)
	e.start(1, 2, 3)
	e.await("a leader", func() bool { return e.leader() != 0 })
	writers := []*writer{e.write("/one", 1, 2, 3), e.write("/two", 2, 3, 1)}
	// Nothing pings this session, and a swap takes as long as Java takes to start.
	const patientMs = 60_000
	session := e.sessionFor(1, nil, patientMs)
	e.ephemeral(session, "/mine")
	for range 2 { // to ours, and back
		for sid := int64(1); sid <= 3; sid++ {
			e.swap(sid)
			e.await("it to serve", func() bool { return e.mode(sid) != "" })
			session.Drop()
			session = e.sessionFor(sid, session, patientMs)
			for _, w := range writers {
				w.more(50)
			}
			if !e.exists(sid%3+1, "/mine") {
				t.Fatalf("the ephemeral is lost after server %d", sid)
			}
		}
		for sid := int64(1); sid <= 3; sid++ {
			t.Logf("server %d: %T, %s", sid, e.member(sid), e.mode(sid))
		}
	}
	e.check(writers...)
}

// Members are killed at random, one after the other and two at once.
func TestRandomKills(t *testing.T) {
	t.Parallel()
	for _, kinds := range []string{"ooo", "oAo"} {
		t.Run(kinds, func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			rng := rand.New(rand.NewPCG(seed, 0))
			// Small logs and many snapshots, so that kills meet those as well.
			e := newEnsemble(t, kinds, nil, "snapCount=150")
			e.start(1, 2, 3)
			e.await("a leader", func() bool { return e.leader() != 0 })
			writers := []*writer{e.write("/one", 1, 2, 3), e.write("/two", 2, 3, 1), e.write("/three", 3, 1, 2)}
			rounds := 12
			if testing.Short() {
				rounds = 3
			}
			for range rounds {
				for _, w := range writers {
					w.more(1 + rng.IntN(200))
				}
				victims := rng.Perm(3)[:1+rng.IntN(2)]
				for _, v := range victims {
					e.member(int64(v + 1)).kill()
				}
				if len(victims) == 1 && rng.IntN(2) == 0 {
					writers[0].more(1 + rng.IntN(50))
				}
				for _, v := range victims {
					e.start(int64(v + 1))
				}
			}
			e.check(writers...)
		})
	}
}
