package election_test

import (
	"math/rand/v2"
	"testing"

	"zookit/protocol/quorum"
)

// TestZK3109NobodyWaitsForInitLimit: of five servers one is down and one comes
// late, over links of all speeds, so that voters change their minds when others
// have counted them. No leader is left waiting for a quorum that waits for
// another: within two back-offs of the notifications one leads with a quorum
// behind it.
func TestZK3109NobodyWaitsForInitLimit(t *testing.T) {
	t.Parallel()
	config, err := quorum.ParseConfig("server.1=h:1:2\nserver.2=h:1:2\nserver.3=h:1:2\nserver.4=h:1:2\nserver.5=h:1:2\n")
	if err != nil {
		t.Fatal(err)
	}
	const within = 2000 // ms; initLimit is ten ticks or more
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 3109))
		w := newNetwork(t, config)
		speed := map[pair]int{}
		for _, from := range w.sids() {
			for _, to := range w.sids() {
				speed[pair{from, to}] = []int{2, 20, 200, 600}[r.IntN(4)]
			}
		}
		w.delay = func(p pair) int64 { return int64(r.IntN(speed[p])) }
		order := r.Perm(5)
		for _, i := range order[:4] {
			w.look(int64(i+1), false)
			w.mend()
			w.run(int64(r.IntN(250)))
		}
		w.run(within)
		led := false
		for _, sid := range w.sids() {
			behind := 0
			for _, n := range w.nodes {
				if n.alive && n.core.State() != quorum.Looking && n.core.Vote().Leader == sid {
					behind++
				}
			}
			led = led || behind > 2 && w.nodes[sid].core.State() == quorum.Leading
		}
		if !led {
			t.Errorf("seed %d: nobody leads after %d ms:\n%s", seed, within, w.states())
		}
	}
}
